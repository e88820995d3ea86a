"""Loops and branches as users write them: scan, while_loop, cond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..symbolic.arguments import check_count, check_flag, check_function
from ..symbolic.dims import Dim, same, show
from ..symbolic.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, blame, listing, user_site
from ..symbolic.expr import Expr, Op, apply, toposort
from ..symbolic.records import record
from ..symbolic.sizes import as_dim, shape_of
from ..symbolic.trees import flatten, outline
from ..symbolic.types import BOOL, INT64, Type, promote
from . import scalar
from .bodies import counting, placeholder, placeholders
from .branch import make_branch
from .coerce import as_expr
from .creation import full, iota
from .elementwise import cast
from .loop import ENDLESS, make_loop
from .movement import concatenate, reshape, stack

Step = Callable[..., Any]


def scan(
    step: Step,
    init: Any,
    xs: Any = None,
    non_sequences: Sequence[Any] = (),
    length: Any = None,
    reverse: bool = False,
    unroll: int = 1,
    *,
    until: Step | None = None,
    checkpoint_every: int | None = None,
) -> Any:
    """carry, y[i] = step(carry, x[i]) for i = 0, 1, ...: a loop whose number of steps a call decides.

    Parameters
    ----------
    step : function(carry, x, *non_sequences) -> (carry, y)
        Written once, on expressions; it may use any expression around it.
    init : the first carry: expressions in any structure of tuples, lists and dicts, which `step` must return
    xs : sequences in any structure; `x` holds their elements along the first axis.  None: `x` is None
    non_sequences : further arguments of `step`, the same in each step
    length : the number of steps, where there are no sequences: a size or an integer scalar; with sequences, an integer
        scalar says how many steps of them there are, from 0 to all
    reverse : from the last element to the first; y[i] still belongs to x[i]
    unroll : so many steps are written out in a row; the number of steps must be known
    until : function(carry, y) -> bool of the new carry: the loop ends after the first step for which it is true
    checkpoint_every : derivatives keep the carry of every so many steps and compute what is between again, for
        sequences too long to keep all; the number of steps must be known

    Returns
    -------
    (carry, ys): the last carry, and the y of all steps, stacked along a new first axis.  With `until`
    (carry, ys, steps): the number of steps there were.  ys is zero where there was no step.

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        where the carry changes its structure, dtype or shape, or the sequences differ in length
    IndexRangeError
        when it runs, for a length that is below 0, or more than the elements of the sequences

    Gradient
    --------
    For init, xs and whatever `step` uses, to any order: the steps backwards, with the carries of all steps kept.
    """
    if not isinstance(non_sequences, list | tuple):
        text = f"scan: non_sequences is a list of further arguments of step, not {non_sequences!r}."
        raise blame(ArgumentError(text), user_site(), hint="write [w].")
    check_function("scan: step", step, ["the carry", "the elements of xs", *["a non-sequence"] * len(non_sequences)])
    if until is not None:
        check_function("scan: until", until, ["the new carry", "y"])
    sequences, rebuild = flatten(xs)
    sequences = [as_expr(x) for x in sequences]
    size, count = _length(sequences, length)
    if until is not None and reverse:
        error = ArgumentError("scan: a loop that ends early runs forwards: flip the sequences instead of reverse=True.")
        raise blame(error, user_site())
    chunk = check_count("scan", "unroll", unroll, least=1)
    if checkpoint_every is not None:
        chunk = check_count("scan", "checkpoint_every", checkpoint_every, least=1)
    reverse = check_flag("scan", "reverse", reverse)
    loop = _Scan(step, init, rebuild, non_sequences, until)
    if chunk == 1:
        return loop.run(sequences, size, count, reverse)
    if count or until is not None or not isinstance(size, int):
        text = f"scan: the number of steps is {size if not count else 'a value'}, and with unroll or checkpoint_every"
        raise blame(ArgumentError(f"{text} it must be known, without until."), user_site())
    return loop.in_chunks(sequences, size, reverse, min(chunk, max(size, 1)), checkpoint_every is not None)


@record
class CheckSteps(Op):
    """A number of steps as int32, from 0 to `length`: that of the elements there are for them."""

    length: Dim

    def infer(self, steps: Type) -> Type:
        if steps.shape or steps.dtype.kind not in "iu":
            raise ShapeError(f"scan: length is a whole number, not {steps}.")
        return Type(np.dtype("int32"), steps.shape)

    def numpy(self, steps: np.ndarray) -> np.ndarray:
        if not 0 <= steps <= self.length:
            raise IndexRangeError(f"scan: length is {steps}, and the sequences have {self.length} elements.")
        return steps.astype(np.int32)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[None]:
        return [None]


class _Scan(NamedTuple):
    """What a scan is made of, but for its sequences."""

    step: Step
    init: Any
    rebuild: Callable[[Sequence[Any]], Any]
    non_sequences: Sequence[Any]
    until: Step | None

    def run(self, sequences: list[Expr], size: Dim, count: list[Expr], reverse: bool, keeps: bool = True) -> Any:
        """The loop, one step of which is `step`."""
        starts = _Carry(self.init)
        elements = [placeholder(x.dtype, x.shape[1:]) for x in sequences]
        number = placeholder(INT64, ())
        with counting(number):
            carry, y = starts.trace(lambda c: self.call_step(c, elements))
            tests = [] if self.until is None else [_going_on(self.until, carry, y)]
        ys, pack = flatten(y)
        outputs = [*starts.check(carry, self.step), *map(as_expr, ys), *tests]
        if number in set(toposort(outputs)):
            elements.append(number)
            sequences = [*sequences, iota((size,), 0, "int64")]
        options = {"length": size, "reverse": reverse, "tested": bool(tests), "keeps": keeps}
        found = make_loop(outputs, (starts.variables, elements), (starts.values, sequences), count, **options)
        first = len(starts.values)
        result = starts.build(found[:first]), pack(found[first : first + len(ys)])
        return (*result, found[-1]) if tests else result

    def call_step(self, carry: Any, elements: Sequence[Expr]) -> _Pair:
        """What a step returns.  An error in it says what it was given, since other libraries have another order."""
        given = self.rebuild(elements)
        try:
            return _pair(self.step, self.step(carry, given, *self.non_sequences))
        except (ShapeError, DTypeError) as error:
            what = f"the carry, {_shapes(carry)}, and the element of xs, {_shapes(given)}"
            raise blame(error, hint=f"scan calls the step with {what}, in this order.") from None

    def in_chunks(self, sequences: list[Expr], size: int, reverse: bool, chunk: int, again: bool) -> Any:
        """A loop over chunks of steps; what is left of the sequences comes after."""
        whole, left = divmod(size, chunk)
        first = left if reverse else 0
        cut = [reshape(x[first : first + whole * chunk], (whole, chunk, *x.shape[1:])) for x in sequences]

        def inside(carry: Any, xs: Any) -> Any:
            steps = self._replace(init=carry)
            elements, _ = flatten(xs)
            return steps.run(elements, chunk, [], reverse) if again else steps.unroll(elements, chunk, reverse)

        outer = self._replace(step=inside, non_sequences=())
        carry, ys = outer.run(cut, whole, [], reverse, keeps=not again)
        ys, pack = flatten(ys)
        ys = [reshape(y, (whole * chunk, *y.shape[2:])) for y in ys]
        if not left:
            return carry, pack(ys)
        rest = [x[:left] if reverse else x[whole * chunk :] for x in sequences]
        carry, more = self._replace(init=carry).unroll(rest, left, reverse)
        more, _ = flatten(more)
        return carry, pack([concatenate([b, a] if reverse else [a, b]) for a, b in zip(ys, more, strict=True)])

    def unroll(self, sequences: Sequence[Expr], count: int, reverse: bool) -> Any:
        """So many steps one after the other, without a loop."""
        carry, made = self.init, []
        for i in range(count)[:: -1 if reverse else 1]:
            elements = [x[i] for x in sequences]
            carry, y = self.call_step(carry, elements)
            made.append(flatten(y))
        made = made[:: -1 if reverse else 1]
        return carry, made[0][1]([stack(list(column)) for column in zip(*(ys for ys, _ in made), strict=True)])


def while_loop(condition: Step, body: Step, init: Any, max_steps: int | None = None) -> Any:
    """carry = body(carry) as long as condition(carry) is true; the last carry.

    Parameters
    ----------
    condition : function(carry) -> a bool scalar
    body : function(carry) -> carry
    init : the first carry: expressions in any structure of tuples, lists and dicts
    max_steps : the loop ends after so many steps at the latest; derivatives need it, since they keep every carry

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        where the carry changes its structure, dtype or shape, or the condition is no bool scalar
    GradientError
        when a derivative is taken and max_steps is not given
    """
    check_function("while_loop: condition", condition, ["the carry"])
    check_function("while_loop: body", body, ["the carry"])
    if max_steps is not None:
        max_steps = check_count("while_loop", "max_steps", max_steps)
    starts, number = _Carry(init), placeholder(INT64, ())
    limit = ENDLESS if max_steps is None else max_steps
    with counting(number):
        carry = starts.trace(body)
    outputs = starts.check(carry, body)
    again = _truth(condition, condition(carry))
    begins = _truth(condition, condition(starts.build(starts.values)))
    variables, values = list(starts.variables), list(starts.values)
    outputs = [*outputs, again]
    if number in set(toposort(outputs)):
        variables, values = [*variables, number], [*values, as_expr(0, "int64")]
        outputs.insert(-1, number + 1)
    count = [scalar.where(begins, as_expr(limit, "int64"), as_expr(0, "int64"))]
    found = make_loop(outputs, (variables, []), (values, []), count, length=limit, tested=True)
    return starts.build(found[: len(starts.values)])


def cond(predicate: Any, then: Any, otherwise: Any) -> Any:
    """`then` where the predicate is true, else `otherwise`; what only the other one needs is not computed.

    Parameters
    ----------
    predicate : a bool scalar
    then, otherwise : expressions, in any structure of tuples, lists and dicts; or functions without arguments that
        return such.  Both have the same structure, dtypes and shapes.

    Raises
    ------
    DTypeError, ShapeError, ArgumentError
        where the predicate is no bool scalar, or the two differ

    Gradient
    --------
    That of the branch taken; zeros for what only the other one depends on.
    """
    sides = [side() if callable(side) and not isinstance(side, Expr) else side for side in (then, otherwise)]
    if outline(sides[0]) != outline(sides[1]):
        text = f"cond: one branch gives {outline(sides[0])}, the other {outline(sides[1])}."
        raise blame(ArgumentError(text), user_site(), hint="return the same structure from both.")
    (left, build), (right, _) = flatten(sides[0]), flatten(sides[1])
    pairs = [_unify(as_expr(a), as_expr(b)) for a, b in zip(left, right, strict=True)]
    found = make_branch(as_expr(predicate), ([a for a, _ in pairs], [], []), ([b for _, b in pairs], [], []))
    return build(found)


# ---- carries ---------------------------------------------------------------------------------------------------------


class _Carry:
    """The values that a loop carries, and what stands for them in its body."""

    def __init__(self, init: Any) -> None:
        leaves, self.build = flatten(init)
        self.structure = outline(init)
        self.values = [as_expr(leaf) for leaf in leaves]
        self.variables: list[Expr] = []

    def trace(self, body: Callable[[Any], Any]) -> Any:
        """What the body makes of the carry.  A Python number among the first values takes the dtype it gets."""
        for _ in range(2):
            self.variables = placeholders(self.values)
            result = body(self.build(self.variables))
            leaves, _ = flatten(result[0] if isinstance(result, _Pair) else result)
            news = [as_expr(leaf) for leaf in leaves]
            if len(news) != len(self.values) or not any(map(_takes, self.values, news)):
                break
            self.values = [cast(v, n.dtype) if _takes(v, n) else v for v, n in zip(self.values, news, strict=True)]
        return result

    def check(self, carry: Any, step: Step) -> list[Expr]:
        """The new carry in a row: of the same structure, dtypes and shapes."""
        what = getattr(step, "__name__", "step")
        if outline(carry) != self.structure:
            text = f"{what} takes a carry of the form {self.structure} and returns {outline(carry)}."
            raise blame(ArgumentError(text), user_site(), hint="return the carry in the structure of init.")
        news = [as_expr(leaf) for leaf in flatten(carry)[0]]
        for number, (value, new) in enumerate(zip(self.values, news, strict=True)):
            self._check(what, number, value, new)
        return [cast(n, v.dtype) for v, n in zip(self.values, news, strict=True)]

    def _check(self, what: str, number: int, value: Expr, new: Expr) -> None:
        which = f"{what}: carry number {number}" + (f" ({value.name})" if value.name else "")
        if value.dtype != new.dtype and not new.type.weak:
            text = f"{which} is {value.dtype.name} at first, and {new.dtype.name} after a step."
            hint = f"begin with {new.dtype.name}, or return .astype({value.dtype.name!r})."
            raise blame(DTypeError(text), user_site(), new.site, value.site, hint=hint)
        fits = value.ndim == new.ndim and not any(
            same(a, b) is False for a, b in zip(value.shape, new.shape, strict=True)
        )
        if not fits:
            text = f"{which} has shape {show(value.shape)} at first, and {show(new.shape)} after a step."
            hint = "begin with a value of the shape that a step gives."
            raise blame(ShapeError(text), user_site(), new.site, value.site, hint=hint)


def _takes(value: Expr, new: Expr) -> bool:
    """Whether a first value is a Python number that becomes an array of another dtype."""
    return bool(value.type.weak and not new.type.weak and value.dtype != new.dtype)


def _shapes(tree: Any) -> str:
    """The types of the expressions in a structure, as text."""
    leaves = [as_expr(leaf) for leaf in flatten(tree)[0]]
    return listing([str(leaf.type).removesuffix(" weak") for leaf in leaves]) if leaves else "None"


class _Pair(tuple[Any, Any]):
    """What a step returned: (carry, y)."""


def _pair(step: Step, result: Any) -> _Pair:
    if not isinstance(result, tuple) or len(result) != 2:
        what = getattr(step, "__name__", "step")
        form = f"{outline(result)}" if isinstance(result, list | tuple | dict) else type(result).__name__
        text = f"{what} must return (carry, y), and it returned {form}."
        raise blame(ArgumentError(text), user_site(), hint="return carry, None where there is nothing to stack.")
    return _Pair(result)


# ---- lengths and tests -----------------------------------------------------------------------------------------------


def _length(sequences: Sequence[Expr], length: Any) -> tuple[Dim, list[Expr]]:
    """(the most steps there are, the number of steps where it is a value)."""
    for x in sequences:
        if not x.ndim:
            raise blame(
                ShapeError("scan: a sequence has at least one axis, and this is a scalar."), user_site(), x.site
            )
        if same(x.shape[0], sequences[0].shape[0]) is False:
            text = f"scan: the sequences have {sequences[0].shape[0]} and {x.shape[0]} elements."
            raise blame(ShapeError(text), user_site(), x.site, sequences[0].site)
    if isinstance(length, Expr):
        if length.ndim or length.dtype.kind not in "iu":
            text = f"scan: length is a whole number, and this is {length.type}."
            raise blame(DTypeError(text), user_site(), length.site)
        if not sequences:
            return as_dim(length), []
        most = sequences[0].shape[0]
        return most, [cast(apply(CheckSteps(most), length), "int64")]
    if length is None:
        if not sequences:
            raise blame(ArgumentError("scan: without sequences, length says how many steps there are."), user_site())
        return sequences[0].shape[0], []
    (wanted,) = shape_of((length,))
    if sequences and same(wanted, sequences[0].shape[0]) is False:
        text = f"scan: length is {wanted}, and the sequences have {sequences[0].shape[0]} elements."
        raise blame(ShapeError(text), user_site(), sequences[0].site)
    return wanted, []


def _going_on(until: Step, carry: Any, y: Any) -> Expr:
    return scalar.logical_not(_truth(until, until(carry, y)))


def _truth(function: Step, value: Any) -> Expr:
    """A condition's value: a bool scalar."""
    node = as_expr(value)
    if node.ndim or node.dtype != BOOL:
        what = getattr(function, "__name__", "the condition")
        text = f"{what} must return a bool scalar, and it returned {node.type}."
        raise blame(DTypeError(text), user_site(), node.site, hint="compare values, and reduce with .all() or .any().")
    return node


def _unify(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Both branches' values; Python numbers take the dtype and shape of the other."""
    if a.type.weak or b.type.weak:
        kind = promote(a.type, b.type)
        shape = a.shape if b.type.weak else b.shape
        a, b = (cast(n, kind) if n.shape == shape or not n.type.weak else full(shape, n, kind) for n in (a, b))
    return a, b
