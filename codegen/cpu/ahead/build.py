"""Makes the object code that is shipped: `python -m weft.codegen.cpu.ahead`, which the build of a wheel runs.

Each kind of processor has a process of its own, which takes itself for one of them, plans the expressions of the
catalogue, and compiles the code that their plans name; none of it runs there.  The same sources, Numba and LLVM make
the same files, byte for byte.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ....symbolic.expr import Expr, toposort
from ....symbolic.graph import Graph
from ....symbolic.leaves import Input
from ...compiled import Compiled
from ...lowering.bind import bind
from ...target import Options, Source
from .. import CPU
from ..launch import CodeRef, KernelRef
from ..params import references
from ..run import bound_function, direct_call, made, team, walker
from ..run.compile import plan_nests
from ..run.compiler import compile_ir
from ..run.encode import Encoder, Setting
from ..run.layouts import EXPECTED
from ..run.processor import KINDS, assume, host_triple
from .catalogue import expressions
from .objects import file_of

_OUTSIDE = (b"NRT_", b"numba_", b"__svml")  # what is not there without Numba


def usual_kinds() -> list[str]:
    """The kinds of processors that code is made for on this machine: those of its architecture."""
    x86 = host_triple().startswith("x86_64")
    return ["x86-64-v2-128", "x86-64-v3-256", "x86-64-v4-512"] if x86 else ["generic-128"]


def build(home: Path, kinds: Sequence[str]) -> None:
    """Make the object code for these kinds of processors, each in a process of its own; what was there goes."""
    shutil.rmtree(home, ignore_errors=True)
    processes = [subprocess.Popen(_command(kind, home), env=_environment(kind)) for kind in kinds]
    failed = [kind for kind, process in zip(kinds, processes, strict=True) if process.wait()]
    if failed:
        raise SystemExit(f"No object code was made for {', '.join(failed)}.")


def _command(kind: str, home: Path) -> list[str]:
    return [sys.executable, "-m", __package__, "--one", kind, "--out", str(home)]


def _environment(kind: str) -> dict[str, str]:
    """Numba compiles for the kind, too, and finds weft where it is now."""
    level = KINDS[kind]
    return {**os.environ, "NUMBA_CPU_NAME": level.cpu, "NUMBA_CPU_FEATURES": level.features}


def build_one(kind: str, home: Path) -> int:
    """Make the object code for one kind of processor, in this process, which is good for nothing else; how many."""
    assume(KINDS[kind])
    team.prepare()  # Numba looks for what the code will look for
    recipes = {recipe.key: recipe for recipe in _recipes() if recipe.key is not None}
    for key, recipe in sorted(recipes.items()):
        code = compile_ir(recipe.emit(made.entry_name(recipe)))
        if not any(name in code for name in _OUTSIDE):
            file = file_of(kind, key, home)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(code)
    return len(recipes)


def _recipes() -> Iterator[made.Recipe]:
    yield from (walker.walk_recipe(parallel) for parallel in (False, True))
    yield team.worker_recipe()
    yield from (walker.enter_recipe(), direct_call.call_recipe(EXPECTED))
    yield from (bound_function.bound_call_recipe(), bound_function.c_function_recipe())
    named = {str(reference): reference for outputs in expressions() for reference in _named_by(outputs)}
    for reference in named.values():
        yield reference.recipe()
        if isinstance(reference, CodeRef) and reference.emit == "emit_tile" and not reference.arguments[3]:
            # whether a tile brings the next panel depends on the machine's caches and cores
            *given, fetches = reference.arguments
            yield CodeRef(reference.module, reference.emit, (*given, not fetches)).recipe()


def _named_by(outputs: list[Expr]) -> Iterator[KernelRef | CodeRef]:
    """The code that a function with these outputs needs, besides its nests."""
    inputs = tuple(node for node in toposort(outputs) if isinstance(node.op, Input))
    compiled = Compiled(Source(Graph(inputs, tuple(outputs)), None, list, Options("ahead")), CPU)
    encoder = Encoder(bind(compiled.program, {}), plan_nests(compiled.program.nests), Setting(2, ()))
    encoder.plan()
    for row in encoder.rows:
        named: list[Any] = [row.kernel, *references(row.params)]
        yield from (one for one in named if isinstance(one, KernelRef | CodeRef))
