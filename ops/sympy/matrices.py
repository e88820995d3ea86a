"""Graphs in the algebra of matrices: vectors are columns, and functions of every element are applied to matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...symbolic.dims import Dim
from ...symbolic.expr import Expr, toposort
from ...symbolic.grad import Assume, CustomGradient, StopGradient
from ...symbolic.leaves import Constant, Input, Shared, Size
from ..callback import Callback
from ..creation import identity_size
from ..decompositions import Inverse, Solve
from ..determinants import Cofactors, Determinant
from ..elementwise import Cast, Elementwise
from ..linalg import MatMul
from ..movement import BroadcastTo, ExpandDims, Reshape, Slice, Squeeze, Transpose
from ..reduce import Reduce
from ..strided import Diagonal
from ..updating import WithUpdates
from .elements import no_form
from .numbers import constant_number, function_to_sympy, number_to_sympy
from .sizes import size_to_sympy

_SAME = (Assume, CustomGradient, StopGradient, WithUpdates)
_FEW = 64  # elements of a constant that is written out


def has_matrices(root: Expr) -> bool:
    """Whether there are matrices in it, and nothing of more axes but a batch of one."""
    shapes = [node.shape for node in toposort([root]) if hasattr(node.type, "shape")]
    return max(map(len, shapes)) > 1 and all(d == 1 for shape in shapes for d in shape[:-2])


class Matrices:
    """The formula of a graph whose values are numbers, columns and matrices."""

    def __init__(self, known: Mapping[Expr, Any], sympy: Any) -> None:
        self.sympy = sympy
        self.known: dict[Expr, Any] = dict(known)

    def formula(self, root: Expr) -> Any:
        """The formula of the root."""
        for node in toposort([root], into=self._is_made_of_arguments):
            if node not in self.known:
                self.known[node] = self.of(node)
        return self.known[root]

    def _is_made_of_arguments(self, node: Expr) -> bool:
        return node not in self.known and _is_diagonal_sum(node) is None and _is_identity(node) is None

    def of(self, node: Expr) -> Any:
        """The formula of a node, whose arguments have theirs."""
        summed = _is_diagonal_sum(node)
        if summed is not None:
            return self.sympy.Trace(self.formula(summed))
        identity = _is_identity(node)
        if identity is not None:
            return self.sympy.Identity(self.size(identity))
        for kinds, rule in _RULES:
            if isinstance(node.op, kinds):
                return rule(self, node, *(self.known[a] for a in node.args))
        raise no_form(node)

    def size(self, dim: Any) -> Any:
        return size_to_sympy(dim, self.sympy)

    def shape(self, node: Expr) -> tuple[Any, Any]:
        """Rows and columns of a value, of which a vector has one."""
        rows, columns = (*node.shape, 1, 1)[:2] if node.ndim < 2 else node.shape[-2:]
        return self.size(rows), self.size(columns)

    def is_matrix(self, value: Any) -> bool:
        return bool(getattr(value, "is_Matrix", False))


def _is_diagonal_sum(node: Expr) -> Expr | None:
    """The matrix of which a node is the trace."""
    if not isinstance(node.op, Reduce) or node.op.kind != "sum":
        return None
    inner = node.args[0]
    found = isinstance(inner.op, Diagonal) and inner.op.offset == 0 and inner.ndim == 1
    return inner.args[0] if found else None


def _is_identity(node: Expr) -> Dim | None:
    """The size of the identity matrix that a node is."""
    is_cast = isinstance(node.op, Elementwise) and isinstance(node.op.function, Cast)
    return identity_size(node.args[0]) if is_cast else None


# ---- leaves, products, what moves elements ---------------------------------------------------------------------------


def _leaf(of: Matrices, node: Expr) -> Any:
    name = node.name or f"x{getattr(node.op, 'number', '')}"
    if node.ndim == 0:
        return of.sympy.Symbol(name) if node.dtype.kind == "b" else of.sympy.Symbol(name, real=True)
    return of.sympy.MatrixSymbol(name, *of.shape(node))


def _constant(of: Matrices, node: Expr) -> Any:
    op: Any = node.op
    if node.ndim == 0:
        return constant_number(op, of.sympy)
    value = op.value.reshape(-1, 1) if node.ndim == 1 else op.value.reshape(op.value.shape[-2:])
    if not value.size or value.size > _FEW:
        raise no_form(node)
    return of.sympy.ImmutableMatrix([[number_to_sympy(v, of.sympy) for v in row] for row in value.tolist()])


def _matmul(of: Matrices, node: Expr, a: Any, b: Any) -> Any:
    return a * b


def _transpose(of: Matrices, node: Expr, x: Any) -> Any:
    axes = node.op.axes  # type: ignore[attr-defined]
    swapped = axes in ((1, 0), (0, 2, 1))
    if not swapped:
        if axes == tuple(range(len(axes))):
            return x
        raise no_form(node)
    return of.sympy.Transpose(x).doit(deep=False)


def _same_shape(of: Matrices, node: Expr, x: Any) -> Any:
    """Axes of size 1 that come and go: a row of a vector is its transpose, and a matrix of one element a number."""
    before, after = node.args[0], node
    if not of.is_matrix(x):
        return x if after.ndim == 0 else x * of.sympy.OneMatrix(*of.shape(after))
    if [d for d in before.shape if d != 1] != [d for d in after.shape if d != 1]:
        raise no_form(node)
    if after.ndim == 0:
        return x[0, 0]
    if tuple(x.shape) == of.shape(after):
        return x
    return of.sympy.Transpose(x).doit(deep=False)


def _slice(of: Matrices, node: Expr, x: Any) -> Any:
    op: Any = node.op
    if node.ndim > 2:
        raise no_form(node)
    ranges = [
        (of.size(a), of.size(a) + s * of.size(n), s) for a, s, n in zip(op.starts, op.steps, op.sizes, strict=True)
    ]
    if any(step < 0 for _, _, step in ranges):
        raise no_form(node)
    rows, columns = ranges if len(ranges) == 2 else (*ranges, (0, 1, 1))
    return of.sympy.matrices.expressions.slice.MatrixSlice(x, rows, columns)


def _broadcast(of: Matrices, node: Expr, x: Any) -> Any:
    return _stretch(of, x, node.args[0].ndim, of.shape(node), node.ndim)


def _stretch(of: Matrices, x: Any, rank: int, shape: tuple[Any, Any], wanted: int) -> Any:
    """A value repeated to this shape, by products with ones."""
    ones = of.sympy.OneMatrix
    if not of.is_matrix(x):
        return x * ones(*shape)
    if rank == 1 and wanted > 1:
        x = of.sympy.Transpose(x)
    if x.shape[0] == 1 != shape[0]:
        x = ones(shape[0], 1) * x
    if x.shape[1] == 1 != shape[1]:
        x = x * ones(1, shape[1])
    return x


# ---- functions of every element --------------------------------------------------------------------------------------


def _elementwise(of: Matrices, node: Expr, *values: Any) -> Any:
    shape = of.shape(node)
    args = [
        _stretch(of, v, a.ndim, shape, node.ndim) if of.is_matrix(v) else v
        for v, a in zip(values, node.args, strict=True)
    ]
    matrices = [v for v in args if of.is_matrix(v)]
    function = getattr(node.op, "function", None)
    algebra = _ALGEBRA.get(getattr(function, "name", ""))
    if matrices and algebra is not None:
        return algebra(of, shape, *args)
    if len(matrices) < 2:
        dummy = of.sympy.Dummy("x", real=True)
        found = function_to_sympy(node, [dummy if of.is_matrix(v) else v for v in args], of.sympy)
        if found is None:
            raise no_form(node)
        return matrices[0].applyfunc(of.sympy.Lambda(dummy, found)) if matrices else found
    raise no_form(node)


def _scalar_times(of: Matrices, shape: Any, a: Any, b: Any) -> Any:
    if of.is_matrix(a) and of.is_matrix(b):
        return of.sympy.HadamardProduct(a, b)
    return a * b


def _sum(sign: int) -> Callable[..., Any]:
    def add(of: Matrices, shape: Any, a: Any, b: Any) -> Any:
        a, b = (v if of.is_matrix(v) else v * of.sympy.OneMatrix(*shape) for v in (a, b))
        return a + b if sign > 0 else a - b

    return add


def _power(of: Matrices, shape: Any, x: Any, exponent: Any) -> Any:
    if not of.is_matrix(x):
        dummy = of.sympy.Dummy("x", real=True)
        return exponent.applyfunc(of.sympy.Lambda(dummy, x**dummy))
    return of.sympy.HadamardPower(x, exponent)


def _quotient(of: Matrices, shape: Any, a: Any, b: Any) -> Any:
    return a / b if not of.is_matrix(b) else _scalar_times(of, shape, a, of.sympy.HadamardPower(b, -1))


_ALGEBRA: dict[str, Callable[..., Any]] = {
    "add": _sum(1),
    "sub": _sum(-1),
    "neg": lambda of, shape, x: -x,
    "mul": _scalar_times,
    "mul_no_nan": _scalar_times,
    "div": _quotient,
    "reciprocal": lambda of, shape, x: of.sympy.HadamardPower(x, -1),
    "square": lambda of, shape, x: of.sympy.HadamardPower(x, 2),
    "pow": _power,
    "cast": lambda of, shape, x: x,
}


def _reduction(of: Matrices, node: Expr, x: Any) -> Any:
    """Sums by products with ones; of all elements, over indices."""
    op: Any = node.op
    rank = node.args[0].ndim
    if not of.is_matrix(x):
        raise no_form(node)
    rows, columns = of.shape(node.args[0])
    if len(op.axes) == rank and op.kind in ("sum", "prod"):
        sign = of.sympy.Sum if op.kind == "sum" else of.sympy.Product
        i, j = of.sympy.Dummy("i", integer=True), of.sympy.Dummy("j", integer=True)
        if rank == 1:
            return sign(x[i, 0], (i, 0, rows - 1))
        return sign(x[i, j], (i, 0, rows - 1), (j, 0, columns - 1))
    if op.kind != "sum" or rank != 2:
        raise no_form(node)
    ones = of.sympy.OneMatrix
    return of.sympy.Transpose(ones(1, rows) * x).doit(deep=False) if op.axes == (0,) else x * ones(columns, 1)


_RULES: tuple[tuple[Any, Callable[..., Any]], ...] = (
    ((Input, Shared), _leaf),
    (Constant, _constant),
    (Size, lambda of, node: of.size(node.op.dim)),
    (_SAME, lambda of, node, x, *_: x),
    (MatMul, _matmul),
    (Transpose, _transpose),
    ((ExpandDims, Squeeze, Reshape), _same_shape),
    (Slice, _slice),
    (BroadcastTo, _broadcast),
    ((Elementwise, Callback), _elementwise),
    (Reduce, _reduction),
    (Inverse, lambda of, node, a: of.sympy.Inverse(a)),
    (Solve, lambda of, node, a, b: of.sympy.Inverse(a) * b),
    (Determinant, lambda of, node, a: of.sympy.Determinant(a)),
    (Cofactors, lambda of, node, a: of.sympy.Determinant(a) * of.sympy.Transpose(of.sympy.Inverse(a))),
    (Diagonal, lambda of, node, a: of.sympy.matrices.expressions.diagonal.DiagonalOf(a)),
)
