"""Derivatives as graphs: one reversed walk over the nodes that lead from `wrt` to the outputs.

Everything here is made of `Op.vjp`.  A jvp follows from two vjps, since a vjp is linear in its cotangent.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np

from .arguments import check_choice, check_expression, check_expressions, check_function, check_mapping
from .collector import gc_paused
from .dims import Shape, same, show
from .errors import ArgumentError, GradientError, ShapeError, at_site, blame, user_site
from .expr import Expr, Op, apply, depends, serial, toposort
from .guards import AnyGuard, assume, unify
from .leaves import Input, Item, constant, weak_constant
from .operators import function
from .records import record
from .substitution import substitute
from .trees import flatten
from .types import TupleType, Type


def grad(
    loss: Expr,
    wrt: Any,
    *,
    known_cotangents: Mapping[Expr, Expr] | None = None,
    disconnected: str = "raise",
) -> Any:
    """d loss / d wrt: an expression of the shape and dtype of each of `wrt`, in its structure.

    Parameters
    ----------
    loss : scalar expression of a float dtype
    wrt : an expression of a float dtype, or several in lists, tuples and dicts: {"w": w, "layers": [(v, b)]}
    known_cotangents : cotangents already known for some nodes, added to those that come from `loss`
    disconnected : "raise" (GradientError), "warn", "zero", or "none" (None) where loss does not depend on one of `wrt`

    Raises
    ------
    GradientError
        if loss is no scalar, is not a float, or an op on the way has no derivative

    Gradient
    --------
    At kinks: abs, sign, floor 0; relu 0 at 0; maximum, minimum, clip: the first argument at ties; max, min over axes:
    shared equally between ties; max pooling: the first element.  A branch that `where` and its kind did not take
    contributes exactly 0, even if it is NaN.
    """
    _check_loss(loss)
    seed = weak_constant(1.0, loss.dtype)
    params, known = _as_list(wrt), _check_cotangents(known_cotangents)
    return _pack(wrt, _derivatives([loss], [seed], params, known, disconnected))


def value_and_grad(loss: Expr, params: Any, **options: Any) -> tuple[Expr, Any]:
    """(loss, grad(loss, params)): a pair to give to `function`, which computes what they share once."""
    return loss, grad(loss, params, **options)


def vjp(outputs: Any, wrt: Any, cotangents: Any, *, disconnected: str = "zero") -> Any:
    """sum over outputs of cotangent . d output / d wrt: the vector-Jacobian product, shaped like `wrt`.

    Raises ShapeError where a cotangent's shape is not its output's.
    """
    outs, seeds = _as_list(outputs), _as_list(cotangents)
    _check_partners("output", outs, "cotangent", seeds)
    params = _as_list(wrt)
    return _pack(wrt, _derivatives(outs, seeds, params, {}, disconnected))


def pullback(outputs: Sequence[Expr], wrt: Sequence[Expr], cotangents: Sequence[Expr]) -> list[Expr]:
    """vjp for the bodies of loops and branches, whose guards their nodes have already."""
    return _cotangents(outputs, cotangents, wrt, {}, "zero")


def jvp(outputs: Any, wrt: Any, tangents: Any, *, disconnected: str = "zero") -> Any:
    """d output / d wrt . tangent for each output: the Jacobian-vector product, shaped like `outputs`.

    Computed as the vjp of a vjp.  A vjp is linear in its cotangents, so that its derivative is the same at all of them:
    it is taken at 0, and rewriting removes what is not needed.
    """
    outs, params, directions = _as_list(outputs), _as_list(wrt), _as_list(tangents)
    check_expressions("outputs", outs)
    _check_partners("variable", params, "tangent", directions)
    dummies = [apply(Input(serial(), Type(o.dtype, o.shape), None)) for o in outs]
    transposed = _cotangents(outs, dummies, params, {}, disconnected)
    found = _cotangents(transposed, directions, dummies, {}, "zero")
    found = substitute(found, {d: function("zeros_like")(d) for d in dummies})
    return _pack(outputs, _assuming(toposort(outs), outs, found))


def hvp(loss: Expr, wrt: Any, vectors: Any) -> Any:
    """(d² loss / d wrt²) . vectors, without forming the Hessian; shaped like `wrt`."""
    params, directions = _as_list(wrt), _as_list(vectors)
    _check_partners("variable", params, "vector", directions)
    first = _as_list(grad(loss, params))
    return _pack(wrt, _derivatives(first, directions, params, {}, "zero"))


def jacobian(y: Expr, x: Any) -> Any:
    """d y[i...] / d x[j...]: an expression of shape y.shape + x.shape for each of x.

    One vjp for each element of `y`: in a row where its size is known, in a loop where only a call knows it.
    """
    check_expression("y", y)
    flat, params = function("reshape")(y, (-1,)), _as_list(x)
    if not y.type.is_static:
        return _pack(x, _jacobian_loop(y, flat, params))
    rows = [_cotangents([flat[i]], [weak_constant(1.0, y.dtype)], params, {}, "zero") for i in range(y.size)]
    results = []
    for number, param in enumerate(params):
        shape = y.shape + param.shape
        if rows:
            stacked = function("stack")([row[number] for row in rows], axis=0)
            results.append(function("reshape")(stacked, shape))
        else:
            results.append(function("zeros")(shape, param.dtype))
    return _pack(x, results)


def _jacobian_loop(y: Expr, flat: Expr, params: Sequence[Expr]) -> list[Expr]:
    places = function("iota")((flat.shape[0],))

    def row(carry: Any, place: Expr) -> tuple[Any, list[Expr]]:
        seed = function("astype")(function("eq")(places, place), y.dtype)
        return carry, _cotangents([flat], [seed], params, {}, "zero")

    _, rows = function("scan")(row, (), places)
    return [function("reshape")(r, (*y.shape, *p.shape)) for r, p in zip(rows, params, strict=True)]


def hessian(loss: Expr, x: Any) -> Any:
    """d² loss / d x d x: shape x.shape + x.shape, for each of x."""
    _check_loss(loss)
    return _pack(x, [jacobian(grad(loss, one), one) for one in _as_list(x)])


@gc_paused
def _cotangents(
    outputs: Sequence[Expr],
    seeds: Sequence[Expr],
    wrt: Sequence[Expr],
    known: Mapping[Expr, Expr],
    disconnected: str,
    order: Sequence[Expr] | None = None,
    noted: bool = False,
) -> list[Any]:
    """The cotangents of `wrt`; `order` is that of the nodes the outputs lead to, where it is known.

    noted : each says what it is the cotangent of
    """
    check_choice("disconnected", disconnected, ("raise", "warn", "zero", "none"))
    _check_wrt(wrt)
    gathered = _Cotangents()
    for node, seed in [*zip(outputs, seeds, strict=True), *known.items()]:
        sized = seed if seed.shape == node.shape else apply(Assume(node.shape, ()), seed)
        gathered.add(node, function("astype")(sized, node.dtype))
    order = toposort([*outputs, *known]) if order is None else order
    on_path = depends(order, wrt)
    for node in reversed(order):
        if node in on_path and node.args:
            gathered.through(node, on_path)
    if noted:
        gathered.note(outputs)
    return [gathered.found[x] if x in gathered.found else _without_gradient(x, disconnected) for x in wrt]


class _Cotangents:
    """What has reached each node so far."""

    def __init__(self) -> None:
        self.found: dict[Expr, Expr] = {}
        self.items: dict[Expr, list[Expr | None]] = {}

    def add(self, node: Expr, g: Expr) -> None:
        before = self.found.get(node)
        self.found[node] = g if before is None else before + g

    def through(self, node: Expr, on_path: set[Expr]) -> None:
        """Pass the node's cotangent on to its arguments."""
        if isinstance(node.type, TupleType):
            g: Any = self.items.get(node)
        else:
            g = self.found.get(node)
        if g is None:
            return
        if isinstance(node.op, Item):
            whole = node.args[0]
            self.items.setdefault(whole, [None] * len(whole.type.items))[node.op.index] = g
            return
        if on_path.isdisjoint(node.args):
            return
        with at_site(node.site._replace(gradient=True)):
            try:
                contributions = node.op.vjp(g, node, *node.args)
            except GradientError as error:
                raise blame(error, node.site) from None
            for arg, contribution in _pair(node, contributions):
                if contribution is not None and arg in on_path:
                    contribution = contribution() if callable(contribution) else contribution
                    _check_cotangent(node, arg, contribution)
                    self.add(arg, contribution)

    def note(self, outputs: Sequence[Expr]) -> None:
        """Let each cotangent know what it is the derivative of, and by which values: formulas name it so."""
        loss = ref(outputs[0]) if len(outputs) == 1 and outputs[0].type.shape == () else None
        values: dict[Expr, list[ref[Expr]]] = {}
        for node, g in self.found.items():
            if g.args:
                values.setdefault(g, []).append(ref(node))
        for g, nodes in values.items():
            g.cotangent_of = loss, tuple(nodes)


