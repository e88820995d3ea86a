"""Checking derivatives: the graph's against differences of values, and against backpropagation written by hand."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from ..codegen.function import function
from ..ops.bodies import parameter
from ..ops.elementwise import Cast, Elementwise, cast
from ..ops.reduce import sum as sum_over
from ..symbolic.arguments import check_count, check_expression, check_mapping, check_number, check_sequence
from ..symbolic.errors import ArgumentError, GradientError, ShapeError, Site, at_site, blame, user_site
from ..symbolic.evaluate import evaluate
from ..symbolic.expr import Expr, Op, apply, serial, toposort
from ..symbolic.grad import grad
from ..symbolic.graph import Graph
from ..symbolic.leaves import Constant, Input, Shared, constant, storage_of
from ..symbolic.types import FLOAT32, FLOAT64, TupleType, Type

STEP = 1e-6  # of the differences, in float64, for values around 1
ENTRIES = 400  # so many elements at most are differentiated one by one to find the worst

Values = Mapping[Expr, Any]


def check_grad(
    expr: Expr,
    wrt: Any,
    values: Values | None = None,
    order: int = 1,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> None:
    """Compare gradients with central differences, (f(x + h d) - f(x - h d)) / 2h = gradient . d, for random d.

    f is the sum of `expr` times a random array; both sides are computed by the NumPy references in float64, whatever
    the graph's dtype is.

    Parameters
    ----------
    expr : float expression of any shape
    wrt : an input or shared variable, or a list of them
    values : an array for each input; a shared variable left out has its present value
    order : 2 checks the gradient of the gradient, too, and so on
    rtol, atol : the error allowed, relative to sum(|gradient * d|), and absolute

    Raises
    ------
    GradientError
        where they differ, with the worst element
    """
    check_expression("expr", expr)
    leaves = list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    _check_leaves(leaves)
    order = check_count("check_grad", "order", order, 1, 8)
    rtol, atol = check_number("rtol", rtol, least=0), check_number("atol", atol, least=0)
    rng = np.random.default_rng(check_count("check_grad", "seed", seed))
    current, known, widened = _in_float64(expr, check_mapping("values", values), leaves)
    for level in range(1, order + 1):
        loss = sum_over(current * constant(rng.normal(size=evaluate(current, known).shape)))
        grads = grad(loss, widened, disconnected="zero")
        problem = _Problem(loss, known, level, rtol, atol)
        for leaf, double, found in zip(leaves, widened, evaluate(grads, known), strict=True):
            problem.check(leaf, double, found, rng)
        weighted = [
            sum_over(g * constant(rng.normal(size=known[x].shape))) for g, x in zip(grads, widened, strict=True)
        ]
        current = sum(weighted[1:], weighted[0])


@dataclass(frozen=True)
class _Problem:
    """A scalar function and the point at which its derivatives are compared."""

    loss: Expr
    known: dict[Expr, np.ndarray]
    order: int
    rtol: float
    atol: float

    def difference(self, x: Expr, direction: np.ndarray) -> float:
        """The derivative along a direction, by differences."""
        value = self.known[x]
        largest = np.abs(value[np.isfinite(value)]).max(initial=1.0)
        h = STEP * largest / np.abs(direction).max(initial=1e-300)
        ahead, behind = (evaluate(self.loss, {**self.known, x: value + s * h * direction}) for s in (1, -1))
        return float((ahead - behind) / (2 * h))

    def agrees(self, symbolic: float, numeric: float, scale: float) -> bool:
        """Whether the two are equal, as far as differences can tell."""
        if not (np.isfinite(symbolic) and np.isfinite(numeric)):
            return False
        return abs(symbolic - numeric) <= self.rtol * scale + self.atol * max(1.0, scale)

    def check(self, leaf: Expr, x: Expr, found: np.ndarray, rng: np.random.Generator) -> None:
        """Raise GradientError unless `found` is the gradient to x, which stands in for the user's leaf."""
        if found.size == 0:
            return
        for _ in range(2):
            direction = rng.normal(size=found.shape)
            symbolic, numeric = float(np.sum(found * direction)), self.difference(x, direction)
            scale = float(np.sum(np.abs(found * direction)))
            if not self.agrees(symbolic, numeric, scale):
                self.blame_entry(leaf, x, found, rng)
                if found.size > ENTRIES:
                    text = f"along a random direction the graph says {symbolic:.8g}, differences say {numeric:.8g}"
                    raise self.error(leaf, text)

    def blame_entry(self, leaf: Expr, x: Expr, found: np.ndarray, rng: np.random.Generator) -> None:
        """Raise GradientError with the worst of the entries, if one is wrong by itself."""
        places = rng.permutation(found.size)[:ENTRIES]
        numeric = np.array([self.difference(x, _unit(found.shape, place)) for place in places])
        symbolic = found.reshape(-1)[places]
        wrong = [not self.agrees(s, n, abs(s)) for s, n in zip(symbolic, numeric, strict=True)]
        if not any(wrong):
            return
        errors = np.where(np.isfinite(symbolic - numeric), np.abs(symbolic - numeric), np.inf)
        worst = int(np.argmax(np.where(wrong, errors, -1.0)))
        index = tuple(int(i) for i in np.unravel_index(places[worst], found.shape))
        at = f"at {list(index)} " if index else ""
        text = f"{at}the graph says {symbolic[worst]:.8g}, differences say {numeric[worst]:.8g}"
        raise self.error(leaf, f"{text}; {sum(wrong)} of {len(places)} elements are wrong")

    def error(self, leaf: Expr, text: str) -> GradientError:
        """The error, with the lines of the variable."""
        degree = "" if self.order == 1 else f" of order {self.order}"
        error = GradientError(f"The derivative{degree} to {leaf.name or 'the variable'} is wrong: {text}.")
        return blame(error, user_site(), leaf.site)


