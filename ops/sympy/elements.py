"""Graphs in index notation: the element at some indices, with sums and products over others.

A walk over pairs of a node and its indices, which are SymPy expressions.  Each pair says which others it needs, and how
it is made of them; the walk is a loop, since graphs get deeper than Python's stack.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ...symbolic.dims import Dim
from ...symbolic.errors import LoweringError, blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.grad import Assume, CustomGradient, StopGradient
from ...symbolic.index_maps import AxisMap
from ...symbolic.leaves import Constant, Input, Shared, Size
from ..callback import Callback
from ..control import CheckSteps
from ..creation import Iota
from ..elementwise import Elementwise
from ..gather import Gather
from ..labels import CheckLabels
from ..linalg import MatMul
from ..movement import Concatenate, Pad, Reshape, Unslice
from ..order import CumSum
from ..reduce import Reduce
from ..special import scipy_name
from ..updating import WithUpdates
from .numbers import constant_number, function_to_sympy, number_to_sympy
from .sizes import size_to_sympy

Place: TypeAlias = "tuple[Expr, tuple[Any, ...]]"
Step: TypeAlias = "tuple[list[Place], Callable[..., Any]]"  # the places that are needed, and what they make
_SAME = (Assume, CheckLabels, CheckSteps, CustomGradient, StopGradient, WithUpdates)
_LETTERS = "ijklmnpqrstuvw"
_FEW = 64  # elements that are written out where SymPy has no sign for their reduction


class Elements:
    """The formulas of elements of a graph; `known` has SymPy's symbols for nodes."""

    def __init__(self, root: Expr, known: Mapping[Expr, Any], sympy: Any) -> None:
        self.root, self.known, self.sympy = root, known, sympy
        names = {node.name for node in toposort([root])} | {str(s) for v in known.values() for s in v.free_symbols}
        names |= {name for node in toposort([root]) for name in _size_names(node)}
        self.letters = (sympy.Symbol(c, integer=True) for c in _free_letters(names))
        self.found: dict[Place, Any] = {}

    def formula(self) -> Any:
        """The element of the root at free indices i, j, k ..."""
        return self.element((self.root, tuple(next(self.letters) for _ in self.root.shape)))

    def element(self, place: Place) -> Any:
        """The element of a node at its indices."""
        steps: dict[Place, Step] = {}
        waiting = [place]
        while waiting:
            here = waiting[-1]
            if here in self.found:
                waiting.pop()
                continue
            if here not in steps:
                steps[here] = self.step(*here)
            missing = [p for p in steps[here][0] if p not in self.found]
            waiting += missing
            if not missing:
                needed, make = steps.pop(here)
                self.found[here] = make(*(self.found[p] for p in needed))
        return self.found[place]

    def step(self, node: Expr, at: tuple[Any, ...]) -> Step:
        """What an element needs, and how it is made."""
        if node in self.known:
            return [], lambda: _element_of(self.known[node], at, node)
        for kinds, rule in _RULES:
            if isinstance(node.op, kinds):
                found: Step | None = rule(self, node, at)
                if found is not None:
                    return found
        if node.op.is_affine:
            return _movement(self, node, at)
        raise no_form(node)

    def size(self, dim: Dim) -> Any:
        return size_to_sympy(dim, self.sympy)


def no_form(node: Expr) -> LoweringError:
    """The error for a node that SymPy cannot say."""
    error = LoweringError(f"{node.op.name} has no SymPy form.")
    return blame(error, user_site(), node.site, hint="give the node a symbol of its own: to_sympy(y, {node: symbol}).")


def _free_letters(taken: set[Any]) -> Iterator[str]:
    numbered = (f"{c}{n}" for n in itertools.count(1) for c in _LETTERS)
    return (c for c in itertools.chain(_LETTERS, numbered) if c not in taken)


def _size_names(node: Expr) -> set[str]:
    shape = getattr(node.type, "shape", ())
    return {name for d in shape if not isinstance(d, int) for name in d.names}


def _element_of(value: Any, at: tuple[Any, ...], node: Expr) -> Any:
    """What the user gives for a node, at these indices: a symbol without axes stands for any element."""
    rank = getattr(value, "rank", None) or len(getattr(value, "shape", None) or ())
    if hasattr(value, "__getitem__") and at:
        columns = rank == 2 and len(at) == 1
        return value[(*at, 0)] if columns else value[at]
    return value


