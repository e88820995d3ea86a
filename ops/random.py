"""Random numbers from a counter: threefry2x32 of (key, counter), written in weft's own integer arithmetic.

A draw is a pure function of the stream's seed, the number of the draw in the program, the number of the call, and the
position of the element.  So it fuses into loops like any other arithmetic, and has the same bits on every target and
with any number of threads.

    call key   threefry(seed, (number of the call, number of the draw))       two words, once for each draw
    element    threefry(call key, (position, block))                          two words of 32 bits for each element
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from ..symbolic.arguments import check_count, is_number
from ..symbolic.dims import Shape, SymDim, product
from ..symbolic.errors import ArgumentError, DTypeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import Shared, constant, size, storage_of
from ..symbolic.sizes import shape_of
from ..symbolic.types import BOOL, FLOAT64, DType, TupleType
from ..symbolic.types import dtype as as_dtype
from ..symbolic.variables import set_value, shared
from . import scalar
from .bodies import step_numbers
from .coerce import as_expr
from .creation import iota
from .elementwise import cast, elementwise
from .movement import broadcast_to

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


@elementwise
def threefry2x32(key0: Any, key1: Any, counter0: Any, counter1: Any) -> Any:
    """Threefry-2x32 with 20 rounds: four uint32 words -> both words of the block as one uint64, the first one low.

    References
    ----------
    Salmon, Moraes, Dror, Shaw 2011, Parallel Random Numbers: As Easy as 1, 2, 3, section 4.2.
    """
    keys = (key0, key1, key0 ^ key1 ^ PARITY)
    x, y = counter0 + key0, counter1 + key1
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + (group + 1)
    return cast(x, "uint64") | (cast(y, "uint64") << 32)


@elementwise
def low_word(bits: Any) -> Any:
    """The lower 32 bits of a uint64."""
    return cast(bits, "uint32")


@elementwise
def high_word(bits: Any) -> Any:
    """The upper 32 bits of a uint64."""
    return cast(bits >> 32, "uint32")


@elementwise
def unit_float16(bits: Any) -> Any:
    """The upper 11 bits of the low word as a float16 in [0, 1)."""
    return cast(cast(low_word(bits) >> 21, "float32") * 2.0**-11, "float16")


@elementwise
def unit_float32(bits: Any) -> Any:
    """The upper 24 bits of the low word as a float32 in [0, 1)."""
    return cast(low_word(bits) >> 8, "float32") * 2.0**-24


@elementwise
def unit_float64(bits: Any) -> Any:
    """The upper 53 bits as a float64 in [0, 1)."""
    return cast(bits >> 11, "float64") * 2.0**-53


@elementwise
def normal_float32(bits: Any) -> Any:
    """Box and Muller's sqrt(-2 log(u)) cos(2 pi v), u in (0, 1] and v in [0, 1) from a word each; at most 6.8."""
    u = (cast(low_word(bits), "float32") + 0.5) * 2.0**-32
    v = cast(high_word(bits) >> 8, "float32") * 2.0**-24
    return scalar.sqrt(-2.0 * scalar.log(u)) * scalar.cos(v * (2 * math.pi))


@elementwise
def normal_float64(bits: Any, others: Any) -> Any:
    """Box and Muller's sqrt(-2 log(u)) cos(2 pi v), u and v from 64 bits each; at most 9.5."""
    u = (cast(bits, "float64") + 0.5) * 2.0**-64
    return scalar.sqrt(-2.0 * scalar.log(u)) * scalar.cos(unit_float64(others) * (2 * math.pi))


@elementwise
def scaled_integer(bits: Any, span: Any) -> Any:
    """floor(bits * span / 2**64) for a span up to 2**32: each value with probability 1 / span, to within 2**-64."""
    low, high = bits & 0xFFFFFFFF, bits >> 32
    return (high * span + ((low * span) >> 32)) >> 32


# a generator has a hundred operations, in which there is nothing to simplify and nothing to share
for _composite in (threefry2x32, normal_float32, normal_float64):
    _composite.whole = True