def _pair(node: Expr, contributions: Any) -> Iterable[tuple[Expr, Any]]:
    if isinstance(contributions, Expr) or not isinstance(contributions, list | tuple):
        kind = "one expression" if isinstance(contributions, Expr) else f"a {type(contributions).__name__}"
        text = f"The vjp of {type(node.op).__name__} returned {kind}, and not a tuple of cotangents."
        hint = "return a tuple with one for each argument, None where there is none: (2 * g,)."
        raise blame(GradientError(text), node.site, hint=hint)
    if len(contributions) != len(node.args):
        text = f"The vjp of {node.op.name} returned {len(contributions)} cotangents for {len(node.args)} arguments."
        hint = "return one for each argument, None where there is none."
        raise blame(GradientError(text), node.site, hint=hint)
    return zip(node.args, contributions, strict=True)


def _check_cotangent(node: Expr, arg: Expr, g: Expr) -> None:
    if not _may_agree(arg, g):
        text = (
            f"The vjp of {node.op.name} returned a cotangent of shape {show(g.shape)} "
            f"for an argument of shape {show(arg.shape)}."
        )
        raise blame(GradientError(text), node.site, arg.site)


def _without_gradient(x: Expr, what: str) -> Any:
    if what == "none":
        return None
    name = x.name or "this variable"
    message = f"The expression does not depend on {name} in a differentiable way, so there is no gradient."
    if what == "raise":
        hint = 'leave it out, or use disconnected="zero" to get zeros.'
        raise blame(GradientError(message), user_site(), x.site, hint=hint)
    if what == "warn":
        warnings.warn(message + " Zeros are used.", stacklevel=4)
    return function("zeros_like")(x)


