"""Loops and branches before they are compiled: what nobody reads leaves them, and their bodies go through the passes.

Loops over the same body are one loop: that of the values, and the one that keeps what derivatives need.  What does not
change from step to step moves out of a loop; what is computed outside anyway, out of a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...ops.bodies import close_over, inline, placeholders
from ...ops.branch import Branch
from ...ops.loop import Loop
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, apply, rebuild, toposort
from ...symbolic.graph import Graph
from ...symbolic.leaves import Item, Leaf
from ...symbolic.substitution import substitute

Run = Callable[[Graph], Graph]


def simplify_control(graph: Graph, run: Run) -> Graph:
    """The graph with its loops and branches made smaller, and their bodies run through the passes."""
    if not any(isinstance(node.op, Loop | Branch) for node in graph.nodes):
        return graph
    return _Simplification(graph, run).graph()


class _Simplification:
    def __init__(self, graph: Graph, run: Run) -> None:
        self.source, self.run = graph, run
        self.done: dict[Expr, Expr] = {}
        self.simplified: set[Expr] = set()  # loops and branches that were made here
        self.outside: set[Expr] = set()  # computed, whatever branches are taken
        self.read: dict[Expr, list[int]] = {}  # which results of a node are read
        self.same: dict[Any, list[Expr]] = {}  # loops over the same body
        self.made: dict[Any, dict[Expr, Expr]] = {}  # for these, the results of the one that stands for all
        self.note(graph.roots)

    def note(self, roots: Sequence[Expr]) -> None:
        """Who reads what, of nodes that are new."""
        for node in toposort(roots, into=lambda n: n not in self.outside):
            if node in self.outside or isinstance(node.op, Leaf):
                continue
            self.outside.add(node)
            if isinstance(node.op, Item):
                self.read.setdefault(node.args[0], []).append(node.op.index)
            elif isinstance(node.op, Loop):
                self.same.setdefault(_key(node), []).append(node)

    def graph(self) -> Graph:
        return self.source.with_roots(self.finished(self.source.roots))

    def finished(self, roots: Sequence[Expr]) -> list[Expr]:
        """The nodes, over loops and branches that are simplified."""
        done = self.done
        for node in toposort(roots, into=lambda n: n not in done):
            whole = node.args[0] if isinstance(node.op, Item) else node
            if node in done or (whole is node and isinstance(node.op, Loop | Branch)):
                continue
            if isinstance(whole.op, Loop | Branch):
                done[node] = node if whole in self.simplified else self.result(node, whole)
            else:
                done[node] = rebuild(node, tuple(done[a] for a in node.args))
        return [done[root] for root in roots]

    def result(self, item: Expr, whole: Expr) -> Expr:
        """One result of a loop or branch, which is made when its first result is met."""
        key = _key(whole) if isinstance(whole.op, Loop) else whole
        if item not in self.made.get(key, ()):
            with at_site(whole.site):
                args = [self.done[a] for a in whole.args]
                self.made[key] = self.loop(key, args) if isinstance(whole.op, Loop) else self.branch(whole, args)
        return self.made[key][item]

    def outer(self, nodes: Sequence[Expr]) -> list[Expr]:
        """What moves out of a body, or stands outside anyway, simplified."""
        self.note(nodes)
        return self.finished(nodes)

    # ---- loops ------------------------------------------------------------------------------------------------------

    def loop(self, key: Any, args: list[Expr]) -> dict[Expr, Expr]:
        """The results of all loops with this key that are read, from one loop that computes no more."""
        members = self.same[key]
        op: Any = members[0].op
        body, outer = op.body, op.divide(args)
        wanted: dict[Expr, Expr] = {}  # body output -> the same, for all members
        for node in members:
            for index in self.read.get(node, ()):
                if op.carries <= index < op.carries + len(node.op.stacked):  # type: ignore[attr-defined]
                    y = node.op.body.outputs[index]  # type: ignore[attr-defined]
                    wanted[y] = y
        stacked, tests = list(wanted), list(body.outputs[-1:] if op.tested else ())
        kept = self.carries(members, [*stacked, *tests])
        variables = placeholders(body.inputs[: op.carries + op.sequences])
        values = dict(zip(body.inputs, [*variables, *outer.captured], strict=True))
        outputs = substitute([*(body.outputs[i] for i in kept), *stacked, *tests], values)
        reached = set(toposort(outputs))
        sequences = [i for i in range(op.sequences) if variables[op.carries + i] in reached]
        chosen = [variables[i] for i in kept] + [variables[op.carries + i] for i in sequences]
        new, captured = close_over(outputs, chosen)
        smaller = replace(op, body=self.run(new), carries=len(kept), sequences=len(sequences))
        starts = [outer.carries[i] for i in kept] + [outer.sequences[i] for i in sequences]
        node = apply(smaller, *outer.steps, *starts, *self.outer(captured))
        self.simplified.add(node)
        return self.loop_results(members, node, kept, stacked)

    def carries(self, members: Sequence[Expr], ends: Sequence[Expr]) -> list[int]:
        """The carries that are read: after the loop, or by what is."""
        op: Any = members[0].op
        parameters, news = op.body.inputs[: op.carries], op.body.outputs[: op.carries]
        kept = {i for node in members for i in self.read.get(node, ()) if i < op.carries}
        while True:
            reached = set(toposort([*(news[i] for i in kept), *ends]))
            more = {i for i, parameter in enumerate(parameters) if parameter in reached}
            if more <= kept:
                return sorted(kept)
            kept |= more

    def loop_results(
        self, members: Sequence[Expr], node: Expr, kept: Sequence[int], stacked: Sequence[Expr]
    ) -> dict[Expr, Expr]:
        found: dict[Expr, Expr] = {}
        for member in members:
            op: Any = member.op
            for index in self.read.get(member, ()):
                if index < op.carries:
                    place = kept.index(index)
                elif index < op.carries + len(op.stacked):
                    place = len(kept) + next(i for i, y in enumerate(stacked) if y is op.body.outputs[index])
                else:
                    place = len(kept) + len(stacked)
                found[apply(Item(index), member)] = apply(Item(place), node)
        return found

    # ---- branches ---------------------------------------------------------------------------------------------------

    def branch(self, whole: Expr, args: list[Expr]) -> dict[Expr, Expr]:
        """The results of a branch that are read."""
        op: Any = whole.op
        read = sorted(set(self.read.get(whole, ())))
        bodies, values = [], []
        for body, given in zip(op.bodies, op.divide(args), strict=True):
            outputs = inline(body, given)
            outputs = [outputs[i] for i in read]
            order = toposort(outputs, into=lambda n: n not in self.outside)
            shared = [n for n in order if n in self.outside and not hasattr(n.type, "items")]
            doubles = placeholders(shared)
            inside = substitute(outputs, dict(zip(shared, doubles, strict=True)))
            new, captured = close_over(inside, doubles, lazy=True)
            bodies.append(self.run(new))
            values += self.outer([*shared, *captured])
        node = apply(Branch(*bodies), args[0], *values)
        self.simplified.add(node)
        return {apply(Item(i), whole): apply(Item(n), node) for n, i in enumerate(read)}


def _key(node: Expr) -> Any:
    """Loops with equal keys do the same steps."""
    op: Any = node.op
    test = op.body.outputs[-1:] if op.tested else ()
    same = (op.carries, op.sequences, op.length, op.reverse, op.counted)
    return node.args, op.body.inputs, op.body.outputs[: op.carries], test, same