class Stream:
    """A stream of random numbers: each draw written with it is a site of its own, and each call draws anew.

    Functions compiled from expressions that read it count its calls: `stream.counter` goes up by 1 with each, unless
    the function's updates say otherwise.  Equal seeds give equal numbers, on every target; two draws, two calls, two
    elements never use the same bits (for up to 2**24 draws in a program, 2**40 calls, and 2**32 elements in a draw).

        rng = wf.random.Stream(seed=0)
        noisy = x + rng.normal(x.shape, std=0.1)

    Attributes
    ----------
    key : shared uint64, the seed
    counter : shared uint64, the number of calls so far; `rng.counter.set_value(0)` begins again
    draws : how many draws have been written
    """

    def __init__(self, seed: int = 0) -> None:
        self.key = shared(_seed(seed), "random_key")
        self.counter = shared(np.uint64(0), "random_counter")
        self.draws = 0
        assert isinstance(self.counter.op, Shared)
        storage_of(self.counter).default_update = self.counter + 1

    def seed(self, seed: int) -> None:
        """Begin again with another seed; compiled functions follow."""
        set_value(self.key, _seed(seed))
        set_value(self.counter, np.uint64(0))

    def bits(self, shape: Any, blocks: int = 1) -> Any:
        """Independent uint64 values; with `blocks` > 1 a list of so many arrays."""
        sizes = shape_of(shape)
        check_count("bits", "blocks", blocks, 1, 1000)
        key0, key1 = self._call_key()
        place = _position(sizes)
        drawn = [broadcast_to(threefry2x32(key0, key1, place, _word(b)), sizes) for b in range(blocks)]
        return drawn[0] if blocks == 1 else drawn

    def uniform(self, shape: Any, low: Any = 0.0, high: Any = 1.0, dtype: Any = None) -> Expr:
        """Uniform on [low, high).

        Parameters
        ----------
        shape : sizes
        low, high : numbers, or expressions that broadcast to the shape; no derivative reaches the draw itself
        dtype : None for config.float_dtype

        Numerics
        --------
        Multiples of 2**-11 (float16), 2**-24 (float32) or 2**-53 (float64) for low = 0 and high = 1.
        """
        kind = _float("uniform", dtype)
        low, high = _parameter("low", low), _parameter("high", high)
        if not isinstance(low, Expr) and not isinstance(high, Expr) and not low <= high:
            raise blame(ArgumentError(f"uniform: [{low!r}, {high!r}) ends before it begins."), user_site())
        bits = self.bits(shape)
        unit = {"float16": unit_float16, "float32": unit_float32, "float64": unit_float64}[kind.name](bits)
        if isinstance(low, Expr) or isinstance(high, Expr):
            start = cast(low, kind)
            return _fits("uniform", unit * (cast(high, kind) - start) + start, unit)
        if low == 0 and high == 1:
            return unit
        below = np.nextafter(kind.type(high), kind.type(low))  # low + unit * (high - low) may round to high
        return scalar.minimum(unit * float(high - low) + float(low), float(below))

    def normal(self, shape: Any, mean: Any = 0.0, std: Any = 1.0, dtype: Any = None) -> Expr:
        """Normally distributed, by Box and Muller's transform of two uniform numbers.

        Parameters
        ----------
        shape : sizes
        mean, std : numbers, or expressions that broadcast to the shape; derivatives flow through them
        dtype : None for config.float_dtype

        Numerics
        --------
        The tails end at 6.8 (float32) and 9.5 (float64) standard deviations.
        """
        kind = _float("normal", dtype)
        mean, std = _parameter("mean", mean), _parameter("std", std)
        if kind == FLOAT64:
            standard = normal_float64(*self.bits(shape, blocks=2))
        else:
            standard = cast(normal_float32(self.bits(shape)), kind)
        result = standard
        if isinstance(std, Expr) or std != 1:
            result = result * (cast(std, kind) if isinstance(std, Expr) else std)
        if isinstance(mean, Expr) or mean != 0:
            result = result + (cast(mean, kind) if isinstance(mean, Expr) else mean)
        return _fits("normal", cast(result, kind), standard)

    def bernoulli(self, p: Any, shape: Any, dtype: Any = "bool") -> Expr:
        """True with probability p, to within 2**-24; p is a number in [0, 1] or an expression that broadcasts."""
        kind, p = as_dtype(dtype), _parameter("p", p)
        if not isinstance(p, Expr) and not 0 <= p <= 1:
            raise blame(ArgumentError(f"bernoulli: p is a probability in [0, 1], and {p!r} is not."), user_site())
        unit = unit_float32(self.bits(shape))
        hits = scalar.lt(unit, cast(p, "float32") if isinstance(p, Expr) else float(p))
        return _fits("bernoulli", hits if kind == BOOL else cast(hits, kind), unit)

    def integers(self, low: int, high: int, shape: Any, dtype: Any = "int64") -> Expr:
        """Whole numbers in [low, high), each equally likely to within 2**-64; high - low is at most 2**32."""
        kind = as_dtype(dtype)
        first, last = (check_count("integers", w, v, -(2**63), 2**64) for w, v in (("low", low), ("high", high)))
        if not 0 < last - first <= 2**32:
            text = f"integers: [{low}, {high}) must hold from 1 to 2**32 numbers, and holds {max(0, last - first)}."
            raise blame(ArgumentError(text), user_site())
        if kind.kind not in "iu" or not np.iinfo(kind).min <= first <= last - 1 <= np.iinfo(kind).max:
            raise blame(DTypeError(f"integers: {kind.name} does not hold all of [{low}, {high})."), user_site())
        scaled = scaled_integer(self.bits(shape), constant(np.uint64(last - first)))
        return cast(cast(scaled, "int64") + first, kind)

    def _call_key(self) -> tuple[Expr, Expr]:
        """Two words that no other draw and no other call has: the draw's number, the call's number."""
        draw, self.draws = self.draws, self.draws + 1
        # 40 bits of the call's number, 24 of the draw's
        later = high_word(self.counter) + _word(draw % 2**24 * 256)
        mixed = threefry2x32(low_word(self.key), high_word(self.key), low_word(self.counter), later)
        for number in step_numbers():  # in a loop, every step draws anew
            mixed = threefry2x32(low_word(mixed), high_word(mixed), cast(number, "uint32"), _word(1))
        return low_word(mixed), high_word(mixed)


