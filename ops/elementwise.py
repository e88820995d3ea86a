"""Functions of scalars, applied to every element: broadcasting and its inverse are here, once.

Primitive     one row of the table in scalar.py
Cast          to another dtype
Composite     a Python function of scalars, traced once for each set of dtypes; made by @elementwise
Elementwise   the op: one of these over arguments that broadcast
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..symbolic.dims import Dim, Shape, SymDim, same, show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply, depends, serial, toposort
from ..symbolic.forks import renew_after_forks
from ..symbolic.grad import grad
from ..symbolic.guards import unify
from ..symbolic.leaves import Constant, Input, constant, weak_constant
from ..symbolic.operators import function as bound
from ..symbolic.records import record
from ..symbolic.substitution import substitute
from ..symbolic.types import BOOL, FLOAT16, FLOAT32, FLOAT64, DType, Type, dtype, float_like, promote
from .coerce import as_expr

# How a primitive's result dtype follows from its arguments' (after promotion):
#   number   the promoted dtype            float   the same, integers becoming floats as in NumPy
#   bool     bool, computed on the promoted dtype
#   logical  bool, each argument taken for its truth
#   integer  the promoted dtype, floats refused
#   select   the first argument is a condition; the others are promoted
RESULTS = ("number", "float", "bool", "logical", "integer", "select")


@renew_after_forks
class Scalar:
    """A function of scalars.  `operand_dtypes` says what its arguments are cast to before it is computed."""

    name: str
    commutative = False  # of two arguments, in either order the same value
    expensive = False  # takes many instructions, or few slow ones: better stored than computed again

    def operand_dtypes(self, *types: Type) -> tuple[DType, ...]:
        """The dtypes its arguments are cast to."""
        raise NotImplementedError

    def result_dtype(self, *types: Type) -> DType:
        """The dtype of the result."""
        raise NotImplementedError

    def numpy(self, *values: np.ndarray) -> Any:
        """The reference, on arrays of the operand dtypes."""
        raise NotImplementedError

    def factors(self, out: Expr, *args: Expr) -> Sequence[Any]:
        """d out / d arg for each argument: an expression (bool: a mask), 1, -1, or None for none."""
        raise NotImplementedError

    @functools.cached_property
    def op(self) -> Elementwise:
        """The op that applies it to every element."""
        return Elementwise(self)

    @property
    def signature(self) -> inspect.Signature:
        """Its parameters."""
        raise NotImplementedError

    @functools.cached_property
    def arity(self) -> tuple[int, int]:
        """The fewest and the most arguments it takes."""
        parameters = self.signature.parameters.values()
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            return 1, sys.maxsize
        return sum(p.default is p.empty for p in parameters), len(parameters)

    def __call__(self, *args: Any) -> Expr:
        fewest, most = self.arity
        if not fewest <= len(args) <= most:
            raise blame(ArgumentError(_count_error(self.name, fewest, most, len(args))), user_site())
        return apply_elementwise(self, *args)


def _count_error(name: str, fewest: int, most: int, given: int) -> str:
    takes = f"{most} argument{'s' * (most != 1)}" if fewest == most else f"{fewest} to {most} arguments"
    return f"{name} takes {takes}, and {given} {'was' if given == 1 else 'were'} given."


class Primitive(Scalar):
    """A row of the table: the name every target's kernels know it by, NumPy's function, derivative, SymPy form."""

    table: dict[str, Primitive] = {}  # noqa: RUF012 - the one registry of names, filled by scalar.py

    def __init__(
        self,
        name: str,
        reference: Callable[..., Any],
        result: str,
        derivative: Callable[..., Sequence[Any]] | None,
        sympy: Callable[..., Any] | None,
        doc: str,
        commutative: bool,
        of_bools: bool,
        expensive: bool,
        ulp: tuple[float, float] | None,
    ):
        self.name, self.reference, self.result = name, reference, result
        self.derivative, self.sympy, self.__doc__ = derivative, sympy, doc
        self.commutative, self.of_bools, self.expensive, self.ulp = commutative, of_bools, expensive, ulp
        self.__name__ = name
        Primitive.table[name] = self

    @property
    def signature(self) -> inspect.Signature:
        # NumPy's own functions say nothing of their parameters, and have a derivative or are ufuncs
        if self.derivative is not None:
            found = inspect.signature(self.derivative)
            return found.replace(parameters=list(found.parameters.values())[1:])  # the first is the result
        count = getattr(self.reference, "nin", None) or len(inspect.signature(self.reference).parameters)
        names = "xyz"[:count]
        return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names])

    def operand_dtypes(self, *types: Type) -> tuple[DType, ...]:
        if self.result == "select":
            return (BOOL, *[promote(*types[1:])] * (len(types) - 1))
        common = promote(*types)
        if self.result == "bool" and common.kind == "f" and not any(t.is_float for t in types):
            return tuple(t.dtype for t in types)  # uint64 with what has a sign: as integers, see `as_unsigned`
        if self.result == "float":
            common = float_like(common)
        elif self.result == "bool" and common.kind == "f" and not any(t.is_float and not t.weak for t in types):
            common = FLOAT64  # integers compared with 0.5: exactly, whatever config.float_dtype is
        if self.result == "integer" and common.kind == "f":
            raise DTypeError(f"{self.name} takes integers or bools, not {common.name}.")
        return (common,) * len(types)

    def result_dtype(self, *types: Type) -> DType:
        operands = self.operand_dtypes(*types)
        if not self.of_bools and operands[0] == BOOL:
            raise DTypeError(f"{self.name} is not defined for bool; use logical functions, or cast to an integer.")
        return BOOL if self.result in ("bool", "logical") else operands[-1]

    def numpy(self, *values: np.ndarray) -> Any:
        return self.reference(*values)

    def factors(self, out: Expr, *args: Expr) -> Sequence[Any]:
        return (None,) * len(args) if self.derivative is None else self.derivative(out, *args)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return _primitive, (self.name,)

    def to_python(self, writer: Any) -> str:
        """How a printed graph refers to it."""
        writer.needed.add(("weft.ops.elementwise", "Primitive"))
        return f"Primitive.table[{self.name!r}]"


def _primitive(name: str) -> Primitive:
    return Primitive.table[name]


@record(repr=False)
class Cast(Scalar):
    """x as another dtype: truncation towards 0 from float to integer; anything but 0 is True."""

    to: DType
    name = "cast"

    def operand_dtypes(self, *types: Type) -> tuple[DType, ...]:
        return (types[0].dtype,)

    def result_dtype(self, *types: Type) -> DType:
        return self.to

    def numpy(self, *values: np.ndarray) -> Any:
        return values[0].astype(self.to)

    def factors(self, out: Expr, *args: Expr) -> Sequence[Any]:
        return (1 if self.to.kind == "f" else None,)

    def __repr__(self) -> str:
        return self.to.name


class Composite(Scalar):
    """A Python function of scalar expressions: its body is a graph over scalars, traced once for each set of dtypes."""

    whole = False  # True: stays one node of the graph, for bodies whose parts no rule and no other loop can use

    def __init__(self, function: Callable[..., Expr]):
        self.function = function
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self._bodies: dict[tuple[DType, ...], tuple[tuple[Expr, ...], Expr]] = {}

    @property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def body(self, *dtypes: DType) -> tuple[tuple[Expr, ...], Expr]:
        """(inputs, output): the function as a graph over scalars of these dtypes."""
        if dtypes not in self._bodies:
            self._trace(dtypes, (SymDim("n"),))  # of one number, a mean is that number
            self._bodies[dtypes] = self._trace(dtypes, ())
        return self._bodies[dtypes]

    def _trace(self, dtypes: tuple[DType, ...], shape: Shape) -> tuple[tuple[Expr, ...], Expr]:
        inputs = tuple(apply(Input(serial(), Type(kind, shape))) for kind in dtypes)
        output = as_expr(self.function(*inputs))
        order = toposort([output])
        found = depends(order, inputs)
        other = next((n for n in order if n in found and n.args and not isinstance(n.op, Elementwise)), None)
        if other is not None or (shape == () and output.shape != ()):
            site = (output if other is None else other).site
            used = f"makes an array of shape {show(output.shape)}" if other is None else f"uses {other.op.name}"
            text = f"{self.name}: a function given to @elementwise is one of single numbers, and `{site.text}` {used}."
            raise blame(ShapeError(text), site, hint="write it as a plain function of expressions instead.")
        return inputs, output

    @functools.cache  # noqa: B019 - composites live as long as the program
    def partials(self, *dtypes: DType) -> tuple[Expr, ...]:
        """d output / d input for each float input, as graphs over the body's inputs."""
        inputs, output = self.body(*dtypes)
        floats = [x for x in inputs if x.type.is_float]
        return tuple(grad(output, floats, disconnected="zero"))

    def operand_dtypes(self, *types: Type) -> tuple[DType, ...]:
        common = promote(*types)
        return tuple(common if t.weak or _gives_way(t.dtype, common) else t.dtype for t in types)

    def result_dtype(self, *types: Type) -> DType:
        return self.body(*self.operand_dtypes(*types))[1].dtype

    def numpy(self, *values: np.ndarray) -> Any:
        inputs, output = self.body(*(v.dtype for v in values))
        known: dict[Expr, Any] = dict(zip(inputs, values, strict=True))
        for node in toposort([output]):
            if node not in known:
                known[node] = np.asarray(node.op.numpy(*[known[a] for a in node.args]), node.dtype)
        return np.broadcast_to(known[output], np.broadcast_shapes(*[v.shape for v in values]))

    def factors(self, out: Expr, *args: Expr) -> Sequence[Any]:
        if not out.type.is_float:
            return (None,) * len(args)
        kinds = self.operand_dtypes(*(a.type for a in args))
        inputs, _ = self.body(*kinds)
        operands = map(_as_operand, args, kinds)
        known = iter(substitute(self.partials(*kinds), dict(zip(inputs, operands, strict=True))))
        found = [next(known) if k.kind == "f" else None for k in kinds]
        return [f if a.type.is_float else None for f, a in zip(found, args, strict=True)]

    def expand_body(self, *args: Expr) -> Expr:
        """The body over these arguments."""
        kinds = self.operand_dtypes(*(a.type for a in args))
        inputs, output = self.body(*kinds)
        found = substitute([output], dict(zip(inputs, map(_as_operand, args, kinds), strict=True)))[0]
        shape = apply(self.op, *args).shape  # of all arguments, also of those that the body leaves out
        return found if found.shape == shape else bound("broadcast_to")(found, shape)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.function.__qualname__  # what was decorated is found by its name, as functions are

    def to_python(self, writer: Any) -> str:
        """How a printed graph refers to it."""
        writer.needed.add((self.function.__module__, self.name))
        return self.name


