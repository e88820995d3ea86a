"""Pooling and patches under Theano's names and with its conventions."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...ops.movement import Slice, Unslice
from ...ops.pool import MaxPool, SumPool
from ...ops.pooling import check_arguments
from ...symbolic.dims import SymDim, maximum
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr, apply
from .convert import unwrap
from .convolutions import numbers
from .elementwise import maximum as maximum_of
from .notes import note_op
from .ops import EQUIVALENTS, Work
from .sizes import as_shape, as_size
from .variables import Variable, wrap

# ---- pooling ---------------------------------------------------------------------------------------------------------


class Pool(Work):
    """T.signal.pool.pool_2d and pool_3d: the largest, the sum or the mean of windows."""

    __props__ = ("ignore_border", "mode", "ndim")

    def __init__(self, ignore_border: bool = False, mode: str = "max", ndim: int = 2, openmp: Any = None) -> None:
        self.ignore_border, self.mode, self.ndim = ignore_border, mode, ndim

    def __call__(self, x: Any, ws: Any, stride: Any = None, pad: Any = None) -> Any:
        return {2: pool_2d, 3: pool_3d}[self.ndim](x, ws, self.ignore_border, stride, pad, self.mode)

    @staticmethod
    def out_shape(
        imgshape: Any,
        ws: Any = None,
        ignore_border: bool = False,
        stride: Any = None,
        pad: Any = None,
        ndim: int = 2,
        ds: Any = None,
        st: Any = None,
        padding: Any = None,
    ) -> list[Any]:
        """The shape of the result for images of this shape, in numbers or variables."""
        window = ws if ws is not None else ds
        steps = stride if stride is not None else st if st is not None else window
        border = pad if pad is not None else padding if padding is not None else (0,) * ndim
        if len(imgshape) < ndim:
            raise blame(TypeError(f"imgshape must have at least {ndim} sizes, and has {len(imgshape)}."), user_site())
        axes = zip(imgshape[-ndim:], window, steps, border, strict=True)
        return [*imgshape[:-ndim], *[_pooled_size(n, k, s, p, ignore_border) for n, k, s, p in axes]]


def _pooled_size(size: Any, width: Any, step: Any, border: Any, ignore_border: bool) -> Any:
    """How many windows there are along an axis."""
    wide = size + 2 * border
    if ignore_border:
        return _not_below(0, (wide - width) // step + 1)
    numbers = not any(isinstance(v, Variable) for v in (width, step))
    if numbers and step >= width:
        return (wide - 1) // step + 1
    return _not_below(0, (wide - 1 - width + step) // step) + 1


def _not_below(least: int, size: Any) -> Any:
    return maximum_of(size, least) if isinstance(size, Variable) else max(least, size)


def _pool(rank: int) -> Callable[..., Any]:
    largest = {2: wf.max_pool2d, 3: wf.max_pool3d}[rank]
    average = {2: wf.avg_pool2d, 3: wf.avg_pool3d}[rank]

    def pool(
        input: Any,
        ws: Any = None,
        ignore_border: bool | None = None,
        stride: Any = None,
        pad: Any = None,
        mode: str = "max",
        ds: Any = None,
        st: Any = None,
        padding: Any = None,
    ) -> Any:
        window = _sizes(ws if ws is not None else ds, rank)
        steps = stride if stride is not None else st
        steps = window if steps is None else _sizes(steps, rank)
        border = numbers(pad if pad is not None else padding if padding is not None else (0,) * rank)
        if ignore_border is None:
            warnings.warn("pool: ignore_border is not given, and is taken to be False.", UserWarning, stacklevel=2)
        node = unwrap(input)
        if node.ndim < rank:
            text = f"Pooling over {rank} axes needs as many, and the input has {node.ndim}."
            raise blame(NotImplementedError(text), user_site(), node.site)
        lead = node.shape[: node.ndim - rank]
        whole = wf.reshape(node, (-1, 1, *node.shape[node.ndim - rank :])) if len(lead) != 2 else node
        options = {"stride": steps, "padding": border, "ceil_mode": not ignore_border}
        if any(isinstance(n, SymDim) for n in (*window, *steps)):
            found = _computed_windows(mode, whole, window, **options)
        else:
            found = _pool_windows(mode, largest, average, whole, window, options)
        made = wrap(wf.reshape(found, (*lead, *found.shape[2:])))
        return note_op(made, Pool(bool(ignore_border), mode, rank), [input, list(window), list(steps), border])

    pool.__name__ = f"pool_{rank}d"
    pool.__doc__ = (
        f"Windows over the last {rank} axes: their max, sum, average_inc_pad or average_exc_pad.\n\n"
        "    ignore_border=False (the default) keeps windows that hang over the end."
    )
    return pool


def _pool_windows(mode: str, largest: Any, average: Any, x: Expr, window: Any, options: dict[str, Any]) -> Expr:
    x = x if x.dtype.kind == "f" or mode == "max" else weft_cast(x, "float64")
    if mode == "max" and x.type.is_float:
        return wf.custom_gradient(lambda v: largest(v, window, **options), _to_all_largest(window, **options))(x)
    if mode == "max":
        return largest(x, window, **options)  # type: ignore[no-any-return]
    if mode in ("average_inc_pad", "average_exc_pad"):
        return average(x, window, count_include_pad=mode == "average_inc_pad", **options)  # type: ignore[no-any-return]
    if mode == "sum":
        node, windows = check_arguments(f"sum_pool{len(window)}d", x, window, **options)
        return apply(SumPool(windows.window, windows.strides, windows.padding, windows.ceil_mode), node)
    text = f"pool: mode is 'max', 'sum', 'average_inc_pad' or 'average_exc_pad', not {mode!r}."
    raise blame(ValueError(text), user_site())


def _sizes(given: Any, rank: int) -> tuple[Any, ...]:
    """A window or stride: a number for each axis, or sizes that are computed."""
    if isinstance(given, Variable) and given.expr.ndim == 1:
        return tuple(as_size(wrap(given.expr[i])) for i in range(rank))
    if isinstance(given, list | tuple | np.ndarray):
        return tuple(as_size(n) for n in given)
    return (as_size(given),) * rank


def _computed_windows(mode: str, x: Expr, window: Any, stride: Any, padding: Any, ceil_mode: bool) -> Expr:
    """Pooling whose windows are known only when it runs: they are gathered, and reduced."""
    if ceil_mode or any(padding):
        text = "pool: windows whose sizes are computed go with ignore_border=True and without padding."
        raise blame(NotImplementedError(text), user_site(), x.site)
    key: list[Any] = [...]
    rank = len(window)
    for axis, (size, width, step) in enumerate(zip(x.shape[2:], window, stride, strict=True)):
        starts = wf.arange((size - width) // step + 1) * step
        places = wf.expand_dims(starts, 1) + wf.arange(width)
        others = [i for i in range(2 * rank) if i not in (axis, rank + axis)]
        key.append(wf.expand_dims(places, others))
    patches = x[tuple(key)]
    axes = tuple(range(patches.ndim - rank, patches.ndim))
    reduced = {"max": wf.max, "sum": wf.sum, "average_inc_pad": wf.mean, "average_exc_pad": wf.mean}
    if mode not in reduced:
        _pool_windows(mode, None, None, x, window, {})
    return reduced[mode](patches, axes)


def _to_all_largest(window: Any, stride: Any, padding: Any, ceil_mode: bool) -> Callable[..., Expr]:
    """Theano's derivative of max pooling: every element that equals the largest gets the whole of g."""
    border = (padding,) * len(window) if isinstance(padding, int) else padding

    def vjp(g: Expr, out: Expr, x: Expr) -> Expr:
        before = (0, 0, *border)
        reach = [(n - 1) * s + k for n, s, k in zip(out.shape[2:], stride, window, strict=True)]
        wide = tuple(maximum(r, n + 2 * p) for r, n, p in zip(reach, x.shape[2:], border, strict=True))
        inside, each = (1,) * x.ndim, (1, 1, *stride)
        framed = (*x.shape[:2], *wide)
        padded = x if framed == x.shape else apply(Unslice(before, inside, framed), x)
        total: Any = 0.0
        for offset in itertools.product(*map(range, window)):
            part = apply(Slice((0, 0, *offset), each, out.shape), padded)
            total = total + apply(Unslice((0, 0, *offset), each, framed), wf.where(wf.eq(part, out), g, 0.0))
        return total if framed == x.shape else apply(Slice(before, inside, x.shape), total)

    return vjp


