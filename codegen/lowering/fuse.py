"""From a graph to a schedule: what is computed together, what goes to memory, what is never written.

    materialise   which nodes get memory: results, arguments of kernels, reductions, what is expensive and used twice
    Group         loop nests over the same indices become one, with several outputs; values pass in registers
    Single        an op by itself: what has a kernel, loops and branches

A node without memory is computed wherever it is read; movement between is an index map.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ops.branch import Branch
from ...ops.elementwise import Composite, Elementwise
from ...ops.loop import Loop
from ...ops.movement import Reshape, broadcast_to
from ...ops.reduce import ArgReduce, Reduce
from ...symbolic.collector import gc_paused
from ...symbolic.dims import Shape
from ...symbolic.errors import LoweringError, WeftError, at_site, blame
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from ...symbolic.guards import collecting, inside
from ...symbolic.index_maps import IndexMap, identity
from ...symbolic.leaves import Constant, Input, Item, Shared, items
from ...symbolic.types import TupleType
from ..target import Lowering, Target, lowering_of, no_kernel
from .groups import Group, Part, Schedule, Single, Work
from .nests import REDUCTIONS, nests_of
from .order import order_nodes
from .views import View, broadcast, is_view, through, view_of

VARIABLES = (Input, Shared)
OPEN_GROUPS = 12  # groups that a new nest is tried against


def is_scalar_constant(node: Expr) -> bool:
    """A number, which is written into the code."""
    return isinstance(node.op, Constant) and node.op.value.ndim == 0


def is_given(node: Expr) -> bool:
    """What stands in memory before a call: inputs, shared variables, arrays of constants."""
    op = node.op
    return isinstance(op, VARIABLES) or (isinstance(op, Constant) and op.value.ndim > 0)


def is_fusable(node: Expr) -> bool:
    """Whether a node can be computed inside any loop."""
    return node.op.is_looped or is_scalar_constant(node)


@gc_paused
def fuse(graph: Graph, target: Target) -> Schedule:
    """What computes the graph's roots.  Raises LoweringError where the target cannot."""
    return _Fuser(graph, target).run()


