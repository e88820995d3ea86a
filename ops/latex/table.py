"""Which op is written how; an op that is not here, and has no `latex` of its own, is a function with its parameters."""

from __future__ import annotations

from collections.abc import Callable

from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, Item, Size
from ...symbolic.text import parameters
from ..conv import Conv
from ..creation import Iota
from ..decompositions import QR, SVD, Cholesky, EigH, Inverse, Solve, SolveTriangular
from ..determinants import Determinant, SignLogDet
from ..elementwise import Elementwise
from ..gather import Gather, ScatterAdd, ScatterSet
from ..linalg import MatMul
from ..movement import Concatenate, ExpandDims, Reshape, Slice, Transpose
from ..order import ArgSort, CumSum
from ..pool import MaxPool, SumPool
from ..reduce import ArgReduce, Reduce
from ..strided import Diagonal
from . import arrays
from .draws import draw_form
from .forms import Form
from .patterns import known_form
from .products import matmul_form, transpose_form
from .reductions import reduction_form
from .scalars import elementwise_form
from .symbols import product_of_sizes, size
from .texts import ATOM, CALL, SCALED, Text, join, operator, parentheses, prose

FORMS: dict[type, Callable[[Expr], Form]] = {
    Elementwise: elementwise_form,
    Reduce: reduction_form,
    ArgReduce: reduction_form,
    MatMul: matmul_form,
    Transpose: transpose_form,
    ExpandDims: arrays.expand_form,
    Reshape: arrays.reshape_form,
    Slice: arrays.slice_form,
    Gather: arrays.gather_form,
    ScatterAdd: arrays.scatter_form(r"\mathrel{+}="),
    ScatterSet: arrays.scatter_form(r"\gets"),
    Diagonal: arrays.diagonal_form,
    Concatenate: arrays.concatenate_form,
    Iota: arrays.iota_form,
    Conv: arrays.conv_form,
    MaxPool: arrays.pool_form(operator("maxpool")),
    SumPool: arrays.pool_form(operator("sumpool")),
    Inverse: arrays.power_form("-1"),
    Solve: arrays.solve_form,
    SolveTriangular: arrays.solve_form,
    Determinant: arrays.function_form(r"\det"),
    CumSum: lambda node: arrays.function_form(operator("cumsum") + (r"^{\leftarrow}" if node.op.reverse else ""))(node),  # type: ignore[attr-defined]
    Cholesky: arrays.function_form(operator("chol")),
    SVD: arrays.function_form(operator("svd")),
    QR: arrays.function_form(operator("qr")),
    EigH: arrays.function_form(operator("eigh")),
    SignLogDet: arrays.function_form(operator("slogdet")),
    Item: arrays.item_form,
    ArgSort: arrays.function_form(operator("argsort")),
    Constant: lambda node: Form((), lambda: arrays.constant(node.op.value)),  # type: ignore[attr-defined]
    Size: lambda node: Form((), lambda: _size(node)),
}


def form_of(node: Expr) -> Form:
    """How a node is written, which is bare and no input, variable, loop or branch."""
    found = draw_form(node) or known_form(node)
    if found is not None:
        return found
    own = getattr(node.op, "latex", None)
    if own is not None:
        return Form(node.args, lambda *xs: join(str(own(*[x.latex for x in xs])), 0, 0, *xs))
    known = FORMS.get(type(node.op))
    return known(node) if known is not None else _any_form(node)


def _size(node: Expr) -> Text:
    dim = node.op.dim  # type: ignore[attr-defined]
    sizes = tuple(product_of_sizes(dim))
    return Text(size(dim), ATOM if len(sizes) == 1 else SCALED, sizes=sizes)


def _any_form(node: Expr) -> Form:
    """operatorname(args; parameters)."""
    details = parameters(node.op)

    def write(*xs: Text) -> Text:
        inside = ", ".join(x.latex for x in xs) + (rf";\, {prose(details)}" if details else "")
        return join(f"{operator(node.op.name)}{parentheses(inside)}", CALL, 0, *xs)

    return Form(node.args, write)
