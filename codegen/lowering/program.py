"""What runs: the graph's steps with compiled nests, and where every buffer comes from.  Still without sizes.

Program    made once for a function
Binding    (binding.py) a program for given sizes: addresses, numbers, an arena
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

from ...ops.callback import Callback
from ...symbolic.expr import Expr
from ...symbolic.forks import renewed
from ...symbolic.graph import Graph
from ...symbolic.leaves import Shared
from ...symbolic.types import config
from .. import cache
from ..cpu.nests.emit import EmittedNest, emit
from ..cpu.run import native
from . import views
from .fuse import NestStep, Schedule, Step, fuse
from .loops import LoopNest
from .reuse import Placement, lodgers, place_updates


@dataclass(frozen=True)
class CompiledNest:
    """A nest's code, where it is, and what keeps it there."""

    emitted: EmittedNest
    code: native.Code

    @property
    def address(self) -> int:
        """The address of its function."""
        return self.code.addresses[self.emitted.name]


@renewed
@dataclass
class Program:
    """Steps in order, and what is written into memory that something else has before or after it.

    `lodgers` are temporaries, which stand in the memory of an output until it takes their place, element by element.
    `debug`: whether it was compiled under `config.debug`.
    """

    graph: Graph
    schedule: Schedule
    nests: dict[LoopNest, CompiledNest]
    updates: Placement
    lodgers: dict[Expr, Expr]  # temporary -> output
    checks: bool = False
    debug: bool = False

    @property
    def steps(self) -> list[Step]:
        """The steps in order."""
        return self.schedule.steps

    @property
    def calls_back(self) -> bool:
        """Whether one of its steps runs a function of the user's in Python."""
        return any(isinstance(step.node.op, Callback) for step in self.schedule.all_steps)

    @cached_property
    def resizable(self) -> list[Expr]:
        """The shared variables that the graph reads or updates whose arrays may be others at each call.

        In the checked mode all are.
        """
        updated = [shared for shared, _ in self.graph.updates]
        found = dict.fromkeys([*self.graph.shared, *updated])
        return [node for node in found if self.checks or node.op.cell.resizable]  # type: ignore[attr-defined]


def build(graph: Graph, checks: bool = False) -> Program:
    """Fuse, place updates and compile the nests; `checks`: for the checked mode."""
    views.forget()
    schedule = fuse(graph)
    updates = place_updates(graph, schedule)
    return Program(
        graph, schedule, _compiled(schedule, checks), updates, lodgers(graph, schedule), checks, config.debug
    )


# Code in the process by the names of its functions: equal nests are the same function, and what no program has any
# more goes.
_loaded: WeakValueDictionary[str, native.Code] = WeakValueDictionary()


def _compiled(schedule: Schedule, checks: bool) -> dict[LoopNest, CompiledNest]:
    """All nests of a program, compiled in one module; those that another program brought already are not repeated."""
    emitted: dict[LoopNest, EmittedNest] = {}
    for step in schedule.all_steps:
        for launch in step.launches if isinstance(step, NestStep) else ():
            if launch.nest not in emitted:
                emitted[launch.nest] = emit(launch.nest, nest_name(launch.nest, checks), checks)
    found = {e.name: _loaded.get(e.name) for e in emitted.values()}
    new = [e for e in emitted.values() if found[e.name] is None]
    if new:
        code = native.Code(native.object_code(*(e.ir for e in new)), [e.name for e in new])
        found.update(dict.fromkeys((e.name for e in new), code))
        _loaded.update(dict.fromkeys((e.name for e in new), code))
    return {nest: CompiledNest(e, found[e.name]) for nest, e in emitted.items()}  # type: ignore[arg-type]


def nest_name(nest: LoopNest, checks: bool = False) -> str:
    """A name that says all that the code depends on."""
    return ("weft_checked_" if checks else "weft_nest_") + cache.key(repr(nest))


def memory_of(program: Program) -> dict[Any, str]:
    """What each buffer is: for printing."""
    roles: dict[Any, str] = {}
    graph = program.graph
    for node in program.schedule.memory:
        roles[node] = "temporary"
    roles.update(dict.fromkeys(graph.inputs, "input"))
    roles.update(dict.fromkeys(graph.outputs, "output"))
    for node in program.schedule.memory:
        if isinstance(node.op, Shared):
            roles[node] = "shared"
    for lodger, output in program.lodgers.items():
        roles[lodger] = f"in place of {output.name or output.op.name}"
    for new, shared in program.updates.in_place.items():
        roles[new] = f"in place of {shared.name or 'a shared variable'}"
    return roles
