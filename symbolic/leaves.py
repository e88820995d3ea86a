"""Where values come from: inputs, constants, shared variables, sizes; and `Item`, one of an op's several outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .access import Access
from .arguments import check_flag
from .dims import Dim, SymDim, fresh, show
from .errors import (
    NOWHERE,
    ArgumentError,
    DTypeError,
    ShapeError,
    Site,
    WeftError,
    at_site,
    axes,
    blame,
    named,
    sentence,
    user_site,
)
from .expr import Expr, Leaf, Op, apply, flattened, serial, unflattened
from .index_maps import AxisMap
from .types import BOOL, INT64, SUPPORTED, DType, TupleType, Type, cast_and_lost, config, dtype

INSIDE = "inside"  # with a serial number: the number of an input that stands for a value of each step of a loop
_SMALL = 64  # constants up to this many bytes are compared by value, larger ones by identity


@dataclass(frozen=True)
class Input(Leaf):
    """A value that each call provides, or each step of a loop; `number` tells it from all others."""

    number: Any
    of: Type = field(compare=False)
    label: str | None = field(compare=False, default=None)
    configured: bool = field(compare=False, default=False)  # its dtype was not named: it is config.float_dtype

    @property
    def inside(self) -> bool:
        """Whether it stands for a value inside of a step, of which there is none outside."""
        return isinstance(self.number, tuple) and self.number[0] == INSIDE

    def infer(self) -> Type:
        return self.of


@dataclass(frozen=True, eq=False)
class Constant(Leaf):
    """A value that never changes.  `key` is its dtype, shape and bytes, or a serial number where it is large.

    `number` is the Python number that a weak constant was made from: 0.1 that meets a float64 is 0.1 in all its
    digits, whatever `value` was rounded to.
    """

    key: Any
    value: np.ndarray
    number: float | None = None

    @property
    def weak(self) -> bool:
        """Whether it takes the dtype of what it meets."""
        return self.number is not None

    def infer(self) -> Type:
        return Type(self.value.dtype, self.value.shape, self.weak)

    def numpy(self) -> np.ndarray:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Sizes:
    """The present shape of a shared variable, and the symbols for its axes: what expressions that have its sizes hold.

    They do not hold the array: it goes when the variable does.
    """

    __slots__ = ("names", "shape")

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self.names: tuple[str | None, ...] = ()

    def known(self) -> dict[str, int]:
        """The sizes of the symbols."""
        return {name: size for name, size in zip(self.names, self.shape, strict=False) if name is not None}


class Cell:
    """The memory of a shared variable.  A cell whose sizes are all numbers keeps its array, and so its address."""

    def __init__(self, value: np.ndarray, of: Type, update: Any = None):
        self.number = serial()
        self.of = of
        self.sizes = Sizes(value.shape)
        self.value = value if value.base is not None else value.view()
        self._update = update

    @property
    def resizable(self) -> bool:
        """Whether it may hold arrays of several sizes."""
        return not self.of.is_static

    def replace(self, value: np.ndarray) -> None:
        """Hold another array, as a view: an array of a user's that is none shares no memory with a cell."""
        self.value = value if value.base is not None else value.view()
        self.sizes.shape = value.shape

    def reading(self) -> Access:
        """`with cell.reading(): ...`: nobody else writes it meanwhile."""
        return Access(frozenset((self,)), frozenset())

    def writing(self) -> Access:
        """`with cell.writing(): ...`: nobody else reads or writes it meanwhile."""
        return Access(frozenset((self,)), frozenset((self,)))

    def axis(self, name: str | None) -> SymDim:
        """A symbol for the size of one of its axes: expressions may have it without reading the array."""
        dim = fresh(f"{name}_" if name else "d")
        return SymDim(dim.text, None, {dim.text: self.sizes})

    def shaped(self, shape: Sequence[Any], name: str | None) -> None:
        """Say which sizes may change: as in `shared`."""
        dims = tuple(self.axis(name) if d is None else as_dim(d, name) for d in shape)
        self.of = Type(self.value.dtype, dims)
        self.sizes.names = tuple(d.text if isinstance(d, SymDim) and d.is_name else None for d in dims)

    @property
    def default_update(self) -> Expr | None:
        """The new value that functions which read the cell give it, unless their own updates say otherwise."""
        if isinstance(self._update, tuple):
            self._update = unflattened(*self._update)[0]
        return self._update  # type: ignore[no-any-return]

    @default_update.setter
    def default_update(self, update: Expr | None) -> None:
        self._update = update

    def __reduce__(self) -> Any:
        # the update reads the cell itself, so it travels flat, and is rebuilt when it is first asked for; sizes know
        # the cell, so its type travels as part of its state
        update = self.default_update
        state = {"value": self.value, "sizes": self.sizes, "of": self.of}
        state["_update"] = None if update is None else flattened((update,))
        return _blank_cell, (), state


