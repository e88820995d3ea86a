"""Rewriting: rules, sets of rules, and the one function that applies them: `rewrite(graph, rules)`.

    @rules        equations: a generator that yields left sides and right sides over its parameters
    @rewrite      a Python function of a node that returns what it becomes, or None
    RuleSet       a name, and a table from an op's head (and those of its arguments) to the rules that can match

Arguments are rewritten before the nodes that use them, and what a rule returns is rewritten until no rule fires.
"""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, overload

from .dims import show
from .errors import RewriteLoop, Site, VerifyError, at_site, blame
from .expr import Expr, rebuilt, toposort
from .graph import Graph
from .operators import function as bound
from .patterns import Pattern, Rule, Variables, head, trace_dtypes, variable
from .types import TupleType
from .verify import compatible


class Rewrite:
    """A rule that is a Python function of a node."""

    def __init__(
        self,
        function: Callable[[Expr], Any],
        roots: Sequence[Any],
        when: Callable[..., Any] | None,
        examples: Sequence[Callable[[], Any]],
    ):
        self.function, self.roots, self.when, self.examples = function, frozenset(roots), when, tuple(examples)
        self.name = function.__name__
        self.site = Site(function.__code__, 0)
        self.__doc__ = function.__doc__

    def fire(self, node: Expr, pattern: Any = None) -> Expr | None:
        """What the node becomes, or None."""
        return self.function(node)  # type: ignore[no-any-return]

    @property
    def statement(self) -> str:
        """What it does: the first line of its docstring."""
        return (self.__doc__ or self.name).strip().partition("\n")[0]

    def __repr__(self) -> str:
        return self.name


AnyRule: TypeAlias = Rule | Rewrite


class RuleSet:
    """Rules under a name, tried in order.  Sets are joined with +."""

    def __init__(self, name: str, members: Iterable[AnyRule | RuleSet] = (), doc: str | None = None):
        self.name, self._members = name, tuple(members)
        self.__doc__ = doc
        self._candidates: dict[Any, list[tuple[AnyRule, Pattern | None]]] = {}

    @cached_property
    def rules(self) -> tuple[AnyRule, ...]:
        """The rules, in order."""
        nested = [m.rules if isinstance(m, RuleSet) else (m,) for m in self._members]
        return tuple(dict.fromkeys(rule for group in nested for rule in group))

    @cached_property
    def table(self) -> dict[Any, list[tuple[int, AnyRule, Pattern | None]]]:
        """From an op's head or class to the rules for it, each with its place in the set's order."""
        found: dict[Any, list[tuple[int, AnyRule, Pattern | None]]] = {}
        for place, rule in enumerate(self.rules):
            if isinstance(rule, Rewrite):
                for root in rule.roots:
                    found.setdefault(root, []).append((place, rule, None))
            else:
                for pattern in rule.patterns:
                    found.setdefault(pattern.op.head, []).append((place, rule, pattern))
        return found

    def candidates(self, node: Expr) -> list[tuple[AnyRule, Pattern | None]]:
        """The rules that can match the node, as far as the heads of it and of its arguments tell."""
        root, kind = node.op.head, type(node.op)
        key = (root, kind, *map(head, node.args)) if root in self.table else kind
        found = self._candidates.get(key)
        if found is None:
            found = self._candidates[key] = self._fitting(root, kind, tuple(map(head, node.args)))
        return found

    def _fitting(self, root: Any, kind: Any, heads: tuple[Any, ...]) -> list[tuple[AnyRule, Pattern | None]]:
        entries = self.table.get(root, []) + (self.table.get(kind, []) if kind is not root else [])
        entries.sort(key=lambda entry: entry[0])
        return [(rule, pattern) for _, rule, pattern in entries if _may_match(rule, pattern, heads)]

    def __add__(self, other: RuleSet) -> RuleSet:
        return RuleSet(f"{self.name} + {other.name}", (self, other))

    def __iter__(self) -> Any:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __repr__(self) -> str:
        return f"RuleSet({self.name!r}, {len(self)} rules)"


def _may_match(rule: AnyRule, pattern: Pattern | None, heads: tuple[Any, ...]) -> Any:
    if pattern is not None:
        return pattern.fits(heads)
    return not isinstance(rule, Rewrite) or rule.when is None or rule.when(*heads)


