"""theano.sparse: matrices of SciPy that do not change, and their products with dense ones.

What is not here, variables that are sparse, says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from .convert import find_dtype, unwrap
from .creation import constant
from .op import Op
from .variables import Tensor, wrap

enable_sparse = True
FORMATS = ("csr", "csc")


class SparseType:
    """The type of a sparse matrix: its format and dtype."""

    ndim = 2
    broadcastable = (False, False)

    def __init__(self, format: str, dtype: str) -> None:
        if format not in FORMATS:
            raise blame(NotImplementedError(f"A sparse matrix is 'csr' or 'csc', not {format!r}."), user_site())
        self.format, self.dtype = format, np.dtype(dtype).name

    def __call__(self, name: str | None = None) -> Any:
        text = (
            f"Inputs that are sparse matrices ({name or self}) are not supported: a sparse matrix is a constant here."
        )
        hint = "give theano.sparse.dot a SciPy matrix, or make the input dense."
        raise blame(NotImplementedError(text), user_site(), hint=hint)

    make_variable = __call__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparseType) and (self.format, self.dtype) == (other.format, other.dtype)

    def __hash__(self) -> int:
        return hash((self.format, self.dtype))

    def __repr__(self) -> str:
        return f"Sparse[{self.dtype}, {self.format}]"


class SparseVariable:
    """A sparse matrix of SciPy's as a constant."""

    owner = None

    def __init__(self, data: Any, name: str | None = None) -> None:
        self.data, self.name = data, name
        self.type = SparseType(data.format, data.dtype)

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def format(self) -> str:
        return self.type.format

    @property
    def ndim(self) -> int:
        return 2

    @property
    def shape(self) -> Any:
        """(rows, columns), as constants."""
        return constant(np.asarray(self.data.shape, np.int64))

    @property
    def T(self) -> SparseVariable:  # noqa: N802 - Theano's name
        return transpose(self)

    def toarray(self) -> Any:
        """The matrix as a dense constant."""
        return dense_from_sparse(self)

    def dot(self, other: Any) -> Any:
        """The product with a dense matrix or vector."""
        return dot(self, other)

    def __repr__(self) -> str:
        return self.name or f"SparseConstant{{{self.type}, shape={self.data.shape}}}"


SparseConstant = SparseVariable


def _is_scipy(x: Any) -> bool:
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def _is_sparse(x: Any) -> bool:
    """Whether it is a matrix of SciPy's.  Raises NotImplementedError for what is no array."""
    if not (_is_scipy(x) or isinstance(x, np.ndarray | list | tuple | float | int | np.generic)):
        text = f"This is neither an array nor a matrix of SciPy's, but {type(x).__name__}."
        raise blame(NotImplementedError(text), user_site())
    return _is_scipy(x)


def _is_sparse_variable(x: Any) -> bool:
    """Whether it is a sparse variable."""
    return isinstance(x, SparseVariable)


def _is_dense_variable(x: Any) -> bool:
    """Whether it is a dense variable."""
    return isinstance(x, Tensor)


def as_sparse_variable(x: Any, name: str | None = None, ndim: int | None = None) -> SparseVariable:
    """A SciPy matrix as a variable.  Raises TypeError for anything else."""
    if isinstance(x, SparseVariable):
        return x
    if not _is_scipy(x):
        raise blame(TypeError(f"Cannot convert {x!r:.60} to a sparse matrix: it is {type(x).__name__}."), user_site())
    return SparseVariable(x if x.format in FORMATS else x.tocsr(), name)


as_sparse = as_sparse_or_tensor_variable = as_sparse_variable


def matrix(format: str, name: str | None = None, dtype: str | None = None) -> Any:
    """An input that is sparse: not supported."""
    return SparseType(format, find_dtype(dtype))(name)


def csr_matrix(name: str | None = None, dtype: str | None = None) -> Any:
    """An input that is sparse: not supported."""
    return matrix("csr", name, dtype)


def csc_matrix(name: str | None = None, dtype: str | None = None) -> Any:
    """An input that is sparse: not supported."""
    return matrix("csc", name, dtype)


# ---- products --------------------------------------------------------------------------------------------------------


