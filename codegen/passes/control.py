"""Loops and branches before they are compiled: what nobody reads leaves them, and their bodies go through the passes.

Loops over the same body are one loop: that of the values, and the one that keeps what derivatives need.  What does not
change from step to step moves out of a loop; what is computed outside anyway, out of a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ...ops.bodies import close_over, inline, placeholders
from ...ops.branch import Branch
from ...ops.loop import Loop
from ...symbolic.dims import SymDim
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, Leaf, apply, rebuild, toposort
from ...symbolic.graph import Graph
from ...symbolic.leaves import Item
from ...symbolic.substitution import substitute

RunPasses = Callable[[Graph], Graph]


class LoopKey(NamedTuple):
    """Loops with equal keys do the same steps."""

    args: tuple[Expr, ...]
    inputs: tuple[Expr, ...]
    carried: tuple[Expr, ...]
    test: tuple[Expr, ...]
    form: tuple[int | SymDim, ...]


def simplify_control(graph: Graph, run: RunPasses) -> Graph:
    """The graph with its loops and branches made smaller, and their bodies run through the passes."""
    if not any(isinstance(node.op, Loop | Branch) for node in graph.nodes):
        return graph
    return _Simplification(graph, run).graph()


class _Simplification:
    def __init__(self, graph: Graph, run: RunPasses) -> None:
        self.source, self.run = graph, run
        self.done: dict[Expr, Expr] = {}
        self.simplified: set[Expr] = set()  # loops and branches that were made here
        self.outside: set[Expr] = set()  # computed, whatever branches are taken
        self.read: dict[Expr, list[int]] = {}  # which results of a node are read
        self.same: dict[LoopKey, list[Expr]] = {}  # loops over the same body
        # for these, or for a branch, the results of the one that stands for all
        self.made: dict[LoopKey | Expr, dict[Expr, Expr]] = {}
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
                self.same.setdefault(_key(node, node.op), []).append(node)

    def graph(self) -> Graph:
        return self.source.with_roots(self.simplify(self.source.roots))

    def simplify(self, roots: Sequence[Expr]) -> list[Expr]:
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
        op = whole.op
        key = _key(whole, op) if isinstance(op, Loop) else whole
        if item not in self.made.get(key, ()):
            with at_site(whole.site):
                args = [self.done[a] for a in whole.args]
                if isinstance(key, LoopKey):
                    self.made[key] = self.loop(self.same[key], args)
                else:
                    assert isinstance(op, Branch)
                    self.made[key] = self.branch(whole, op, args)
        return self.made[key][item]

    def outer(self, nodes: Sequence[Expr]) -> list[Expr]:
        """What moves out of a body, or stands outside anyway, simplified."""
        self.note(nodes)
        return self.simplify(nodes)

    # ---- loops ------------------------------------------------------------------------------------------------------

    def loop(self, members: Sequence[Expr], args: list[Expr]) -> dict[Expr, Expr]:
        """The results of all these loops, over the same body, that are read: from one loop that computes no more."""
        op = _loop_of(members[0])
        body, outer = op.body, op.divide(args)
        wanted: dict[Expr, Expr] = {}  # body output -> the same, for all members
        for member in members:
            own = _loop_of(member)
            for index in self.read.get(member, ()):
                if own.carries <= index < own.carries + len(own.stacked):
                    y = own.body.outputs[index]
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
        op = _loop_of(members[0])
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
            op = _loop_of(member)
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

    def branch(self, whole: Expr, op: Branch, args: list[Expr]) -> dict[Expr, Expr]:
        """The results of a branch that are read."""
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


def _loop_of(node: Expr) -> Loop:
    assert isinstance(node.op, Loop), node
    return node.op


def _key(node: Expr, op: Loop) -> LoopKey:
    test = op.body.outputs[-1:] if op.tested else ()
    form = (op.carries, op.sequences, op.length, op.reverse, op.counted)
    return LoopKey(node.args, op.body.inputs, op.body.outputs[: op.carries], test, form)
