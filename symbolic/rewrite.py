"""Rewriting: `rewrite(graph, rules)` applies rules until none fires.

    @rules       equations: a generator that yields left sides and right sides over its parameters
    @rewrite     a rule that is a Python function of a node
    RuleSet      a name and rules; sets are joined with +

Arguments are rewritten before the nodes that use them, and what a rule returns is rewritten until no rule fires.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

from .dims import same
from .errors import RewriteLoop, VerifyError, at_site, blame
from .expr import Expr, identical, rebuild, toposort
from .graph import Graph
from .operators import function as bound
from .rules import AnyRule, Rewrite, Rule, RuleSet
from .types import TupleType

__all__ = ["AnyRule", "Fired", "Rewrite", "Rule", "RuleSet", "rewrite"]


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
    graph grow past a bound is switched off with a warning; one that needs sizes to be equal, or slices to fit, of which
    the graph says nothing does not fire.

    `@rewrite(MatMul)`, `@rewrite(mul, div)`: a rule for the nodes of these op classes or scalar functions, written as
    a function of the node that returns what it becomes, or None.  `when(*heads)` tells from the heads of the arguments
    whether it is worth a try (it is asked once for each combination); a head is an op class or a scalar function,
    a Number for a scalar constant (NUMBERS where it is repeated).  `examples` are functions without parameters that
    build expressions at which the rule fires; the sweep over all rules compares both sides on them.
    """
    if args and isinstance(args[0], Graph):
        graph, rules, *rest = args
        run = _Rewriting(graph, rules, rest[0] if rest else record)
        return graph.with_roots(run.run(graph.nodes, graph.roots))
    return lambda function: Rewrite(function, args, when, examples)


class _Rewriting:
    """One rewriting: what every node has become so far."""

    def __init__(self, graph: Graph, rules: RuleSet, record: list[Fired] | None):
        self.graph, self.rules, self.record = graph, rules, record
        self.done: dict[Expr, Expr] = {}
        self.next: dict[Expr, Expr] = {}  # of a node that is not done: what it has been replaced by
        self.by: dict[Expr, AnyRule] = {}  # which rule did that
        self.made: Counter[AnyRule] = Counter()  # new nodes, by rule
        self.off: set[AnyRule] = set()
        self.total = 0
        self.step = self.bound = 4 * len(graph.nodes) + 1000

    def run(self, order: Sequence[Expr], roots: Sequence[Expr]) -> list[Expr]:
        """The roots in their final form."""
        done = self.done
        for node in order:  # arguments first: most nodes are final after one look
            if node in done:
                continue
            args = tuple([done[a] for a in node.args])
            new = rebuild(node, args)
            if new not in done:
                after = self._fire(new)
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
        new = self._fire(node) if identical(args, node.args) else rebuild(node, args)
        if new is None or new is node:
            self.done[node] = node
        else:
            self.next[node] = new

    def _fire(self, node: Expr) -> Expr | None:
        candidates = self.rules.candidates(node)
        if not candidates:
            return None
        with at_site(node.site):
            for rule, pattern in candidates:
                if rule in self.off:
                    continue
                found = rule.fire(node, pattern)
                new = fit_type(node, found, rule) if found is not None and found is not node else None
                if new is not None and new is not node and self._takes(rule, node, new):
                    return new
        return None

    def _takes(self, rule: AnyRule, old: Expr, new: Expr) -> bool:
        """Whether this application counts: not if it takes more for granted of sizes than the graph does."""
        done = self.done
        fresh = [n for n in toposort([new], into=lambda n: n not in done) if n not in done]
        if any(n.guards and not self.claims.issuperset([g.claim for g in n.guards]) for n in fresh):
            return False  # a call checks what the graph needs as it was written, and nothing else
        if self.record is not None:
            self.record.append(Fired(rule, old, new))
        self.by[old] = rule
        self.made[rule] += len(fresh)
        self.total += len(fresh)
        if self.total > self.bound:
            self._switch_off()
        return True

    @cached_property
    def claims(self) -> set[Any]:
        """What the graph takes for granted of sizes."""
        return {guard.claim for guard, _ in self.graph.guards}

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
        chain = stack[next(i for i, n in enumerate(stack) if n is node) :]
        fired = dict.fromkeys(self.by[n] for n in chain if n in self.by)
        lines = "".join(f"\n  {rule.site}  {rule.statement}" for rule in fired)
        text = f"Rewriting {node!r} came back to it; the rules that undo each other are:{lines}"
        return blame(RewriteLoop(text), node.site, hint="take one of the rules out of the set, or give it a condition.")


def fit_type(old: Expr, new: Expr, rule: AnyRule) -> Expr | None:
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
        new = new.astype(wanted.dtype)
    if have.shape == wanted.shape:
        return new
    extra = wanted.ndim - have.ndim
    sizes = list(zip(have.shape, wanted.shape[max(extra, 0) :], strict=False))
    if extra < 0 or any(h != 1 and (w == 1 or same(h, w) is False) for h, w in sizes):
        return _refuse(old, new, rule)
    if extra or any(h == 1 != w for h, w in sizes):
        new = bound("broadcast_to")(new, wanted.shape)
    return new


def _refuse(old: Expr, new: Expr, rule: AnyRule) -> Expr:
    text = f"The rule {rule.name} makes {new.type} of {old.type}: a rule may not change a type."
    raise blame(VerifyError(text), rule.site, old.site)