def _as_operand(node: Expr, kind: DType) -> Expr:
    return node if node.dtype == kind else apply(Cast(kind).op, node)


def elementwise(function: Callable[..., Expr]) -> Composite:
    """A function of scalars made of weft's own becomes an op for arrays of any shape.

    It is traced once for each set of dtypes; the reference, the kernel, the gradient and the SymPy form follow:

        @wf.elementwise
        def swish(x):
            return x * wf.sigmoid(x)

    Raises ArgumentError for what is no function with a name to find it by.
    """
    if not callable(function) or not hasattr(function, "__name__"):
        text = f"elementwise takes a function of scalars, not {function!r}."
        raise blame(ArgumentError(text), user_site())
    return Composite(function)


@renew_after_forks
@record
class Elementwise(Op):
    """`function` of every element of arguments that broadcast: only a literal 1 stretches."""

    function: Scalar
    elementwise = True
    is_looped = True
    stretches = True

    @property
    def name(self) -> str:
        return self.function.name

    @functools.cached_property
    def head(self) -> Any:
        """The function, whose rules these are; all casts share theirs."""
        return Cast if isinstance(self.function, Cast) else self.function

    @property
    def commutative(self) -> bool:
        """Whether f(x, y) = f(y, x)."""
        return self.function.commutative

    @property
    def accepts_float16(self) -> bool:
        """Whether it is a cast."""
        return isinstance(self.function, Cast)

    @property
    def details(self) -> str:
        """What is printed beside the arguments: the dtype of a cast, and nothing for all others."""
        return repr(self.function) if isinstance(self.function, Cast) else ""

    def infer(self, *types: Type) -> Type:
        shape = broadcast(self.name, [t.shape for t in types])
        weak = all(t.weak for t in types) and not isinstance(self.function, Cast)
        return Type(self.function.result_dtype(*types), shape, weak)

    def numpy(self, *values: np.ndarray) -> Any:
        kinds = self.function.operand_dtypes(*(Type(np.asarray(v).dtype, ()) for v in values))
        return self.function.numpy(*(np.asarray(v).astype(k) for v, k in zip(values, kinds, strict=True)))

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Any]:
        factors = self.function.factors(out, *args)
        return [
            None if f is None or not a.type.is_float else functools.partial(_contribution, f, g, a)
            for f, a in zip(factors, args, strict=True)
        ]

    def expand(self, *args: Expr) -> Expr | None:
        if isinstance(self.function, Composite) and not self.function.whole:
            return self.function.expand_body(*args)
        compared = isinstance(self.function, Primitive) and self.function.result == "bool"
        if compared and len(set(self.function.operand_dtypes(*[a.type for a in args]))) == 2:
            return as_unsigned(self.function, *args)
        return None