pool_2d, pool_3d = _pool(2), _pool(3)
EQUIVALENTS[MaxPool] = lambda node: Pool(True, "max", node.ndim - 2)
EQUIVALENTS[SumPool] = lambda node: Pool(True, "sum", node.ndim - 2)


def max_pool_2d(input: Any, ds: Any, ignore_border: bool = False, st: Any = None, padding: Any = (0, 0)) -> Any:
    """pool_2d under its old name."""
    return pool_2d(input, ds, ignore_border, st, padding)


def max_pool_2d_same_size(input: Any, patch_size: Any) -> Any:
    """The input with all but the largest element of each patch set to 0."""
    node = unwrap(input)
    pooled = unwrap(pool_2d(input, patch_size, True))
    return wrap(node * wf.vjp(pooled, node, wf.ones_like(pooled)))


# ---- patches ---------------------------------------------------------------------------------------------------------


def images2neibs(ten4: Any, neib_shape: Any, neib_step: Any = None, mode: str = "valid") -> Any:
    """All patches of all images, one in each row."""
    node, (rows, columns) = unwrap(ten4), numbers(neib_shape)
    down, across = numbers(neib_step) if neib_step is not None else (rows, columns)
    if mode == "half":
        node = wf.pad(node, [(0, 0), (0, 0), (rows // 2,) * 2, (columns // 2,) * 2])
    elif mode not in ("valid", "ignore_borders"):
        raise blame(NotImplementedError(f"images2neibs: mode {mode!r} is not supported."), user_site())
    patches = wf.sliding_windows(node, (rows, columns), (2, 3), (down, across))
    return wrap(wf.reshape(patches, (-1, rows * columns)))


def neibs2images(neibs: Any, neib_shape: Any, original_shape: Any, mode: str = "valid") -> Any:
    """The images whose patches, side by side, these are."""
    node, (rows, columns) = unwrap(neibs), numbers(neib_shape)
    images, channels, height, width = as_shape(original_shape)
    grid = wf.reshape(node, (images, channels, height // rows, width // columns, rows, columns))
    return wrap(wf.reshape(wf.transpose(grid, (0, 1, 2, 4, 3, 5)), (images, channels, height, width)))