def _blank_cell() -> Cell:
    return Cell(np.zeros(()), Type(BOOL, ()))


@dataclass(frozen=True)
class Shared(Leaf):
    """A mutable cell that functions read and update."""

    cell: Cell
    label: str | None = field(compare=False, default=None)

    def infer(self) -> Type:
        return self.cell.of

    def numpy(self) -> np.ndarray:
        return self.cell.value


@dataclass(frozen=True)
class Size(Leaf):
    """The size of an axis as a value: an int64 scalar."""

    dim: Dim
    is_looped = True

    def infer(self) -> Type:
        return Type(INT64, (), weak=True)

    def index_value(self) -> AxisMap:
        return AxisMap((), self.dim)


@dataclass(frozen=True)
class Item(Op):
    """One output of an op that has several."""

    index: int

    def infer(self, whole: TupleType) -> Type:
        return whole.items[self.index]

    def numpy(self, values: Any) -> Any:
        return values[self.index]


def items(node: Expr) -> tuple[Expr, ...]:
    """All outputs of a node that has several.  Raises ArgumentError for all else."""
    if not isinstance(node, Expr) or not isinstance(node.type, TupleType):
        site = node.site if isinstance(node, Expr) else None
        raise blame(ArgumentError(f"items takes a node with several values, not {node!r}."), user_site(), site)
    return tuple(apply(Item(i), node) for i in range(len(node.type.items)))


def constant(value: Any, dtype: Any = None) -> Expr:
    """A value that never changes.  A Python number without a dtype is weak: it takes the dtype of what it meets.

    Raises DTypeError for values no supported dtype holds.
    """
    if dtype is None and isinstance(value, bool | int | float):
        return _weak(value)
    array = _checked(value, dtype)
    return apply(Constant(_key(array), array))


def weak_constant(value: float, kind: np.dtype) -> Expr:
    """A Python number as a constant of a given dtype, as it becomes when it meets an expression of that dtype."""
    return _number(value, _sign(value), kind, False)


def _weak(value: float) -> Expr:
    kind = BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) else dtype(None)
    try:
        return _number(value, _sign(value), kind, True)
    except OverflowError:
        raise blame(DTypeError(f"{value} does not fit in int64."), user_site()) from None


def _sign(value: float) -> float:
    return math.copysign(1.0, value) if value == 0 else 0.0  # 0.0 == -0.0


@lru_cache(maxsize=1024, typed=True)
def _number(value: float, sign: float, kind: np.dtype, weak: bool) -> Expr:
    array = np.array(value, kind)
    array.flags.writeable = False
    exact = np.array(value, np.float64 if kind.kind == "f" else kind)
    with at_site(NOWHERE):
        if weak:
            return apply(Constant(("weak", kind, exact.tobytes()), array, value))
        return apply(Constant(_key(array), array))


