"""Formulas of whole graphs: what gets a name, which name, and the equations in their order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ...symbolic.assignments import assigned_names
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Constant, Input, Item, Shared
from ...symbolic.types import TupleType
from .forms import Form, bare
from .loops import control_form
from .symbols import index_start, symbol, with_index
from .table import form_of
from .texts import ATOM, RELATION, Text, parentheses

LONG = 16  # operations: what is longer is written in an equation of its own
STEP = 2  # operations: cotangents of named values that are longer have an equation
SHORT = 1  # operations: what is no longer is written again wherever it is used


class Names:
    """The symbols that have been given, each to one value."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.counts: Counter[str] = Counter()  # the numbers that symbols have got

    def claim(self, latex: str, number: bool = False) -> str:
        """This symbol, with a number where it is taken, or where one is asked for."""
        found = latex
        while number or found in self.taken:
            self.counts[latex] += 1
            found, number = with_index(latex, str(self.counts[latex])), False
        self.taken.add(found)
        return found

    def first(self, letters: Iterable[str]) -> str:
        """The first of these symbols that is free, or the last with a number."""
        found = list(letters)
        return self.claim(next((c for c in found if c not in self.taken), found[-1]))


def user_names(nodes: Iterable[Expr], given: Mapping[Expr, str]) -> dict[Expr, str]:
    """The user's names of values: those given, and those of the user's lines."""
    found: dict[Expr, str] = {}
    for node, name in [*given.items(), *assigned_names(nodes).items()]:
        found.setdefault(bare(node), name)
    return found


def cotangents(nodes: Iterable[Expr]) -> dict[Expr, list[tuple[bool, Expr | None, Expr]]]:
    """For each cotangent among the nodes: whether of a scalar, which (None: it is gone), and by which value."""
    found: dict[Expr, list[tuple[bool, Expr | None, Expr]]] = {}
    for node in nodes:
        loss, values = getattr(node, "cotangent_of", (None, ()))
        alive = [value for of in values if (value := of()) is not None]
        found.setdefault(bare(node), []).extend((loss is not None, loss and loss(), value) for value in alive)
    return {node: of for node, of in found.items() if of}


