"""How loops and branches are written: recurrences over the number of the step, and cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Item
from ..branch import Branch
from ..creation import Iota
from ..loop import ENDLESS, Loop
from .forms import Form, bare
from .reductions import subscript
from .scalars import cases
from .symbols import size, with_index
from .texts import ATOM, SUM, Text

_CARRIES = ("h", "c", "s", "g", "r", "v")
_STACKS = ("y", "q", "p", "e", "f")
_STEPS = ("t", "s", "r", "k")


def control_form(node: Expr, scope: Any) -> Form | None:
    """The form of a loop, a branch, or one of their results; None for all else.  `scope` gets the equations."""
    if isinstance(node.op, Loop):
        return Form(node.args, lambda *texts: _Recurrence(scope, node, node.op, texts).write())  # type: ignore[arg-type]
    if isinstance(node.op, Branch):
        return Form(node.args, lambda *texts: _write_branch(scope, node, node.op, texts))  # type: ignore[arg-type]
    if isinstance(node.op, Item) and isinstance(node.args[0].op, Loop | Branch):
        return Form(node.args, lambda _: scope.results[node.args[0]][node.op.index])  # type: ignore[attr-defined]
    return None


class _Recurrence:
    """The equations of one loop: what is carried before step t has the index t - 1."""

    def __init__(self, scope: Any, node: Expr, loop: Loop, texts: Sequence[Text]) -> None:
        self.scope, self.node, self.loop = scope, node, loop
        self.values, self.args = loop.divide(texts), loop.divide(node.args)
        self.inner = loop.divide((None,) * loop.counted + loop.body.inputs)
        self.outputs = [bare(output) for output in loop.body.outputs]
        self.needed = self._closure(scope.wanted.get(node, set()))
        self.step = scope.names.first(_STEPS)
        self.last = self._last_step()
        self.child = scope.within([self.outputs[i] for i in self.needed], self.step)
        self.whole: dict[Expr, str] = {}  # the symbols of stacks

    def _closure(self, wanted: set[int]) -> list[int]:
        """The outputs of the body that are used, by what stands outside or by other steps."""
        count = len(self.outputs)
        found = {i for i in wanted if i < count} | ({count - 1} if self.loop.tested else set())
        while True:
            read = set(toposort([self.outputs[i] for i in found]))
            more = found | {i for i, carry in enumerate(self.inner.carries) if carry in read}
            if more == found:
                return sorted(found)
            found = more

    def _is_test(self, i: int) -> bool:
        """Whether an output says if there is another step."""
        return self.loop.tested and i == len(self.outputs) - 1

    def _last_step(self) -> str:
        if self.loop.tested or (self.values.steps and self.values.steps[0].level != ATOM):
            return str(self.scope.names.claim("T"))
        return self.values.steps[0].latex if self.values.steps else size(self.loop.length)

    def write(self) -> Text:
        """Write the equations, and say what the loop's results are."""
        bases = {i: self._carry(i) for i in self.needed if i < self.loop.carries}
        for i in self.needed:
            self._give_name(i, bases.get(i))
        self.child.known.update(zip(self.inner.captured, self.values.captured, strict=True))
        for place, arg, text in zip(self.inner.sequences, self.args.sequences, self.values.sequences, strict=True):
            self.child.known[place] = self._element(arg, text)
        texts = dict(zip(self.needed, self.child.write(), strict=True))
        lines = self.child.lines
        results = {i: self._result(i, bases.get(i), text, lines) for i, text in texts.items() if not self._is_test(i)}
        if self.loop.tested:
            results[len(self.outputs) - 1] = self._symbol(self.last, self.node)
        self.scope.lines += self._with_range(lines, texts)
        self.scope.results[self.node] = results
        return Text("")

    def _symbol(self, latex: str, node: Expr) -> Text:
        return self.scope.text_of(latex, node)  # type: ignore[no-any-return]

    # ---- names -------------------------------------------------------------------------------------------------------

    def _carry(self, i: int) -> str:
        """The symbol of a value that is carried, whose first value is written here."""
        start, place = self.values.carries[i], self.inner.carries[i]
        base = self._base(i, start)
        before, first = (f"{self.step}+1", _next(self.last)) if self.loop.reverse else (f"{self.step}-1", "0")
        self.child.known[place] = self._symbol(with_index(base, before), place)
        if start.latex != with_index(base, first):
            self.scope.lines.append(f"{with_index(base, first)} &= {start.latex}")
        return base

    def _base(self, i: int, start: Text) -> str:
        """The user's name of what is carried, that of its first value without its 0, or a letter."""
        output, names = self.outputs[i], self.scope.names
        if output.args and output in self.child.users and output not in self.child.fixed:
            return str(names.claim(self.child.symbol(output)))
        found = re.fullmatch(r"([A-Za-z]|\\[a-z]+)_\{0\}", start.latex)
        return str(names.claim(found[1]) if found else names.first(_CARRIES))

    def _give_name(self, i: int, base: str | None) -> None:
        """Let a value that the body computes have the symbol of what it is carried as, or of its stack."""
        output = self.outputs[i]
        if not output.args or output in self.child.fixed or self._is_test(i):
            return
        if base is None:
            names, users = self.scope.names, self.child.users
            base = names.claim(self.child.symbol(output)) if output in users else names.first(_STACKS)
            self.whole[output] = base
        self.child.fixed[output] = with_index(base, self.step)

    # ---- values ------------------------------------------------------------------------------------------------------

    def _element(self, arg: Expr, text: Text) -> Text:
        """What a step sees of a sequence."""
        rank = max(text.rank - 1, 0)
        if isinstance(bare(arg).op, Iota) and arg.ndim == 1:
            return Text(f"{self.step} - 1", SUM)
        if text.at is not None:
            return self._symbol(text.at(self.step), arg)._replace(rank=rank)
        if text.number is not None:
            return text._replace(rank=rank)
        if text.level == ATOM and text.size == 0:
            return self._symbol(with_index(text.latex, self.step), arg)._replace(rank=rank)
        return subscript(text, self.step, rank)

    def _result(self, i: int, base: str | None, text: Text, lines: list[str]) -> Text:
        """What stands outside for a result: the last value of what is carried, or the values of all steps."""
        if base is not None:
            if text.latex != with_index(base, self.step):
                lines.append(f"{with_index(base, self.step)} &= {text.latex}")
            return self._symbol(with_index(base, "1" if self.loop.reverse else self.last), self.outputs[i])
        return self._stack(self.outputs[i], text, lines)

    def _stack(self, output: Expr, text: Text, lines: list[str]) -> Text:
        found = re.fullmatch(rf"(.+[_,]\{{?){re.escape(self.step)}([+-]1)?\}}", text.latex)
        if output not in self.whole and found and text.level == ATOM:
            return self._values(found[1], found[2] or "", output, text.rank + 1)
        base = self.whole.get(output)
        if base is None:
            base = self.scope.names.first(_STACKS)
            lines.append(f"{with_index(base, self.step)} &= {text.latex}")
        whole = self._symbol(base, output)._replace(rank=text.rank + 1)
        return whole._replace(at=lambda i: with_index(base, i))

    def _values(self, before: str, shift: str, node: Expr, rank: int) -> Text:
        """The values that a symbol has at all steps, or one step before or after."""
        first, last = {"": ("1", self.last), "-1": ("0", f"{self.last}-1"), "+1": ("2", _next(self.last))}[shift]
        whole = self._symbol(f"{before}{first}:{last}}}", node)._replace(rank=rank)
        return whole._replace(at=lambda i: f"{before}{i}{shift}}}")

    def _with_range(self, lines: list[str], texts: dict[int, Text]) -> list[str]:
        """The equations, the last of which says for which steps they hold."""
        if not lines:
            return lines
        there = [self.last, r"\dots", "1"] if self.loop.reverse else ["1", r"\dots", self.last]
        words = f"{self.step} = {', '.join(there)}"
        if self.loop.tested:
            bound = "" if self.loop.length == ENDLESS else rf" \leq {size(self.loop.length)}"
            words += rf"{bound} \text{{ as long as }} {texts[len(self.outputs) - 1].latex}"
        return [*lines[:-1], rf"{lines[-1]}, \quad {words}"]


def _next(last: str) -> str:
    return str(int(last) + 1) if last.isdigit() else f"{last}+1"


def _write_branch(scope: Any, node: Expr, op: Branch, texts: Sequence[Text]) -> Text:
    wanted = sorted(scope.wanted.get(node, ()))
    sides = []
    for body, values in zip(op.bodies, op.divide(texts), strict=True):
        child = scope.within([body.outputs[i] for i in wanted], scope.index)
        child.known.update(zip(body.inputs, values, strict=True))
        sides.append(child.write())
        scope.lines += child.lines
    pairs = zip(wanted, *sides, strict=True)
    scope.results[node] = {i: cases(texts[0], then, otherwise) for i, then, otherwise in pairs}
    return Text("")