def _unit(shape: tuple[int, ...], place: int) -> np.ndarray:
    direction = np.zeros(shape)
    direction.reshape(-1)[place] = 1.0
    return direction


def _check_leaves(leaves: Sequence[Any]) -> None:
    if not leaves:
        raise blame(ArgumentError("There is nothing to take derivatives of: the list is empty."), user_site())
    for leaf in leaves:
        if not (isinstance(leaf, Expr) and isinstance(leaf.op, Input | Shared)):
            text = f"Derivatives are checked for inputs and shared variables, and {leaf!r} is neither."
            raise blame(ArgumentError(text), user_site())


def _in_float64(expr: Expr, values: Values, leaves: list[Expr]) -> tuple[Expr, dict[Expr, np.ndarray], list[Expr]]:
    """The expression over float64 inputs, the values of these, and those that stand in for the leaves."""
    known = {node: np.asarray(value) for node, value in values.items()}
    done: dict[Expr, Expr] = {}
    for node in toposort([expr, *leaves]):
        with at_site(node.site):
            if isinstance(node.op, Input | Shared) and node.type.is_float:
                done[node] = apply(Input(serial(), Type(FLOAT64, node.shape), node.name))
                if isinstance(node.op, Shared):
                    known.setdefault(node, storage_of(node).value)
                if node in known:
                    known[done[node]] = np.asarray(known[node], FLOAT64)
            else:
                done[node] = _widen(node, [done[a] for a in node.args])
    for leaf in leaves:
        if done[leaf] not in known:
            text = f"values has no array for {leaf.name or 'a variable'}."
            raise blame(ArgumentError(text), user_site(), leaf.site)
    return done[expr], known, [done[leaf] for leaf in leaves]


def _widen(node: Expr, args: list[Expr]) -> Expr:
    if isinstance(node.op, Constant) and node.dtype == FLOAT32 and not node.type.weak:
        return constant(node.op.value.astype(FLOAT64))
    result = apply(_wide_op(node.op), *args)
    if not isinstance(result.type, TupleType) and result.dtype == FLOAT32:
        return cast(result, FLOAT64)
    return result


