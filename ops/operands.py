"""What ops ask of their operands besides sizes that meet, for use in `infer`: kernels take it for granted."""

from __future__ import annotations

from ..symbolic.dims import Shape, show
from ..symbolic.errors import DTypeError, ShapeError
from ..symbolic.expr import Op
from ..symbolic.guards import within
from ..symbolic.types import Type


def check_same_dtype(name: str, *types: Type) -> None:
    """Raise DTypeError unless all have one dtype, for use in `infer`: kernels read all of them as the same."""
    if any(t.dtype != types[0].dtype for t in types):
        found = " and ".join(dict.fromkeys(t.dtype.name for t in types))
        raise DTypeError(f"{name}: the operands have one dtype, and here they have {found}.")


def check_rank(name: str, x: Type, least: int) -> None:
    """Raise ShapeError for fewer axes than an op works along."""
    if x.ndim < least:
        raise ShapeError(f"{name}: {least} axes or more are needed, and {show(x.shape)} has {x.ndim}.")


def check_floats(name: str, *types: Type) -> None:
    """Raise DTypeError unless all are floats: there are no others in what computes it."""
    other = next((t.dtype.name for t in types if not t.is_float), None)
    if other is not None:
        raise DTypeError(f"{name}: the operands are floats, and one is {other}.")


def check_axes(name: str, axes: tuple[int, ...], ndim: int) -> None:
    """Raise ShapeError unless these are different axes of so many, from 0 up."""
    if len(set(axes)) != len(axes) or any(not 0 <= a < ndim for a in axes):
        raise ShapeError(f"{name}: {axes} are not axes of an expression with {ndim}.")


def check_places(op: Op, starts: Shape, steps: tuple[int, ...], counts: Shape, sizes: Shape) -> None:
    """Raise, or assume what only a call can tell, unless the places along every axis lie inside of it."""
    if not len(starts) == len(steps) == len(counts) == len(sizes) or 0 in steps:
        raise ShapeError(f"{op.name}: starts {starts} and steps {steps} do not belong to {len(sizes)} axes.")
    for axis, (start, step, count, size) in enumerate(zip(starts, steps, counts, sizes, strict=True)):
        if count != size or start != 0 or step != 1:
            within(op.name, start, step, count, size, axis)
