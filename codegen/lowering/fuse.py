"""From a graph to steps: what is computed together, what goes to memory, what is never written.

    materialise   which nodes get memory: results, arguments of kernels, reductions, values that are dear and used twice
    NestStep      loop nests over the same indices become one, with several outputs; values pass in registers
    KernelStep    a structured kernel

A node without memory is computed wherever it is read; movement between is an index map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...ops.elementwise import Composite, Elementwise
from ...ops.movement import Reshape
from ...ops.reduce import ArgReduce, Reduce
from ...symbolic.collector import uncollected
from ...symbolic.dims import Shape
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from ...symbolic.index_maps import IndexMap, identity
from ...symbolic.leaves import Constant, Input, Item, Shared, items
from ...symbolic.types import TupleType
from .loops import ZERO, Load, Store
from .nests import REDUCTIONS, Launch, launches
from .views import View, broadcast, is_view, through, view_of

VARIABLES = (Input, Shared)
WITHOUT_KERNEL = (*VARIABLES, Constant, *REDUCTIONS)  # and what is a view, written in parts, or computed in any loop
WIDEST = 24  # buffers that one nest may read and write
LONGEST = 64  # operations that are computed again rather than stored, at most
OPEN = 12  # groups that a new nest is tried against


@dataclass(eq=False)
class NestStep:
    """Roots computed by one loop nest over the index space `space`."""

    space: Shape
    reduced: frozenset[int]
    roots: list[Expr] = field(default_factory=list)
    reads: set[Expr] = field(default_factory=set)
    part: Part | None = None  # where the root is assembled by several nests
    launches: tuple[Launch, ...] = ()
    position: int = 0

    @property
    def node(self) -> Expr:
        """The node that errors and profiles name."""
        return self.roots[-1]

    @property
    def written(self) -> list[Expr]:
        """The buffers that it makes."""
        return self.roots

    @property
    def read(self) -> set[Expr]:
        """The buffers that it reads."""
        found: set[Expr] = set()
        for launch in self.launches:
            numbers = {v.access.buffer for v in launch.nest.body if isinstance(v, Load)}
            found |= {b for i, b in enumerate(launch.buffers) if i in numbers and isinstance(b, Expr)}
        return found

    def may_write_over(self, old: Expr, new: Expr) -> bool:
        """Whether `new` may take the place of `old`, which it reads: each element only before it is written over.

        It is read at the very element that is written then, by one nest, and not a second time.
        """
        if len(self.launches) != 1 or self.part is not None:
            return False
        (launch,) = self.launches
        nest = launch.nest
        if any(launch.buffers[number] is old for number in nest.read_again):
            return False
        stores = [w for w in nest.writes if launch.buffers[w.access.buffer] is new]
        loads = [v.access for v in nest.body if isinstance(v, Load) and launch.buffers[v.access.buffer] is old]
        return all(
            isinstance(w, Store) and r.strides == w.access.strides and r.offset == w.access.offset
            for w in stores
            for r in loads
        ) and not any(
            s == ZERO and e.number != 1 for w in stores for s, e in zip(w.access.strides, nest.axes, strict=True)
        )


@dataclass(frozen=True)
class Part:
    """One of several nests that write a node: the value, and where its elements go."""

    source: Expr
    index: IndexMap


@dataclass(eq=False)
class KernelStep:
    """An op with a kernel of its own, its outputs and views of its arguments; `inner`: the steps of a loop's body."""

    node: Expr
    outputs: tuple[Expr, ...]
    arguments: tuple[View, ...]
    position: int = 0
    inner: tuple[Schedule, ...] = ()

    @property
    def written(self) -> list[Expr]:
        """The buffers that it makes."""
        return list(self.outputs)

    @property
    def read(self) -> set[Expr]:
        """The buffers that it reads."""
        return {v.base for v in self.arguments}

    def may_write_over(self, old: Expr, new: Expr) -> bool:
        """Whether `new` may take the place of `old`, which it reads: kernels read in an order of their own."""
        return False


Step = NestStep | KernelStep


@dataclass
class Schedule:
    """The steps in order; what has memory; and the views that are the graph's roots."""

    steps: list[Step]
    memory: set[Expr]
    forwarded: set[Expr]  # computed in a nest and used only there

    @property
    def all_steps(self) -> Iterator[Step]:
        """The steps, and those of bodies."""
        for step in self.steps:
            yield step
            for inner in step.inner if isinstance(step, KernelStep) else ():
                yield from inner.all_steps


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


@uncollected
def fuse(graph: Graph) -> Schedule:
    """Steps that compute the graph's roots."""
    return _Fuser(graph).run()