def _wide_op(op: Op) -> Op:
    """The op with float64 in place of float32 among its parameters."""
    if isinstance(op, Elementwise):
        return Cast(FLOAT64).op if op.function == Cast(FLOAT32) else op
    if isinstance(op, Constant) or not is_dataclass(op):
        return op
    parameters = {f.name: getattr(op, f.name) for f in fields(op)}
    wide: dict[str, Any] = {name: _wide_dtype(value) for name, value in parameters.items()}
    wide = {name: value for name, value in wide.items() if value is not parameters[name]}
    wide.update({name: _wide_body(value) for name, value in parameters.items() if isinstance(value, Graph)})
    return replace(op, **wide) if wide else op


def _wide_dtype(value: Any) -> Any:
    """float64 for float32, in a row of dtypes, too; all else as it is."""
    if isinstance(value, tuple) and any(isinstance(v, np.dtype) for v in value):
        return tuple(map(_wide_dtype, value))
    return FLOAT64 if isinstance(value, np.dtype) and value == FLOAT32 else value


def _wide_body(body: Graph) -> Graph:
    """The body of a loop or branch with float64 in place of float32."""
    done: dict[Expr, Expr] = {}
    for place, x in enumerate(body.inputs):
        done[x] = parameter(place, FLOAT64 if x.type.is_float else x.dtype, x.shape)
    for node in body.nodes:
        if node not in done:
            done[node] = _widen(node, [done[a] for a in node.args])
    return Graph(tuple(done[x] for x in body.inputs), tuple(done[y] for y in body.outputs))


# ---- against gradients written by hand ------------------------------------------------------------------------------


@dataclass(frozen=True)
class ParameterComparison:
    """How one parameter's gradients compare.

    `error` is the largest difference, divided by the largest gradient by hand.
    """

    name: str
    site: Site
    shape: tuple[int, ...]
    error: float
    where: tuple[int, ...]
    graph: float
    by_hand: float
    agrees: bool


