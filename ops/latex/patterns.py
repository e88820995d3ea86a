"""Formulas that are known by name, of several nodes: derivatives of activations, softmax, means, norms."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ...symbolic.dims import Dim, product, same
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, Size
from ..creation import Iota, identity_size
from ..elementwise import Elementwise
from ..movement import ExpandDims
from ..reduce import Reduce
from ..strided import Diagonal
from .forms import Form, bare, operands, reduction
from .reductions import reduction_form, subscript
from .symbols import factors, with_index
from .texts import ATOM, CALL, Text, call, join, negate, number, operator, over_sizes, power


def known_form(node: Expr) -> Form | None:
    """The form of a node that is the last of a known formula."""
    if isinstance(node.op, Elementwise):
        for pattern in _OF_FUNCTIONS.get(node.op.function.name, ()):
            found: Form | None = pattern(node)
            if found is not None:
                return found
    if isinstance(node.op, Reduce):
        return _pick(node) or _trace(node) or _norm(node)
    return None


# ---- activations -----------------------------------------------------------------------------------------------------


def _sigmoid_slope(node: Expr) -> Form | None:
    """sigmoid(z) sigmoid(-z) = sigmoid'(z)."""
    pair = operands(node, "mul") or []
    for one, other in (pair, pair[::-1]) if pair else ():
        z, negative = operands(one, "sigmoid"), operands(other, "sigmoid")
        minus = negative and operands(negative[0], "neg")
        if z and minus and minus[0] is z[0]:
            return Form((z[0],), lambda x: call(r"\sigma'", x))
    return None


# ---- softmax and its kind --------------------------------------------------------------------------------------------


