"""How operations on arrays are written: products of matrices, indices, what is joined, convolved or decomposed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...symbolic.dims import Dim, at_least
from ...symbolic.expr import Expr
from .forms import Form, is_column
from .reductions import subscript
from .symbols import shape, size
from .texts import (
    CALL,
    ENTRYWISE,
    MATRICES,
    TRANSPOSE,
    Text,
    call,
    fence,
    join,
    matrix_product,
    number,
    operator,
    prose,
)


def constant(value: np.ndarray) -> Text:
    """A number, or a small array; of what is larger, its kind and shape."""
    if value.ndim == 0:
        return scalar_number(value[()])
    if value.size and (value == value.flat[0]).all():
        return scalar_number(value.flat[0])._replace(rank=value.ndim)
    if value.ndim > 2 or value.size > 16 or not value.size:
        return Text(rf"\mathbf{{C}}_{{{shape(value.shape)}}}", CALL, value.ndim)
    rows = value[None] if value.ndim == 1 else value
    cells = r" \\ ".join(" & ".join(scalar_number(v).latex for v in row) for row in rows)
    return Text(rf"\begin{{bmatrix}} {cells} \end{{bmatrix}}", CALL, value.ndim, 1)


def scalar_number(value: Any) -> Text:
    """A number: exactly as its shortest digits say."""
    if isinstance(value, bool | np.bool_):
        return Text(prose(str(bool(value)).lower()))
    if value != value:
        return Text(r"\mathrm{NaN}")
    if np.isinf(value):
        return Text(r"\infty" if value > 0 else r"-\infty", CALL if value > 0 else ENTRYWISE)
    shortest = str(int(value)) if value == int(value) else np.format_float_scientific(value, unique=True, trim="-")
    return number(Fraction(shortest))


# ---- axes ---------------------------------------------------------------------------------------------------------


def expand_form(node: Expr) -> Form:
    """A new axis behind a vector: a matrix with that column."""
    axes: tuple[int, ...] = node.op.axes  # type: ignore[attr-defined]
    if is_column(node):
        return _column_form(node)
    index = [r"\ast" if axis in axes else ":" for axis in range(node.ndim)]
    return Form(node.args, lambda x: subscript(x, ",".join(index), node.ndim))


def _column_form(node: Expr) -> Form:
    return Form(node.args, lambda x: matrix_product(x, Text(rf"\mathbf{{1}}^{{{TRANSPOSE}}}", CALL, 1), 2))


def reshape_form(node: Expr) -> Form:
    """A vector of all elements, or a shape."""
    if is_column(node):
        return _column_form(node)
    if node.ndim == 1:
        return Form(node.args, lambda x: call(operator("vec"), x, rank=1))
    name = rf"{operator('reshape')}_{{{shape(node.shape)}}}"
    return Form(node.args, lambda x: call(name, x, rank=node.ndim))


# ---- indices ---------------------------------------------------------------------------------------------------------


def slice_form(node: Expr) -> Form:
    """x with a Python slice for each axis, or a number where one element is left."""
    op: Any = node.op
    parts = zip(op.starts, op.steps, op.sizes, node.args[0].shape, strict=True)
    return _with_index(node, [_slice(*each) for each in parts])


def _slice(start: Dim, step: int, count: Dim, whole: Dim) -> str:
    if count == 1 and whole != 1:
        return size(start)
    if step == 1 and start == 0 and count == whole:
        return ":"
    if step > 0 and at_least(start + count * step, whole):
        return ("" if start == 0 else size(start)) + ":" + (f":{step}" if step != 1 else "")
    end = start + count if step == 1 else start + count * step
    if step < 0:
        return f"{size(start)}::{step}" if end == -1 or end == start - whole else f"{size(start)}:{size(end)}:{step}"
    first, last = "" if start == 0 else size(start), "" if end == whole else size(end)
    return f"{first}:{last}" + (f":{step}" if step != 1 else "")


def _with_index(node: Expr, index: list[str]) -> Form:
    while index and index[-1] == ":":
        index.pop()
    if not index:
        return Form(node.args, lambda x: x)
    return Form(node.args, lambda x: subscript(x, ",".join(index), node.ndim) if x.rank else x)


def gather_form(node: Expr) -> Form:
    """x with index arrays for some axes."""
    axes: tuple[int, ...] = node.op.axes  # type: ignore[attr-defined]

    def write(x: Text, *indices: Text) -> Text:
        places = dict(zip(axes, indices, strict=True))
        index = ",".join(places[a].latex if a in places else ":" for a in range(max(axes) + 1))
        return join(subscript(x, index, node.ndim).latex, CALL, node.ndim, x, *indices)

    return Form(node.args, write)


def scatter_form(sign: str) -> Callable[[Expr], Form]:
    """x, where elements at indices are changed."""

    def form(node: Expr) -> Form:
        def write(x: Text, v: Text, *indices: Text) -> Text:
            index = ",".join(i.latex for i in indices)
            change = rf"\left[{index} {sign} {v.latex}\right]"
            return join(rf"{fence(x, CALL)}{change}", CALL, node.ndim, x, v, *indices)

        return Form(node.args, write)

    return form


def diagonal_form(node: Expr) -> Form:
    """The diagonal of a matrix."""
    offset = node.op.offset  # type: ignore[attr-defined]
    return Form(node.args, lambda x: call(operator("diag") + (f"_{{{offset}}}" if offset else ""), x, rank=node.ndim))


def concatenate_form(node: Expr) -> Form:
    """Blocks one beside the other, or one below the other."""
    axis = node.op.axis  # type: ignore[attr-defined]
    across = node.ndim == 1 or axis == node.ndim - 1

    def write(*texts: Text) -> Text:
        blocks = (" & " if across else r" \\ ").join(t.latex for t in texts)
        return join(rf"\begin{{bmatrix}} {blocks} \end{{bmatrix}}", CALL, node.ndim, *texts)

    return Form(node.args, write)


def iota_form(node: Expr) -> Form:
    """0, 1, ... n - 1."""
    op: Any = node.op
    count = op.shape[op.axis]
    latex = r"\left(0, \dots, " + (str(count - 1) if isinstance(count, int) else size(count - 1)) + r"\right)"
    return Form((), lambda: Text(latex, CALL, node.ndim))


# ---- convolutions, decompositions ------------------------------------------------------------------------------------


def conv_form(node: Expr) -> Form:
    """x * w, with what differs from a plain convolution below the sign."""
    op: Any = node.op
    said = [
        ("s", op.strides, 1),
        ("d", op.w_dilation, 1),
        ("d_x", op.x_dilation, 1),
        ("p", op.padding, (0, 0)),
        ("g", op.groups, 1),
        ("g_n", op.batch_groups, 1),
    ]
    shown = [f"{word}={_each(value)}" for word, value, usual in said if any(v != usual for v in _as_tuple(value))]
    sign = r"\ast" + (f"_{{{', '.join(shown)}}}" if shown else "")
    return Form(
        node.args,
        lambda x, w: join(rf"{fence(x, CALL)} {sign} {fence(w, CALL)}", ENTRYWISE, node.ndim, x, w),
    )


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _each(value: Any) -> str:
    """One number where all axes have the same."""
    each = [_as_tuple(v) for v in _as_tuple(value)]
    flat = [size(d) for pair in each for d in pair]
    return flat[0] if len(set(flat)) == 1 else "(" + ",".join(flat) + ")"


def pool_form(sign: str) -> Callable[[Expr], Form]:
    """A pooling, with the window and the stride where it differs."""

    def form(node: Expr) -> Form:
        op: Any = node.op
        below = shape(op.window) + (rf",\, s={_each(op.strides)}" if op.strides != op.window else "")
        if any(p != (0, 0) for p in op.padding):
            below += rf",\, p={_each(op.padding)}"
        return Form(node.args, lambda *xs: call(f"{sign}_{{{below}}}", *xs, rank=node.ndim))

    return form


def power_form(exponent: str) -> Callable[[Expr], Form]:
    """A matrix with an exponent, as its inverse has it."""
    return lambda node: Form(node.args, lambda x: join(f"{fence(x)}^{{{exponent}}}", CALL, node.ndim, x))


def solve_form(node: Expr) -> Form:
    """The inverse of a times b."""

    def write(a: Text, b: Text) -> Text:
        return join(f"{fence(a)}^{{-1}} {fence(b, MATRICES)}", MATRICES, node.ndim, a, b)

    return Form(node.args, write)


def item_form(node: Expr) -> Form:
    """One of several results."""
    index = str(node.op.index)  # type: ignore[attr-defined]
    return Form(node.args, lambda x: join(f"{x.latex}_{{{index}}}", CALL, node.ndim, x))


def function_form(sign: str) -> Callable[[Expr], Form]:
    """A function of that sign."""
    return lambda node: Form(node.args, lambda *xs: call(sign, *xs, rank=getattr(node.type, "ndim", 0)))
