"""T.concatenate, T.stack, T.tile, T.repeat: arrays joined, cut and repeated, under Theano's names."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft as wf

from ...ops.movement import Concatenate
from ...symbolic.errors import blame, user_site
from .convert import alike, axes_of, unwrap
from .methods import method
from .notes import made_by
from .ops import EQUIVALENTS, Work
from .sizes import as_shape, as_size
from .variables import Variable, wrap


class Join(Work):
    """T.join: arrays one after the other along an axis, which stands first."""

    def __call__(self, axis: Any, *tensors: Any) -> Any:
        return concatenate(list(tensors), axis)


@made_by(lambda tensor_list, axis=0: (Join(), [axis, *tensor_list]))
def concatenate(tensor_list: Any, axis: Any = 0) -> Any:
    """The arrays one after the other along an axis."""
    if not isinstance(tensor_list, list | tuple):
        text = f"concatenate takes a list or tuple of tensors, not {type(tensor_list).__name__}."
        raise blame(TypeError(text), user_site())
    return wrap(wf.concatenate(alike(*tensor_list), axes_of(axis)))


def join(axis: Any, *tensors: Any) -> Any:
    """concatenate, with the axis first."""
    return concatenate(list(tensors), axis)


def stacklists(arg: Any) -> Any:
    """Lists of lists of variables as one array."""
    return stack([stacklists(each) for each in arg]) if isinstance(arg, list | tuple) else arg


def stack(*tensors: Any, **options: Any) -> Any:
    """The arrays along a new axis: stack([a, b], axis=0), or in the old way stack(a, b)."""
    axis = options.pop("axis", 0)
    if len(tensors) == 2 and isinstance(tensors[0], list | tuple) and isinstance(tensors[1], int):
        tensors, axis = tensors[0], tensors[1]
    elif len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    elif "tensors" in options:
        tensors = tuple(options.pop("tensors"))
    return wrap(wf.stack(alike(*tensors), axis))


join_ = Join()


def horizontal_stack(*args: Any) -> Any:
    """Matrices beside each other."""
    return concatenate(list(args), 1)


def vertical_stack(*args: Any) -> Any:
    """Matrices below each other."""
    return concatenate(list(args), 0)


def split(x: Any, splits_size: Any, n_splits: int, axis: int = 0) -> Any:
    """x cut into pieces of these sizes along an axis."""
    node = unwrap(x)
    sizes = (
        [as_size(s) for s in splits_size]
        if isinstance(splits_size, list | tuple)
        else list(as_shape(splits_size, n_splits))
    )
    cuts: list[Any] = []
    for size in sizes[: n_splits - 1]:
        cuts.append((cuts[-1] if cuts else 0) + size)
    return [wrap(part) for part in wf.split(node, cuts, axis)]


def tile(x: Any, reps: Any, ndim: int | None = None) -> Any:
    """x repeated reps[i] times along axis i."""
    counts = list(as_shape(reps, ndim))
    if ndim is not None:
        counts = [1] * (ndim - len(counts)) + counts
    return wrap(wf.tile(unwrap(x), counts))


@method("repeat")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Every element so many times in a row along an axis (None: of the flat x); a vector gives each its own number."""
    node, count = unwrap(x), repeats
    if isinstance(count, Variable | list | tuple | np.ndarray) and unwrap(count).ndim == 1:
        counts = unwrap(count)
        line = wf.ravel(node) if axis is None else node
        ends = wf.cumsum(counts.astype("int64"))
        places = wf.arange(ends[-1])
        from_ = wf.sum(wf.le(wf.expand_dims(ends, 0), wf.expand_dims(places, 1)).astype("int64"), 1)
        return wrap(wf.take(line, from_, axis or 0))
    return wrap(wf.repeat(node, as_size(count), axis))


def roll(x: Any, shift: Any, axis: int | None = None) -> Any:
    """The elements moved by so many places; those that fall off come in at the other end."""
    node = unwrap(x)
    line = wf.ravel(node) if axis is None else node
    place = (axis or 0) % line.ndim
    if isinstance(shift, int):
        return wrap(wf.reshape(wf.roll(line, shift, place), node.shape))
    size = line.shape[place]
    places = (wf.arange(size) - unwrap(shift).astype("int64")) % (
        size if isinstance(size, int) else wf.arange(1) + size
    )
    moved = wf.take(line, places, place)
    return wrap(wf.reshape(moved, node.shape))


EQUIVALENTS[Concatenate] = lambda node: join_