def as_unsigned(comparison: Scalar, x: Expr, y: Expr) -> Expr:
    """x compared with y, one of which is uint64 and the other has a sign: where that is below 0, as -1 with 0."""
    table, unsigned = Primitive.table, np.dtype("uint64")
    signed = y if x.dtype == unsigned else x
    below = (0, -1) if signed is y else (-1, 0)
    answer = bool(comparison.numpy(*np.array(below)))
    return table["where"](table["lt"](signed, 0), answer, comparison(cast(x, unsigned), cast(y, unsigned)))


def _contribution(factor: Any, g: Expr, arg: Expr) -> Expr:
    """factor * g in the argument's dtype and shape; where g is exactly 0 (a branch not taken) so is the product."""
    if isinstance(factor, Expr) and factor.dtype == BOOL:
        product = Primitive.table["where"](factor, g, 0)
    elif isinstance(factor, Expr):
        product = Primitive.table["mul_no_nan"](factor, g)
    else:
        product = g if factor == 1 else -g
    return unbroadcast(cast(product, arg.dtype), arg)


def broadcast(name: str, shapes: Sequence[Shape]) -> Shape:
    """NumPy's broadcasting of shapes; symbols stretch only if they are the literal 1."""
    rank = max(map(len, shapes), default=0)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        size: Dim = 1
        for shape in shapes:
            if len(shape) >= -axis and shape[axis] != 1:
                size = shape[axis] if size == 1 else unify(size, shape[axis], lambda: _mismatch(name, shapes))
        result.append(size)
    return tuple(result)