def _shift_of(node: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    """(x, axes) where it is x minus its largest element along the axes."""
    pair = operands(node, "sub")
    top = pair and _top(pair[1])
    return top if pair and top and top[0] is pair[0] else None


def _top(node: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    """(x, axes) where it is the largest element of x, or 0 in place of one that is not finite."""
    choice = operands(node, "where")
    if choice and (tested := operands(choice[0], "isfinite")) and tested[0] is choice[1]:
        node = choice[1]
    return reduction(node, "max")


def _log_total(node: Expr) -> tuple[Expr, Expr, tuple[int, ...]] | None:
    """(shifted x, x, axes) where it is log(sum(exp(x - max)))."""
    inside = operands(node, "log")
    total = inside and reduction(inside[0], "sum")
    powers = total and operands(total[0], "exp")
    found = powers and _shift_of(powers[0])
    return (powers[0], *found) if powers and total and found and found[1] == total[1] else None


def _softmax(node: Expr) -> Form | None:
    pair = operands(node, "div")
    powers = pair and operands(pair[0], "exp")
    total = pair and reduction(pair[1], "sum")
    found = powers and _shift_of(powers[0])
    if not (pair and total and found and total[0] is pair[0] and total[1] == found[1]):
        return None
    return _along_axes(r"softmax", *found)


def _log_softmax_of(node: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    pair = operands(node, "sub")
    total = pair and _log_total(pair[1])
    return total[1:] if pair and total and total[0] is pair[0] else None


def _log_softmax(node: Expr) -> Form | None:
    found = _log_softmax_of(node)
    return _along_axes("softmax", *found, before=r"\log ") if found else None


def _exp_log_softmax(node: Expr) -> Form | None:
    inside = operands(node, "exp")
    found = inside and _log_softmax_of(inside[0])
    return _along_axes("softmax", *found) if found else None


def _logsumexp(node: Expr) -> Form | None:
    pair = operands(node, "add")
    total = pair and _log_total(pair[0])
    top = pair and _top(pair[1])
    if not (total and top and total[1] is top[0] and total[2] == top[1]):
        return None
    return _along_axes("logsumexp", *top)


def _along_axes(name: str, x: Expr, axes: tuple[int, ...], before: str = "") -> Form:
    last = axes == (x.ndim - 1,)
    index = "" if last else f"_{{{','.join(map(str, axes))}}}"
    return Form((x,), lambda text: call(f"{before}{operator(name)}{index}", text, rank=x.ndim))


def _finite_top(node: Expr) -> Form | None:
    """The largest element, where it is finite: what sums of powers are shifted by."""
    choice = operands(node, "where")
    return Form((choice[1],), lambda x: x) if choice and _top(node) and reduction(node, "max") is None else None


def is_code(node: Expr) -> bool:
    """Whether it is a one-hot code, or the identity matrix: a bool that is written as a number."""
    return label_of(node) is not None or _identity(node) is not None


def _identity(node: Expr) -> Form | None:
    return Form((), lambda: Text("I", rank=2)) if identity_size(node) is not None else None


def label_of(node: Expr) -> Expr | None:
    """The labels where it compares them with the numbers of the classes: a one-hot code."""
    pair = operands(node, "eq")
    if not pair:
        return None
    for labels, places in (pair, pair[::-1]):
        if isinstance(places.op, Iota) and isinstance(labels.op, ExpandDims):
            return bare(labels.args[0])
        if isinstance(places.op, Iota) and labels.ndim == 0:
            return labels
    return None


def _one_hot(node: Expr) -> Form | None:
    labels = label_of(node)
    return Form((labels,), lambda t: call(operator("onehot"), t, rank=t.rank + 1)) if labels is not None else None


def _picked_from(node: Expr) -> tuple[Expr, Expr] | None:
    """(rows, labels) where it is the element of each row that a label points at."""
    total = reduction(node, "sum")
    choice = total and operands(total[0], "where")
    labels = label_of(choice[0]) if choice else None
    return (choice[1], labels) if choice and labels is not None else None


def _pick(node: Expr) -> Form | None:
    found = _picked_from(node)
    if found is None:
        return None
    rows, labels = found

    def write(x: Text, t: Text) -> Text:
        one = subscript(x, t.latex, labels.ndim)
        return one._replace(at=lambda i: subscript(x, f"{i},{with_index(t.latex, i)}", 0).latex)

    return Form((rows, labels), write)


def _crossentropy(node: Expr) -> Form | None:
    """log(sum(exp(x - max))) - (x - max)[t] = -log softmax(x)[t]."""
    pair = operands(node, "sub")
    total, picked = pair and _log_total(pair[0]), pair and _picked_from(pair[1])
    if not (total and picked and picked[0] is total[0]):
        return None

    def write(x: Text, t: Text) -> Text:
        inner = call(r"\log \operatorname{softmax}", x).latex
        whole = join(f"{inner}_{{{t.latex}}}", CALL, picked[1].ndim, x, t)
        return negate(whole._replace(at=lambda i: f"{inner}_{{{i},{with_index(t.latex, i)}}}"))

    return Form((total[1], picked[1]), write)


# ---- means and norms -------------------------------------------------------------------------------------------------


def _is_count(node: Expr, dims: list[Dim]) -> bool:
    """Whether it is the product of these sizes."""
    whole = product(dims)
    if isinstance(node.op, Size):
        return same(node.op.dim, whole) is True
    return isinstance(node.op, Constant) and node.op.value.ndim == 0 and bool(node.op.value[()] == whole)


def _mean(node: Expr) -> Form | None:
    """The sum of all elements along axes, divided by their number."""
    pair = operands(node, "div")
    total = bare(node.args[0])
    if not pair or not isinstance(total.op, Reduce) or total.op.kind != "sum":
        return None
    dims = [total.args[0].shape[a] for a in total.op.axes]
    if not _is_count(pair[1], dims):
        return None
    inner = known_form(total) or reduction_form(total)
    return Form(inner.parts, lambda *parts: over_sizes(inner.write(*parts), factors(dims)))


def _square_of(node: Expr) -> Expr | None:
    """What it is the square of."""
    base = operands(node, "square")
    if base:
        return base[0]
    pair = operands(node, "pow")
    if pair and isinstance(pair[1].op, Constant) and pair[1].ndim == 0 and pair[1].op.value[()] == 2:
        return pair[0]
    return None


def _squares(node: Expr) -> Expr | None:
    """What it is the sum of the squares of, over all axes."""
    total = reduction(node, "sum")
    return _square_of(total[0]) if total and len(total[1]) == total[0].ndim > 0 else None


def _norm(node: Expr) -> Form | None:
    """The sum of all squares, or of all magnitudes of a vector."""
    base = _squares(node)
    if base is not None:
        return Form((base,), lambda x: power(_in_bars(x, base.ndim), number(Fraction(2))))
    total = reduction(node, "sum")
    inside = total and total[0].ndim == 1 and operands(total[0], "abs")
    return Form((inside[0],), lambda x: _in_bars(x, 1, "1")) if inside else None


def _trace(node: Expr) -> Form | None:
    total = reduction(node, "sum")
    if total and isinstance(total[0].op, Diagonal) and total[0].op.offset == 0 and total[0].ndim == 1:
        return Form(total[0].args, lambda x: call(operator("tr"), x, rank=0))
    return None


def _length(node: Expr) -> Form | None:
    inside = operands(node, "sqrt")
    base = _squares(inside[0]) if inside else None
    return Form((base,), lambda x: _in_bars(x, base.ndim)) if base is not None else None


def _in_bars(x: Text, rank: int, index: str = "") -> Text:
    kind = index or ("F" if rank == 2 else "")
    latex = rf"\left\lVert {x.latex} \right\rVert" + (f"_{{{kind}}}" if kind else "")
    return join(latex, ATOM, 0, x)


_Pattern = Callable[[Expr], Form | None]
_OF_FUNCTIONS: dict[str, tuple[_Pattern, ...]] = {
    "mul": (_sigmoid_slope,),
    "div": (_softmax, _mean),
    "sub": (_log_softmax, _crossentropy),
    "exp": (_exp_log_softmax,),
    "add": (_logsumexp,),
    "eq": (_one_hot, _identity),
    "where": (_finite_top,),
    "sqrt": (_length,),
}
