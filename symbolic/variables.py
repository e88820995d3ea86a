"""What a call provides and what it keeps: inputs, and shared variables with their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .arguments import check_flag
from .arrays import as_array, way_to_convert
from .dims import Dim, SymDim, show
from .errors import ArgumentError, DTypeError, ShapeError, axes, blame, give_name, user_site
from .expr import Expr, apply, serial
from .leaves import Input, Shared, convert_exactly, own_copy
from .sizes import as_dim
from .storage import Storage
from .types import SUPPORTED, Type, config, dtype


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


def _names_dtype(given: Any) -> bool:
    return isinstance(given, str) and given in [kind.name for kind in SUPPORTED]


def _no_sizes(word: str, given: Any) -> ArgumentError:
    hint = f"name the dtype: dtype={given!r}." if _names_dtype(given) else "write (3, None, 'n'), for example."
    text = f"The sizes of a {word} are a list of numbers, names and None, not {given!r}."
    return blame(ArgumentError(text), user_site(), hint=hint)


def _of_rank(rank: int, word: str) -> Any:
    def make(name: str | None = None, dims: Sequence[Dim | str | None] | None = None, dtype: Any = None) -> Expr:
        if isinstance(dims, str) or not isinstance(dims, Sequence | None):
            raise _no_sizes(word, dims)
        shape = tuple(dims) if dims is not None else (None,) * rank
        if len(shape) != rank:
            error = ShapeError(f"A {word} has {axes(rank)}, and {len(shape)} sizes were given: {show(shape)}.")
            raise blame(error, user_site())
        return _input(name, shape, dtype)

    make.__doc__ = (
        f"An input with {rank} axes.  `dims`: numbers, names (symbols) or None (a fresh symbol) for each; "
        "dtype None: config.float_dtype."
    )
    return give_name(make, word)


scalar = _of_rank(0, "scalar")
vector = _of_rank(1, "vector")
matrix = _of_rank(2, "matrix")
tensor3 = _of_rank(3, "tensor3")
tensor4 = _of_rank(4, "tensor4")


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
    array = own_copy(value, dtype)
    storage = Storage(array, Type(array.dtype, array.shape))
    if shape is not None:
        storage.set_dims(tuple(storage.axis(name) if d is None else as_dim(d, name) for d in shape))
    _check_fits(array, storage.of, name)
    return apply(Shared(storage, name))


def _storage(node: Expr) -> Storage:
    if not isinstance(node.op, Shared):
        raise blame(ArgumentError("Only shared variables have a value to get or set."), user_site(), node.site)
    return node.op.storage


def get_value(node: Expr, borrow: bool = False) -> np.ndarray:
    """A copy of a shared variable's array; with borrow=True the array itself."""
    storage = _storage(node)
    borrow = check_flag("get_value", "borrow", borrow)
    with storage.reading():
        return storage.value if borrow else storage.value.copy()


def set_value(node: Expr, value: Any) -> None:
    """Copy an array into a shared variable.  Raises ShapeError or DTypeError where it does not fit."""
    storage = _storage(node)
    given = as_array(f"The value of {node.name or 'the shared variable'}", value, node.site)
    if not np.can_cast(given.dtype, storage.of.dtype, "same_kind") and not isinstance(value, int | float):
        raise blame(
            DTypeError(f"{node.name or 'The shared variable'} is {storage.of.dtype.name}; the value is {given.dtype}."),
            user_site(),
            node.site,
            hint=f"convert it: {way_to_convert(value, storage.of.dtype.name)}.",
        )
    _check_fits(given, storage.of, node.name)
    given = convert_exactly(given, storage.of.dtype, f"The value of {node.name or 'a shared variable'}")
    with storage.writing():
        storage.write(given)


def _check_fits(array: np.ndarray, of: Type, name: str | None) -> None:
    fits = array.ndim == of.ndim and all(
        isinstance(d, SymDim) or d == n for d, n in zip(of.shape, array.shape, strict=True)
    )
    if not fits:
        raise blame(
            ShapeError(f"{name or 'The shared variable'} has shape {show(of.shape)}; the value {show(array.shape)}."),
            user_site(),
        )