class _Equations(RuleSet):
    """The rules that a generator yields; it runs when they are first needed."""

    def __init__(self, function: Callable[..., Any], dtypes: Sequence[str], after: RuleSet | None):
        super().__init__(function.__name__, (), function.__doc__)
        self._function, self._dtypes, self._after = function, tuple(dtypes), after

    @cached_property
    def rules(self) -> tuple[AnyRule, ...]:
        """One rule for each equation and sort of dtypes."""
        return tuple(rule for kind in trace_dtypes(self._dtypes) for rule in self._traced(kind))

    def _traced(self, kind: Any) -> list[Rule]:
        annotations = inspect.get_annotations(self._function, eval_str=True)
        names = list(inspect.signature(self._function).parameters)
        inputs = tuple(variable(name, annotations.get(name), kind) for name in names)
        variables = Variables(inputs, tuple(annotations.get(name) for name in names))
        generator, found = self._function(*inputs), []
        for left, right, *condition in generator:
            site = Site(generator.gi_frame.f_code, generator.gi_frame.f_lasti)
            found.append(
                Rule(
                    f"{self.name} line {site.line}",
                    self._spellings(left, inputs),
                    bound("positive")(right),
                    variables,
                    condition=condition[0] if condition else None,
                    names=names,
                    kind=kind,
                    site=site,
                )
            )
        return found

    def _spellings(self, left: Expr, inputs: tuple[Expr, ...]) -> list[Expr]:
        """The left side as it is written, and as the rules that run before leave it."""
        if self._after is None:
            return [left]
        settled = rewrite(Graph(inputs, (left,)), self._after).outputs[0]
        return [left] if settled is left or not settled.args else [left, settled]


def rules(
    function: Callable[..., Any] | None = None, *, dtypes: Sequence[str] = ("float",), after: RuleSet | None = None
) -> Any:
    """Equations as rules: the generator's parameters are pattern variables, and it yields (left, right[, condition]).

    Parameters
    ----------
    dtypes : the sorts of dtypes the equations hold for: "float", "int", "bool"
    after : a set that has been applied before: the left sides are matched in the form it leaves them, too

    A plain parameter matches any expression, one annotated `Const` a scalar constant (or one that is broadcast),
    `Bool` bools, `Vector` and `Matrix` what has one or two axes.  A parameter that occurs twice must be the same node.
    Numbers match constants of any dtype with that value.  A condition is a function of some of the parameters:

        @rules
        def exact(x, c: Const):
            '''The same value with cheaper operations.'''
            yield x / c, x * (1 / c), lambda c: power_of_two(c)
    """
    if function is None:
        return lambda f: _Equations(f, dtypes, after)
    return _Equations(function, dtypes, after)


class Fired(NamedTuple):
    """One application of a rule."""

    rule: AnyRule
    old: Expr
    new: Expr

    def __str__(self) -> str:
        return (
            f"{self.rule.name}: {self.rule.statement}\n"
            f"    at {self.old.site}  {self.old.site.text}\n"
            f"    {self.old!r} -> {self.new!r}"
        )


@overload
def rewrite(graph: Graph, rules: RuleSet, /, record: list[Fired] | None = None) -> Graph: ...
@overload
def rewrite(
    *roots: Any, when: Callable[..., Any] | None = None, examples: Sequence[Callable[[], Any]] = ()
) -> Callable[[Callable[[Expr], Expr | None]], Rewrite]: ...
def rewrite(
    *args: Any,
    record: list[Fired] | None = None,
    when: Callable[..., Any] | None = None,
    examples: Sequence[Callable[[], Any]] = (),
) -> Any:
    """`rewrite(graph, rules)`: the graph with rules applied until none fires; what each did is appended to `record`.

    Raises RewriteLoop where rules undo each other, VerifyError where a rule changes a type.  A rule that makes the
    graph grow past a bound is switched off with a warning.

    `@rewrite(MatMul)`, `@rewrite(mul, div)`: a rule for the nodes of these op classes or scalar functions, written as
    a function of the node that returns what it becomes, or None.  `when(*heads)` tells from the heads of the arguments
    whether it is worth a try (it is asked once for each combination); a head is an op class or a scalar function,
    NUMBER for a scalar constant, NUMBERS for one that is repeated.  `examples` are functions without parameters that
    build expressions at which the rule fires; the sweep over all rules compares both sides on them.
    """
    if args and isinstance(args[0], Graph):
        graph, rules, *rest = args
        run = _Run(rules, len(graph.nodes), rest[0] if rest else record)
        return graph.with_roots(run.settled(graph.nodes, graph.roots))
    return lambda function: Rewrite(function, args, when, examples)