def _check_cotangents(cotangents: Any) -> Mapping[Expr, Expr]:
    """Cotangents that are given, which must fit what they are of."""
    known = check_mapping("known_cotangents", cotangents, "expression: cotangent")
    _check_partners("expression", list(known), "cotangent", _as_list(list(known.values())))
    return dict(zip(known, _as_list(list(known.values())), strict=True))


def _check_loss(loss: Expr) -> None:
    if not isinstance(loss, Expr):
        raise blame(GradientError(f"grad takes an expression, not {type(loss).__name__}."), user_site())
    if loss.type.shape != ():
        error = GradientError(f"grad needs a scalar, and this expression has shape {show(loss.shape)}.")
        raise blame(error, user_site(), loss.site, hint="reduce it with .sum() or .mean(), or use vjp or jacobian.")
    if not loss.type.is_float:
        raise blame(GradientError(f"grad needs a float, and this is {loss.dtype.name}."), user_site(), loss.site)


def _check_wrt(wrt: Sequence[Expr]) -> None:
    for x in wrt:
        if not isinstance(x, Expr):
            error = GradientError(f"Derivatives are taken with respect to expressions, not {type(x).__name__}.")
            raise blame(error, user_site())
        if not x.type.is_float:
            error = GradientError(f"{x.name or 'This variable'} is {x.dtype.name}, and only floats have derivatives.")
            raise blame(error, user_site(), x.site, hint="cast it to a float first: x.astype('float32').")


def _check_partners(word: str, values: Sequence[Expr], partner: str, partners: Sequence[Expr]) -> None:
    if len(values) != len(partners):
        raise blame(ShapeError(f"{len(values)} {word}s and {len(partners)} {partner}s do not pair up."), user_site())
    for kind, given in ((word, values), (partner, partners)):
        wrong = [v for v in given if not isinstance(v, Expr)]
        if wrong:
            article = "An" if kind[0] in "aeiou" else "A"
            text = f"{article} {kind} is an expression, not {wrong[0]!r}."
            raise blame(ArgumentError(text), user_site())
    for value, other in zip(values, partners, strict=True):
        if not _may_agree(value, other):
            error = ShapeError(f"The {word} has shape {show(value.shape)}, its {partner} {show(other.shape)}.")
            raise blame(error, user_site(), value.site, other.site)


def _may_agree(a: Expr, b: Expr) -> bool:
    """Whether two shapes are equal, as far as is known before a call."""
    if a.shape == b.shape:
        return True
    return a.ndim == b.ndim and not any(same(m, n) is False for m, n in zip(a.shape, b.shape, strict=True))


def _as_list(value: Any) -> list[Any]:
    """The expressions in lists, tuples and dicts, in a row; numbers and arrays become constants."""
    return [_as_node(v) for v in flatten(value, none_is_leaf=True)[0]]


