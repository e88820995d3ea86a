"""x[key], set_subtensor and inc_subtensor, and the ops that Theano has for each kind of key."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft as wf

from ...ops import gather as weft_gather
from ...ops.elementwise import cast as weft_cast
from ...ops.movement import Slice
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant
from .convert import unwrap
from .copies import make_copy
from .methods import method
from .notes import made_by, note
from .op import Op
from .ops import EQUIVALENTS, Work
from .shapes import dimshuffle
from .types import TensorType
from .variables import Variable, wrap


class Subtensor(Work):
    """x[key] with a key of numbers and slices; in `idx_list` variables stand as their types."""

    __props__ = ("idx_list",)

    def __init__(self, idx_list: Any) -> None:
        self.idx_list = tuple(idx_list)

    def __call__(self, x: Any, *indices: Any) -> Any:
        return getitem(x, _fill(self.idx_list, indices))

    def __hash__(self) -> int:
        return hash(str(self.idx_list))

    def __repr__(self) -> str:
        return f"Subtensor{{{', '.join(map(_entry_text, self.idx_list))}}}"


class AdvancedSubtensor1(Work):
    """x[vector of places]: rows."""

    def __call__(self, x: Any, places: Any) -> Any:
        return getitem(x, places)


class AdvancedSubtensor(Work):
    """x[key] with arrays of places."""

    def __call__(self, x: Any, *key: Any) -> Any:
        return getitem(x, tuple(key))


class IncSubtensor(Work):
    """set_subtensor and inc_subtensor of a key of numbers and slices."""

    __props__ = ("idx_list", "set_instead_of_inc")

    def __init__(self, idx_list: Any, inplace: bool = False, set_instead_of_inc: bool = False) -> None:
        self.idx_list, self.set_instead_of_inc = tuple(idx_list), set_instead_of_inc

    def __call__(self, x: Any, y: Any, *indices: Any) -> Any:
        return inc_subtensor(x[_fill(self.idx_list, indices)], y, set_instead_of_inc=self.set_instead_of_inc)

    def __hash__(self) -> int:
        return hash((str(self.idx_list), self.set_instead_of_inc))

    def __repr__(self) -> str:
        return f"{'Set' if self.set_instead_of_inc else 'Inc'}Subtensor{{{', '.join(map(_entry_text, self.idx_list))}}}"


class AdvancedIncSubtensor1(Work):
    """set_subtensor and inc_subtensor of a vector of places."""

    __props__ = ("set_instead_of_inc",)

    def __init__(self, inplace: bool = False, set_instead_of_inc: bool = False) -> None:
        self.set_instead_of_inc = set_instead_of_inc

    def __call__(self, x: Any, y: Any, *key: Any) -> Any:
        places = key[0] if len(key) == 1 else tuple(key)
        return inc_subtensor(x[places], y, set_instead_of_inc=self.set_instead_of_inc)


class AdvancedIncSubtensor(AdvancedIncSubtensor1):
    """set_subtensor and inc_subtensor of arrays of places."""


advanced_subtensor1, advanced_subtensor = AdvancedSubtensor1(), AdvancedSubtensor()
advanced_inc_subtensor1, advanced_inc_subtensor = AdvancedIncSubtensor1(), AdvancedIncSubtensor()
advanced_set_subtensor1 = AdvancedIncSubtensor1(set_instead_of_inc=True)
advanced_set_subtensor = AdvancedIncSubtensor(set_instead_of_inc=True)


def _entry_text(entry: Any) -> str:
    if isinstance(entry, slice):
        return ":".join("" if bound is None else str(bound) for bound in (entry.start, entry.stop, entry.step or ""))
    return str(entry)


def _fill(entries: Any, indices: Any) -> tuple[Any, ...]:
    """The key with variables in place of types, in their order."""
    left = iter(indices)

    def fill(entry: Any) -> Any:
        if isinstance(entry, slice):
            return slice(fill(entry.start), fill(entry.stop), fill(entry.step))
        return next(left) if isinstance(entry, TensorType) else entry

    return tuple(fill(e) for e in entries)


def _parts(key: Any) -> tuple[tuple[Any, ...], list[Any], bool]:
    """(the key with types in place of variables, these variables, whether there are arrays in it)."""
    entries = key if isinstance(key, tuple) else (key,)
    found: list[Any] = []
    advanced = [e for e in entries if not (e is None or e is Ellipsis or isinstance(e, slice) or _is_whole(e))]

    def part(entry: Any) -> Any:
        if isinstance(entry, slice):
            return slice(part(entry.start), part(entry.stop), part(entry.step))
        if isinstance(entry, Variable) and not _is_number(entry.expr):
            found.append(entry)
            return entry.type
        return int(entry.data) if isinstance(entry, Variable) else entry

    return tuple(part(e) for e in entries), found, bool(advanced)


def _subtensor_op(x: Any, key: Any) -> tuple[Op, list[Any]]:
    entries, variables, advanced = _parts(key)
    if not advanced:
        return Subtensor(entries), [x, *variables]
    if _is_places(key):
        return AdvancedSubtensor1(), [x, key]
    return AdvancedSubtensor(), [x, *(k for k in (key if isinstance(key, tuple) else (key,)) if _is_value(k))]


def _inc_subtensor_op(x: Any, y: Any, sets: bool) -> tuple[Op, list[Any]]:
    source, key = x.taken_from
    entries, variables, advanced = _parts(key)
    if not advanced:
        return IncSubtensor(entries, set_instead_of_inc=sets), [source, y, *variables]
    kind = AdvancedIncSubtensor1 if _is_places(key) else AdvancedIncSubtensor
    places = [k for k in (key if isinstance(key, tuple) else (key,)) if _is_value(k)]
    return kind(set_instead_of_inc=sets), [source, y, *places]


def _is_places(key: Any) -> bool:
    """Whether a key is one vector of places."""
    return not isinstance(key, tuple) and _is_value(key) and unwrap(key).ndim == 1 and unwrap(key).dtype.kind in "iu"


def _is_value(entry: Any) -> bool:
    return isinstance(entry, Variable | list | np.ndarray | int | np.integer)


# ---- x[key] ----------------------------------------------------------------------------------------------------------


@method("getitem")
def getitem(x: Any, key: Any) -> Any:
    """x[key]; what it was taken from is kept for set_subtensor."""
    key = (None,) if key is None else key
    if _drops_axes(x, key):
        view = dimshuffle(x, ["x" if k is None else i for i, k in _number(key)])
        return view[tuple(slice(None) if k is None else k for k in key)]
    source = unwrap(x)
    found = source[_key(key)]
    made = wrap(make_copy(found) if found is source else found)
    made.taken_from = (x, key)
    return note(made, _subtensor_op, (x, key), {})


@method("element")
def _element(vector: Any, place: int, found: Any) -> Any:
    """One of the sizes of a shape, which notes that it was taken from there."""
    return note(found, _subtensor_op, (vector, place), {})


def _number(key: tuple[Any, ...]) -> list[tuple[int, Any]]:
    """The entries of a key, each with the axis that it is for."""
    axis, found = 0, []
    for entry in key:
        found.append((axis, entry))
        axis += entry is not None
    return found


def _drops_axes(x: Any, key: Any) -> bool:
    """Whether the key has new axes, and the axes that it does not name have size 1.

    Theano's new axes are a dimshuffle of the axes that are named, so that m[:, None] of a column has two axes.
    """
    if not isinstance(key, tuple) or not any(k is None for k in key) or any(k is Ellipsis for k in key):
        return False
    if not all(k is None or isinstance(k, slice) or _is_whole(k) for k in key):
        return False  # of indices that are arrays, axes are as NumPy has them
    rest = x.broadcastable[sum(k is not None for k in key) :]
    return bool(rest) and all(rest)


def _is_whole(index: Any) -> bool:
    """Whether an index is one number."""
    if isinstance(index, Variable):
        return index.expr.ndim == 0 and index.expr.dtype.kind in "iu"
    return isinstance(index, int | np.integer) and not isinstance(index, bool)


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_key(k) for k in key)
    if isinstance(key, slice):
        return slice(_key(key.start), _key(key.stop), _key(key.step))
    if isinstance(key, Variable):
        node = key.expr
        return int(node.op.value) if _is_number(node) else node  # type: ignore[attr-defined]
    if isinstance(key, list) and any(isinstance(k, slice) for k in key):
        return _key(tuple(key))  # as old NumPy took it
    if isinstance(key, list) and any(isinstance(k, Variable) for k in key):
        return unwrap(key)
    return key


def _is_number(node: Expr) -> bool:
    return isinstance(node.op, Constant) and node.ndim == 0 and node.dtype.kind in "iu"


@made_by(lambda x, y, *args, **options: _inc_subtensor_op(x, y, True))
def set_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> Any:
    """With x = a[key]: the array a with y at a[key]."""
    source, key = _origin(x, "set_subtensor")
    whole = unwrap(source)
    return wrap(wf.index_set(whole, _key(key), fitting(whole, y)))


@made_by(lambda x, y, *args, **options: _inc_subtensor_op(x, y, False))
def inc_subtensor(
    x: Any, y: Any, inplace: bool = False, set_instead_of_inc: bool = False, tolerate_inplace_aliasing: bool = False
) -> Any:
    """With x = a[key]: the array a with y added at a[key]; where a place is named several times, all are added."""
    if set_instead_of_inc:
        return set_subtensor(x, y)
    source, key = _origin(x, "inc_subtensor")
    whole = unwrap(source)
    return wrap(wf.index_add(whole, _key(key), fitting(whole, y)))


def _origin(x: Any, name: str) -> tuple[Any, Any]:
    if getattr(x, "taken_from", None) is None:
        error = TypeError(f"{name} takes a subtensor, x[key], as its first argument, and {x} is none.")
        raise blame(error, user_site(), hint=f"write T.{name}(x[key], y).")
    return x.taken_from  # type: ignore[no-any-return]


def fitting(whole: Expr, y: Any) -> Expr:
    """The value in the dtype of the array.  Raises TypeError for what is no whole number in an array of such."""
    value = unwrap(y)
    if not np.can_cast(value.dtype, whole.dtype, "same_kind"):
        text = f"Trying to put {value.dtype.name} into an array of {whole.dtype.name}."
        raise blame(TypeError(text), user_site(), value.site, whole.site, hint=f"cast it: T.cast(y, '{whole.dtype}')")
    return weft_cast(value, whole.dtype)


EQUIVALENTS[Slice] = lambda node: Subtensor([slice(None)] * node.ndim)
EQUIVALENTS[weft_gather.Gather] = lambda node: AdvancedSubtensor()
EQUIVALENTS[weft_gather.ScatterAdd] = lambda node: AdvancedIncSubtensor()
EQUIVALENTS[weft_gather.ScatterSet] = lambda node: AdvancedIncSubtensor(set_instead_of_inc=True)
