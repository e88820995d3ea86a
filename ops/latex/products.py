"""How products of matrices are written, in which vectors are rows or columns."""

from __future__ import annotations

from ...symbolic.expr import Expr
from ...symbolic.grad import Assume, StopGradient
from ..elementwise import Cast, Elementwise
from ..movement import ExpandDims, Reshape, Transpose
from .forms import Form, bare
from .reductions import index_letters, subscript
from .symbols import size
from .texts import ATOM, BIG, TRANSPOSE, Text, join, linear, matrix_product


def matmul_form(node: Expr) -> Form:
    """a b; a vector on the left is a row."""
    steps = _over_steps(node)
    if steps is not None:
        return steps
    (a, row), (b, column) = (_vector(x) for x in node.args)
    rank = sum(d != 1 for d in node.shape[-2:]) + max(node.ndim - 2, 0)

    def write(x: Text, y: Text) -> Text:
        left, right = _turn(x, row), _turn(y, column)
        whole = matrix_product(_at_least_vector(left), _at_least_vector(right), rank)
        return whole._replace(row=node.shape[-2] == 1 != node.shape[-1])

    return Form((a, b), write)


def _turn(text: Text, wanted: str) -> Text:
    """A vector as the row or the column that is wanted."""
    stands = not text.row if wanted == "column" else text.row
    return text if not wanted or stands or text.number is not None else linear(text, TRANSPOSE, 2)


def _vector(node: Expr) -> tuple[Expr, str]:
    """(what is written for a factor, bare; of a vector whether it is a "row" or a "column")."""
    turned, node = False, _plain(node)
    if isinstance(node.op, Transpose) and _is_vector(_plain(node.args[0])):
        turned, node = True, _plain(node.args[0])
    if _is_vector(node):
        return bare(node.args[0]), "row" if (node.shape[0] == 1) != turned else "column"
    found = bare(node)
    if found.ndim == 1 and node.ndim == 2:
        return found, "row" if (node.shape[0] == 1) != turned else "column"
    return found, ""


def _is_vector(node: Expr) -> bool:
    """Whether it is a vector as a matrix of one row or column."""
    return isinstance(node.op, ExpandDims | Reshape) and node.ndim == 2 and node.args[0].ndim == 1 and 1 in node.shape


def _plain(node: Expr) -> Expr:
    """The node without what leaves elements where they are."""
    while isinstance(node.op, Assume | StopGradient) or (
        isinstance(node.op, Elementwise) and isinstance(node.op.function, Cast) and bare(node) is not node
    ):
        node = node.args[0]
    return node


def _over_steps(node: Expr) -> Form | None:
    """The product of two stacks, of matrices of steps one below the other: the sum of their products."""
    left = bare(node.args[0])
    pair = [bare(left.args[0]), bare(node.args[1])] if isinstance(left.op, Transpose) and left.ndim == 2 else []
    stacks = [x.args[0] for x in pair if isinstance(x.op, Reshape) and x.ndim == 2 and x.args[0].ndim == 3]
    if len(stacks) < 2 or stacks[0].shape[:2] != stacks[1].shape[:2]:
        return None
    count = stacks[0].shape[0]

    def write(x: Text, y: Text) -> Text:
        (letter,) = index_letters(join("", ATOM, 0, x, y), [count], [4])
        one = matrix_product(linear(subscript(x, letter, 2), TRANSPOSE, 2), subscript(y, letter, 2), 2)
        return join(rf"\sum_{{{letter}=1}}^{{{size(count)}}} {one.latex}", BIG, 2, x, y)

    return Form(tuple(stacks), write)


def _at_least_vector(text: Text) -> Text:
    return text if text.rank or text.product is not None else text._replace(rank=1)


def transpose_form(node: Expr) -> Form:
    """The transpose of matrices; any other order of axes is said."""
    axes: tuple[int, ...] = node.op.axes  # type: ignore[attr-defined]
    swapped = (*range(len(axes) - 2), len(axes) - 1, len(axes) - 2)
    change = TRANSPOSE if axes == swapped else rf"\top({','.join(map(str, axes))})"
    return Form(node.args, lambda x: linear(x, change, node.ndim) if x.rank else x)