class _Fuser:
    def __init__(self, graph: Graph, target: Target):
        self.graph, self.target = graph, target
        self.single: set[Expr] = set()
        self.memory: set[Expr] = set()
        self.forced: set[Expr] = set()
        self.weights: dict[Expr, int] = {}
        self.steps: list[Work] = []
        self.maker: dict[Expr, Work] = {}
        self.open: dict[Shape, list[Group]] = {}
        self.readers: dict[Expr, set[int]] = {}

    def run(self) -> Schedule:
        self.materialise()
        early = self.scalars()
        for node in sorted(order_nodes(self.graph), key=lambda n: n not in early):
            if node in self.memory:
                self.place(node)
        for number, step in enumerate(self.steps):
            step.position = number
        forwarded = self.forward()
        for step in self.steps:
            if isinstance(step, Group):
                step.nests = nests_of(step, self.memory, forwarded, self.target.fusion)
        return Schedule(self.steps)

    # ---- what goes to memory --------------------------------------------------------------------------------------

    def materialise(self) -> None:
        """Fill `memory`: `forced` are those that something other than a loop reads."""
        for node in self.graph.nodes:
            if is_given(node):
                self.memory.add(node)
            elif self.is_single(node):
                self.single.add(node)
                self.force(node)
            elif isinstance(node.op, REDUCTIONS) or node.op.is_assembled:
                self.force(node)
        roots = set(self.graph.roots)
        for node in self.graph.nodes:
            if node in self.single:
                for arg in node.args:
                    self.force_base(arg)
            if isinstance(node.op, Reshape) and not self.is_view(node):
                self.force_copy(node)
            if node in roots:
                self.force(node) if not is_view(node.op) else None
            self.weigh(node)

    def is_single(self, node: Expr) -> bool:
        """Whether a node is computed by itself, or is an output of one.  Raises LoweringError where nothing does it."""
        if isinstance(node.op, Item):
            return True
        lowering = lowering_of(node.op, self.target)
        if lowering is None:
            raise no_kernel(node, self.target)
        return lowering is not Lowering.NEST

    def is_view(self, node: Expr) -> bool:
        return view_of(node, self.memory.__contains__) is not None

    def force(self, node: Expr) -> None:
        """Give a node memory that others may read."""
        self.forced.add(node)
        self.memory.add(node)

    def force_base(self, node: Expr) -> None:
        """Give memory to what a movement chain stands on."""
        while not self.in_memory(node):
            if node.op.is_affine:
                node = node.args[0]
            elif isinstance(node.op, Reshape) and self.is_view(node):
                return
            else:
                self.force(node)
                return

    def in_memory(self, node: Expr) -> bool:
        return node in self.memory

    def force_copy(self, node: Expr) -> None:
        """A reshape needs its argument in C order."""
        arg = node.args[0]
        self.force_base(arg)
        if not self.is_view(node):
            self.force(arg)

    def weigh(self, node: Expr) -> None:
        """The work to compute a node again; nodes that are dear and read more than once go to memory."""
        if node in self.memory:
            self.weights[node] = 0
            return
        weight = sum([self.weights[a] for a in _innermost_arguments(node)])
        self.weights[node] = weight
        if not isinstance(node.op, Elementwise):
            return
        limits, function = self.target.fusion, node.op.function
        weight += limits.expensive if function.expensive or isinstance(function, Composite) else 1
        self.weights[node] = weight
        users = len(self.graph.users[node])
        stored = weight > limits.recomputed or (users > 1 and weight > 2 and node.ndim)
        if stored or (weight >= 4 and self.is_stretched(node)):
            self.memory.add(node)
            self.weights[node] = 0

    def is_stretched(self, node: Expr) -> bool:
        """Whether a reader repeats the node along leading axes, where computing it anew for every row would cost."""
        if not node.ndim or node.shape[-1] == 1:
            return False
        return any(_repeats(user, node) for user in self.graph.users[node])

    def scalars(self) -> set[Expr]:
        """Numbers made of given numbers alone.  They come first, so that no nest that reads one is held up by it.

        Adam's count of steps, say: were it between the nests of the moments and of the weights, these would not be one.
        """
        found: set[Expr] = set()
        for node in self.graph.nodes:
            if is_fusable(node) and not node.type.shape and all(a in found or is_given(a) for a in node.args):
                found.add(node)
        return found

    # ---- steps ----------------------------------------------------------------------------------------------------

    def place(self, node: Expr) -> None:
        """The step or steps that compute a node with memory."""
        op = node.op
        if is_given(node) or isinstance(op, Constant):  # a number that a kernel reads stands where the constant does
            return
        if node in self.single:
            self.add_single(node)
        elif op.is_assembled:
            for part in parts(node):
                reads = {read for read, _ in self.reads(part.source, made=False)}
                self.add_step(Group(part.source.shape, frozenset(), [node], reads, part))
        elif isinstance(op, Reduce):
            self.join(node, node.args[0].shape, frozenset(op.axes), self.reads(node.args[0], made=False))
        elif isinstance(op, ArgReduce):
            self.join(node, node.args[0].shape, frozenset((op.axis,)), self.reads(node.args[0], made=False))
        elif is_fusable(node):
            self.join(node, node.shape, frozenset(), self.reads(node))
        else:  # movement that has to be copied into C order
            arg = node.args[0]
            base = copied_argument_index(node)
            self.join(node, node.shape, frozenset(), self.reads_at(arg, base))

    def add_single(self, node: Expr) -> None:
        """A node by itself; `Item` nodes are its outputs, not steps.

        A kernel of an elementwise op gets all arguments in the shape of the result.
        """
        if isinstance(node.op, Item):
            self.maker[node] = self.maker[node.args[0]]
            return
        outputs = items(node) if isinstance(node.type, TupleType) else (node,)
        self.memory.update(outputs)
        args = node.args
        if isinstance(node.op, Elementwise):
            with at_site(node.site):
                args = tuple(broadcast_to(a, node.shape) for a in args)
        views = tuple(self.view(a) for a in args)
        bodies = node.op.bodies if isinstance(node.op, Loop | Branch) else ()
        step = Single(node, outputs, views, inner=tuple(fuse(body, self.target) for body in bodies))
        for v in views:
            self.note_read(v.base, step)
        self.add_step(step)
        self.maker[node] = step

    def view(self, node: Expr) -> View:
        found = view_of(node, self.in_memory)
        assert found is not None, node
        return found

    def add_step(self, step: Work) -> None:
        step.position = len(self.steps)
        self.steps.append(step)
        for root in step.roots if isinstance(step, Group) else step.outputs:
            self.maker[root] = step
        if isinstance(step, Group):
            for read in step.reads:
                self.note_read(read, step)

    def note_read(self, node: Expr, step: Work) -> None:
        self.readers.setdefault(node, set()).add(id(step))

    def reads(self, root: Expr, made: bool = True) -> set[tuple[Expr, bool]]:
        """What a root reads from memory, each with whether it is read at the root's own indices.

        `made`: the root is computed here; else it may itself be in memory.
        """
        return self.reads_at(root, identity(root.ndim), top=made)

    def reads_at(self, root: Expr, index: IndexMap, top: bool = False) -> set[tuple[Expr, bool]]:
        found: set[tuple[Expr, bool]] = set()
        seen: set[tuple[Expr, int]] = set()
        stack = [(root, index, top)]
        while stack:
            node, at, first = stack.pop()
            if (node, id(at)) in seen:
                continue
            seen.add((node, id(at)))
            op = node.op
            if node in self.memory and not (first and is_fusable(node)):
                found.add((node, at is identity(node.ndim) and node.shape == root.shape))
            elif isinstance(op, Elementwise):
                stack += [(a, broadcast(at, a.type.shape), False) for a in node.args if not is_scalar_constant(a)]
            elif op.is_affine:
                stack.append((node.args[0], through(node, at), False))
            elif isinstance(op, Reshape):
                found.add((self.view(node).base, False))
        return found

    def join(self, node: Expr, space: Shape, reduced: frozenset[int], reads: set[tuple[Expr, bool]]) -> None:
        """Put a root into an open group over the same indices, or into a new one."""
        for group in reversed(self.open.get(space, [])[-OPEN_GROUPS:]):
            if self.may_join(group, reduced, reads):
                group.roots.append(node)
                group.reduced = group.reduced or reduced
                group.reads |= {n for n, _ in reads}
                self.maker[node] = group
                for read, _ in reads:
                    self.note_read(read, group)
                return
        step = Group(space, reduced, [node], {n for n, _ in reads})
        self.add_step(step)
        self.open.setdefault(space, []).append(step)

    def may_join(self, group: Group, reduced: frozenset[int], reads: set[tuple[Expr, bool]]) -> bool:
        """The same reduced axes, something in common, and no read that the group's place is too early for."""
        if reduced and group.reduced and reduced != group.reduced:
            return False
        if len(group.reads) + len(group.roots) + len(reads) > self.target.fusion.buffers:
            return False
        members = set(group.roots)
        in_common = False
        for node, same_index in reads:
            maker = self.maker.get(node)
            if maker is group:
                if not same_index or node not in members or isinstance(node.op, REDUCTIONS):
                    return False
                in_common = True
            elif maker is not None and maker.position >= group.position:
                return False
            elif node in group.reads and node.ndim:
                in_common = True
        return in_common

    def forward(self) -> set[Expr]:
        """Nodes whose every reader is the nest that computes them: they are never written."""
        found = set()
        for step in self.steps:
            if isinstance(step, Group) and step.part is None:
                for root in step.roots:
                    if root not in self.forced and self.readers.get(root, set()) <= {id(step)}:
                        found.add(root)
        return found