def _mismatch(name: str, shapes: Sequence[Shape]) -> str:
    texts = [show(s) for s in shapes]
    return f"{name}: shapes {' and '.join(texts)} do not broadcast{_where(shapes)}."


def _where(shapes: Sequence[Shape]) -> str:
    rank = max(map(len, shapes))
    for axis in range(-1, -rank - 1, -1):
        sizes = [s[axis] for s in shapes if len(s) >= -axis and s[axis] != 1]
        for size in sizes[1:]:
            if same(sizes[0], size) is False:
                return f": axis {axis} has sizes {sizes[0]} and {size}"
    return ""


def unbroadcast(g: Expr, arg: Expr) -> Expr:
    """Sum a cotangent over the axes along which `arg` was stretched: the adjoint of broadcasting."""
    if g.shape == arg.shape:
        return g
    extra = g.ndim - arg.ndim
    stretched = [i for i, d in enumerate(arg.shape) if d == 1 and g.shape[i + extra] != 1]
    if not extra and not stretched:
        return g
    total = g.sum(axis=(*range(extra), *(i + extra for i in stretched)))
    return total.reshape(arg.shape) if stretched else total


def apply_elementwise(function: Scalar, *values: Any) -> Expr:
    """The node of a function over values that may be numbers; weak numbers take the dtype of what they meet."""
    args = [v if isinstance(v, Expr) else as_expr(v) for v in values]
    weak = [a.type.weak for a in args]
    if True in weak and False in weak:
        try:
            kinds = function.operand_dtypes(*[a.type for a in args])
        except DTypeError as error:
            raise blame(error, user_site(), *[a.site for a in args]) from None
        args = [_operand(a, k) for a, k in zip(args, kinds, strict=True)]
    return apply(function.op, *args)


