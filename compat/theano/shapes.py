"""T.reshape, x.dimshuffle, x.shape: the axes of arrays under Theano's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft as wf

from ...ops.movement import ExpandDims, Squeeze, Transpose
from ...ops.movement import Reshape as WeftReshape
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import toposort
from ...symbolic.leaves import Constant, Input, Shared, Size
from .convert import axes_of, unwrap
from .methods import method
from .notes import made_by
from .ops import EQUIVALENTS, Work
from .sizes import as_shape
from .variables import ShapeVariable, wrap


class Reshape(Work):
    """x.reshape, to so many axes."""

    __props__ = ("ndim",)

    def __init__(self, ndim: int, name: str | None = None) -> None:
        self.ndim, self.name = ndim, name

    def __call__(self, x: Any, shape: Any) -> Any:
        return reshape(x, shape, ndim=self.ndim)

    def __repr__(self) -> str:
        return f"Reshape{{{self.ndim}}}"


def _given_shape(newshape: Any, more: Any) -> Any:
    return (newshape, *more) if more else newshape


def _reshape_op(x: Any, newshape: Any, *more: Any, ndim: int | None = None) -> Any:
    shape = _given_shape(newshape, more)
    return Reshape(len(as_shape(shape, ndim))), [x, shape]


@method("reshape")
@made_by(_reshape_op)
def reshape(x: Any, newshape: Any, *more: Any, ndim: int | None = None) -> Any:
    """x under another shape; one size may be -1."""
    return wrap(wf.reshape(unwrap(x), as_shape(_given_shape(newshape, more), ndim)))


@method("flatten")
def flatten(x: Any, ndim: int | None = None, outdim: int | None = None) -> Any:
    """The first ndim - 1 axes, and all others as one."""
    node, rank = unwrap(x), ndim if ndim is not None else outdim if outdim is not None else 1
    if not 1 <= rank <= max(node.ndim, 1):
        text = f"flatten: ndim is from 1 to {node.ndim}, the number of axes, not {rank}."
        raise blame(ValueError(text), user_site(), node.site)
    return wrap(wf.flatten(node, rank - 1))


@method("ravel")
def ravel(x: Any) -> Any:
    """All elements along one axis."""
    return flatten(x, 1)


class DimShuffle(Work):
    """x.dimshuffle with one pattern, for arrays whose axes are broadcastable as said."""

    __props__ = ("input_broadcastable", "new_order")

    def __init__(self, input_broadcastable: Sequence[bool], new_order: Sequence[Any], inplace: bool = True) -> None:
        self.input_broadcastable, self.new_order = tuple(input_broadcastable), tuple(new_order)
        self.shuffle = [i for i in self.new_order if i != "x"]
        self.augment = [place for place, i in enumerate(self.new_order) if i == "x"]
        self.drop = [i for i in range(len(self.input_broadcastable)) if i not in self.new_order]

    def __call__(self, x: Any) -> Any:
        return dimshuffle(x, self.new_order)

    def __repr__(self) -> str:
        return f"DimShuffle{{{','.join(map(str, self.new_order))}}}"


def _order(x: Any, pattern: Sequence[Any]) -> list[Any]:
    order = list(pattern[0]) if len(pattern) == 1 and isinstance(pattern[0], list | tuple) else list(pattern)
    rank = unwrap(x).ndim
    return ["x" if p == "x" else int(p) % rank if rank else int(p) for p in order]


def _dimshuffle_op(x: Any, *pattern: Any) -> Any:
    node = unwrap(x)
    return DimShuffle([isinstance(d, int) and d == 1 for d in node.shape], _order(x, pattern)), [x]


@method("dimshuffle")
@made_by(_dimshuffle_op)
def dimshuffle(x: Any, *pattern: Any) -> Any:
    """The axes in the order of the pattern; 'x' is a new axis of size 1, and an axis of size 1 may be left out."""
    node = unwrap(x)
    order = _order(x, pattern)
    kept = [p for p in order if p != "x"]
    left = [i for i in range(node.ndim) if i not in kept]
    for i in left:
        if isinstance(node.shape[i], int) and node.shape[i] != 1:
            text = f"dimshuffle leaves out axis {i}, whose size is {node.shape[i]}: only axes of size 1 can go."
            raise blame(ValueError(text), user_site(), node.site)
    if len(set(kept)) != len(kept) or max([-1, *kept]) >= max(node.ndim, 0):
        text = f"dimshuffle: {tuple(order)} does not name each of the {node.ndim} axes at most once."
        raise blame(ValueError(text), user_site(), node.site)
    node = wf.squeeze(node, tuple(left)) if left else node
    moved = wf.transpose(node, [sorted(kept).index(k) for k in kept]) if kept else node
    return wrap(wf.expand_dims(moved, tuple(i for i, p in enumerate(order) if p == "x")))


def _transpose_op(x: Any, *axes: Any, **options: Any) -> Any:
    rank = unwrap(x).ndim
    order = options.get("axes", axes[0] if len(axes) == 1 else axes or None)
    return _dimshuffle_op(x, list(reversed(range(rank))) if order is None else [int(a) for a in order])


@method("transpose")
@made_by(_transpose_op)
def transpose(x: Any, *axes: Any, **options: Any) -> Any:
    """The axes in another order; none given: reversed."""
    order = options.get("axes", axes[0] if len(axes) == 1 else axes or None)
    return wrap(wf.transpose(unwrap(x), None if order is None else [int(a) for a in order]))


@method("swapaxes")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    return wrap(wf.swapaxes(unwrap(x), axis1, axis2))


@method("squeeze")
def squeeze(x: Any, axis: Any = None) -> Any:
    """x without the axes known to have size 1."""
    return wrap(wf.squeeze(unwrap(x), axes_of(axis)))


def shape_padleft(t: Any, n_ones: int = 1) -> Any:
    """New axes of size 1 in front."""
    node = unwrap(t)
    return wrap(wf.expand_dims(node, tuple(range(n_ones))))


def shape_padright(t: Any, n_ones: int = 1) -> Any:
    """New axes of size 1 behind."""
    node = unwrap(t)
    return wrap(wf.expand_dims(node, tuple(range(node.ndim, node.ndim + n_ones))))


def shape_padaxis(t: Any, axis: int) -> Any:
    """A new axis of size 1 at this place of the result."""
    return wrap(wf.expand_dims(unwrap(t), axis))


class Rebroadcast(Work):
    """addbroadcast and unbroadcast: which axes are known to have size 1."""

    __props__ = ("axis",)

    def __init__(self, *axis: tuple[int, bool]) -> None:
        self.axis = dict(axis)

    def __hash__(self) -> int:
        return hash(tuple(self.axis.items()))

    def __call__(self, x: Any) -> Any:
        return addbroadcast(x, *[i for i, one in self.axis.items() if one])


@made_by(lambda x, *axes: (Rebroadcast(*[(a, True) for a in axes]), [x]))
def addbroadcast(x: Any, *axes: int) -> Any:
    """x with these axes known to have size 1, so that they broadcast; a call where they do not is an error."""
    node = unwrap(x)
    wanted = [1 if i in [a % node.ndim for a in axes] else d for i, d in enumerate(node.shape)]
    return wrap(wf.reshape(node, wanted))


def unbroadcast(x: Any, *axes: int) -> Any:
    """x: axes of size 1 broadcast here whether or not a pattern says so."""
    return wrap(unwrap(x))


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> Any:
    """x with the axes that the pattern names known to have size 1."""
    return addbroadcast(x, *[i for i, one in enumerate(broadcastable) if one])


def shape(x: Any) -> Any:
    """The sizes of x, an int64 vector."""
    return ShapeVariable(unwrap(x).shape)


def shape_i(x: Any, i: int) -> Any:
    """The size of axis i."""
    return ShapeVariable(unwrap(x).shape)[i]


def specify_shape(x: Any, shape: Any) -> Any:
    """x, with a check that its shape is this one."""
    return wrap(wf.reshape(unwrap(x), as_shape(shape)))


def get_vector_length(v: Any) -> int:
    """The number of elements, where it is known.  Raises ValueError where it is not."""
    length = unwrap(v).shape[0]
    if not isinstance(length, int):
        raise blame(ValueError("The length of this vector is not known."), user_site(), unwrap(v).site)
    return length


def get_scalar_constant_value(v: Any, *ignored: Any, **options: Any) -> Any:
    """The value of a constant expression.  Raises NotScalarConstantError where it is none."""
    node = unwrap(v)
    if not isinstance(node.op, Constant):
        if any(isinstance(n.op, Input | Shared | Size) for n in toposort([node])):
            raise blame(NotScalarConstantError(f"{v} is not a constant."), user_site(), node.site)
        return wf.evaluate(node)
    return node.op.value


method("get_scalar_constant_value")(get_scalar_constant_value)


def _as_dimshuffle(node: Any) -> DimShuffle:
    """weft's op that moves, adds or drops axes, as a dimshuffle."""
    before = node.args[0]
    pattern = [isinstance(d, int) and d == 1 for d in before.shape]
    if isinstance(node.op, Transpose):
        return DimShuffle(pattern, node.op.axes)
    axes = [a % max(node.ndim, before.ndim) for a in node.op.axes]
    kept = iter(i for i in range(before.ndim) if not isinstance(node.op, Squeeze) or i not in axes)
    new = axes if isinstance(node.op, ExpandDims) else []
    return DimShuffle(pattern, ["x" if i in new else next(kept) for i in range(node.ndim)])


EQUIVALENTS.update(dict.fromkeys((Transpose, ExpandDims, Squeeze), _as_dimshuffle))
EQUIVALENTS[WeftReshape] = lambda node: Reshape(node.ndim)


class NotScalarConstantError(Exception):
    """Not a constant."""


EmptyConstantError = NotScalarConstantError