class _Run:
    """One rewriting: what every node has become so far."""

    def __init__(self, rules: RuleSet, size: int, record: list[Fired] | None):
        self.rules, self.record = rules, record
        self.done: dict[Expr, Expr] = {}
        self.next: dict[Expr, Expr] = {}  # of a node that is not done: what it has been replaced by
        self.by: dict[Expr, AnyRule] = {}  # which rule did that
        self.made: Counter[AnyRule] = Counter()  # new nodes, by rule
        self.off: set[AnyRule] = set()
        self.total = 0
        self.step = self.bound = 4 * size + 1000

    def settled(self, order: Sequence[Expr], roots: Sequence[Expr]) -> list[Expr]:
        """The roots in their final form."""
        done = self.done
        for node in order:  # arguments first: most nodes are final after one look
            if node in done:
                continue
            args = tuple([done[a] for a in node.args])
            new = node if args == node.args else rebuilt(node, args)
            if new not in done:
                after = self._fired(new)
                if after is None:
                    done[new] = new
                else:
                    self.next[new] = after
                    self._settle(new)
            done[node] = done[new]
        return [done[root] for root in roots]

    def _settle(self, root: Expr) -> None:
        """Bring a node, and all that takes its place, to their final form: arguments first, without recursion."""
        done, stack = self.done, [root]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            after = self.next.get(node)
            if after is not None:
                if after in done:
                    done[node] = done[after]
                    stack.pop()
                else:
                    self._push(stack, after)
                continue
            pending = [a for a in node.args if a not in done]
            if pending:
                for arg in pending:
                    self._push(stack, arg)
            else:
                self._advance(node)

    def _push(self, stack: list[Expr], node: Expr) -> None:
        if node in self.next and node not in self.done:
            raise self._loop(stack, node)
        stack.append(node)

    def _advance(self, node: Expr) -> None:
        """One step for a node whose arguments are final: new arguments, or a rule, or nothing more to do."""
        args = tuple([self.done[a] for a in node.args])
        new = rebuilt(node, args) if args != node.args else self._fired(node)
        if new is None or new is node:
            self.done[node] = node
        else:
            self.next[node] = new

    def _fired(self, node: Expr) -> Expr | None:
        candidates = self.rules.candidates(node)
        if not candidates:
            return None
        with at_site(node.site):
            for rule, pattern in candidates:
                if rule in self.off:
                    continue
                found = rule.fire(node, pattern)
                new = fitted(node, found, rule) if found is not None and found is not node else None
                if new is not None and new is not node:
                    self._note(rule, node, new)
                    return new
        return None

    def _note(self, rule: AnyRule, old: Expr, new: Expr) -> None:
        if self.record is not None:
            self.record.append(Fired(rule, old, new))
        self.by[old] = rule
        fresh = len(toposort([new], into=lambda n: n not in self.done))
        self.made[rule] += fresh
        self.total += fresh
        if self.total > self.bound:
            self._switch_off()

    def _switch_off(self) -> None:
        rule, count = next((r, n) for r, n in self.made.most_common() if r not in self.off)
        self.off.add(rule)
        self.bound += self.step
        warnings.warn(
            f"The rewrite rule {rule.name} ({rule.site}) has made {count} new nodes in a graph of "
            f"{(self.step - 1000) // 4}, and is switched off for the rest of it.",
            RuntimeWarning,
            stacklevel=2,
        )

    def _loop(self, stack: list[Expr], node: Expr) -> RewriteLoop:
        chain = stack[stack.index(node) :]
        fired = dict.fromkeys(self.by[n] for n in chain if n in self.by)
        lines = "".join(f"\n  {rule.site}  {rule.statement}" for rule in fired)
        text = f"Rewriting {node!r} came back to it; the rules that undo each other are:{lines}"
        return blame(RewriteLoop(text), node.site, hint="take one of the rules out of the set, or give it a condition.")


def fitted(old: Expr, new: Expr, rule: AnyRule) -> Expr | None:
    """`new` with exactly the shape and dtype of `old`: cast, and repeated along axes where it is of size 1.

    None where a strong dtype would take the place of a weak one.  Raises VerifyError where no repetition helps.
    """
    have, wanted = new.type, old.type
    if have is wanted:
        return new
    if isinstance(wanted, TupleType) or isinstance(have, TupleType):
        return new if have == wanted else _refuse(old, new, rule)
    if wanted.weak and not have.weak:
        return None
    if have.dtype != wanted.dtype or have.weak != wanted.weak:
        new = bound("astype")(new, wanted.dtype)
    if have.shape == wanted.shape:
        return new
    extra = wanted.ndim - have.ndim
    if extra < 0 or any(w == 1 != h for h, w in zip(have.shape, wanted.shape[extra:], strict=True)):
        return _refuse(old, new, rule)
    if extra or any(h == 1 != w for h, w in zip(have.shape, wanted.shape, strict=True)):
        return bound("broadcast_to")(new, wanted.shape)  # type: ignore[no-any-return]
    return new if compatible(new.type, wanted) else _refuse(old, new, rule)


def _refuse(old: Expr, new: Expr, rule: AnyRule) -> Expr:
    text = (
        f"The rule {rule.name} makes {new.type} of {old.type}: a rule may not change a type "
        f"(shapes {show(new.shape)} and {show(old.shape)})."
    )
    raise blame(VerifyError(text), rule.site, old.site)
