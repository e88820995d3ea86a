"""Theano's random streams on weft's counter-based generator: equal seeds give equal numbers, though not Theano's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import broadcast
from ...ops.elementwise import cast as weft_cast
from ...ops.random import Stream
from ...symbolic.dims import product
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant
from .configuration import config
from .convert import find_dtype, unwrap
from .sizes import as_shape, as_size
from .variables import TensorVariable, wrap


class RandomStreams:
    """A stream of random variables: every call of a function draws anew."""

    def __init__(self, seed: Any = None, use_cuda: Any = None, no_warn: bool = False, **ignored: Any) -> None:
        self.default_instance_seed = seed
        self.stream = Stream(_number(seed))

    def seed(self, seed: Any = None) -> None:
        """Begin again with a seed (None: the first one); compiled functions follow."""
        self.stream.seed(_number(self.default_instance_seed if seed is None else seed))

    @property
    def state_updates(self) -> list[tuple[Any, Any]]:
        """What moves the stream on; functions do it by themselves."""
        return [(wrap(self.stream.counter), wrap(self.stream.counter + 1))]

    def updates(self) -> list[tuple[Any, Any]]:
        """state_updates."""
        return self.state_updates

    def set_rstate(self, seed: Any) -> None:
        """seed."""
        self.seed(seed)

    @property
    def rstate(self) -> Any:
        """Where the stream is: a shared variable."""
        return wrap(self.stream.counter)

    def _draw(self, drawn: Expr, dtype: Any = None) -> Any:
        made = TensorVariable(drawn if dtype is None else weft_cast(drawn, find_dtype(dtype)))
        made.rng = wrap(self.stream.counter)  # type: ignore[attr-defined]
        made.update = self.state_updates[0]  # type: ignore[attr-defined]
        return made

    def uniform(
        self, size: Any = None, low: Any = 0.0, high: Any = 1.0, ndim: Any = None, dtype: Any = None, **ignored: Any
    ) -> Any:
        """Uniform on [low, high), of dtype floatX."""
        kind = np.dtype(find_dtype(dtype))
        first, last = _parameter(low, kind), _parameter(high, kind)
        return self._draw(self.stream.uniform(_size(size, ndim, first, last), first, last, kind))

    def normal(
        self,
        size: Any = None,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: Any = None,
        dtype: Any = None,
        nstreams: Any = None,
        truncate: bool = False,
        **ignored: Any,
    ) -> Any:
        """Normally distributed, of dtype floatX; truncate: within two standard deviations of the mean."""
        if truncate:
            return self.truncated_normal(size, avg, std, ndim, dtype)
        kind = np.dtype(find_dtype(dtype))
        mean, spread = _parameter(avg, kind), _parameter(std, kind)
        return self._draw(self.stream.normal(_size(size, ndim, mean, spread), mean, spread, kind))

    def truncated_normal(
        self, size: Any, avg: Any = 0.0, std: Any = 1.0, ndim: Any = None, dtype: Any = None, **ignored: Any
    ) -> Any:
        """Normally distributed, but never farther than two standard deviations from the mean."""
        kind = np.dtype(find_dtype(dtype))
        edge = math.erf(math.sqrt(2.0))
        mean, spread = _parameter(avg, kind), _parameter(std, kind)
        unit = self.stream.uniform(_size(size, ndim, mean, spread), -edge, edge, kind)
        return self._draw(wf.erfinv(unit) * math.sqrt(2.0) * spread + mean)

    def binomial(
        self, size: Any = None, n: Any = 1, p: Any = 0.5, ndim: Any = None, dtype: Any = "int64", **ignored: Any
    ) -> Any:
        """How many of n trials, each of which succeeds with probability p, do."""
        chance = _parameter(p, np.dtype("float32")) if not isinstance(p, int | float) else float(p)
        shape, trials = _size(size, ndim, chance), as_size(n)
        if isinstance(trials, int) and trials == 1:
            return self._draw(self.stream.bernoulli(chance, shape), dtype)
        hits = self.stream.bernoulli(chance, (trials, *shape))
        return self._draw(wf.sum(weft_cast(hits, "int64"), 0), dtype)

    def multinomial(
        self, size: Any = None, n: Any = 1, pvals: Any = None, ndim: Any = None, dtype: Any = "int64", **ignored: Any
    ) -> Any:
        """How often each outcome comes up in n draws; the last axis of pvals holds the probabilities."""
        if pvals is None:
            raise blame(TypeError("multinomial needs pvals, the probabilities."), user_site())
        chances = unwrap(pvals)
        chances = chances if chances.dtype.kind == "f" else weft_cast(chances, config.floatX)
        if size is not None:
            chances = wf.broadcast_to(chances, (*_rows(size, chances), chances.shape[-1]))
        ends = wf.cumsum(chances, axis=-1)
        draws = as_size(n)
        unit = self.stream.uniform((draws, *chances.shape[:-1], 1), dtype=chances.dtype)
        last = wf.full(ends[..., -1:].shape, np.inf, ends.dtype)
        closed = wf.concatenate([ends[..., :-1], last], -1)  # rounding must not leave a draw without an outcome
        hit = wf.logical_and(unit < closed, unit >= wf.concatenate([ends[..., :1] * 0 - 1, ends[..., :-1]], -1))
        return self._draw(wf.sum(weft_cast(hit, "int64"), 0), dtype)

    def choice(
        self,
        size: Any = 1,
        a: Any = None,
        replace: bool = True,
        p: Any = None,
        ndim: Any = None,
        dtype: Any = "int64",
        **ignored: Any,
    ) -> Any:
        """Elements of a (a number: of 0 .. a - 1) with probabilities p; rows of p are drawn from one by one."""
        values = None if a is None or unwrap(a).ndim == 0 else unwrap(a)
        if values is not None:
            count = values.shape[0]
        else:
            count = as_size(a) if a is not None else unwrap(p).shape[-1] if p is not None else 2
        shape = () if size is None else as_shape(size, ndim)
        if p is not None and unwrap(p).ndim == 2:
            shape = (unwrap(p).shape[0], *shape)
        drawn = self._choose(shape, count, replace, p)
        return self._draw(drawn if values is None else wf.take(values, drawn, 0), dtype if values is None else None)

    def _choose(self, shape: tuple[Any, ...], count: Any, replace: bool, p: Any) -> Expr:
        chances = None if p is None else unwrap(p)
        if replace and chances is None:
            unit = self.stream.uniform(shape, dtype="float64")
            return wf.minimum((unit * unwrap(count)).astype("int64"), unwrap(count).astype("int64") - 1)
        if replace:
            ends = wf.cumsum(weft_cast(chances, "float64"), axis=-1)
            ends = wf.expand_dims(ends, tuple(range(1, len(shape)))) if chances.ndim == 2 else ends
            unit = self.stream.uniform((*shape, 1), dtype="float64") * ends[..., -1:]
            return wf.minimum(wf.sum((ends <= unit).astype("int64"), -1), unwrap(count).astype("int64") - 1)
        # without replacement: the largest of log(p) + Gumbel noise, which are as likely as draws one after the other
        lead = shape[: 1 if chances is not None and chances.ndim == 2 else 0]
        unit = self.stream.uniform((*lead, count), dtype="float64")
        noise = -wf.log(-wf.log(wf.maximum(unit, 1e-300)))
        score = noise if chances is None else noise + wf.log(weft_cast(chances, "float64"))
        order = wf.argsort(-score, -1)
        wanted = product(shape[len(lead) :])
        return wf.reshape(order[..., :wanted], shape)

    def multinomial_wo_replacement(
        self, size: Any = None, n: Any = 1, pvals: Any = None, ndim: Any = None, dtype: Any = "int64", **ignored: Any
    ) -> Any:
        """n different outcomes for each row of pvals."""
        return self.choice(size=n, a=None, replace=False, p=pvals, dtype=dtype)

    def permutation(self, size: Any = None, n: Any = 1, ndim: Any = None, dtype: Any = "int64", **ignored: Any) -> Any:
        """0 .. n - 1 in random order, so often as size says."""
        lead = () if size is None else as_shape(size)
        return self._draw(wf.argsort(self.stream.uniform((*lead, as_size(n)), dtype="float64"), -1), dtype)

    def shuffle_row_elements(self, input: Any) -> Any:
        """Each row's elements in random order."""
        node = unwrap(input)
        order = wf.argsort(self.stream.uniform(node.shape, dtype="float64"), -1)
        return self._draw(wf.take_along_axis(node, order, -1))

    def random_integers(
        self, size: Any = None, low: Any = 0, high: Any = 1, ndim: Any = None, dtype: Any = "int64", **ignored: Any
    ) -> Any:
        """Whole numbers from low to high, both included."""
        first, last = (unwrap(v).astype("int64") for v in (low, high))
        unit = self.stream.uniform(_size(size, ndim, first, last), dtype="float64")
        span = last - first + 1
        return self._draw(wf.minimum((unit * span).astype("int64"), span - 1) + first, dtype)