class Scope:
    """The formulas of nodes that see each other: of a graph, or of the body of a loop or branch."""

    def __init__(self, roots: Sequence[Expr], names: Names, given: Mapping[Expr, str], bold: bool) -> None:
        self.names, self.bold = names, bold
        self.roots = [bare(root) for root in roots]
        self.known: dict[Expr, Text] = {}
        self.lines: list[str] = []
        self.results: dict[Expr, dict[int, Text]] = {}  # of loops and branches
        self.wanted: dict[Expr, set[int]] = {}  # the results that are used
        self.fixed: dict[Expr, str] = {}  # symbols that values have whatever their size
        self.index = ""  # of the step, for what is named within a loop
        self.slopes = cotangents(toposort(roots))
        losses = [loss for of in self.slopes.values() for _, loss, _ in of if loss is not None]
        values = [value for of in self.slopes.values() for _, _, value in of]
        self.users = user_names(toposort([*roots, *losses, *values]), given)

    # ---- names -------------------------------------------------------------------------------------------------------

    def leaf(self, node: Expr) -> Text:
        """The symbol of an input or a shared variable."""
        label = self.users.get(node) or node.name
        if label is None:
            label = "w" if isinstance(node.op, Shared) else "x"
        return self.text_of(self.names.claim(symbol(label, self.bold and node.ndim > 0)), node)

    def symbol(self, node: Expr) -> str:
        """The user's name of a value."""
        return symbol(self.users[node], self.bold and node.ndim > 0)

    def text_of(self, latex: str, node: Expr) -> Text:
        """A symbol as a piece."""
        return Text(latex, ATOM, shown_rank(node), 0, None, frozenset(re.findall(r"(?<![\\A-Za-z])[A-Za-z]", latex)))

    # ---- writing -----------------------------------------------------------------------------------------------------

    def write(self) -> list[Text]:
        """Write all equations that the roots need; their texts."""
        forms, order = self.forms()
        uses = Counter(part for node in order for part in forms[node].parts)
        for node in order:
            if isinstance(node.op, Item):
                self.wanted.setdefault(node.args[0], set()).add(node.op.index)
        self.several = len(self.roots) > 1 or any(uses[n] > 1 and forms[n].parts for n in order)
        for node in order:
            if node not in self.known:
                self.known[node] = self._node(node, forms[node], uses[node])
        return [self.known[root] for root in self.roots]

    def forms(self) -> tuple[dict[Expr, Form], list[Expr]]:
        """The form of every node that is written, and these nodes, parts first."""
        forms: dict[Expr, Form] = {}
        order: list[Expr] = []
        waiting: list[tuple[Expr, bool]] = [(root, False) for root in reversed(self.roots)]
        while waiting:
            node, done = waiting.pop()
            if done:
                order.append(node)
            elif node not in forms:
                form = self.form(node)
                forms[node] = form._replace(parts=tuple(bare(part) for part in form.parts))
                waiting.append((node, True))
                waiting += [(part, False) for part in reversed(forms[node].parts)]
        return forms, order

    def form(self, node: Expr) -> Form:
        """How a node is written in this scope."""
        if node in self.known:
            return Form((), lambda: self.known[node])
        if isinstance(node.op, Input | Shared):
            return Form((), lambda: self.leaf(node))
        return control_form(node, self) or form_of(node)

    def within(self, roots: Sequence[Expr], index: str) -> Scope:
        """The scope of a body, whose symbols have an index more."""
        child = Scope(roots, self.names, {}, self.bold)
        child.index = f"{self.index},{index}" if self.index and index != self.index else index
        return child

    def _node(self, node: Expr, form: Form, uses: int) -> Text:
        text = form.write(*(self.known[part] for part in form.parts))
        rank = shown_rank(node)
        text = text._replace(rank=rank, row=text.row and rank == 1)
        if not self._deserves_name(node, form, text, uses):
            return text
        return self.define(node, text, form)

    def _deserves_name(self, node: Expr, form: Form, text: Text, uses: int) -> bool:
        if form.relation != "=" or node in self.fixed:
            return True
        if isinstance(node.type, TupleType) or isinstance(node.op, Input | Shared | Constant) or text.size == 0:
            return False
        is_root = any(node is root for root in self.roots)
        if is_root and not uses:
            return False
        if self.several and (node in self.users or (text.size > STEP and self._is_slope(node))):
            return True
        return text.size > LONG or (uses + is_root > 1 and text.size > SHORT)

    def _is_slope(self, node: Expr) -> bool:
        """Whether it is the cotangent of a value that the user has named."""
        return any(bare(value) in self.users for _, _, value in self.slopes.get(node, ()))

    def define(self, node: Expr, text: Text, form: Form) -> Text:
        """Write the equation that gives a name to a value; the name."""
        slope = self.slope(node)
        latex = self.name_of(node, form)
        chain = [
            latex,
            *([slope] if slope and slope != latex else []),
            text.latex if text.level > RELATION or form.relation != "=" else parentheses(text.latex),
        ]
        relation = f" &{form.relation} " if form.relation != "=" else " &= "
        self.lines.append(chain[0] + relation + " = ".join(chain[1:]))
        return self.text_of(latex, node)._replace(row=text.row)

    def name_of(self, node: Expr, form: Form) -> str:
        """A new symbol for a value: the user's name; of a derivative delta; else a letter with a number."""
        if node in self.fixed:
            return self.fixed[node]
        if node in self.users:
            return self.names.claim(self._at_step(self.symbol(node)))
        of = self.named_value(node)
        if of is not None:
            start = index_start(of)
            short = with_index(r"\delta", of[start + 2 : -1] if start else of)
            return self.names.claim(short if short not in self.names.taken else with_index(r"\delta", of))
        return self.names.claim(self._at_step(form.kind or "u"), number=not form.kind)

    def _at_step(self, latex: str) -> str:
        return with_index(latex, self.index) if self.index else latex

    def named_value(self, node: Expr) -> str | None:
        """The symbol of the value that a cotangent belongs to, where that has one: of a user's before others."""
        values = [bare(value) for _, _, value in self.slopes.get(node, ())]
        named = [v for v in values if v in self.users or isinstance(v.op, Input | Shared)] + values
        for value in named:
            if isinstance(value.op, Input | Shared) and value.name and value not in self.known:
                self.known[value] = self.leaf(value)
            if value in self.known and self.known[value].level == ATOM and self.known[value].size == 0:
                return self.known[value].latex
            if value in self.users:
                return self.symbol(value)
        return None

    def slope(self, node: Expr) -> str | None:
        """d loss / d value, of a cotangent."""
        of = self.named_value(node)
        if of is None:
            return None
        of_scalar, loss, _ = self.slopes[node][0]
        if not of_scalar:
            return rf"\bar{{{of}}}"
        name = self.users.get(bare(loss)) if loss is not None else None
        whole = symbol(name) if name else r"\mathcal{L}"
        return rf"\frac{{\partial {whole}}}{{\partial {of}}}"


def shown_rank(node: Expr) -> int:
    """The number of axes, without those of size 1."""
    return sum(d != 1 for d in getattr(node.type, "shape", ()))