class _Fuser:
    def __init__(self, graph: Graph):
        self.graph = graph
        self.memory: set[Expr] = set()
        self.forced: set[Expr] = set()
        self.weights: dict[Expr, int] = {}
        self.steps: list[Step] = []
        self.maker: dict[Expr, Step] = {}
        self.open: dict[Shape, list[NestStep]] = {}
        self.readers: dict[Expr, set[int]] = {}

    def run(self) -> Schedule:
        self.materialise()
        early = self.scalars()
        for node in sorted(self.graph.nodes, key=lambda n: n not in early):  # else as they are: arguments first
            if node in self.memory:
                self.place(node)
        for number, step in enumerate(self.steps):
            step.position = number
        forwarded = self.forward()
        for step in self.steps:
            if isinstance(step, NestStep):
                step.launches = launches(step, self.memory, forwarded)
        return Schedule(self.steps, self.memory, forwarded)

    # ---- what goes to memory --------------------------------------------------------------------------------------

    def materialise(self) -> None:
        """Fill `memory`: `forced` are those that something other than a loop reads."""
        for node in self.graph.nodes:
            if is_given(node):
                self.memory.add(node)
            elif isinstance(node.op, REDUCTIONS) or self.is_kernel(node) or node.op.is_assembled:
                self.force(node)
        roots = set(self.graph.roots)
        for node in self.graph.nodes:
            if self.is_kernel(node):
                for arg in node.args:
                    self.force_base(arg)
            if isinstance(node.op, Reshape) and not self.is_view(node):
                self.force_copy(node)
            if node in roots:
                self.force(node) if not is_view(node.op) else None
            self.weigh(node)

    def is_kernel(self, node: Expr) -> bool:
        """Whether a node has a kernel of its own, or is one output of one."""
        op = node.op
        return not (op.is_looped or op.is_assembled or is_view(op) or isinstance(op, WITHOUT_KERNEL))

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
        weight = sum([self.weights[a] for a in _in_the_innermost_loop(node)])
        self.weights[node] = weight
        if not isinstance(node.op, Elementwise):
            return
        weight += 8 if node.op.function.expensive or isinstance(node.op.function, Composite) else 1
        self.weights[node] = weight
        users = len(self.graph.users[node])
        if weight > LONGEST or (users > 1 and weight > 2 and node.ndim) or (weight >= 4 and self.stretched(node)):
            self.memory.add(node)
            self.weights[node] = 0

    def stretched(self, node: Expr) -> bool:
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
        if is_given(node):
            return
        if op.is_assembled:
            for part in parts(node):
                reads = {read for read, _ in self.reads(part.source, made=False)}
                self.add_step(NestStep(part.source.shape, frozenset(), [node], reads, part))
        elif isinstance(op, Reduce):
            self.join(node, node.args[0].shape, frozenset(op.axes), self.reads(node.args[0], made=False))
        elif isinstance(op, ArgReduce):
            self.join(node, node.args[0].shape, frozenset((op.axis,)), self.reads(node.args[0], made=False))
        elif self.is_kernel(node):
            self.kernel(node)
        elif is_fusable(node):
            self.join(node, node.shape, frozenset(), self.reads(node))
        else:  # movement that has to be copied into C order
            arg = node.args[0]
            base = through_reads(node)
            self.join(node, node.shape, frozenset(), self.reads_at(arg, base))

    def kernel(self, node: Expr) -> None:
        """A structured kernel; `Item` nodes are its outputs, not steps."""
        if isinstance(node.op, Item):
            self.maker[node] = self.maker[node.args[0]]
            return
        outputs = items(node) if isinstance(node.type, TupleType) else (node,)
        self.memory.update(outputs)
        views = tuple(self.view(a) for a in node.args)
        step = KernelStep(node, outputs, views, inner=tuple(fuse(body) for body in node.op.bodies))
        for v in views:
            self.note_read(v.base, step)
        self.add_step(step)
        self.maker[node] = step

    def view(self, node: Expr) -> View:
        found = view_of(node, self.in_memory)
        assert found is not None, node
        return found

    def add_step(self, step: Step) -> None:
        step.position = len(self.steps)
        self.steps.append(step)
        for root in step.roots if isinstance(step, NestStep) else step.outputs:
            self.maker[root] = step
        if isinstance(step, NestStep):
            for read in step.reads:
                self.note_read(read, step)

    def note_read(self, node: Expr, step: Step) -> None:
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
        for group in reversed(self.open.get(space, [])[-OPEN:]):
            if self.may_join(group, reduced, reads):
                group.roots.append(node)
                group.reduced = group.reduced or reduced
                group.reads |= {n for n, _ in reads}
                self.maker[node] = group
                for read, _ in reads:
                    self.note_read(read, group)
                return
        step = NestStep(space, reduced, [node], {n for n, _ in reads})
        self.add_step(step)
        self.open.setdefault(space, []).append(step)

    def may_join(self, group: NestStep, reduced: frozenset[int], reads: set[tuple[Expr, bool]]) -> bool:
        """The same reduced axes, something in common, and no read that the group's place is too early for."""
        if reduced and group.reduced and reduced != group.reduced:
            return False
        if len(group.reads) + len(group.roots) + len(reads) > WIDEST:
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
            if isinstance(step, NestStep) and step.part is None:
                for root in step.roots:
                    if root not in self.forced and self.readers.get(root, set()) <= {id(step)}:
                        found.add(root)
        return found


def _in_the_innermost_loop(node: Expr) -> Sequence[Expr]:
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


def through_reads(node: Expr) -> IndexMap:
    """The index map of the argument of a movement node that is copied."""
    if node.op.is_affine:
        return through(node, identity(node.ndim))
    return identity(node.args[0].ndim)


def parts(node: Expr) -> list[Part]:
    """The nests that together write an assembled node, one after the other."""
    with at_site(node.site):
        return [Part(source, index) for source, index in node.op.parts(node, *node.args)]
