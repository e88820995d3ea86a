"""theano.scan and its kind, and ifelse: weft's loops and branches, with taps and updates as Theano has them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import weft as wf

from ...ops.bodies import counting, placeholder, placeholders
from ...ops.creation import iota
from ...ops.elementwise import cast as weft_cast
from ...ops.loop import make_loop
from ...symbolic import dims
from ...symbolic.dims import Dim
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.substitution import substitute
from ...symbolic.types import INT64
from .changing_loops import changes_sizes, repeat_body
from .convert import as_list, unwrap
from .ops import Work
from .sizes import as_size
from .storage import SharedVariable
from .variables import Variable, wrap


class until:  # noqa: N801 - Theano's name
    """What a step returns to end the loop after it, where the condition is true."""

    def __init__(self, condition: Any) -> None:
        self.condition = condition


class OrderedUpdates(OrderedDict[Any, Any]):
    """Shared variables and their new values, in order.  a + b has those of both, where they agree."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, SharedVariable):
            text = f"The keys of updates are shared variables, and {key!r} is {type(key).__name__}."
            raise blame(TypeError(text), user_site())
        super().__setitem__(key, value)

    def update(self, other: Any = (), **named: Any) -> None:  # type: ignore[override]
        """Take the updates of another, too.  Raises KeyError where both update one variable, differently."""
        for key, value in dict(other or (), **named).items():
            if key in self and self[key] is not value:
                text = f"{key} is updated in two ways, and only one new value can be its own."
                raise blame(KeyError(text), user_site(), key.expr.site)
            self[key] = value

    def __add__(self, other: Any) -> OrderedUpdates:
        found = OrderedUpdates(self)
        found.update(other)
        return found

    def __radd__(self, other: Any) -> OrderedUpdates:
        return OrderedUpdates(other) + self


class State(NamedTuple):
    """An output that comes back: the places it is read at, and its first values, the oldest first."""

    taps: tuple[int, ...]
    starts: list[Expr]
    name: str | None

    def read(self, window: Sequence[Expr]) -> list[Any]:
        """The variables that a step gets, named as Theano names them."""
        found = [wrap(window[len(window) + tap]) for tap in self.taps]
        for variable, tap in zip(found, self.taps, strict=True):
            if self.name:
                variable.name = f"{self.name}[t{tap}]"
        return found


class Scan(Work):
    """A loop."""

    __props__ = None
    name = "for{cpu,scan_fn}"


class IfElse(Work):
    """A choice of which one side is computed."""

    __props__ = None
    name = "if{}"

    def __call__(self, condition: Any, *branches: Any) -> Any:
        half = len(branches) // 2
        return ifelse(condition, list(branches[:half]), list(branches[half:]))


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: Any = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
) -> Any:
    """(outputs of all steps, updates): outputs[i] = fn(elements, earlier outputs, non_sequences).

    Parameters
    ----------
    fn : gets, for each sequence, its elements at its taps; for each output that comes back, its values at its taps;
        then the non_sequences.  It returns outputs, updates, `until(condition)`, or a tuple of these.
    sequences : arrays, or dict(input=array, taps=[-1, 0, 1]); the shortest says how many steps there are
    outputs_info : for each output its first value, dict(initial=value, taps=[-2, -1]), or None where it does not come
        back
    n_steps : how many steps there are; a number or an integer scalar; negative: backwards
    truncate_gradient : derivatives flow through so many of the last steps; -1: through all
    go_backwards : from the last elements to the first; outputs are in the order of the steps

    Returns
    -------
    one output, a list of them, or None; and the updates of the shared variables that fn changes, for theano.function
    """
    backwards, count = _direction(n_steps, go_backwards)
    elements, values = _sequences(as_list(sequences), backwards)
    length = _length(values, count)
    values = [v if v.shape[0] == length else v[:length] for v in values]
    states = [_state(info) for info in as_list(outputs_info)]
    others = [v if isinstance(v, Variable) else wrap(unwrap(v)) for v in as_list(non_sequences)]
    traced = _Traced(fn, elements, states, others)
    found, shared, steps = traced.run(values, length, truncate_gradient)
    outputs = [wrap(y if steps is None else y[:steps]) for y in found]
    updates = OrderedUpdates((wrap(s), wrap(last)) for s, last in shared.items())
    if not outputs:
        return None, updates
    return (outputs[0] if len(outputs) == 1 and not return_list else outputs), updates


scan.until = until  # type: ignore[attr-defined]


def _direction(n_steps: Any, go_backwards: bool) -> tuple[bool, Dim | None]:
    if n_steps is None or (isinstance(n_steps, float) and not np.isfinite(n_steps)):
        return go_backwards, None
    if isinstance(n_steps, Variable) and n_steps.expr.dtype.kind not in "iu":
        text = f"n_steps must be a whole number, and {n_steps} is {n_steps.dtype}."
        raise blame(ValueError(text), user_site(), n_steps.expr.site)
    count = as_size(int(n_steps) if isinstance(n_steps, float) else n_steps)
    return (not go_backwards, -count) if isinstance(count, int) and count < 0 else (go_backwards, count)