def _innermost_arguments(node: Expr) -> Sequence[Expr]:
    """The arguments that loops over `node` compute at every step, not once a row, where work does not count."""
    shape = node.type.shape
    if not shape or shape[-1] == 1 or not node.op.stretches:
        return node.args
    return [a for a in node.args if a.type.shape and a.type.shape[-1] != 1]


def _repeats(user: Expr, node: Expr) -> bool:
    """Whether `user` broadcasts `node` along leading axes."""
    if not user.op.stretches:
        return False
    return user.ndim > node.ndim or any(a == 1 and b != 1 for a, b in zip(node.shape, user.shape, strict=False))


def copied_argument_index(node: Expr) -> IndexMap:
    """The index map of the argument of a movement node that is copied."""
    if node.op.is_affine:
        return through(node, identity(node.ndim))
    return identity(node.args[0].ndim)


def parts(node: Expr) -> list[Part]:
    """The nests that together write an assembled node, one after the other.

    Raises ShapeError where one writes outside of it, LoweringError where nobody proves that it does not.
    """
    with at_site(node.site):
        found = [Part(source, index) for source, index in node.op.parts(node, *node.args)]
    if not node.op.proves_places:
        _check_parts(node, found)
    return found


def _check_parts(node: Expr, found: Sequence[Part]) -> None:
    sites = (node.site, *[a.site for a in node.args])
    try:
        with collecting() as needed:
            for part in found:
                inside(node.op.name, part.index, part.source.shape, node.shape)
    except WeftError as error:
        raise blame(error, *sites) from None
    if needed.guards:
        text = f"{type(node.op).__name__}: nothing proves that its `parts` write inside of its result for all sizes."
        hint = "say in `infer` which sizes they need (symbolic.guards.inside), and that it does: proves_places = True."
        raise blame(LoweringError(text), *sites, hint=hint)