def _seed(seed: Any) -> np.uint64:
    try:
        return np.uint64(operator.index(seed) % 2**64)
    except TypeError:
        raise blame(ArgumentError(f"A seed is a whole number, not {seed!r}."), user_site()) from None


def _parameter(what: str, value: Any) -> Any:
    """A parameter of a distribution: a number, or an expression; raises ArgumentError and DTypeError for all else."""
    if is_number(value):
        return value
    if isinstance(value, Expr | np.ndarray | SymDim | list | tuple):
        node = as_expr(value)
        if not isinstance(node.type, TupleType) and node.dtype != BOOL:
            return node
    text = f"{what} is a number, or an expression that broadcasts to the shape of the draw, not {value!r}."
    raise blame(ArgumentError(text), user_site())


def _word(value: int) -> Expr:
    return constant(np.uint32(value))


def _position(shape: Shape) -> Expr:
    """Each element's place in C order, modulo 2**32."""
    terms = []
    for axis, extent in enumerate(shape):
        if extent == 1:
            continue
        line = iota(tuple(extent if i == axis else 1 for i in range(len(shape))), axis, "uint32")
        stride = product(shape[axis + 1 :])
        if stride != 1:
            line = line * (_word(stride % 2**32) if isinstance(stride, int) else cast(size(stride), "uint32"))
        terms.append(line)
    return functools.reduce(scalar.add, terms) if terms else _word(0)


def _float(name: str, dtype: Any) -> DType:
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise blame(
            DTypeError(f"{name} draws floats, not {kind.name}."), user_site(), hint="use integers or bernoulli."
        )
    return kind


def _fits(name: str, result: Expr, drawn: Expr) -> Expr:
    """Parameters may be repeated to the shape of a draw, and never the other way round."""
    if result.shape != drawn.shape:
        text = f"{name}: the parameters' shape {result.shape} does not broadcast to the draw's {drawn.shape}."
        raise blame(ArgumentError(text), user_site(), hint="ask for the larger shape.")
    return result