def _sequences(given: list[Any], backwards: bool) -> tuple[list[Any], list[Expr]]:
    """What stands for the elements of a step, and the sequences they are of, shifted by their taps."""
    elements, values = [], []
    for sequence in given:
        info = sequence if isinstance(sequence, dict) else {"input": sequence}
        taps = [int(t) for t in as_list(info.get("taps"))] or [0]
        whole = unwrap(info["input"])
        if not whole.ndim:
            raise blame(ValueError("scan: a sequence has at least one axis, and this is a scalar."), whole.site)
        before, behind = -min(*taps, 0, 0), max(*taps, 0, 0)
        for tap in taps:
            value = whole[tap + before : whole.shape[0] - (behind - tap)] if before or behind else whole
            values.append(wf.flip(value, 0) if backwards else value)
            element = placeholder(value.dtype, value.shape[1:])
            elements.append(wrap(element))
            if getattr(info["input"], "name", None):
                elements[-1].name = f"{info['input'].name}[t{f'{tap:+d}' if tap else ''}]"
    return elements, values


def _length(values: Sequence[Expr], count: Dim | None) -> Dim:
    if count is not None:
        return count
    if not values:
        text = "scan needs n_steps, or a sequence that says how many steps there are."
        raise blame(ValueError(text), user_site())
    length = values[0].shape[0]
    for value in values[1:]:
        length = dims.minimum(length, value.shape[0])
    return length


def _state(info: Any) -> State | None:
    if info is None or (isinstance(info, dict) and info.get("initial") is None and info.get("taps") is None):
        return None
    info = info if isinstance(info, dict) else {"initial": info}
    if info.get("initial") is None:
        raise blame(ValueError(f"scan: taps {info['taps']} of an output without an initial value."), user_site())
    taps = tuple(int(t) for t in as_list(info.get("taps"))) or (-1,)
    if len(set(taps)) < len(taps) or max(taps) >= 0:
        raise blame(ValueError(f"scan: the taps of an output are different and below 0, not {taps}."), user_site())
    initial, label = unwrap(info["initial"]), getattr(info["initial"], "name", None)
    if taps == (-1,):
        return State(taps, [initial], label)
    return State(taps, [initial[i] for i in range(-min(taps))], label)


class _Traced:
    """The step, written once over placeholders for what changes from step to step."""

    def __init__(
        self, fn: Callable[..., Any], elements: list[Any], states: list[State | None], others: list[Any]
    ) -> None:
        self.elements, self.states = [unwrap(e) for e in elements], states
        self.number = placeholder(INT64, ())
        for _ in range(2):
            self.windows = [placeholders(s.starts) if s is not None else [] for s in self.states]
            windows = [v for s, w in zip(self.states, self.windows, strict=True) if s is not None for v in s.read(w)]
            with counting(self.number):
                self.outputs, self.updates, self.stop = _parts(fn(*elements, *windows, *others))
            if not self.states:
                self.states, self.windows = [None] * len(self.outputs), [[] for _ in self.outputs]
            self._check_count()
            if not self._widen():
                break

    def _check_count(self) -> None:
        if len(self.states) != len(self.outputs):
            text = f"scan: the step returns {len(self.outputs)} outputs, and outputs_info has {len(self.states)}."
            raise blame(ValueError(text), user_site(), hint="give None for outputs that do not come back.")

    def _widen(self) -> bool:
        """Whether a first value had to take a larger dtype, that of the output."""
        changed = False
        for i, (state, output) in enumerate(zip(self.states, self.outputs, strict=True)):
            if state is not None and state.starts[0].dtype != output.dtype:
                kind = np.result_type(state.starts[0].dtype, output.dtype)
                self.outputs[i] = weft_cast(output, kind)
                if state.starts[0].dtype != kind:
                    self.states[i] = state._replace(starts=[weft_cast(s, kind) for s in state.starts])
                    changed = True
        return changed

    def run(self, values: list[Expr], length: Dim, truncate: int) -> tuple[list[Expr], dict[Expr, Expr], Expr | None]:
        """(outputs of all steps, last values of shared variables, how many steps there were where that is open)."""
        shared = list(self.updates)
        doubles = placeholders(shared)
        named = dict(zip(shared, doubles, strict=True))
        outputs = substitute([*self.outputs, *self.updates.values(), *self.stop], named)
        ys, news, stop = _split(outputs, len(self.outputs), len(shared))
        carried = [
            new
            for state, window, y in zip(self.states, self.windows, ys, strict=True)
            if state is not None
            for new in [*window[1:], y]
        ]
        starts = [start for state in self.states if state is not None for start in state.starts] + shared
        variables = [v for window in self.windows for v in window] + doubles
        tests = [wf.logical_not(s if s.dtype.kind == "b" else wf.ne(s, 0)) for s in stop]
        body = [*carried, *news, *ys, *tests]
        elements = list(self.elements)
        if self.number in set(toposort(body)):
            elements, values = [*elements, self.number], [*values, iota((length,), 0, "int64")]

        changing = changes_sizes(body, [*variables, *elements])

        def part(xs: list[Expr], begin: list[Expr], size: Dim) -> list[Expr]:
            if changing:
                return repeat_body(body, (variables, elements), (begin, xs), size, bool(tests))
            return make_loop(body, (variables, elements), (begin, xs), length=size, tested=bool(tests))

        if truncate > 0 and not tests and not (isinstance(length, int) and length <= truncate):
            found = _truncate(part, values, starts, length, truncate)
        else:
            found = part(values, starts, length)
        last = dict(zip(shared, found[len(starts) - len(shared) : len(starts)], strict=True))
        return found[len(starts) : len(starts) + len(ys)], last, found[-1] if tests else None


