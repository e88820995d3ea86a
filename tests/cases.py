"""One record for every exported op: how it is called, what NumPy or SciPy says, and where.

`test_every_op.py` sweeps over them.  Sizes named "n" are symbols, so that one compiled function serves them all.
References get float64 arrays: they are the mathematics, and the tolerance is weft's rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

import weft as wf

from . import references


@dataclass(frozen=True)
class Arg:
    """An argument: drawn evenly from [low, high], in dtype "float" (float32 and float64 in turn) or the one named."""

    shape: tuple[Any, ...] = ("n", 3)
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float"


@dataclass(frozen=True)
class Case:
    """One way of calling one op."""

    op: Any  # the exported function
    call: Callable[..., Any]  # of expressions
    reference: Callable[..., Any]  # of arrays
    args: tuple[Arg, ...]
    label: str
    eps: float = 16  # error allowed, in units of the dtype's resolution, relative to the largest element
    differentiable: bool = True
    sizes: tuple[int, ...] = (0, 1, 7)  # what "n" is in turn
    special: bool = True  # whether infinities and NaN give what the reference gives


CASES: list[Case] = []


def case(op: Any, reference: Callable[..., Any], *args: Arg, call: Any = None, label: str = "", **options: Any) -> None:
    """Add a record; `call` None: the op itself."""
    name = getattr(op, "__name__", None) or op.name
    CASES.append(Case(op, call or op, reference, args, f"{name} {label}".strip(), **options))


# ---- functions of one number: (op, reference, domains) -------------------------------------------------------------

SMOOTH = [
    (wf.abs, np.abs, (-3, 3)),
    (wf.neg, np.negative, (-3, 3)),
    (wf.reciprocal, lambda x: 1 / x, (0.5, 3)),
    (wf.square, np.square, (-3, 3)),
    (wf.sqrt, np.sqrt, (0.1, 9)),
    (wf.rsqrt, lambda x: 1 / np.sqrt(x), (0.1, 9)),
    (wf.cbrt, np.cbrt, (0.5, 9)),
    (wf.exp, np.exp, (-5, 5)),
    (wf.exp2, np.exp2, (-5, 5)),
    (wf.expm1, np.expm1, (-5, 5)),
    (wf.log, np.log, (0.1, 9)),
    (wf.log2, np.log2, (0.1, 9)),
    (wf.log10, np.log10, (0.1, 9)),
    (wf.log1p, np.log1p, (-0.8, 5)),
    (wf.sigmoid, scipy.special.expit, (-6, 6)),
    (wf.tanh, np.tanh, (-4, 4)),
    (wf.sinh, np.sinh, (-4, 4)),
    (wf.cosh, np.cosh, (-4, 4)),
    (wf.arcsinh, np.arcsinh, (-4, 4)),
    (wf.arccosh, np.arccosh, (1.2, 4)),
    (wf.arctanh, np.arctanh, (-0.9, 0.9)),
    (wf.sin, np.sin, (-7, 7)),
    (wf.cos, np.cos, (-7, 7)),
    (wf.tan, np.tan, (-1.3, 1.3)),
    (wf.arcsin, np.arcsin, (-0.9, 0.9)),
    (wf.arccos, np.arccos, (-0.9, 0.9)),
    (wf.arctan, np.arctan, (-4, 4)),
    (wf.erf, scipy.special.erf, (-3, 3)),
    (wf.erfc, scipy.special.erfc, (-3, 3)),
    (wf.erfinv, scipy.special.erfinv, (-0.9, 0.9)),
    (wf.relu, lambda x: np.maximum(x, np.zeros_like(x)), (-3, 3)),
    (wf.softplus, lambda x: np.logaddexp(x, 0), (-9, 9)),
    (wf.log_sigmoid, lambda x: -np.logaddexp(-1.0 * x, 0), (-9, 9)),
    (wf.silu, lambda x: x * scipy.special.expit(x), (-6, 6)),
    (wf.gelu, lambda x: x * scipy.special.ndtr(x), (-5, 5)),
    (wf.softsign, lambda x: x / (1 + np.abs(x)), (-3, 3)),
    (wf.hard_sigmoid, lambda x: np.clip(0.2 * x + 0.5, 0, 1), (-4, 4)),
    (wf.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), (-3, 3)),
    (wf.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), (-3, 3)),
    (wf.sinc, np.sinc, (-3, 3)),
]
STEPS = [
    (wf.sign, np.sign, (-3, 3)),
    (wf.floor, np.floor, (-3, 3)),
    (wf.ceil, np.ceil, (-3, 3)),
    (wf.trunc, np.trunc, (-3, 3)),
    (wf.rint, np.rint, (-3, 3)),
    (wf.round, np.round, (-3, 3)),
    (wf.isnan, np.isnan, (-3, 3)),
    (wf.isinf, np.isinf, (-3, 3)),
    (wf.isfinite, np.isfinite, (-3, 3)),
    (wf.logical_not, np.logical_not, (-3, 3)),
]

# ---- functions of two numbers: (op, reference, domain of x, domain of y) -------------------------------------------

SMOOTH_PAIRS = [
    (wf.add, np.add, (-2, 2), (-2, 2)),
    (wf.sub, np.subtract, (-2, 2), (-2, 2)),
    (wf.mul, np.multiply, (-2, 2), (-2, 2)),
    (wf.div, np.true_divide, (-2, 2), (0.5, 3)),
    (wf.mod, np.mod, (-5, 5), (1.2, 3)),
    (wf.fmod, np.fmod, (-5, 5), (1.2, 3)),
    (wf.pow, np.power, (0.3, 3), (-2, 2)),
    (wf.maximum, np.maximum, (-2, 2), (-2, 2)),
    (wf.minimum, np.minimum, (-2, 2), (-2, 2)),
    (wf.hypot, np.hypot, (0.5, 3), (0.5, 3)),
    (wf.copysign, np.copysign, (-2, 2), (-2, 2)),
    (wf.arctan2, np.arctan2, (0.3, 2), (-2, 2)),
    (wf.logaddexp, np.logaddexp, (-3, 3), (-3, 3)),
    (wf.mul_no_nan, np.multiply, (-2, 2), (-2, 2)),
]
STEP_PAIRS = [
    (wf.floor_divide, np.floor_divide, (-5, 5), (1.2, 3)),
    (wf.eq, np.equal, (-2, 2), (-2, 2)),
    (wf.ne, np.not_equal, (-2, 2), (-2, 2)),
    (wf.lt, np.less, (-2, 2), (-2, 2)),
    (wf.le, np.less_equal, (-2, 2), (-2, 2)),
    (wf.gt, np.greater, (-2, 2), (-2, 2)),
    (wf.ge, np.greater_equal, (-2, 2), (-2, 2)),
    (wf.logical_and, np.logical_and, (-2, 2), (-2, 2)),
    (wf.logical_or, np.logical_or, (-2, 2), (-2, 2)),
    (wf.logical_xor, np.logical_xor, (-2, 2), (-2, 2)),
]
BITS = [
    (wf.bitwise_and, np.bitwise_and),
    (wf.bitwise_or, np.bitwise_or),
    (wf.bitwise_xor, np.bitwise_xor),
    (wf.left_shift, np.left_shift),
    (wf.right_shift, np.right_shift),
]

for _op, _reference, (_low, _high) in SMOOTH:
    case(_op, _reference, Arg(("n", 3), _low, _high))
for _op, _reference, (_low, _high) in STEPS:
    case(_op, _reference, Arg(("n", 3), _low, _high), differentiable=False)
for _pairs, _smooth in ((SMOOTH_PAIRS, True), (STEP_PAIRS, False)):
    for _op, _reference, _x, _y in _pairs:
        case(_op, _reference, Arg(("n", 3), *_x), Arg(("n", 3), *_y), differentiable=_smooth)
        case(_op, _reference, Arg((3,), *_x), Arg(("n", 1), *_y), label="stretched", differentiable=_smooth)
for _op, _reference in BITS:
    case(_op, _reference, Arg(("n", 3), 0, 9, "int32"), Arg((3,), 0, 9, "int32"), differentiable=False)
case(wf.invert, np.invert, Arg(("n", 3), -9, 9, "int32"), differentiable=False)
case(wf.where, np.where, Arg(("n", 3), dtype="bool"), Arg(), Arg((1, 3)))
case(wf.clip, np.clip, Arg(), Arg((), -1, -0.5), Arg((3,), 0.5, 1))
case(wf.elu, lambda x: np.where(x > 0, x, 0.3 * np.expm1(x)), Arg(), call=lambda x: wf.elu(x, 0.3), label="alpha")
case(wf.cast, lambda x: x.astype("int32"), Arg(), call=lambda x: wf.cast(x, "int32"), differentiable=False)
case(wf.cast, lambda x: x.astype("float64"), Arg(), call=lambda x: wf.cast(x, "float64"), label="float64")

# ---- reductions ----------------------------------------------------------------------------------------------------

MATRIX, CUBE = Arg(("n", 3)), Arg((2, "n", 3))

for _axis in (None, 0, (0, 2), -1):
    case(wf.sum, lambda x, a=_axis: np.sum(x, a), CUBE, call=lambda x, a=_axis: wf.sum(x, a), label=f"{_axis}")
    case(
        wf.mean,
        lambda x, a=_axis: np.mean(x, a),
        CUBE,
        call=lambda x, a=_axis: wf.mean(x, a),
        label=f"{_axis}",
        sizes=(1, 7),
    )
    case(
        wf.max,
        lambda x, a=_axis: np.max(x, a),
        CUBE,
        call=lambda x, a=_axis: wf.max(x, a),
        label=f"{_axis}",
        sizes=(1, 7),
    )
for _op, _reference in ((wf.sum, np.sum), (wf.prod, np.prod)):
    case(
        _op, lambda x, f=_reference: f(x, 1, keepdims=True), CUBE, call=lambda x, f=_op: f(x, 1, True), label="keepdims"
    )
case(wf.prod, lambda x: np.prod(x, -1), CUBE, call=lambda x: wf.prod(x, -1))
case(wf.min, lambda x: np.min(x, 1), CUBE, call=lambda x: wf.min(x, 1), sizes=(1, 7))
for _op, _reference in ((wf.any, np.any), (wf.all, np.all)):
    _bools = Arg(("n", 3), dtype="bool")
    case(_op, lambda x, f=_reference: f(x, 0), _bools, call=lambda x, f=_op: f(x, 0), differentiable=False)
for _op, _reference in ((wf.argmax, np.argmax), (wf.argmin, np.argmin)):
    case(_op, lambda x, f=_reference: f(x, 1), MATRIX, call=lambda x, f=_op: f(x, 1), differentiable=False)
    case(_op, _reference, MATRIX, label="flat", differentiable=False, sizes=(1, 7))
case(wf.var, lambda x: np.var(x, 1), CUBE, call=lambda x: wf.var(x, 1), sizes=(1, 7))
case(wf.var, lambda x: np.var(x, ddof=1), CUBE, call=lambda x: wf.var(x, ddof=1), label="ddof", sizes=(1, 7))
case(wf.std, lambda x: np.std(x, 0), CUBE, call=lambda x: wf.std(x, 0))
case(wf.logsumexp, lambda x: scipy.special.logsumexp(x, 1), MATRIX, call=lambda x: wf.logsumexp(x, 1))
case(
    wf.logsumexp,
    lambda x: np.log(np.sum(np.exp(x), (0, 2), keepdims=True)),
    CUBE,
    call=lambda x: wf.logsumexp(x, (0, 2), True),
    label="axes",
)

# ---- running sums and orders ----------------------------------------------------------------------------------------

for _axis in (0, -1):
    for _op, _reference in ((wf.cumsum, np.cumsum), (wf.cumprod, np.cumprod), (wf.diff, None), (wf.sort, np.sort)):
        case(
            _op,
            lambda x, f=_reference, a=_axis: np.diff(x, axis=a) if f is None else f(x, a),
            MATRIX,
            call=lambda x, f=_op, a=_axis: f(x, axis=a),
            label=f"axis {_axis}",
            sizes=(1, 7),
        )
case(wf.cumsum, np.cumsum, CUBE, label="flat")
case(
    wf.cumsum,
    lambda x: np.cumsum(x, 1),
    Arg((2, 5), dtype="bool"),
    call=lambda x: wf.cumsum(x, 1),
    label="bools",
    differentiable=False,
)
case(wf.diff, lambda x: np.diff(x, 2, 1), MATRIX, call=lambda x: wf.diff(x, 2, 1), label="twice")
case(
    wf.argsort,
    lambda x: np.argsort(x, 0, kind="stable"),
    MATRIX,
    call=lambda x: wf.argsort(x, 0),
    differentiable=False,
)
case(wf.topk, lambda x: np.sort(x, 1)[:, :-3:-1], MATRIX, call=lambda x: wf.topk(x, 2)[0])

# ---- movement ------------------------------------------------------------------------------------------------------

case(wf.reshape, lambda x: x.reshape(-1, 6), CUBE, call=lambda x: wf.reshape(x, -1, 6))
case(wf.reshape, lambda x: x.reshape(3, -1), MATRIX, call=lambda x: wf.reshape(x, (3, x.shape[0])), label="sizes")
case(wf.ravel, np.ravel, CUBE)
case(wf.flatten, lambda x: x.reshape(2, x.shape[1] * 3), CUBE, call=lambda x: wf.flatten(x, 1))
case(wf.transpose, np.transpose, CUBE)
case(wf.transpose, lambda x: x.transpose(1, 2, 0), CUBE, call=lambda x: wf.transpose(x, (1, 2, 0)), label="axes")
case(wf.swapaxes, lambda x: x.swapaxes(0, 2), CUBE, call=lambda x: wf.swapaxes(x, 0, 2))
case(wf.moveaxis, lambda x: np.moveaxis(x, 0, 2), CUBE, call=lambda x: wf.moveaxis(x, 0, 2))
case(
    wf.broadcast_to, lambda x: np.broadcast_to(x, (4, 5, 3)), Arg((5, 1)), call=lambda x: wf.broadcast_to(x, (4, 5, 3))
)
case(wf.squeeze, lambda x: x[:, 0], Arg(("n", 1, 3)), call=lambda x: wf.squeeze(x, 1))
case(wf.expand_dims, lambda x: x[:, None, :, None], MATRIX, call=lambda x: wf.expand_dims(x, (1, 3)))
case(wf.flip, lambda x: x[::-1], MATRIX, call=lambda x: wf.flip(x, 0))
case(wf.flip, lambda x: x[::-1, ::-1, ::-1], CUBE, label="all")
case(wf.pad, lambda x: np.pad(x, ((1, 2), (0, 3))), MATRIX, call=lambda x: wf.pad(x, ((1, 2), (0, 3))))
case(wf.pad, lambda x: np.pad(x, 1, constant_values=2.5), MATRIX, call=lambda x: wf.pad(x, 1, 2.5), label="value")
case(
    wf.pad,
    lambda x, v: np.pad(x, ((1, 0), (2, 1)), constant_values=v),
    MATRIX,
    Arg(()),
    call=lambda x, v: wf.pad(x, ((1, 0), (2, 1)), v),
    label="value given",
)
for _mode in ("edge", "reflect", "symmetric", "wrap"):
    case(
        wf.pad,
        lambda x, m=_mode: np.pad(x, ((0, 0), (2, 1), (0, 2)), m),
        Arg(("n", 3, 4)),
        call=lambda x, m=_mode: wf.pad(x, ((0, 0), (2, 1), (0, 2)), mode=m),
        label=_mode,
    )
case(
    wf.concatenate,
    lambda x, y: np.concatenate([x, y, x]),
    MATRIX,
    Arg((2, 3)),
    call=lambda x, y: wf.concatenate([x, y, x]),
)
case(wf.stack, lambda x, y: np.stack([x, y], 1), MATRIX, MATRIX, call=lambda x, y: wf.stack([x, y], 1))
case(wf.split, lambda x: x[:, 2:4], Arg(("n", 6)), call=lambda x: wf.split(x, 3, axis=1)[1])
case(wf.split, lambda x: x[2:5], Arg((6, 2)), call=lambda x: wf.split(x, [2, 5])[1], label="positions")
case(wf.tile, lambda x: np.tile(x, (2, 1, 3)), MATRIX, call=lambda x: wf.tile(x, (2, 1, 3)))
case(wf.roll, lambda x: np.roll(x, -4, 0), MATRIX, call=lambda x: wf.roll(x, -4, 0))
case(wf.roll, lambda x: np.roll(x, 5), MATRIX, call=lambda x: wf.roll(x, 5), label="flat")
case(wf.roll, lambda x: np.roll(x, (1, 2), (0, 1)), MATRIX, call=lambda x: wf.roll(x, (1, 2), (0, 1)), label="two axes")
case(wf.diagonal, np.diagonal, MATRIX)
case(wf.diagonal, lambda x: np.diagonal(x, -2, 2, 1), CUBE, call=lambda x: wf.diagonal(x, -2, 2, 1), label="below")
case(wf.diag, lambda x: np.diag(x, 1), Arg(("n",)), call=lambda x: wf.diag(x, 1))
case(wf.diag, lambda x: np.diag(x, -1), MATRIX, call=lambda x: wf.diag(x, -1), label="of a matrix")
case(
    wf.sliding_windows,
    lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 1),
    MATRIX,
    call=lambda x: wf.sliding_windows(x, 2, 1),
)
case(
    wf.sliding_windows,
    lambda x: np.lib.stride_tricks.sliding_window_view(x, (5, 2))[::2, :, ::2],
    Arg((7, 4)),
    call=lambda x: wf.sliding_windows(x, (3, 2), stride=(2, 1), dilation=(2, 1)),
    label="stride and dilation",
)
case(
    wf.sliding_windows,
    lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 0)[::3],
    Arg((6, 2)),
    call=lambda x: wf.sliding_windows(x, 2, 0, stride=3),
    label="apart",
)
case(wf.repeat, lambda x: np.repeat(x, 3, 0), MATRIX, call=lambda x: wf.repeat(x, 3, 0))
case(wf.repeat, lambda x: np.repeat(x, 2), MATRIX, call=lambda x: wf.repeat(x, 2), label="flat")

# ---- indexing ------------------------------------------------------------------------------------------------------

PLACES = Arg((4,), -3, 2, "int64")

case(wf.take, lambda x, i: np.take(x, i, 1), MATRIX, PLACES, call=lambda x, i: wf.take(x, i, 1))
case(wf.take, np.take, Arg((2, 3)), Arg(("n", 2), -6, 5, "int32"), label="flat")
case(
    wf.take_along_axis,
    lambda x, i: np.take_along_axis(x, i, 1),
    MATRIX,
    Arg(("n", 2), 0, 2, "int64"),
    call=lambda x, i: wf.take_along_axis(x, i, 1),
)
case(
    wf.index_set,
    references.index_set,
    MATRIX,
    Arg(("n", 2)),
    call=lambda x, v: wf.index_set(x, (slice(None), slice(None, None, 2)), v),
)
case(wf.index_add, references.index_add, Arg((3, 2)), PLACES, Arg((4, 2)))

# ---- creation ------------------------------------------------------------------------------------------------------

CREATED: dict[str, Any] = {"differentiable": False, "sizes": (0, 1, 7)}

case(wf.zeros, lambda x: np.zeros((2, len(x)), "f4"), MATRIX, call=lambda x: wf.zeros((2, x.shape[0])), **CREATED)
case(wf.ones, lambda x: np.ones((len(x), 3)), MATRIX, call=lambda x: wf.ones(x.shape, "float64"), **CREATED)
case(wf.full, lambda x: np.full((2, 3), 7), MATRIX, call=lambda x: wf.full((2, 3), 7), **CREATED)
case(wf.zeros_like, np.zeros_like, MATRIX, **CREATED)
case(wf.ones_like, np.ones_like, MATRIX, **CREATED)
case(wf.full_like, lambda x: np.full_like(x, 2.5), MATRIX, call=lambda x: wf.full_like(x, 2.5), **CREATED)
case(wf.arange, lambda x: np.arange(len(x)), MATRIX, call=lambda x: wf.arange(x.shape[0]), **CREATED)
case(wf.arange, lambda x: np.arange(7, 1, -2), MATRIX, call=lambda x: wf.arange(7, 1, -2), label="down", **CREATED)
case(
    wf.iota,
    lambda x: np.broadcast_to(np.arange(3), x.shape).astype("int32"),
    MATRIX,
    call=lambda x: wf.iota(x.shape, 1, "int32"),
    **CREATED,
)
case(wf.eye, lambda x: np.eye(3, 5, 1, dtype="f4"), MATRIX, call=lambda x: wf.eye(3, 5, 1), **CREATED)
case(
    wf.one_hot,
    lambda i: np.eye(4, dtype="f4")[i],
    Arg(("n", 2), 0, 3, "int64"),
    call=lambda i: wf.one_hot(i, 4),
    **CREATED,
)

# ---- products ------------------------------------------------------------------------------------------------------

case(wf.matmul, np.matmul, MATRIX, Arg((3, 5)))
case(wf.matmul, np.matmul, Arg((3, "n")), Arg(("n", 4)), label="over n")
case(wf.matmul, np.matmul, Arg((3,)), Arg((3, "n")), label="vector @ matrix")
case(wf.matmul, np.matmul, MATRIX, Arg((3,)), label="matrix @ vector")
case(wf.matmul, np.matmul, Arg(("n",)), Arg(("n",)), label="inner")
case(wf.matmul, np.matmul, Arg((2, 1, 2, 3)), Arg(("n", 3, 2)), label="batches")
case(wf.dot, np.dot, CUBE, Arg((4, 3, 2)))
case(wf.dot, np.dot, Arg(()), MATRIX, label="scalar")
case(wf.outer, np.outer, Arg(("n",)), Arg((3,)))
case(wf.tensordot, lambda a, b: np.tensordot(a, b, 2), CUBE, Arg(("n", 3, 4)))
case(
    wf.tensordot,
    lambda a, b: np.tensordot(a, b, ((0, 2), (1, 0))),
    CUBE,
    Arg((3, 2)),
    call=lambda a, b: wf.tensordot(a, b, ((0, 2), (1, 0))),
    label="axes",
)
case(wf.trace, np.trace, Arg((3, 3)))

# ---- rows ----------------------------------------------------------------------------------------------------------

LABELS = Arg(("n",), 0, 2, "int64")

case(wf.softmax, lambda x: scipy.special.softmax(x, -1), MATRIX)
case(wf.softmax, lambda x: scipy.special.softmax(x, 0), CUBE, call=lambda x: wf.softmax(x, 0), label="axis 0")
case(wf.log_softmax, references.log_softmax, MATRIX)
case(wf.pick, lambda x, t: x[np.arange(len(t)), t], MATRIX, LABELS)
case(wf.crossentropy, lambda x, t: -scipy.special.log_softmax(x, -1)[np.arange(len(t)), t], MATRIX, LABELS)
case(
    wf.crossentropy,
    lambda x, p: -(p * scipy.special.log_softmax(x, -1)).sum(-1),
    MATRIX,
    Arg(("n", 3), 0, 1),
    label="soft",
)
case(wf.binary_crossentropy, lambda z, t: np.logaddexp(0, z) - z * t, Arg(("n", 3), -5, 5), Arg(("n", 3), 0, 1))
case(
    wf.batch_norm,
    lambda x, a, b: references.normalized(x, 0) * a + b,
    Arg((5, 3)),
    Arg((3,)),
    Arg((3,)),
    call=lambda x, a, b: wf.batch_norm(x, a, b)[0],
    eps=64,
)
case(
    wf.batch_norm,
    lambda x, a, b: references.normalized(x, (0, 2)) * a[:, None] + b[:, None],
    Arg((2, 3, 4)),
    Arg((3,)),
    Arg((3,)),
    call=lambda x, a, b: wf.batch_norm(x, a, b, axes=(0, 2))[0],
    label="channels",
    eps=64,
)
case(wf.layer_norm, lambda x, a, b: references.normalized(x, 1) * a + b, Arg(("n", 5)), Arg((5,)), Arg((5,)), eps=64)
case(
    wf.local_response_norm,
    references.local_response_norm,
    Arg(("n", 6, 2, 2)),
    call=lambda x: wf.local_response_norm(x, n=3, k=2.0, alpha=0.1, beta=0.75),
)

# ---- Python, variables ----------------------------------------------------------------------------------------------

CALLS = wf.shared(0.0, "calls")
case(wf.with_updates, np.copy, Arg(), call=lambda x: wf.with_updates(x, {CALLS: CALLS + 1}))
case(wf.callback, np.sin, MATRIX, call=lambda x: wf.callback(np.sin, x.type, x, vjp=lambda g, _, x: g * wf.cos(x)))

# ---- convolution and pooling ---------------------------------------------------------------------------------------

case(wf.conv1d, references.conv, Arg(("n", 2, 9)), Arg((4, 2, 3)), eps=64)
case(
    wf.conv1d,
    lambda x, w: references.conv(x, w, 2, 2, 2),
    Arg(("n", 2, 9)),
    Arg((4, 2, 3)),
    call=lambda x, w: wf.conv1d(x, w, stride=2, padding=2, dilation=2),
    label="strided",
    eps=64,
)
case(
    wf.conv2d,
    lambda x, w, b: references.conv(x, w) + b[:, None, None],
    Arg(("n", 2, 5, 6)),
    Arg((3, 2, 3, 2)),
    Arg((3,)),
    eps=64,
)
case(
    wf.conv2d,
    lambda x, w: references.conv(x, w[..., ::-1, ::-1], 2, 1, 1, 2),
    Arg(("n", 4, 6, 5)),
    Arg((6, 2, 3, 3)),
    call=lambda x, w: wf.conv2d(x, w, stride=2, padding=1, groups=2, flip=True),
    label="groups",
    eps=64,
    special=False,  # the reference of groups multiplies zeros with the others' elements
)
case(wf.conv3d, references.conv, Arg((2, 2, 4, 3, 5)), Arg((3, 2, 2, 2, 3)), eps=64)
SPREAD: dict[str, Any] = {"eps": 64, "special": False}  # between the elements are zeros, which meet infinities
case(wf.conv1d_transpose, references.conv_transpose, Arg(("n", 2, 5)), Arg((2, 3, 3)), sizes=(1, 7), **SPREAD)
case(
    wf.conv2d_transpose,
    lambda x, w: references.conv_transpose(x, w, 2, 1, 1),
    Arg(("n", 2, 3, 4)),
    Arg((2, 3, 3, 3)),
    call=lambda x, w: wf.conv2d_transpose(x, w, stride=2, padding=1, output_padding=1),
    sizes=(1, 2),
    **SPREAD,
)
case(wf.conv3d_transpose, references.conv_transpose, Arg((1, 2, 2, 3, 2)), Arg((2, 2, 2, 2, 2)), **SPREAD)

for _op, _rank in ((wf.max_pool1d, 1), (wf.max_pool2d, 2), (wf.max_pool3d, 3)):
    case(
        _op,
        lambda x: references.pool(x, 3, 2, 1, np.max, -np.inf),
        Arg(("n", 2, *(7, 6, 5)[:_rank])),
        call=lambda x, f=_op: f(x, 3, stride=2, padding=1),
    )
case(
    wf.max_pool2d,
    lambda x: references.pool(x, 3, 1, 1, lambda w, axis: np.max(w[..., ::2, ::2], axis), -np.inf),
    Arg(("n", 2, 5, 4)),
    call=lambda x: wf.max_pool2d(x, 2, stride=1, padding=1, dilation=2),
    label="dilated",
)


def unpooled(op: Any, located: Any) -> Callable[..., Any]:
    """x put where the first of each two elements along every axis stands."""
    return lambda x: op(x, located(wf.zeros((*x.shape[:2], *[2 * d for d in x.shape[2:]])), 2)[1], 2)


LOCATED = (wf.max_pool1d_with_indices, wf.max_pool2d_with_indices, wf.max_pool3d_with_indices)
for _rank, _op in enumerate(LOCATED, 1):
    case(
        _op,
        lambda x: references.pool(x, 2, 2, 0, np.max, 0),
        Arg(("n", 2, *(5, 4, 3)[:_rank])),
        call=lambda x, f=_op: f(x, 2)[0],
    )
case(
    wf.max_pool1d_with_indices,
    lambda x: references.pool(x, 3, 3, 0, lambda w, axis: np.argmax(w, -1), 0) + 3 * np.arange(3),
    Arg(("n", 2, 10)),
    call=lambda x: wf.max_pool1d_with_indices(x, 3)[1],
    label="indices",
    differentiable=False,
)
for _rank, _op in enumerate((wf.max_unpool1d, wf.max_unpool2d, wf.max_unpool3d), 1):
    case(
        _op,
        lambda x: np.kron(x, np.eye(1, 2 ** (x.ndim - 2)).reshape(1, 1, *[2] * (x.ndim - 2))),
        Arg(("n", 2, *(3, 2, 2)[:_rank])),
        call=unpooled(_op, LOCATED[_rank - 1]),
        special=False,  # the reference multiplies by zeros
    )
for _op, _rank in ((wf.avg_pool1d, 1), (wf.avg_pool2d, 2), (wf.avg_pool3d, 3)):
    case(
        _op,
        lambda x: references.pool(x, 2, 2, 0, np.mean, 0),
        Arg(("n", 2, *(7, 6, 5)[:_rank])),
        call=lambda x, f=_op: f(x, 2),
    )
case(
    wf.avg_pool2d,
    lambda x: references.pool(x, 3, 1, 1, np.mean, 0),
    Arg(("n", 2, 5, 4)),
    call=lambda x: wf.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=True),
    label="padding counts",
)
case(
    wf.avg_pool2d,
    lambda x: references.pool(x, 3, 1, 1, np.nanmean, np.nan),
    Arg(("n", 2, 5, 4)),
    call=lambda x: wf.avg_pool2d(x, 3, stride=1, padding=1),
    label="padding does not count",
    special=False,  # to the reference NaN is padding
)
for _op, _rank in ((wf.sum_pool1d, 1), (wf.sum_pool2d, 2), (wf.sum_pool3d, 3)):
    case(
        _op,
        lambda x: references.pool(x, 2, 1, 0, np.sum, 0),
        Arg(("n", 2, *(5, 4, 3)[:_rank])),
        call=lambda x, f=_op: f(x, 2, 1),
    )
for _op, _rank in ((wf.lp_pool1d, 1), (wf.lp_pool2d, 2), (wf.lp_pool3d, 3)):
    case(
        _op,
        lambda x: references.pool(np.abs(x) ** 3, 2, 2, 0, np.sum, 0) ** (1 / 3),
        Arg(("n", 2, *(4, 6, 2)[:_rank]), 0.2, 2),
        call=lambda x, f=_op: f(x, 2, p=3),
        eps=64,
    )

ELSEWHERE = {
    "elementwise": "a decorator: tests/ops/test_scalar.py",
    "dropout": "random: tests/ops/test_normalization.py",
    "cond": "takes expressions in structures: tests/ops/test_control.py",
    "einsum": "takes text first: tests/ops/test_einsum.py",
    **dict.fromkeys(
        ("cholesky", "det", "eigh", "inv", "qr", "slogdet", "solve", "solve_triangular", "svd", "tril", "triu"),
        "takes matrices of its own kind: tests/ops/test_decompositions.py",
    ),
    "nonzero": "as many results as x has axes, as long as there are places: tests/symbolic/test_sizes.py",
    "scan": "takes a function: tests/ops/test_control.py",
    "while_loop": "takes functions: tests/ops/test_control.py",
}