def _checked(value: Any, kind: Any) -> np.ndarray:
    array = as_array("The value", value)
    wanted = dtype(kind if kind is not None else array.dtype)
    array = np.array(_held(array, wanted, "The value"), order="C")
    array.flags.writeable = False
    return array


def as_array(what: str, value: Any, *sites: Site, kind: Any = None) -> np.ndarray:
    """np.asarray.  Raises ArgumentError, with NumPy's reason, for what is no array."""
    try:
        return np.asarray(value, kind)
    except WeftError:  # of an expression
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise blame(ArgumentError(f"{what} is no array: {sentence(error)}"), user_site(), *sites) from None


def _held(array: np.ndarray, kind: DType, name: str) -> np.ndarray:
    """The array in a dtype; floats may lose digits.

    Raises DTypeError where a number would become another one, or infinite, and names the first of them.
    """
    if array.dtype.kind not in "biuf":
        text = f"{name} is {array.dtype.name}, and weft has bools, integers and floats."
        raise blame(DTypeError(text), user_site())
    if array.dtype == kind:
        return array
    found, lost = cast_and_lost(array, kind)
    if lost.any():
        error = DTypeError(f"{name} has {array[lost][0]}, which does not fit in {kind.name}.")
        raise blame(error, user_site(), hint="choose a dtype that holds it, or convert it yourself: value.astype(...).")
    return found


def _key(array: np.ndarray) -> tuple[Any, ...]:
    if array.nbytes <= _SMALL:
        return (array.dtype, array.shape, array.tobytes())
    return (array.dtype, array.shape, serial())


def tensor(name: str | None = None, shape: Sequence[Dim | str | None] = (), dtype: Any = None) -> Expr:
    """An input with these sizes: numbers, names (symbols), None (a fresh symbol).  dtype None: config.float_dtype.

    Where the dtype is not named, calls may give it numbers of any other dtype, which are cast.
    """
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise _no_sizes("tensor", shape)
    return _input(name, tuple(shape), dtype)


def _input(name: str | None, shape: tuple[Any, ...], kind: Any) -> Expr:
    if name is not None and not isinstance(name, str):
        raise blame(ArgumentError(f"An input's name is a string or None, not {name!r}."), user_site())
    of = Type(dtype(kind), tuple(as_dim(d, name) for d in shape))
    return apply(Input(serial(), of, name, kind is None))


def as_dim(given: Any, hint: str | None = None) -> Dim:
    """A size as users write it: a number, a name, a symbol, an integer scalar, or None for a fresh symbol."""
    if given is None:
        return fresh(f"{hint}_" if hint else "d")
    if isinstance(given, str):
        if not given.isidentifier():
            text = f"A size's name must be an identifier, like 'batch'; {given!r} is not."
            raise blame(ShapeError(text), user_site())
        return SymDim(given)
    if isinstance(given, SymDim):
        return given
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 0:
        return int(given)
    if isinstance(given, Expr):
        from .sizes import value_dim

        return value_dim(given)
    text = f"A size is a number from 0 up, a name or None; {given!r} is none of these."
    raise blame(ShapeError(text), user_site())


def _names_dtype(given: Any) -> bool:
    return isinstance(given, str) and given in [kind.name for kind in SUPPORTED]


def _no_sizes(word: str, given: Any) -> ArgumentError:
    hint = f"name the dtype: dtype={given!r}." if _names_dtype(given) else "write (3, None, 'n'), for example."
    text = f"The sizes of a {word} are a list of numbers, names and None, not {given!r}."
    return blame(ArgumentError(text), user_site(), hint=hint)


def _ranked(rank: int, word: str) -> Any:
    def make(name: str | None = None, dims: Sequence[Dim | str | None] | None = None, dtype: Any = None) -> Expr:
        if isinstance(dims, str) or not isinstance(dims, Sequence | None):
            raise _no_sizes(word, dims)
        shape = tuple(dims) if dims is not None else (None,) * rank
        if len(shape) != rank:
            error = ShapeError(f"A {word} has {axes(rank)}, and {len(shape)} sizes were given: {show(shape)}.")  # type: ignore[arg-type]
            raise blame(error, user_site())
        return _input(name, shape, dtype)

    make.__doc__ = (
        f"An input with {rank} axes.  `dims`: numbers, names (symbols) or None (a fresh symbol) for each; "
        "dtype None: config.float_dtype."
    )
    return named(make, word)


