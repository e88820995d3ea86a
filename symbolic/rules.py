"""Rules, and sets of them.

Rule       an equation: a left side (patterns), a right side, a condition, the line that states it
Rewrite    a Python function of a node that returns what it becomes, or None
RuleSet    a name, and a table from an op's head (and those of its arguments) to the rules that can match
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from .errors import ArgumentError, Site, blame, user_site
from .expr import Expr, apply, toposort
from .forks import renew_after_forks
from .leaves import Constant, constant
from .patterns import Const, Match, Pattern, Variables, compute, dtype_class, head, number, patterns
from .types import BOOL, FLOAT64, INT64, DType, Type

_REMEMBERED = 16_384  # sorts of nodes for which a set of rules knows the candidates


class Template:
    """A right side, to be written again over what the variables stand for."""

    def __init__(self, right: Expr, kind: DType):
        self.order = toposort([right])
        self.kind = kind

    def build(self, match: Match) -> Expr:
        """The right side for a match; what is made of constants alone is computed at once."""
        known: dict[Expr, Expr] = {}
        for node in self.order:
            if node in match.nodes:
                known[node] = self._to_match(match.nodes[node], node, match.dtype)
            elif isinstance(node.op, Constant):
                known[node] = self._constant(node, match.dtype)
            else:
                known[node] = make_node(node.op, [known[a] for a in node.args])
        return known[self.order[-1]]

    def _to_match(self, found: Expr, variable: Expr, kind: DType) -> Expr:
        if found.dtype == kind or variable.dtype != self.kind:
            return found
        return found.astype(kind)

    def _constant(self, node: Expr, kind: DType) -> Expr:
        value = node.op.value  # type: ignore[attr-defined]
        return constant(value.astype(kind)) if value.dtype == self.kind else node


def make_node(op: Any, args: Sequence[Expr]) -> Expr:
    """The node of an op over these; computed where they are constants of one element."""
    node = apply(op, *args)
    constants = all(isinstance(a.op, Constant) and a.op.value.size == 1 for a in args)
    return compute(node) if args and constants and node.ndim == 0 else node


class Rule:
    """left = right, under a condition, in both orders of commutative ops; `site` is the line that states it."""

    def __init__(
        self,
        name: str,
        lefts: Sequence[Expr],
        right: Expr,
        variables: Variables,
        *,
        condition: Callable[..., Any] | None,
        names: Sequence[str],
        kind: DType,
        site: Site,
    ):
        self.name, self.left, self.right, self.variables, self.site = name, lefts[0], right, variables, site
        self.condition, self.dtype = condition, kind
        named = dict(zip(names, variables.inputs, strict=True))
        asked = [named[p] for p in _parameters(condition)] if condition is not None else []
        self._asked = [(v, variables.annotation(v) is Const) for v in asked]
        self.patterns = [p for left in lefts for p in patterns(left, variables, dtype_class(kind))]
        self.roots = {left.op.head for left in lefts}
        self._template = Template(right, kind)

    def fire(self, node: Expr, pattern: Any) -> Expr | None:
        """The right side where the node is an instance of the left one and the condition holds."""
        match = pattern.match(node)
        if match is None or not self.holds(match.nodes):
            return None
        return self._template.build(match)

    def holds(self, nodes: Mapping[Expr, Expr]) -> Any:
        """Whether the condition is true of what the variables stand for: constants as numbers, others as nodes."""
        if self.condition is None:
            return True
        return self.condition(*[number(nodes[v]) if of_constant else nodes[v] for v, of_constant in self._asked])

    @property
    def statement(self) -> str:
        """The equation, as it is written."""
        return self.site.text

    def __repr__(self) -> str:
        return self.name


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def trace_dtypes(names: Sequence[str]) -> list[DType]:
    """The dtype that stands for each sort of dtypes when a rule is traced."""
    return [{"float": FLOAT64, "int": INT64, "bool": BOOL}[name] for name in names]


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
        self.__doc__, self.__module__ = function.__doc__, function.__module__

    def fire(self, node: Expr, pattern: Any = None) -> Expr | None:
        """What the node becomes, or None."""
        return self.function(node)  # type: ignore[no-any-return]

    @property
    def statement(self) -> str:
        """What it does: the first line of its docstring."""
        return (self.__doc__ or self.name).strip().partition("\n")[0]

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.function.__qualname__


AnyRule: TypeAlias = Rule | Rewrite


@renew_after_forks
class RuleSet:
    """Rules under a name, tried in order.  Sets are joined with +."""

    def __init__(self, name: str, members: Iterable[AnyRule | RuleSet] = (), doc: str | None = None):
        self.name, self._members = name, tuple(members)
        self.__doc__ = doc
        self._candidates: dict[Any, list[tuple[AnyRule, Pattern | None]]] = {}
        self.joined: dict[RuleSet, RuleSet] = {}  # what passes have put this one before

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

    def candidates(self, node: Expr) -> Sequence[tuple[AnyRule, Pattern | None]]:
        """The rules that can match the node, as far as its dtype and the heads of it and of its arguments tell."""
        op, of = node.op, node.type
        root, table = op.head, self.table
        if root not in table and type(op) not in table:
            return ()
        key = (root, of.dtype.kind if type(of) is Type else "", *[head(a) for a in node.args])
        found = self._candidates.get(key)
        if found is None:
            if len(self._candidates) >= _REMEMBERED:  # functions of users are among the heads
                self._candidates.clear()
            found = self._candidates[key] = self._fitting(root, type(op), key[1].replace("u", "i"), key[2:])
        return found

    def _fitting(self, root: Any, op: Any, kind: str, heads: tuple[Any, ...]) -> list[tuple[AnyRule, Pattern | None]]:
        entries = self.table.get(root, []) + (self.table.get(op, []) if op is not root else [])
        entries.sort(key=lambda entry: entry[0])
        return [(rule, pattern) for _, rule, pattern in entries if _may_match(rule, pattern, kind, heads)]

    def after(self, others: RuleSet) -> RuleSet:
        """The same rules where others have run before: left sides are matched in the form these leave them, too."""
        members = [m.after(others) if isinstance(m, RuleSet) else m for m in self._members]
        return RuleSet(self.name, members, self.__doc__)

    def __add__(self, other: RuleSet) -> RuleSet:
        return RuleSet(f"{self.name} + {other.name}", (self, other))

    def __reduce__(self) -> Any:
        return RuleSet, (self.name, self._members, self.__doc__)

    def __iter__(self) -> Any:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __repr__(self) -> str:
        return f"RuleSet({self.name!r}, {len(self)} rules)"


def as_rules(function: str, given: Any) -> RuleSet | None:
    """The rules that a caller gave: a set, a rule, or a list of these.  Raises ArgumentError."""
    members = list(given) if isinstance(given, list | tuple) else [given]
    if given is None or not members:
        return None
    for member in members:
        if not isinstance(member, RuleSet | Rule | Rewrite):
            made = "rules are made by @wf.rules or @wf.rewrite, or joined in a wf.RuleSet"
            raise blame(ArgumentError(f"{function}: {made}; {member!r} is none."), user_site())
    return given if isinstance(given, RuleSet) else RuleSet("rules of one's own", members)


def _may_match(rule: AnyRule, pattern: Pattern | None, kind: str, heads: tuple[Any, ...]) -> Any:
    if pattern is not None:
        return pattern.fits(kind, heads)
    return not isinstance(rule, Rewrite) or rule.when is None or rule.when(*heads)