MRG_RandomStreams = MRG_RandomStream = RandomStreams


def _number(seed: Any) -> int:
    """One whole number for what Theano takes as a seed: a number, six of them, or None (a new one)."""
    if seed is None:
        return int(np.random.SeedSequence().entropy % 2**63)  # type: ignore[operator]
    if isinstance(seed, int | np.integer):
        return int(seed)
    if isinstance(seed, list | tuple | np.ndarray):
        number = 0
        for part in seed:
            number = (number * 2147483647 + int(part)) % 2**64
        return number
    raise blame(TypeError(f"A seed is a whole number or six of them, not {seed!r}."), user_site())


def _parameter(value: Any, kind: np.dtype) -> Any:
    """A number, or an expression of this dtype."""
    if isinstance(value, int | float | np.integer | np.floating):
        return float(value)
    node = weft_cast(unwrap(value), kind)
    return float(node.op.value) if isinstance(node.op, Constant) and not node.ndim else node


def _size(size: Any, ndim: int | None, *parameters: Any) -> tuple[Any, ...]:
    """The shape of a draw: as given, in a vector of so many sizes, or that of the parameters."""
    if size is not None:
        return as_shape(size, ndim)
    shape: tuple[Any, ...] = ()
    for parameter in parameters:
        if isinstance(parameter, Expr):
            shape = broadcast("random", [shape, parameter.shape])
    return shape


def _rows(size: Any, chances: Expr) -> tuple[Any, ...]:
    """The draws that a size asks for; of a matrix of probabilities, its rows."""
    shape = as_shape(size)
    return shape if len(shape) >= chances.ndim - 1 else chances.shape[:-1]