scalar = _ranked(0, "scalar")
vector = _ranked(1, "vector")
matrix = _ranked(2, "matrix")
tensor3 = _ranked(3, "tensor3")
tensor4 = _ranked(4, "tensor4")


def shared(value: Any, name: str | None = None, *, dtype: Any = None, shape: Sequence[Any] | None = None) -> Expr:
    """A mutable array that compiled functions read and update: `w.get_value()`, `w.set_value(array)`.

    `value` is copied.  Its shape is fixed unless `shape` names sizes that may change.  A Python float becomes
    config.float_dtype, an int int64; arrays keep their dtype.
    """
    if _names_dtype(name):
        error = ArgumentError(f"{name!r} is given as the name of a shared variable, and is that of a dtype.")
        raise blame(error, user_site(), hint=f"write dtype={name!r}.")
    if name is not None and not isinstance(name, str):
        raise blame(ArgumentError(f"A shared variable's name is a string or None, not {name!r}."), user_site())
    if dtype is None and isinstance(value, float):
        dtype = config.float_dtype
    if shape is not None and (isinstance(shape, str) or not isinstance(shape, Sequence)):
        raise _no_sizes("shared variable", shape)
    array = np.array(_checked(value, dtype), order="C")
    cell = Cell(array, Type(array.dtype, array.shape))
    if shape is not None:
        cell.shaped(shape, name)
    _check_fits(array, cell.of, name)
    return apply(Shared(cell, name))


def _cell(node: Expr) -> Cell:
    if not isinstance(node.op, Shared):
        raise blame(ArgumentError("Only shared variables have a value to get or set."), user_site(), node.site)
    return node.op.cell


def get_value(node: Expr, borrow: bool = False) -> np.ndarray:
    """A copy of a shared variable's array; with borrow=True the array itself."""
    cell = _cell(node)
    borrow = check_flag("get_value", "borrow", borrow)
    with cell.reading():
        return cell.value if borrow else cell.value.copy()


def set_value(node: Expr, value: Any) -> None:
    """Copy an array into a shared variable.  Raises ShapeError or DTypeError where it does not fit."""
    cell = _cell(node)
    given = as_array(f"The value of {node.name or 'the shared variable'}", value, node.site)
    if not np.can_cast(given.dtype, cell.of.dtype, "same_kind") and not isinstance(value, int | float):
        raise blame(
            DTypeError(f"{node.name or 'The shared variable'} is {cell.of.dtype.name}; the value is {given.dtype}."),
            user_site(),
            node.site,
            hint=f"convert it: value.astype({cell.of.dtype.name!r}).",
        )
    _check_fits(given, cell.of, node.name)
    given = _held(given, cell.of.dtype, f"The value of {node.name or 'a shared variable'}")
    with cell.writing():
        if given.shape == cell.value.shape:
            np.copyto(cell.value, given)
        else:
            cell.replace(np.array(given, cell.of.dtype, order="C"))


def _check_fits(array: np.ndarray, of: Type, name: str | None) -> None:
    fits = array.ndim == of.ndim and all(
        isinstance(d, SymDim) or d == n for d, n in zip(of.shape, array.shape, strict=True)
    )
    if not fits:
        raise blame(
            ShapeError(f"{name or 'The shared variable'} has shape {show(of.shape)}; the value {show(array.shape)}."),
            user_site(),
        )


def size(dim: Dim) -> Expr:
    """A size as a value in expressions."""
    return constant(dim) if isinstance(dim, int) else apply(Size(dim))
