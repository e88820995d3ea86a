"""One record for every op: how it is called, and with what.  Sizes named "n" are symbols.

`sweep.py` runs them on a device.  They are those of the suite's own sweep, as far as a device may compute something
else there; the references are the ops' own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ops import (
    activations,
    callback,
    conv,
    creation,
    elementwise,
    indexing,
    linalg,
    max_pool,
    movement,
    normalization,
    order,
    padding,
    reduce,
    scalar,
    strided,
    sum_pool,
    updating,
)
from ...symbolic.variables import shared
from .compare import DrawnArray


class OpCase(NamedTuple):
    """One way of calling one op.

    op : the exported function
    call : of expressions
    eps : error allowed, in units of the dtype's resolution, relative to the largest element
    sizes : what "n" is in turn
    special : whether infinities and NaN give what the op's reference gives
    """

    op: Any
    call: Callable[..., Any]
    args: tuple[DrawnArray, ...]
    label: str
    eps: float = 16
    differentiable: bool = True
    sizes: tuple[int, ...] = (0, 1, 7)
    special: bool = True


def _name(op: Any) -> str:
    return str(getattr(op, "__name__", None) or op.name)


def _case(op: Any, *args: DrawnArray, call: Any = None, label: str = "", **options: Any) -> OpCase:
    """A record; `call` None: the op itself."""
    return OpCase(op, call or op, args, f"{_name(op)} {label}".strip(), **options)


A = DrawnArray
FIXED: dict[str, Any] = {"differentiable": False}
FROM_ONE: dict[str, Any] = {"sizes": (1, 7)}
CALLS = shared(0.0, "calls")  # a variable that a value brings a new value of
MATRIX, CUBE, BOOLS = A(), A((2, "n", 3)), A(dtype="bool")
PLACES, LABELS = A((4,), -3, 2, "int64"), A(("n",), 0, 2, "int64")

# ---- functions of one number, by domain ----------------------------------------------------------------------------

SMOOTH: dict[tuple[float, float], tuple[Any, ...]] = {
    (-3, 3): (
        *(scalar.abs, scalar.neg, scalar.square, scalar.erf, scalar.erfc, scalar.relu, scalar.softsign),
        *(scalar.leaky_relu, scalar.elu, scalar.sinc),
    ),
    (0.5, 3): (scalar.reciprocal,),
    (0.1, 9): (scalar.sqrt, scalar.rsqrt, scalar.log, scalar.log2, scalar.log10),
    (0.5, 9): (scalar.cbrt,),
    (-5, 5): (scalar.exp, scalar.exp2, scalar.expm1, scalar.gelu),
    (-0.8, 5): (scalar.log1p,),
    (-6, 6): (scalar.sigmoid, scalar.silu),
    (-4, 4): (scalar.tanh, scalar.sinh, scalar.cosh, scalar.arcsinh, scalar.arctan, scalar.hard_sigmoid),
    (1.2, 4): (scalar.arccosh,),
    (-0.9, 0.9): (scalar.arctanh, scalar.arcsin, scalar.arccos, scalar.erfinv),
    (-7, 7): (scalar.sin, scalar.cos),
    (-1.3, 1.3): (scalar.tan,),
    (-9, 9): (scalar.softplus, scalar.log_sigmoid),
}
STEPS = (
    *(scalar.sign, scalar.floor, scalar.ceil, scalar.trunc, scalar.rint, scalar.round),
    *(scalar.isnan, scalar.isinf, scalar.isfinite, scalar.logical_not),
)

# ---- functions of two numbers, by their domains --------------------------------------------------------------------

PAIRS: dict[tuple[float, float, float, float], tuple[Any, ...]] = {
    (-2, 2, -2, 2): (
        *(scalar.add, scalar.sub, scalar.mul, scalar.maximum, scalar.minimum, scalar.copysign, scalar.mul_no_nan),
    ),
    (-2, 2, 0.5, 3): (scalar.div,),
    (-5, 5, 1.2, 3): (scalar.mod, scalar.fmod),
    (0.3, 3, -2, 2): (scalar.pow,),
    (0.5, 3, 0.5, 3): (scalar.hypot,),
    (0.3, 2, -2, 2): (scalar.arctan2,),
    (-3, 3, -3, 3): (scalar.logaddexp,),
}
STEP_PAIRS: dict[tuple[float, float, float, float], tuple[Any, ...]] = {
    (-5, 5, 1.2, 3): (scalar.floor_divide,),
    (-2, 2, -2, 2): (
        *(scalar.eq, scalar.ne, scalar.lt, scalar.le, scalar.gt, scalar.ge),
        *(scalar.logical_and, scalar.logical_or, scalar.logical_xor),
    ),
}
BITS = (scalar.bitwise_and, scalar.bitwise_or, scalar.bitwise_xor, scalar.left_shift, scalar.right_shift)


def _of_numbers() -> list[OpCase]:
    found = [_case(op, A(("n", 3), *domain)) for domain, ops in SMOOTH.items() for op in ops]
    found += [_case(op, A(("n", 3), -3, 3), **FIXED) for op in STEPS]
    for pairs, smooth in ((PAIRS, True), (STEP_PAIRS, False)):
        for (a, b, c, d), ops in pairs.items():
            for op in ops:
                found.append(_case(op, A(("n", 3), a, b), A(("n", 3), c, d), differentiable=smooth))
                stretched = A((3,), a, b), A(("n", 1), c, d)
                found.append(_case(op, *stretched, label="stretched", differentiable=smooth))
    found += [_case(op, A(("n", 3), 0, 9, "int32"), A((3,), 0, 9, "int32"), **FIXED) for op in BITS]
    return [
        *found,
        _case(scalar.invert, A(("n", 3), -9, 9, "int32"), **FIXED),
        _case(scalar.where, BOOLS, MATRIX, A((1, 3))),
        _case(scalar.clip, MATRIX, A((), -1, -0.5), A((3,), 0.5, 1)),
        _case(scalar.elu, MATRIX, call=lambda x: scalar.elu(x, 0.3), label="alpha"),
        _case(elementwise.cast, MATRIX, call=lambda x: elementwise.cast(x, "int32"), **FIXED),
        _case(elementwise.cast, MATRIX, call=lambda x: elementwise.cast(x, "float64"), label="float64"),
        _case(elementwise.cast, MATRIX, call=lambda x: elementwise.cast(x, "float16"), label="float16", **FIXED),
    ]


# ---- reductions, running sums, orders ------------------------------------------------------------------------------


def _over(op: Any, axis: Any, of: DrawnArray = CUBE, label: str = "", **options: Any) -> OpCase:
    return _case(op, of, call=lambda x: op(x, axis), label=label or f"axis {axis}", **options)


def _reductions() -> list[OpCase]:
    found = [_over(reduce.sum, axis) for axis in (None, 0, (0, 2), -1)]
    found += [_over(op, axis, **FROM_ONE) for op in (reduce.mean, reduce.max) for axis in (None, 0, (0, 2), -1)]
    found += [
        _case(op, CUBE, call=lambda x, op=op: op(x, 1, True), label="keepdims") for op in (reduce.sum, reduce.prod)
    ]
    found += [_over(op, 0, BOOLS, **FIXED) for op in (reduce.any, reduce.all)]
    for op in (reduce.argmax, reduce.argmin):
        found += [_over(op, 1, MATRIX, **FIXED), _over(op, None, MATRIX, "flat", **FIXED, **FROM_ONE)]
    return [
        *found,
        _over(reduce.prod, -1),
        _over(reduce.min, 1, **FROM_ONE),
        _over(reduce.var, 1, **FROM_ONE),
        _case(reduce.var, CUBE, call=lambda x: reduce.var(x, ddof=1), label="ddof", **FROM_ONE),
        _over(reduce.std, 0),
        _over(reduce.logsumexp, 1, MATRIX),
        _case(reduce.logsumexp, CUBE, call=lambda x: reduce.logsumexp(x, (0, 2), True), label="axes"),
    ]


def _orders() -> list[OpCase]:
    found = [
        _case(op, MATRIX, call=lambda x, op=op, axis=axis: op(x, axis=axis), label=f"axis {axis}", **FROM_ONE)
        for axis in (0, -1)
        for op in (order.cumsum, order.cumprod, order.diff, order.sort)
    ]
    return [
        *found,
        _case(order.cumsum, CUBE, label="flat"),
        _over(order.cumsum, 1, A((2, 5), dtype="bool"), "bools", **FIXED),
        _case(order.diff, MATRIX, call=lambda x: order.diff(x, 2, 1), label="twice"),
        _over(order.argsort, 0, MATRIX, **FIXED),
        _case(order.topk, MATRIX, call=lambda x: order.topk(x, 2)[0]),
    ]


# ---- movement, indexing, creation ----------------------------------------------------------------------------------


def _movements() -> list[OpCase]:
    m, s = movement, strided
    return [
        _case(m.reshape, CUBE, call=lambda x: m.reshape(x, -1, 6)),
        _case(m.reshape, MATRIX, call=lambda x: m.reshape(x, (3, x.shape[0])), label="sizes"),
        _case(m.ravel, CUBE),
        _case(m.flatten, CUBE, call=lambda x: m.flatten(x, 1)),
        _case(m.transpose, CUBE),
        _case(m.transpose, CUBE, call=lambda x: m.transpose(x, (1, 2, 0)), label="axes"),
        _case(m.swapaxes, CUBE, call=lambda x: m.swapaxes(x, 0, 2)),
        _case(m.moveaxis, CUBE, call=lambda x: m.moveaxis(x, 0, 2)),
        _case(m.broadcast_to, A((5, 1)), call=lambda x: m.broadcast_to(x, (4, 5, 3))),
        _case(m.squeeze, A(("n", 1, 3)), call=lambda x: m.squeeze(x, 1)),
        _case(m.expand_dims, MATRIX, call=lambda x: m.expand_dims(x, (1, 3))),
        _case(m.flip, MATRIX, call=lambda x: m.flip(x, 0)),
        _case(m.flip, CUBE, label="all"),
        _case(padding.pad, MATRIX, call=lambda x: padding.pad(x, ((1, 2), (0, 3)))),
        _case(padding.pad, MATRIX, call=lambda x: padding.pad(x, 1, 2.5), label="value"),
        *[
            _case(
                padding.pad,
                A(("n", 3, 4)),
                call=lambda x, m=mode: padding.pad(x, ((0, 0), (2, 1), (0, 2)), mode=m),
                label=mode,
            )
            for mode in ("edge", "reflect", "symmetric", "wrap")
        ],
        _case(padding.pad, MATRIX, A(()), call=lambda x, v: padding.pad(x, ((1, 0), (2, 1)), v), label="value given"),
        _case(m.concatenate, MATRIX, A((2, 3)), call=lambda x, y: m.concatenate([x, y, x])),
        _case(m.stack, MATRIX, MATRIX, call=lambda x, y: m.stack([x, y], 1)),
        _case(m.split, A(("n", 6)), call=lambda x: m.split(x, 3, axis=1)[1]),
        _case(m.split, A((6, 2)), call=lambda x: m.split(x, [2, 5])[1], label="positions"),
        _case(m.tile, MATRIX, call=lambda x: m.tile(x, (2, 1, 3))),
        _case(m.roll, MATRIX, call=lambda x: m.roll(x, -4, 0)),
        _case(m.roll, MATRIX, call=lambda x: m.roll(x, 5), label="flat"),
        _case(m.roll, MATRIX, call=lambda x: m.roll(x, (1, 2), (0, 1)), label="two axes"),
        _case(m.repeat, MATRIX, call=lambda x: m.repeat(x, 3, 0)),
        _case(m.repeat, MATRIX, call=lambda x: m.repeat(x, 2), label="flat"),
        _case(s.diagonal, MATRIX),
        _case(s.diagonal, CUBE, call=lambda x: s.diagonal(x, -2, 2, 1), label="below"),
        _case(s.diag, A(("n",)), call=lambda x: s.diag(x, 1)),
        _case(s.diag, MATRIX, call=lambda x: s.diag(x, -1), label="of a matrix"),
        _case(s.sliding_windows, MATRIX, call=lambda x: s.sliding_windows(x, 2, 1)),
        _case(
            s.sliding_windows,
            A((7, 4)),
            call=lambda x: s.sliding_windows(x, (3, 2), stride=(2, 1), dilation=(2, 1)),
            label="stride and dilation",
        ),
        _case(s.sliding_windows, A((6, 2)), call=lambda x: s.sliding_windows(x, 2, 0, stride=3), label="apart"),
    ]


def _indexings() -> list[OpCase]:
    i, along = indexing, A(("n", 2), 0, 2, "int64")
    columns = (slice(None), slice(None, None, 2))
    return [
        _case(i.take, MATRIX, PLACES, call=lambda x, p: i.take(x, p, 1)),
        _case(i.take, A((2, 3)), A(("n", 2), -6, 5, "int32"), label="flat"),
        _case(i.take_along_axis, MATRIX, along, call=lambda x, p: i.take_along_axis(x, p, 1)),
        _case(i.index_set, MATRIX, A(("n", 2)), call=lambda x, v: i.index_set(x, columns, v)),
        _case(i.index_set, A((3, 2)), PLACES, A((4, 2)), label="repeated"),
        _case(i.index_add, A((3, 2)), PLACES, A((4, 2))),
    ]


def _creations() -> list[OpCase]:
    c = creation
    return [
        _case(c.zeros, MATRIX, call=lambda x: c.zeros((2, x.shape[0])), **FIXED),
        _case(c.ones, MATRIX, call=lambda x: c.ones(x.shape, "float64"), **FIXED),
        _case(c.full, MATRIX, call=lambda x: c.full((2, 3), 7), **FIXED),
        _case(c.zeros_like, MATRIX, **FIXED),
        _case(c.ones_like, MATRIX, **FIXED),
        _case(c.full_like, MATRIX, call=lambda x: c.full_like(x, 2.5), **FIXED),
        _case(c.arange, MATRIX, call=lambda x: c.arange(x.shape[0]), **FIXED),
        _case(c.arange, MATRIX, call=lambda x: c.arange(7, 1, -2), label="down", **FIXED),
        _case(c.iota, MATRIX, call=lambda x: c.iota(x.shape, 1, "int32"), **FIXED),
        _case(c.eye, MATRIX, call=lambda x: c.eye(3, 5, 1), **FIXED),
        _case(c.one_hot, A(("n", 2), 0, 3, "int64"), call=lambda p: c.one_hot(p, 4), **FIXED),
    ]


# ---- products, rows ------------------------------------------------------------------------------------------------


def _products() -> list[OpCase]:
    mm, axes = linalg.matmul, ((0, 2), (1, 0))
    return [
        _case(mm, MATRIX, A((3, 5))),
        _case(mm, A((3, "n")), A(("n", 4)), label="over n"),
        _case(mm, A((3,)), A((3, "n")), label="vector @ matrix"),
        _case(mm, MATRIX, A((3,)), label="matrix @ vector"),
        _case(mm, A(("n",)), A(("n",)), label="inner"),
        _case(mm, A((2, 1, 2, 3)), A(("n", 3, 2)), label="batches"),
        _case(linalg.dot, CUBE, A((4, 3, 2))),
        _case(linalg.dot, A(()), MATRIX, label="scalar"),
        _case(linalg.outer, A(("n",)), A((3,))),
        _case(linalg.tensordot, CUBE, A(("n", 3, 4))),
        _case(linalg.tensordot, CUBE, A((3, 2)), call=lambda a, b: linalg.tensordot(a, b, axes), label="axes"),
        _case(linalg.trace, A((3, 3))),
    ]


def _rows() -> list[OpCase]:
    a, n, of_five = activations, normalization, A((5,))
    soft = A(("n", 3), 0, 1)
    return [
        _case(a.softmax, MATRIX),
        _case(a.softmax, CUBE, call=lambda x: a.softmax(x, 0), label="axis 0"),
        _case(a.log_softmax, MATRIX),
        _case(a.pick, MATRIX, LABELS),
        _case(a.crossentropy, MATRIX, LABELS),
        _case(a.crossentropy, MATRIX, soft, label="soft"),
        _case(a.binary_crossentropy, A(("n", 3), -5, 5), soft),
        _case(n.batch_norm, A((5, 3)), A((3,)), A((3,)), call=lambda x, g, b: n.batch_norm(x, g, b)[0], eps=64),
        _case(
            n.batch_norm,
            *(A((2, 3, 4)), A((3,)), A((3,))),
            call=lambda x, g, b: n.batch_norm(x, g, b, axes=(0, 2))[0],
            label="channels",
            eps=64,
        ),
        _case(n.layer_norm, A(("n", 5)), of_five, of_five, eps=64),
        _case(
            n.local_response_norm,
            A(("n", 6, 2, 2)),
            call=lambda x: n.local_response_norm(x, n=3, k=2.0, alpha=0.1, beta=0.75),
        ),
        _case(updating.with_updates, MATRIX, call=lambda x: updating.with_updates(x, {CALLS: CALLS + 1})),
        _case(
            callback.callback,
            MATRIX,
            call=lambda x: callback.callback(np.sin, x.type, x, vjp=lambda g, _, y: g * scalar.cos(y)),
        ),
    ]


# ---- convolution and pooling ---------------------------------------------------------------------------------------


def _convolutions() -> list[OpCase]:
    one, two = A(("n", 2, 9)), conv.conv2d
    options: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2, "flip": True}
    spread: dict[str, Any] = {"eps": 64, "special": False}  # between the elements are zeros, which meet infinities
    return [
        _case(conv.conv1d, one, A((4, 2, 3)), eps=64),
        _case(
            conv.conv1d,
            *(one, A((4, 2, 3))),
            call=lambda x, w: conv.conv1d(x, w, stride=2, padding=2, dilation=2),
            label="strided",
            eps=64,
        ),
        _case(two, A(("n", 2, 5, 6)), A((3, 2, 3, 2)), A((3,)), eps=64),
        _case(
            two,
            *(A(("n", 4, 6, 5)), A((6, 2, 3, 3))),
            call=lambda x, w: two(x, w, **options),
            label="groups",
            **spread,
        ),
        _case(conv.conv3d, A((2, 2, 4, 3, 5)), A((3, 2, 2, 2, 3)), eps=64),
        _case(conv.conv1d_transpose, A(("n", 2, 5)), A((2, 3, 3)), **FROM_ONE, **spread),
        _case(
            conv.conv2d_transpose,
            *(A(("n", 2, 3, 4)), A((2, 3, 3, 3))),
            call=lambda x, w: conv.conv2d_transpose(x, w, stride=2, padding=1, output_padding=1),
            sizes=(1, 2),
            **spread,
        ),
        _case(conv.conv3d_transpose, A((1, 2, 2, 3, 2)), A((2, 2, 2, 2, 2)), **spread),
    ]


def _pools() -> list[OpCase]:
    largest = {1: max_pool.max_pool1d, 2: max_pool.max_pool2d, 3: max_pool.max_pool3d}
    average = {1: sum_pool.avg_pool1d, 2: sum_pool.avg_pool2d, 3: sum_pool.avg_pool3d}
    images = {rank: A(("n", 2, *(7, 6, 5)[:rank])) for rank in (1, 2, 3)}
    flat = A(("n", 2, 5, 4))
    counts: dict[str, Any] = {"stride": 1, "padding": 1, "count_include_pad": True}
    found = [_case(op, images[r], call=lambda x, op=op: op(x, 3, stride=2, padding=1)) for r, op in largest.items()]
    found += [_case(op, images[r], call=lambda x, op=op: op(x, 2)) for r, op in average.items()]
    dilated: dict[str, Any] = {"stride": 2, "padding": 1, "dilation": 2}
    return [
        *found,
        _case(max_pool.max_pool2d, images[2], call=lambda x: max_pool.max_pool2d(x, 2, **dilated), label="dilated"),
        _case(sum_pool.avg_pool2d, flat, call=lambda x: sum_pool.avg_pool2d(x, 3, **counts), label="padding counts"),
        _case(
            sum_pool.avg_pool2d,
            flat,
            call=lambda x: sum_pool.avg_pool2d(x, 3, stride=1, padding=1),
            label="padding does not count",
        ),
        *[case for rank in (1, 2, 3) for case in _pools_of(rank)],
    ]


def _pools_of(rank: int) -> list[OpCase]:
    """Places of maxima, what is put back there, sums and norms."""
    places = (max_pool.max_pool1d_with_indices, max_pool.max_pool2d_with_indices, max_pool.max_pool3d_with_indices)
    back = (max_pool.max_unpool1d, max_pool.max_unpool2d, max_pool.max_unpool3d)[rank - 1]
    total = (sum_pool.sum_pool1d, sum_pool.sum_pool2d, sum_pool.sum_pool3d)[rank - 1]
    norm = (sum_pool.lp_pool1d, sum_pool.lp_pool2d, sum_pool.lp_pool3d)[rank - 1]
    find, x = places[rank - 1], A(("n", 2, *(5, 4, 3)[:rank]))
    return [
        _case(find, x, call=lambda x: find(x, 2)[0]),
        _case(find, x, call=lambda x: find(x, 2)[1], label="places"),
        _case(back, x, call=lambda x: back(*find(x, 2), 2, output_shape=x.shape[2:])),  # odd sizes: not the least
        _case(total, x, call=lambda x: total(x, 2, 1)),
        _case(norm, A(("n", 2, *(4, 6, 2)[:rank]), 0.2, 2), call=lambda x: norm(x, 2, p=3), eps=64),
    ]


CASES: dict[str, list[OpCase]] = {
    "functions of numbers": _of_numbers(),
    "reductions": _reductions(),
    "orders": _orders(),
    "movement": _movements(),
    "indexing": _indexings(),
    "creation": _creations(),
    "products": _products(),
    "rows": _rows(),
    "convolution": _convolutions(),
    "pooling": _pools(),
}