@dataclass(frozen=True)
class Comparison:
    """What `compare_gradients` found: it prints as a table."""

    rows: tuple[ParameterComparison, ...]  # in the order of the backward pass: from the loss to the inputs
    graph_seconds: float
    by_hand_seconds: float | None

    @property
    def departs(self) -> ParameterComparison | None:
        """The first parameter, on the way back from the loss, whose gradients differ."""
        return next((row for row in self.rows if not row.agrees), None)

    @property
    def agrees(self) -> bool:
        """Whether all gradients are the same."""
        return self.departs is None

    def __str__(self) -> str:
        head = ("parameter", "shape", "error", "at", "graph", "by hand", "")
        cells = [head, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
        lines = ["  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
        return "\n".join([*lines, self._verdict(), self._times()])

    __repr__ = __str__

    def _verdict(self) -> str:
        row = self.departs
        if row is None:
            return "all gradients agree"
        return f"going back from the loss, the first to depart is {row.name}: {row.site}  {row.site.text}"

    def _times(self) -> str:
        text = f"graph {self.graph_seconds * 1e3:.3g} ms"
        if self.by_hand_seconds is None:
            return text
        ratio = self.by_hand_seconds / self.graph_seconds
        return f"{text}, by hand {self.by_hand_seconds * 1e3:.3g} ms ({ratio:.1f} times the graph's)"


def _cells(row: ParameterComparison) -> tuple[str, ...]:
    shape, where = "x".join(map(str, row.shape)) or "scalar", str(list(row.where))
    numbers = (f"{row.graph:.6g}", f"{row.by_hand:.6g}")
    return (row.name, shape, f"{row.error:.1e}", where, *numbers, "" if row.agrees else "<- differs")


def compare_gradients(
    loss: Expr, params: Sequence[Expr], by_hand: Any, values: Values | None = None, *, rtol: float | None = None
) -> Comparison:
    """The compiled graph's gradients beside those of backpropagation written by hand.

    Parameters
    ----------
    loss : scalar expression
    params : the shared variables or inputs to differentiate by
    by_hand : the gradients as arrays, or a function that computes them: of nothing, or of one mapping, which holds the
        arrays of all inputs and parameters.  In the order of `params`, or a dict with parameters or their names as keys
    values : an array for each input; a shared variable left out has its present value
    rtol : the error allowed, relative to the largest gradient of each parameter; None: 1e-4 for float32, else 1e-9

    Returns
    -------
    Comparison : prints as a table, one line for each parameter in the order in which backpropagation reaches them, with
        the largest error and where it is, then the first that departs, and the time of both
    """
    given = dict(check_mapping("values", values))
    wrt = check_sequence("params", params)
    _check_leaves(wrt)
    if rtol is not None:
        check_number("rtol", rtol, least=0)
    places = {x: apply(Input(serial(), x.type, x.name)) for x in given}
    grads = grad(loss, wrt, disconnected="zero")
    compiled = function([*places.values()], grads, givens=places, on_unused_input="ignore", name="gradients")
    arrays = [np.asarray(value, x.dtype) for x, value in given.items()]
    graph_seconds, found = _time(lambda: compiled(*arrays))
    point = {**{p: p.get_value(borrow=True) for p in wrt if isinstance(p.op, Shared)}, **given}
    by_hand_seconds, others = _hand(by_hand, point)
    wanted = _in_order(others, wrt)
    rows = [_row(p, a, b, rtol) for p, a, b in zip(wrt, found, wanted, strict=True)]
    return Comparison(tuple(rows[i] for i in _backward_order(loss, wrt)), graph_seconds, by_hand_seconds)


def _hand(by_hand: Any, point: dict[Expr, np.ndarray]) -> tuple[float | None, Any]:
    if not callable(by_hand):
        return None, by_hand
    if inspect.signature(by_hand).parameters:
        return _time(lambda: by_hand(point))
    return _time(by_hand)


def _time(run: Callable[[], Any], budget: float = 0.3) -> tuple[float, Any]:
    """The median time of a few runs, and the result."""
    result = run()
    times: list[float] = []
    while sum(times) < budget and len(times) < 21:
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), result


def _in_order(grads: Any, params: list[Expr]) -> list[np.ndarray]:
    if isinstance(grads, Mapping):
        missing = [p.name or "a parameter" for p in params if p not in grads and p.name not in grads]
        if missing:
            raise blame(ArgumentError(f"by_hand gives no gradient for {', '.join(missing)}."), user_site())
        return [np.asarray(grads[p] if p in grads else grads[p.name]) for p in params]
    many = [grads] if isinstance(grads, np.ndarray) and len(params) == 1 else check_sequence("by_hand", grads)
    if len(many) != len(params):
        raise blame(ArgumentError(f"by_hand gives {len(many)} gradients for {len(params)} parameters."), user_site())
    return [np.asarray(g) for g in many]


def _row(param: Expr, graph: np.ndarray, hand: np.ndarray, rtol: float | None) -> ParameterComparison:
    name = param.name or "a parameter"
    if graph.shape != hand.shape:
        text = f"The gradient to {name} has shape {graph.shape}, and the one by hand {hand.shape}."
        raise blame(ShapeError(text), user_site(), param.site)
    limit = rtol if rtol is not None else 1e-4 if param.dtype == FLOAT32 else 1e-9
    if graph.size == 0:
        return ParameterComparison(name, param.site, graph.shape, 0.0, (), 0.0, 0.0, True)
    with np.errstate(invalid="ignore"):  # of infinities
        difference = np.abs(graph.astype(FLOAT64) - hand)
    difference = np.where((graph == hand) | (np.isnan(graph) & np.isnan(hand)), 0.0, difference)
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(difference), np.inf, difference))), graph.shape)
    largest = float(np.abs(hand[np.isfinite(hand)]).max(initial=0.0)) or 1.0
    error, where = float(difference[place]) / largest, tuple(int(i) for i in place)
    return ParameterComparison(
        name, param.site, graph.shape, error, where, float(graph[place]), float(hand[place]), error <= limit
    )


def _backward_order(loss: Expr, params: list[Expr]) -> list[int]:
    """The positions of the parameters, the one used nearest to the loss first."""
    last_use = dict.fromkeys(params, -1)
    for number, node in enumerate(toposort([loss])):
        for arg in node.args:
            if arg in last_use:
                last_use[arg] = number
    return sorted(range(len(params)), key=lambda i: (-last_use[params[i]], i))