def _split(values: list[Expr], first: int, second: int) -> tuple[list[Expr], list[Expr], list[Expr]]:
    return values[:first], values[first : first + second], values[first + second :]


def _truncate(
    part: Callable[..., list[Expr]], values: list[Expr], starts: list[Expr], length: Dim, truncate: int
) -> list[Expr]:
    """Two loops, one after the other: no derivative flows through the first."""
    last = dims.minimum(length, truncate)
    first = length - last
    early = [wf.stop_gradient(v) for v in part([v[:first] for v in values], starts, first)]
    count = len(starts)
    late = part([v[first:] for v in values], early[:count], last)
    joined = [wf.concatenate([a, b]) for a, b in zip(early[count:], late[count:], strict=True)]
    return [*late[:count], *joined]


def _parts(result: Any) -> tuple[list[Expr], dict[Expr, Expr], list[Expr]]:
    """(outputs, updates, [condition to end] or []), out of the forms in which a step returns them."""
    outputs: list[Any] = []
    updates: dict[Expr, Expr] = {}
    stop: list[Expr] = []
    parts = list(result) if isinstance(result, tuple) else [result]
    if not any(isinstance(p, until | Mapping) or _is_updates(p) for p in parts):
        parts = [result]
    for part in parts:
        if isinstance(part, until):
            stop = [unwrap(part.condition)]
        elif isinstance(part, Mapping) or _is_updates(part):
            pairs = part.items() if isinstance(part, Mapping) else part
            updates = {unwrap(s): unwrap(new, unwrap(s).dtype) for s, new in pairs}
        else:
            outputs += as_list(part)
    return [unwrap(o) for o in outputs], updates, stop


def _is_updates(part: Any) -> bool:
    """Whether it is a list of pairs of shared variables and new values."""
    return (
        isinstance(part, list | tuple)
        and bool(part)
        and all(isinstance(p, list | tuple) and len(p) == 2 and isinstance(p[0], SharedVariable) for p in part)
    )


def map(fn: Any, sequences: Any, non_sequences: Any = None, *args: Any, **options: Any) -> Any:
    """(fn of each element, updates)."""
    names = ("truncate_gradient", "go_backwards", "mode", "name")
    return scan(fn, sequences, [], non_sequences, **dict(zip(names, args, strict=False)), **options)


def reduce(
    fn: Any, sequences: Any, outputs_info: Any, non_sequences: Any = None, go_backwards: bool = False, **options: Any
) -> Any:
    """(the last outputs, updates) of a scan."""
    found, updates = scan(fn, sequences, outputs_info, non_sequences, go_backwards=go_backwards, **options)
    return ([v[-1] for v in found] if isinstance(found, list) else found[-1]), updates


def foldl(fn: Any, sequences: Any, outputs_info: Any, non_sequences: Any = None, **options: Any) -> Any:
    """reduce, from the first element on."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, **options)


def foldr(fn: Any, sequences: Any, outputs_info: Any, non_sequences: Any = None, **options: Any) -> Any:
    """reduce, from the last element on."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, **options)


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """then_branch where the condition is not 0, else else_branch; only one of them is computed."""
    test = unwrap(condition)
    test = test if test.dtype.kind == "b" else wf.ne(test, 0)
    left, right = [unwrap(v) for v in as_list(then_branch)], [unwrap(v) for v in as_list(else_branch)]
    if len(left) != len(right):
        text = f"ifelse: one branch has {len(left)} variables, and the other {len(right)}."
        raise blame(ValueError(text), user_site())
    kinds = [np.result_type(a.dtype, b.dtype) for a, b in zip(left, right, strict=True)]
    sides = [[weft_cast(v, k) for v, k in zip(side, kinds, strict=True)] for side in (left, right)]
    found = [wrap(v) for v in wf.cond(test, *sides)]
    return found if isinstance(then_branch, list | tuple) else found[0]
