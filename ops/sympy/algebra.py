"""SymPy's matrices as graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from .. import scalar
from ..coerce import as_expr
from ..creation import eye, ones, zeros
from ..decompositions import inv
from ..determinants import det
from ..elementwise import cast
from ..indexing import getitem
from ..linalg import matmul, trace
from ..movement import broadcast_to, concatenate, expand_dims, reshape, stack, swapaxes
from ..strided import diag, diagonal
from .indices import element
from .labelled import Labelled, fill


def read_matrix(reader: Any, part: Any) -> Labelled:
    """The value of a matrix, or of an element of one."""
    name = type(part).__name__
    rule = _RULES.get(name)
    if rule is not None:
        found = rule(reader, part)
        return found if isinstance(found, Labelled) else Labelled(found)
    if hasattr(part, "tolist"):
        return Labelled(_explicit(reader, part))
    raise reader.error(f"weft has no form for SymPy's {name}.", "expand it in SymPy first: .doit(), .as_explicit().")


def read_scalar(reader: Any, part: Any) -> Labelled:
    """A trace, a determinant, or the product of two vectors."""
    if isinstance(part, reader.sympy.DotProduct):
        return Labelled((matrix(reader, part.args[0]) * matrix(reader, part.args[1])).sum())
    inner = matrix(reader, part.arg)
    return Labelled(trace(inner) if isinstance(part, reader.sympy.Trace) else det(inner))


def matrix(reader: Any, part: Any) -> Expr:
    """The value of a matrix, which depends on no index."""
    value = reader.read(part)
    if value.labels:
        raise reader.error(f"The matrix {part} depends on the index {value.labels[0]}: write its elements instead.")
    node: Expr = value.node
    if node.ndim != 2:
        error = ShapeError(f"{part} is a matrix, and its expression has {node.ndim} axes.")
        raise blame(error, user_site(), node.site)
    return node


def _symbol(reader: Any, part: Any) -> Expr:
    hint = f"from_sympy(expression, {{{part}: an expression}})."
    raise reader.error(f"There is no expression for the matrix {part}.", hint)


def _chain(function: Callable[..., Any]) -> Callable[..., Expr]:
    def read(reader: Any, part: Any) -> Expr:
        result: Any = None
        for arg in part.args:
            value = matrix(reader, arg) if arg.is_Matrix else _number(reader, arg)
            result = value if result is None else function(result, value)
        return as_expr(result)

    return read


def _number(reader: Any, part: Any) -> Expr:
    value = reader.read(part)
    if value.labels or value.node.ndim:
        raise reader.error(f"{part} scales a matrix, and is no number.")
    node: Expr = value.node
    return node


def _times(a: Expr, b: Expr) -> Expr:
    return matmul(a, b) if a.ndim and b.ndim else a * b


def _power(reader: Any, part: Any) -> Expr:
    """A whole power of a matrix, by squares."""
    exponent = part.exp
    if not exponent.is_Integer:
        raise reader.error(f"Powers of matrices are whole numbers, and that of {part} is {exponent}.")
    base, left = matrix(reader, part.base), abs(int(exponent))
    base = inv(base) if exponent < 0 else base
    result = eye(base.shape[0], dtype=base.dtype) if left == 0 else None
    while left:
        if left % 2:
            result = base if result is None else matmul(result, base)
        base, left = (matmul(base, base) if left > 1 else base), left // 2
    return as_expr(result)


def _application(reader: Any, part: Any) -> Expr:
    """A function of every element, written as a Lambda."""
    inner = matrix(reader, part.expr)
    (variable,) = part.function.variables
    value = reader.within({variable: inner}).read(part.function.expr)
    return broadcast_to(value.node, inner.shape)


def _hadamard_power(reader: Any, part: Any) -> Expr:
    base, exponent = part.args
    values = [matrix(reader, x) if x.is_Matrix else _number(reader, x) for x in (base, exponent)]
    if exponent == 2:
        return scalar.square(values[0])
    if exponent == -1:
        return scalar.reciprocal(values[0])
    return scalar.pow(*values)


def _element(reader: Any, part: Any) -> Labelled:
    return element(reader, matrix(reader, part.parent), part.indices, part)


def _slice(reader: Any, part: Any) -> Expr:
    keys = []
    for first, last, step in (part.rowslice, part.colslice):
        keys.append(slice(reader.dim(first), reader.dim(last), int(step)))
    return getitem(matrix(reader, part.parent), tuple(keys))


def _explicit(reader: Any, part: Any) -> Expr:
    """A matrix of expressions."""
    rows, columns = part.shape
    if not rows or not columns:
        return zeros((rows, columns))
    cells = [_number(reader, cell) for cell in part]
    return reshape(stack(list(scalar_type(cells))), (rows, columns))


def scalar_type(cells: list[Expr]) -> list[Expr]:
    """Numbers in one dtype: floats where one is."""
    total = cells[0]
    for cell in cells[1:]:
        total = total + cell
    return [cast(cell, total.dtype) for cell in cells]


def _function_matrix(reader: Any, part: Any) -> Expr:
    """The matrix whose elements are a function of their places."""
    shape = [reader.dim(d) for d in part.shape]
    variables = part.lamda.variables
    inner = reader.within({})
    inner.ranges = {**reader.ranges, **{v: (0, n) for v, n in zip(variables, shape, strict=True)}}
    return fill(inner.read(part.lamda.expr), variables, shape)


def _blocks(reader: Any, part: Any) -> Expr:
    blocks = part.blocks
    rows = [
        concatenate([matrix(reader, blocks[i, j]) for j in range(blocks.shape[1])], 1) for i in range(blocks.shape[0])
    ]
    return concatenate(rows, 0)


def _kronecker(a: Expr, b: Expr) -> Expr:
    whole = expand_dims(a, (1, 3)) * expand_dims(b, (0, 2))
    return reshape(whole, (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]))


def _uniform(value: float) -> Callable[[Any, Any], Expr]:
    make = ones if value else zeros
    return lambda reader, part: make(tuple(reader.dim(d) for d in part.shape))


def _of_one(function: Callable[[Expr], Expr]) -> Callable[[Any, Any], Expr]:
    return lambda reader, part: function(matrix(reader, part.args[0]))


_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "MatrixSymbol": _symbol,
    "MatAdd": _chain(lambda a, b: a + b),
    "MatMul": _chain(_times),
    "MatPow": _power,
    "HadamardProduct": _chain(lambda a, b: a * b),
    "HadamardPower": _hadamard_power,
    "KroneckerProduct": _chain(_kronecker),
    "Transpose": _of_one(lambda x: swapaxes(x, 0, 1)),
    "Adjoint": _of_one(lambda x: swapaxes(x, 0, 1)),
    "Inverse": _of_one(inv),
    "DiagonalOf": _of_one(lambda x: expand_dims(diagonal(x), 1)),
    "DiagonalMatrix": _of_one(lambda x: x * eye(x.shape[0], x.shape[1], dtype=x.dtype)),
    "DiagMatrix": _of_one(lambda x: diag(reshape(x, (-1,)))),
    "ElementwiseApplyFunction": _application,
    "MatrixElement": _element,
    "MatrixSlice": _slice,
    "FunctionMatrix": _function_matrix,
    "BlockMatrix": _blocks,
    "Identity": lambda reader, part: eye(reader.dim(part.shape[0])),
    "GenericIdentity": lambda reader, part: as_expr(1),
    "ZeroMatrix": _uniform(0),
    "OneMatrix": _uniform(1),
}
