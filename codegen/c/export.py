"""`f.export("folder/name")`: compiled functions as a header and an object file for C.

A function is planned in Python for each set of sizes, as for a call; the tables that the walker runs go into the file
as they are, with what is to be done to get addresses into them (plans.py).  The machine code is that of calls, compiled
so that a linker takes it (code.py).  Around both stands a runtime in C (runtime/), which makes states, checks what it
is given, and reads and writes files of variables.  See docs/decisions/0024.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...symbolic.arguments import check_count, check_flag, check_path
from ...symbolic.cores import MOST
from ...symbolic.errors import ArgumentError, LoweringError, blame, user_site
from ...symbolic.leaves import storage_of
from ..cpu.run.function import CPUFunction
from ..cpu.run.processor import features, host_triple, processor
from .code import CodeTable
from .data import Data
from .header import header
from .plans import Planner
from .signature import CFunction, check_prefix, choose_name, describe_in_c
from .size_sets import check_names, check_sizes, describe_sets, size_sets
from .source import DATA_FILE, VARIABLE_FUNCTIONS, Unit, source
from .toolchain import Toolchain
from .variables import read_variables, variables_of

MOST_THREADS = 64


def export(
    functions: Sequence[Any], path: Any, sizes: Any, threads: Any, values: bool, library: bool
) -> tuple[Path, ...]:
    """Write the files, whole or not at all; see `Function.export`.  Returns their paths."""
    target = check_path("export: path", path)
    prefix = check_prefix(target.name)
    most = MOST_THREADS if threads is None else check_count("export", "threads", threads, 1, MOST)
    with_values, with_library = check_flag("export", "values", values), check_flag("export", "library", library)
    taken: set[str] = set()
    described = [describe_in_c(f, choose_name(prefix, f, taken)) for f in map(_check_exportable, functions)]
    asked = check_sizes(sizes)
    check_names(described, asked)
    unit, data, code = _plan(prefix, described, asked, most, with_values)
    suffixes = (".h", ".o", ".so") if with_library else (".h", ".o")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{prefix}.", dir=target.parent) as folder:
        _build(unit, data, code, Path(folder))
        written = tuple(target.with_name(prefix + suffix) for suffix in suffixes)
        for place in written:
            os.replace(Path(folder) / place.name, place)
    return written


def _check_exportable(function: Any) -> CPUFunction:
    """A function that runs without Python.  Raises LoweringError for all others, with what is in the way."""
    if not hasattr(function, "program"):
        raise blame(ArgumentError(f"export takes compiled functions, not {function!r}."), user_site())
    if not isinstance(function, CPUFunction):
        reason, hint = f"is compiled for the target {function.target.name!r}", 'compile it with target="cpu"'
    elif function.refused:
        names = " and ".join(f'{kind}="raise"' for kind in function.refused)
        reason, hint = f"looks at its results in Python ({names})", "compile it without"
    elif function.size_source is not None:
        names = ", ".join(function.source.sources)
        reason, hint = (
            f"has sizes that are values ({names}), which a call computes first",
            "give them as sizes of arrays",
        )
    else:
        return function
    text = f"export: {function.name} {reason}, and an exported function runs on the CPU and without Python."
    raise blame(LoweringError(text), user_site(), hint=f"{hint}.")


def _plan(
    prefix: str, functions: Sequence[CFunction], asked: list[dict[str, Sequence[int]]], threads: int, values: bool
) -> tuple[Unit, Data, CodeTable]:
    """All that goes into the file but the machine code."""
    data, code = Data(), CodeTable()
    named = variables_of([f.function for f in functions])
    numbers = {storage_of(node): number for number, node in enumerate(named.values())}
    planned = []
    for f in functions:
        sets = size_sets(f, asked)
        planner = Planner(f, data, code, numbers, threads)
        planner.plan(sets)
        planned.append((f, planner, describe_sets(f, sets)))
    variables = read_variables(named, data, values)
    return Unit(prefix, planned, variables, code.names, threads, processor(), features()), data, code


def _build(unit: Unit, data: Data, code: CodeTable, folder: Path) -> None:
    """All files, in a folder of their own."""
    tools = Toolchain(folder)
    prefix = unit.prefix
    functions = [f for f, _, _ in unit.functions]
    made_for = f"{unit.processor.cpu}, {host_triple()}"
    text = header(prefix, functions, unit.variables, [offered for *_, offered in unit.functions], made_for)
    (folder / f"{prefix}.h").write_text(text, encoding="utf-8")
    (folder / "unit.c").write_text(source(unit), encoding="utf-8")
    (folder / DATA_FILE).write_bytes(data.content)
    tools.compile("unit.c", "unit.o")
    objects = ["unit.o"]
    for number, content in enumerate(code.objects(unit.threads > 1)):
        objects.append(f"code_{number}.o")
        (folder / objects[-1]).write_bytes(content)
    own = ["create", "destroy", "message", "describe", *(VARIABLE_FUNCTIONS if unit.variables else ())]
    tools.merge(objects, f"{prefix}.o", [*(f"{prefix}_{name}" for name in own), *(f.name for f in functions)])
    tools.link(f"{prefix}.o", f"{prefix}.so")
