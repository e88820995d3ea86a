"""weft: symbolic expressions, their derivatives, and fast functions compiled from them.

    import weft as wf

    x = wf.matrix("x", ("batch", 784))
    w = wf.shared(numpy.zeros((784, 10), "float32"), "w")
    loss = wf.mean(wf.softplus(x @ w))
    step = wf.function([x], loss, updates={w: w - 0.1 * wf.grad(loss, w)})

The compiler, and with it LLVM and Numba, is imported when the first function is made.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from .ops import random
from .ops.activations import binary_crossentropy, crossentropy, log_softmax, pick, softmax
from .ops.callback import callback
from .ops.control import cond, scan, while_loop
from .ops.conv import conv1d, conv1d_transpose, conv2d, conv2d_transpose, conv3d, conv3d_transpose
from .ops.creation import arange, eye, full, full_like, iota, one_hot, ones, ones_like, zeros, zeros_like
from .ops.decompositions import cholesky, eigh, inv, qr, solve, solve_triangular, svd, tril, triu
from .ops.determinants import det, slogdet
from .ops.einsum import einsum
from .ops.elementwise import Elementwise, cast, elementwise
from .ops.indexing import index_add, index_set, take, take_along_axis
from .ops.linalg import dot, matmul, outer, tensordot, trace
from .ops.max_pool import (
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from .ops.movement import (
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    flip,
    moveaxis,
    ravel,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    transpose,
)
from .ops.nonzero import nonzero
from .ops.normalization import batch_norm, dropout, layer_norm, local_response_norm
from .ops.order import argsort, cumprod, cumsum, diff, sort, topk
from .ops.padding import pad
from .ops.reduce import all, any, argmax, argmin, logsumexp, max, mean, min, prod, std, sum, var
from .ops.scalar import (
    abs,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    cbrt,
    ceil,
    clip,
    copysign,
    cos,
    cosh,
    div,
    elu,
    eq,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    ge,
    gelu,
    gt,
    hard_sigmoid,
    hypot,
    invert,
    isfinite,
    isinf,
    isnan,
    le,
    leaky_relu,
    left_shift,
    log,
    log1p,
    log2,
    log10,
    log_sigmoid,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mod,
    mul,
    mul_no_nan,
    ne,
    neg,
    pow,
    reciprocal,
    relu,
    right_shift,
    rint,
    round,
    rsqrt,
    sigmoid,
    sign,
    silu,
    sin,
    sinc,
    sinh,
    softplus,
    softsign,
    sqrt,
    square,
    sub,
    tan,
    tanh,
    trunc,
    where,
)
from .ops.strided import diag, diagonal, sliding_windows
from .ops.sum_pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    sum_pool1d,
    sum_pool2d,
    sum_pool3d,
)
from .ops.updating import with_updates
from .symbolic.dims import SymDim
from .symbolic.drawing import draw_in_notebook as _draw
from .symbolic.drawing import list_in_notebook as _list
from .symbolic.drawing import to_svg
from .symbolic.drawing import way_in_notebook as _way
from .symbolic.equations import rules
from .symbolic.errors import (
    ArgumentError,
    DTypeError,
    GradientError,
    GuardError,
    IndexRangeError,
    LinAlgError,
    LoweringError,
    NotFiniteError,
    OutOfMemoryError,
    RewriteLoop,
    ShapeError,
    VerifyError,
    WeftError,
)
from .symbolic.evaluate import evaluate
from .symbolic.expr import Expr, Op, apply
from .symbolic.grad import custom_gradient, grad, hessian, hvp, jacobian, jvp, stop_gradient, value_and_grad, vjp
from .symbolic.graph import Graph
from .symbolic.leaves import constant, items
from .symbolic.numpy_protocol import bind as _bind_numpy
from .symbolic.operators import bind as _bind
from .symbolic.patterns import Bool, Const, Matrix, Vector
from .symbolic.rewrite import RuleSet, rewrite
from .symbolic.text import to_dot, to_python
from .symbolic.types import TupleType, Type, config
from .symbolic.variables import matrix, scalar, shared, tensor, tensor3, tensor4, vector
from .symbolic.verify import verify

if TYPE_CHECKING:
    from . import nn
    from .codegen.cuda.driver.device_array import DeviceArray
    from .codegen.doctor import doctor
    from .codegen.function import Function, function
    from .codegen.target import kernel
    from .exchange.programs import load
    from .ops.latex import latex
    from .ops.sympy import from_sympy, to_sympy
    from .testing.gradients import check_grad, compare_gradients
    from .testing.rules import check_rule

__version__ = "0.1.0"

absolute, multiply, subtract, divide, true_divide, power, negative = abs, mul, sub, div, div, pow, neg
equal, not_equal, less, less_equal, greater, greater_equal = eq, ne, lt, le, gt, ge
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh
concat, permute_dims, remainder, swish = concatenate, transpose, mod, silu

# What compiles, layers, and what needs SymPy, are imported when they are first asked for.
_LATER = {
    "function": "codegen.function",
    "Function": "codegen.function",
    "kernel": "codegen.target",
    "doctor": "codegen.doctor",
    "DeviceArray": "codegen.cuda.driver.device_array",
    "check_grad": "testing.gradients",
    "check_rule": "testing.rules",
    "compare_gradients": "testing.gradients",
    "nn": "nn",
    "onnx": "exchange.onnx",
    "from_sympy": "ops.sympy",
    "to_sympy": "ops.sympy",
    "latex": "ops.latex",
    "load": "exchange.programs",
}


def _compile_and_evaluate(node: Expr, values: Any) -> Any:
    from .codegen.function import compile_and_evaluate

    return compile_and_evaluate(node, values)


def _explain(function: Any, stage: str | None) -> str:
    from .codegen.explain import explain

    return explain(function, stage)


def _export(functions: Any, *options: Any) -> Any:
    from .codegen.c.export import export

    return export(functions, *options)


def _save(function: Any, *options: Any) -> Any:
    from .exchange.programs.saving import save

    return save(function, *options)


def _write(node: Expr) -> str | None:
    from .ops.latex.formula import latex

    return f"$\\displaystyle {latex(node)}$" if _way(node) == "latex" else None


# Expr.eval: graphs know nothing of the compiler, nor nodes of how graphs are drawn; and Function.explain: who does not
# ask need not wait for it
_bind(
    {
        "eval": _compile_and_evaluate,
        "explain": _explain,
        "export": _export,
        "save": _save,
        "draw_in_notebook": _draw,
        "write_in_notebook": _write,
        "list_in_notebook": _list,
    }
)
_bind_numpy(__name__, globals().get)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    module = _import_module(f".{_LATER[name]}", __name__)
    found = getattr(module, name, module)  # a module has nothing of its own name in it
    globals()[name] = found
    return found