def _operand(node: Expr, kind: DType) -> Expr:
    if node.type.weak:
        return _strong(node, kind)
    return cast(node, kind) if _gives_way(node.dtype, kind) else node


def _gives_way(kind: DType, common: DType) -> bool:
    """Whether integers of this dtype become the configured float because they met a Python float."""
    return kind.kind in "iu" and common.kind == "f"


def _strong(node: Expr, kind: DType) -> Expr:
    if isinstance(node.op, Constant):
        number = node.op.number if node.op.number is not None else node.op.value.item()
        if kind.kind in "iu":
            _check_fits(number, kind)
        return weak_constant(number, kind)
    return apply(Cast(kind).op, node)


def _check_fits(number: Any, kind: DType) -> None:
    limits = np.iinfo(kind)
    if not limits.min <= number <= limits.max:
        error = DTypeError(f"{number} does not fit in {kind.name}, whose values go from {limits.min} to {limits.max}.")
        raise blame(error, user_site(), hint="cast the other operand to a wider dtype first.")


def cast(x: Any, to: Any) -> Expr:
    """x as another dtype: float to integer truncates towards 0, and anything but 0 is True.

    Gradient: 1 between floats; none through integers and bools.
    """
    node = as_expr(x)
    if node.type.dtype is to and not node.type.weak:
        return node
    kind = dtype(to)
    if node.dtype == kind and not node.type.weak:
        return node
    if isinstance(node.op, Constant):
        exact = node.op.value if node.op.number is None else np.asarray(node.op.number)
        with np.errstate(all="ignore"):
            return constant(exact.astype(kind))
    return apply(Cast(kind).op, node)


def fit(value: Any, kind: DType) -> Expr:
    """The value in a dtype, which it must fit in where it is a Python integer: DTypeError if not."""
    node = as_expr(value)
    whole = node.type.weak and node.dtype.kind == "i" and kind.kind in "iu"
    return _strong(node, kind) if whole else cast(node, kind)


def as_float(x: Any) -> Expr:
    """x as an expression of a float dtype: integers become floats as they do in exp."""
    node = as_expr(x)
    return cast(node, float_like(node.dtype))


def widen(x: Expr) -> Expr:
    """x in float32 where its dtype is a narrower float: squares and sums of float16 soon end beyond its numbers."""
    return cast(x, FLOAT32) if x.dtype == FLOAT16 else x