def _as_node(value: Any) -> Any:
    return constant(value) if isinstance(value, int | float | np.ndarray | np.generic) else value


def _pack(like: Any, results: list[Expr]) -> Any:
    return flatten(like, none_is_leaf=True)[1](results)


def _derivatives(
    outputs: Sequence[Expr], seeds: Sequence[Expr], wrt: Sequence[Expr], known: Mapping[Expr, Expr], disconnected: str
) -> list[Any]:
    order = toposort([*outputs, *known])
    found = _cotangents(outputs, seeds, wrt, known, disconnected, order, noted=True)
    return _assuming(order, wrt, found)


def _assuming(nodes: Sequence[Expr], like: Sequence[Expr], results: Sequence[Any]) -> list[Any]:
    """The results in the shapes of `like`, with what the nodes of the outputs take for granted of sizes.

    A derivative may have nothing left of the node that needed two sizes to be equal: what is wrong in the value is
    wrong in its derivative, too.
    """
    guards = tuple(dict.fromkeys([guard for node in nodes if node.guards for guard in node.guards]))
    return [
        node if node is None or (not guards and node.shape == x.shape) else apply(Assume(x.shape, guards), node)
        for node, x in zip(results, like, strict=True)
    ]


@record
class Assume(Op):
    """x, which is taken to have this shape, where these guards hold.  Nothing is computed."""

    shape: Shape
    guards: tuple[AnyGuard, ...]
    name = "gradient"  # whose sizes these are, for the user

    @property
    def details(self) -> str:
        """What is printed beside the argument."""
        return f"shape={show(self.shape)}"

    def infer(self, x: Type) -> Type:
        if x.ndim != len(self.shape):
            raise ShapeError(f"An expression of shape {show(x.shape)} is no {show(self.shape)}.")
        for mine, wanted in zip(x.shape, self.shape, strict=True):
            unify(mine, wanted, lambda: f"An expression of shape {show(x.shape)} is no {show(self.shape)}.")
        for guard in self.guards:
            assume(guard, what=self.name)
        return Type(x.dtype, self.shape)

    def numpy(self, x: Any) -> Any:
        return x

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> tuple[Expr]:
        return (g,)

    def expand(self, *args: Expr) -> Expr:
        return args[0]


@record
class StopGradient(Op):
    """x, with no derivative."""

    def infer(self, x: Type) -> Type:
        return x

    def numpy(self, x: Any) -> Any:
        return x

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> tuple[None]:
        return (None,)

    def expand(self, *args: Expr) -> Expr:
        return args[0]


def stop_gradient(x: Expr) -> Expr:
    """x as a constant for derivatives: the value passes, the cotangent does not."""
    check_expression("x", x)
    return apply(StopGradient(), x)


@record
class CustomGradient(Op):
    """The first argument's value, with the derivative that the user gives for the others."""

    rule: Callable[..., Any]
    holds = True

    def infer(self, value: Type, *args: Type) -> Type:
        return value

    def numpy(self, value: Any, *args: Any) -> Any:
        return value

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> Sequence[Expr | None]:
        contributions = self.rule(g, out, *args[1:])
        many = contributions if isinstance(contributions, list | tuple) else [contributions]
        return [None, *many]

    def expand(self, *args: Expr) -> Expr:
        return args[0]


def custom_gradient(f: Callable[..., Expr], vjp: Callable[..., Any]) -> Callable[..., Expr]:
    """The function `f` with the derivative `vjp(g, out, *args)`, whatever the derivative of its expression is.

        through = wf.custom_gradient(wf.rint, lambda g, out, x: (g,))  # rounds; its gradient is that of x

    Parameters
    ----------
    f : function of expressions that returns an expression
    vjp : function of the cotangent of the result, the result and the arguments, which returns a tuple: the cotangent
        of each argument, None where there is none.  Derivatives of it are taken as of any expression.

    Raises GradientError, when a gradient is taken, where `vjp` returns no tuple of that length, or a cotangent of
    another shape than its argument.
    """

    check_function("f", f)
    check_function("vjp", vjp)

    def with_rule(*args: Any) -> Expr:
        exprs = [_as_node(a) for a in args]
        value = f(*exprs)
        check_expression(f"What {with_rule.__name__} returns", value)
        return apply(CustomGradient(vjp), value, *exprs)

    with_rule.__name__ = getattr(f, "__name__", "custom")
    with_rule.__doc__ = f.__doc__
    return with_rule
