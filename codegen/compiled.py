"""What was compiled, as far as it is the same on every target: the graphs, the program, the sizes of a call."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ..symbolic.dims import Dim, SymDim
from ..symbolic.errors import (
    GuardError,
    IndexRangeError,
    NotFiniteError,
    OutOfMemoryError,
    Site,
    WeftError,
    blame,
    sentence,
    user_site,
)
from ..symbolic.evaluate import bind_sizes, run, sizes_in, whole, zero_divisor_error
from ..symbolic.expr import Expr
from ..symbolic.forks import renew_after_forks
from ..symbolic.graph import Graph
from ..symbolic.leaves import Shared, storage_of
from ..symbolic.origin import bad, origin
from ..symbolic.sizes import dims_of
from ..symbolic.types import config
from .lowering.bind import Bound, bind
from .lowering.build import build
from .lowering.in_place import write_in_place
from .lowering.limit import limit_memory
from .lowering.program import Step
from .lowering.working import WorkingMemory, estimate
from .passes import pipeline
from .spans import span
from .target import Source, Target

REMEMBERED = 64  # sets of sizes whose limited programs a function keeps


class Shaped(Protocol):
    """An array, of whatever kind: of its sizes is all that is asked here."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""


@renew_after_forks
class Compiled:
    """A graph, and the program that computes it on a target."""

    code_stages: tuple[str, ...] = ("ir",)  # what code can be shown of it

    def __init__(self, asked: Source, target: Target):
        graph, options = asked.graph, asked.options
        self.asked, self.target = asked, target
        self.name, self.source, self.optimize = options.name, graph, options.optimize
        self.rules, self.downcast = options.rules, options.downcast
        self.threads = options.threads or config.threads
        self.refused = options.refused
        # new values that are looked at before variables get them are results
        computed = Graph(graph.inputs, graph.roots, (), graph.assumed) if self.refused else graph
        self.graph = pipeline.run(computed, options.optimize, target, rules=options.rules)
        with span("build"):
            self.program = build(self.graph, target)
        self.max_memory = options.max_memory
        if self.max_memory is None:
            self.program = write_in_place(self.program)
        self._limited: dict[tuple[tuple[str, int], ...], Bound] = {}

    @property
    def size_source(self) -> Source | None:
        """What computes the sizes that are values, before the function runs; None where there are none."""
        counts = Graph(self.source.inputs, tuple(self.source.sources.values()))
        if not counts.outputs:
            return None
        name = f"sizes of {self.name}"
        options = self.asked.options._replace(name=name, refused=(), rules=None, downcast=False, max_memory=None)
        return Source(counts, None, list, options)

    # ---- sizes and memory -----------------------------------------------------------------------------------------

    @functools.cached_property
    def has_fixed_sizes(self) -> bool:
        """Whether all sizes are numbers, so that the program can be bound before any call."""
        return not dims_of(self.graph.nodes)

    def bind_sizes(self, sizes: dict[str, int]) -> Bound:
        """The program for these sizes, within the memory that a call may take.

        Raises OutOfMemoryError where it does not get by with so much.
        """
        if self.max_memory is None:
            return bind(self.program, sizes)
        key = tuple(sorted(sizes.items()))
        if key not in self._limited:
            while len(self._limited) >= REMEMBERED:
                self._limited.pop(next(iter(self._limited)), None)
            try:
                found = limit_memory(bind(self.program, sizes), self.max_memory, self.working_memory)
            except OutOfMemoryError as error:
                raise blame(error, user_site()) from None
            self._limited[key] = found
        return self._limited[key]

    def plan_memory(self) -> None:
        """Where memory is limited, and all sizes are numbers: have the plan now, or its error."""
        if self.max_memory is not None and self.has_fixed_sizes:
            self.bind_sizes({})

    def working_memory(self, bound: Bound) -> WorkingMemory:
        """What a call takes for its temporaries."""
        return estimate(bound)

    def sizes(self, arrays: Sequence[Shaped], counts: Sequence[int] = ()) -> dict[str, int]:
        """The sizes of a call; raises an error where they break what the expressions took for granted.

        counts : those that are values
        """
        shapes = {x: a.shape for x, a in zip(self.source.inputs, arrays, strict=True)}
        for node in self.variable_nodes:
            shapes[node] = storage_of(node).sizes.shape
        return self.sizes_of(shapes, sizes_in(self.source.stored_sizes), counts)

    @property
    def variable_nodes(self) -> list[Expr]:
        """The shared variables that a call reads or writes."""
        return list(dict.fromkeys([*self.source.shared, *(shared for shared, _ in self.source.updates)]))

    def sizes_of(
        self, shapes: Mapping[Expr, tuple[int, ...]], stored: Mapping[str, int], counts: Sequence[int] = ()
    ) -> dict[str, int]:
        """The sizes of a call with inputs and variables of these shapes; errors as those of `sizes`.

        stored : sizes that expressions have of variables without reading them
        """
        sizes = {**stored, **bind_sizes(shapes)}
        for (name, source), count in zip(self.source.sources.items(), counts, strict=False):
            sizes[name] = whole(count, source)
        self._check_sizes(sizes)
        return sizes

    def _check_sizes(self, sizes: dict[str, int]) -> None:
        for dim, node in self._computed_sizes:
            try:
                found = dim.value(sizes)
            except ZeroDivisionError:
                raise zero_divisor_error(node, dim, sizes) from None
            if found < 0:
                text = f"{node.op.name}: the size {dim} is {found} in this call, where {sizes}."
                raise blame(GuardError(text), node.site, *[a.site for a in node.args])
        for guard, node in self.source.guards:
            if not guard.holds(sizes):
                what = f"the update of {node.name}" if isinstance(node.op, Shared) else node.op.name
                error = guard.error(what, sizes)
                raise blame(error, node.site, *[a.site for a in node.args], *self._sites_with(guard.dims))

    @functools.cached_property
    def _computed_sizes(self) -> list[tuple[SymDim, Expr]]:
        """Sizes that are arithmetic, each with the first node that has it: a call may turn them negative."""
        found: dict[SymDim, Expr] = {}
        for node in self.source.nodes:
            for dim in getattr(node.type, "shape", ()):
                if isinstance(dim, SymDim) and not dim.is_name:
                    found.setdefault(dim, node)
        return list(found.items())

    def _sites_with(self, dims: tuple[Dim, ...]) -> list[Site]:
        """The lines of the inputs that have one of these sizes."""
        return [x.site for x in self.source.inputs if any(isinstance(d, SymDim) and d in x.shape for d in dims)]

    # ---- failures -------------------------------------------------------------------------------------------------

    def explain_failure(self, step: Step, arrays: Sequence[np.ndarray]) -> BaseException:
        """The error where a step of the program refused its input: the reference is asked, with the same values."""
        node = step.node
        try:
            run([node], dict(zip(self.graph.inputs, arrays, strict=True)))
        except IndexError as error:
            found = IndexRangeError(sentence(error))
            found.__notes__ = error.__notes__
            return found
        except WeftError as error:
            return blame(error, node.site, *[a.site for a in node.args])
        return blame(IndexRangeError(f"{node.op.name} refused its input."), node.site)

    def not_finite(self, results: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> BaseException | None:
        """The error where a result holds what `nan` or `inf` refuse, which names the op that made it."""
        place = next((place for place, one in enumerate(results) if bad(one, self.refused)), None)
        if place is None:
            return None
        error = origin(self.source.roots, dict(zip(self.source.inputs, arrays, strict=True)), self.refused)
        if error is not None:
            return error
        node = self.source.roots[place]  # the reference, whose sums are in another order, makes none
        return blame(NotFiniteError(f"{node.op.name}: its value holds {bad(results[place], self.refused)}."), node.site)

    # ---- what `explain` shows -------------------------------------------------------------------------------------

    def bounds(self) -> list[Bound]:
        """The program for the sizes of calls, the last ones last; where no size is a symbol, there need be no call."""
        found = self.bound_calls()
        return found or ([self.bind_sizes({})] if self.has_fixed_sizes else [])

    def bound_calls(self) -> list[Bound]:
        """The program for sizes that calls have had."""
        return []

    def plan_text(self) -> str:
        """How the target runs the steps; "" where there was no call."""
        return ""

    def code_text(self, stage: str) -> str:
        """The target's code, as it is at one of the `code_stages`."""
        return f"the target {self.target.name!r} has no code"