# ---- leaves and what moves elements ----------------------------------------------------------------------------------


def _leaf(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    """An input or a shared variable: a symbol, or an element of an indexed one."""
    name = node.name or f"x{getattr(node.op, 'number', '')}"
    truth = {} if node.dtype.kind == "b" else {"real": True}
    if not at:
        return [], lambda: of.sympy.Symbol(name, **truth)
    return [], lambda: of.sympy.IndexedBase(name, **truth)[at]


def _constant(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    op: Any = node.op
    if op.value.size == 1:
        return [], lambda: constant_number(op, of.sympy)
    if op.value.size and (op.value == op.value.flat[0]).all():
        return [], lambda: number_to_sympy(op.value.flat[0].item(), of.sympy)
    if op.value.size > _FEW or not op.value.size:
        raise no_form(node)
    return [], lambda: of.sympy.Array([number_to_sympy(v, of.sympy) for v in op.value.flat], op.value.shape)[at]


def _movement(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    """A movement reads its argument where its index map says."""
    index = node.op.index_map(node.args[0].type)
    return [(node.args[0], tuple(_affine(of, one, at) for one in index))], lambda x: x


def _affine(of: Elements, one: AxisMap, at: Sequence[Any]) -> Any:
    return of.sympy.Add(of.size(one.start), *(step * at[axis] for axis, step in one.terms))


def _reshape(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    """The element of the same number in C order."""
    source = node.args[0]
    before, after = ([k for k, d in enumerate(s) if d != 1] for s in (source.shape, node.shape))
    if [source.shape[k] for k in before] == [node.shape[k] for k in after]:
        places = dict(zip(before, (at[k] for k in after), strict=True))
        return [(source, tuple(places.get(k, of.sympy.Integer(0)) for k in range(source.ndim)))], lambda x: x
    number = of.sympy.Integer(0)
    for index, dim in zip(at, node.shape, strict=True):
        number = number * of.size(dim) + index
    found: list[Any] = []
    for dim in reversed(source.shape):
        found.insert(0, of.sympy.Mod(number, of.size(dim)) if len(found) < source.ndim - 1 else number)
        number = of.sympy.floor(number / of.size(dim))
    return [(source, tuple(found))], lambda x: x


def _concatenation(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    """The part that the index falls into."""
    axis: int = node.op.axis  # type: ignore[attr-defined]
    start, places, ends = of.sympy.Integer(0), [], []
    for arg in node.args:
        places.append((arg, (*at[:axis], at[axis] - start, *at[axis + 1 :])))
        start = start + of.size(arg.shape[axis])
        ends.append(start)

    def make(*values: Any) -> Any:
        limits = [*(at[axis] < end for end in ends[:-1]), True]
        return of.sympy.Piecewise(*zip(values, limits, strict=True))

    return places, make


def _frame(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    """What stands inside of padding, or of zeros, at every so many places."""
    op, inner = node.op, node.args[0]
    starts = [before for before, _ in op.widths] if isinstance(op, Pad) else op.starts  # type: ignore[attr-defined]
    steps = (1,) * inner.ndim if isinstance(op, Pad) else op.steps  # type: ignore[attr-defined]
    tests, places = [], []
    for i, start, step, dim in zip(at, starts, steps, inner.shape, strict=True):
        place = (i - of.size(start)) / step
        places.append(place)
        if (start, step, dim) != (0, 1, node.shape[len(places) - 1]):
            tests += [place >= 0, place < of.size(dim)]
        if abs(step) != 1:
            tests.append(of.sympy.Eq(of.sympy.Mod(i - of.size(start), abs(step)), 0))

    def make(x: Any, value: Any = 0) -> Any:
        return of.sympy.Piecewise((x, of.sympy.And(*tests)), (value, True))

    return [(inner, tuple(places)), *([(node.args[1], ())] if isinstance(op, Pad) else [])], make


def _gather(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    """x at places that other arrays hold."""
    (x, *indices), axes = node.args, node.op.axes  # type: ignore[attr-defined]
    rank = indices[0].ndim
    return [(i, at[:rank]) for i in indices], lambda *places: _take(
        of, x, dict(zip(axes, places, strict=True)), at[rank:]
    )


def _take(of: Elements, x: Expr, places: Mapping[int, Any], rest: Sequence[Any]) -> Any:
    others = iter(rest)
    return of.element((x, tuple(places[k] if k in places else next(others) for k in range(x.ndim))))


# ---- functions of scalars, sums and products -------------------------------------------------------------------------


def _elementwise(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step | None:
    if isinstance(node.op, Callback) and scipy_name(node) is None:
        return None

    def make(*values: Any) -> Any:
        found = function_to_sympy(node, list(values), of.sympy)
        if found is None:
            raise no_form(node)
        return found

    return [(arg, _broadcast(of, arg, at)) for arg in node.args], make


def _broadcast(of: Elements, arg: Expr, at: tuple[Any, ...]) -> tuple[Any, ...]:
    mine = at[len(at) - arg.ndim :]
    return tuple(of.sympy.Integer(0) if d == 1 else i for d, i in zip(arg.shape, mine, strict=True))


def _reduction(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step | None:
    op: Any = node.op
    x, others = node.args[0], iter(at)
    if op.kind not in ("sum", "prod"):
        return _written_out(of, node, at)
    bound = {axis: next(of.letters) for axis in op.axes}
    place = tuple(bound[k] if k in bound else next(others) for k in range(x.ndim))
    limits = [(bound[k], 0, of.size(x.shape[k]) - 1) for k in op.axes]
    sign = of.sympy.Sum if op.kind == "sum" else of.sympy.Product
    return [(x, place)], lambda value: sign(value, *limits)


def _written_out(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step | None:
    """A reduction of few elements, as a function of all of them."""
    op, x = node.op, node.args[0]
    axes: tuple[int, ...] = op.axes  # type: ignore[attr-defined]
    dims = [x.shape[k] for k in axes]
    count = 1
    for d in dims:
        count *= d if isinstance(d, int) else _FEW + 1
    if not 0 < count <= _FEW:
        return None
    places = []
    for index in itertools.product(*map(range, dims)):  # type: ignore[arg-type]
        others = iter(at)
        taken = dict(zip(axes, map(of.sympy.Integer, index), strict=True))
        places.append((x, tuple(taken[k] if k in taken else next(others) for k in range(x.ndim))))
    sign = {"max": "Max", "min": "Min", "any": "Or", "all": "And"}[op.kind]  # type: ignore[attr-defined]
    return places, lambda *values: getattr(of.sympy, sign)(*values)


def _matmul(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    a, b = node.args
    k = next(of.letters)
    left = (*_broadcast_batch(of, a, at), at[-2], k)
    right = (*_broadcast_batch(of, b, at), k, at[-1])
    last = of.size(a.shape[-1]) - 1
    return [(a, left), (b, right)], lambda x, y: of.sympy.Sum(x * y, (k, 0, last))


def _broadcast_batch(of: Elements, arg: Expr, at: tuple[Any, ...]) -> tuple[Any, ...]:
    mine = at[len(at) - arg.ndim : len(at) - 2]
    return tuple(of.sympy.Integer(0) if d == 1 else i for d, i in zip(arg.shape[:-2], mine, strict=True))


def _cumulative_sum(of: Elements, node: Expr, at: tuple[Any, ...]) -> Step:
    k, last = next(of.letters), of.size(node.shape[-1]) - 1
    limits = (k, at[-1], last) if node.op.reverse else (k, 0, at[-1])  # type: ignore[attr-defined]
    return [(node.args[0], (*at[:-1], k))], lambda x: of.sympy.Sum(x, limits)


_RULES: tuple[tuple[Any, Callable[[Elements, Expr, tuple[Any, ...]], Step | None]], ...] = (
    ((Input, Shared), _leaf),
    (Constant, _constant),
    (Size, lambda of, node, at: ([], lambda: of.size(node.op.dim))),  # type: ignore[attr-defined]
    (Iota, lambda of, node, at: ([], lambda: at[node.op.axis])),  # type: ignore[attr-defined]
    (_SAME, lambda of, node, at: ([(node.args[0], at)], lambda x: x)),
    ((Elementwise, Callback), _elementwise),
    (Reduce, _reduction),
    (MatMul, _matmul),
    (CumSum, _cumulative_sum),
    (Reshape, _reshape),
    (Concatenate, _concatenation),
    ((Pad, Unslice), _frame),
    (Gather, _gather),
)