class _Product:
    """matrix @ x, of arrays."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.matrix @ x)


def _times(matrix: Any, x: Expr) -> Expr:
    """matrix @ x; its derivative is the product with the matrix turned over."""
    kind = np.result_type(matrix.dtype, x.dtype)
    rule = lambda g, out, v: weft_cast(_times(matrix.T, g), v.dtype)  # noqa: E731
    made = wf.Type(kind, (matrix.shape[0], *x.shape[1:]))
    return wf.callback(_Product(matrix.astype(kind)), made, weft_cast(x, kind), vjp=rule, name="sparse.dot")  # type: ignore[no-any-return]


def dot(x: Any, y: Any) -> Any:
    """The product of a SciPy matrix and a dense one, of which either stands first; the gradient is to the dense one."""
    if _sparse(x) == _sparse(y):
        both = "both" if _sparse(x) else "none"
        text = f"sparse.dot takes one sparse matrix and one dense one, and {both} of these are sparse."
        hint = "sparse.dense_from_sparse makes a dense one." if _sparse(x) else "use T.dot."
        raise blame(NotImplementedError(text) if _sparse(x) else TypeError(text), user_site(), hint=hint)
    if _sparse(x):
        return wrap(_checked_product(as_sparse_variable(x).data, unwrap(y)))
    dense = unwrap(y if _sparse(x) else x)
    turned = _checked_product(as_sparse_variable(y).data.T, wf.transpose(dense))
    return wrap(wf.transpose(turned))


structured_dot = true_dot = dot


def _sparse(x: Any) -> bool:
    return isinstance(x, SparseVariable) or _is_scipy(x)


def _checked_product(matrix: Any, x: Expr) -> Expr:
    if x.ndim not in (1, 2):
        text = f"sparse.dot: the dense factor is a vector or a matrix, and has {x.ndim} axes."
        raise blame(ShapeError(text), user_site(), x.site)
    columns = matrix.shape[1]
    if isinstance(x.shape[0], int) and x.shape[0] != columns:
        text = f"sparse.dot: a matrix of shape {matrix.shape} and a factor of {x.shape[0]} rows do not multiply."
        raise blame(ShapeError(text), user_site(), x.site)
    fixed = x if x.shape[0] == columns else wf.reshape(x, (columns, *x.shape[1:]))
    return _times(matrix, fixed)


# ---- the rest --------------------------------------------------------------------------------------------------------


def dense_from_sparse(x: Any) -> Any:
    """A sparse matrix as a dense constant."""
    return constant(as_sparse_variable(x).data.toarray())


def transpose(x: Any) -> SparseVariable:
    """The matrix turned over."""
    return SparseVariable(as_sparse_variable(x).data.T)


def _stacking(name: str) -> Callable[..., SparseVariable]:
    def stack(blocks: Any, format: str | None = None, dtype: str | None = None) -> SparseVariable:
        import scipy.sparse

        joined = getattr(scipy.sparse, name)([as_sparse_variable(b).data for b in blocks], dtype=dtype)
        return SparseVariable(joined.asformat(format or "csc"))

    stack.__name__, stack.__doc__ = name, f"SciPy's {name}, of constants."
    return stack


hstack, vstack = _stacking("hstack"), _stacking("vstack")


def csm_properties(x: Any) -> tuple[Any, Any, Any, Any]:
    """(data, indices, indptr, shape) of a sparse matrix, as constants."""
    found = as_sparse_variable(x).data
    parts = (found.data, found.indices.astype("int32"), found.indptr.astype("int32"), np.asarray(found.shape, "int32"))
    return tuple(constant(p) for p in parts)  # type: ignore[return-value]


def csm_data(x: Any) -> Any:
    """The numbers that a sparse matrix holds."""
    return csm_properties(x)[0]


class SparseOp(Op):
    """An op on sparse variables, which can be asked for and not be applied."""

    def __init__(self, *args: Any, **options: Any) -> None:
        text = f"theano.sparse.{type(self).__name__} is not supported: sparse matrices are constants, to multiply with."
        raise blame(NotImplementedError(text), user_site(), hint="use theano.sparse.dot, or make the matrix dense.")


for _name in """
    CSM CSC CSR Cast StructuredDot SparseFromDense add sub mul sp_sum sp_ones_like sp_zeros_like diag square_diagonal
    structured_sigmoid structured_exp structured_log structured_pow structured_maximum structured_minimum
    structured_monoid sampling_dot usmm row_scale col_scale csr_from_dense csc_from_dense clean structured_add neg
    remove0 ensure_sorted_indices construct_sparse_from_list Dot Usmm SamplingDot cast bcast fcast
""".split():  # noqa: SIM905
    if _name not in globals():
        globals()[_name] = type(_name, (SparseOp,), {"__module__": __name__, "__doc__": "Not supported."})
