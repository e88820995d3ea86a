"""What is installed, what machines there are, where things are kept, and how a function runs: `wf.doctor()`.

What is broken is said where it is found, with the way to mend it: a report is made on any machine.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..symbolic.errors import ArgumentError, WeftError, blame, listing, user_site
from ..symbolic.leaves import storage_of
from ..symbolic.types import config
from . import cache, upkeep
from .function import Function
from .private_folder import PrivateFolder, Untrusted
from .target import TARGETS, target_of

VARIABLES = ("WEFT_CACHE_BYTES", "WEFT_CACHE_DIR", "WEFT_CHECK", "WEFT_NUM_THREADS", "WEFT_VECTOR_BITS")
_INDENT = "    "
_TRIAL = "doctor.tmp"  # a file that is written to see whether one can be; what is temporary goes by itself


class ReportPart(NamedTuple):
    """Lines about one thing."""

    title: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.title, *(_INDENT + line for text in self.lines for line in text.splitlines())])


class Report(NamedTuple):
    """What `doctor` found; printed as text."""

    parts: tuple[ReportPart, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.parts))

    def __repr__(self) -> str:
        return str(self)


def doctor(function: Any = None) -> Report:
    """What weft has to work with here, and how a function runs: `print(wf.doctor())`.

    Versions; environment variables; the folder of compiled code; of each target the machine, and what is missing with
    the way to mend it.  Nothing is compiled and no device is opened for it.

    Parameters
    ----------
    function : a compiled function: also which target it runs on, and step by step where; what a call copies from one
        memory to another; and how to copy less.  The sizes are those of its last call.

    Returns
    -------
    Report
        printed as text; `parts` has a title and lines for each thing

    Raises
    ------
    ArgumentError
        for what is no compiled function
    """
    if not (function is None or isinstance(function, Function)):
        text = f"doctor takes a function that wf.function made, or nothing, not {type(function).__name__}."
        raise blame(ArgumentError(text), user_site())
    parts = [_part("versions", _versions), _part("environment", _environment), _part("cache", _cache)]
    parts += [_part(f"target {name!r}", partial(_target, name)) for name in TARGETS]
    if function is not None:
        head = f"function {function.name!r} runs on the target {function.target.name!r}"
        parts.append(_part(head, partial(_function, function)))
    return Report(tuple(parts))


def _part(title: str, write: Callable[[], Iterable[str]]) -> ReportPart:
    """A part; where it cannot be written, it says why."""
    try:
        return ReportPart(title, tuple(write()))
    except (WeftError, OSError) as error:
        return ReportPart(title, (str(error),))
    except ImportError as error:
        return ReportPart(title, (f"{error}: install weft anew, with all that it needs.",))


def _target(name: str) -> Iterable[str]:
    return target_of(name).report()


def _versions() -> Iterable[str]:
    # the façade stands above this module, which therefore does not import it; but is there whenever this runs
    weft = sys.modules[__name__.partition(".")[0]]
    yield f"weft {weft.__version__} in {Path(__file__).parents[1]}"
    yield f"Python {platform.python_version()} on {platform.platform()}"
    yield f"NumPy {np.__version__}"
    import llvmlite
    import llvmlite.binding as llvm

    yield f"llvmlite {llvmlite.__version__}, with LLVM {'.'.join(map(str, llvm.llvm_version_info))}"


def _environment() -> Iterable[str]:
    found = {name: value for name, value in sorted(os.environ.items()) if name.startswith("WEFT_")}
    for name, value in found.items():
        known = "" if name in VARIABLES else f": weft has no such variable; it has {listing(list(VARIABLES))}"
        yield f"{name}={value}{known}"
    if not found:
        yield "no variable WEFT_... is set"
    yield f"wf.config: float_dtype={config.float_dtype!r}, debug={config.debug}"


# ---- the folder of compiled code -------------------------------------------------------------------------------------


def _cache() -> Iterable[str]:
    place, most = cache.folder(), cache.limit()
    if place is None:
        return ["Nothing is kept: there is no home folder. Set WEFT_CACHE_DIR to a folder that only you may write."]
    return [str(place), *_look_into(place, most)]


def _look_into(place: Path, most: int) -> Iterable[str]:
    limit = f"at most {most:,}" if most else "at most 0, so that nothing is kept: unset WEFT_CACHE_BYTES"
    try:
        with PrivateFolder(str(place)) as top:
            found = upkeep.entries(top)
            yield f"{len(found)} entries of {sum(entry.size for entry in found):,} bytes; {limit}"
            yield _try_to_write(top)
    except FileNotFoundError:
        yield f"nothing yet; {limit}"
        parent = next(p for p in place.absolute().parents if p.exists())
        able = os.access(parent, os.W_OK | os.X_OK) and parent.is_dir()
        yield "the folder is made when something is kept" if able else _no_writing(f"{parent} cannot be written")
    except Untrusted as error:
        yield cache.distrust(str(error))
    except OSError as error:
        yield _no_writing(str(error))


def _try_to_write(top: PrivateFolder) -> str:
    try:
        top.write(_TRIAL, b"")
    except OSError as error:
        return _no_writing(str(error))
    finally:
        with contextlib.suppress(OSError):
            top.remove(_TRIAL)
    return "it can be written"


def _no_writing(reason: str) -> str:
    return (
        f"Nothing new is kept ({reason}), so that every process compiles again: "
        "make room, or set WEFT_CACHE_DIR to a folder that only you may write."
    )


# ---- a function ------------------------------------------------------------------------------------------------------


def _function(function: Function) -> Sequence[str]:
    lines = list(function.target.report_call(function))
    return lines if function.target.keeps_results else [*lines, *_fetches(function)]


def _fetches(function: Function) -> list[str]:
    """What a target that works in the memory of the host copies: variables whose newest values are elsewhere."""
    named = [*(buffer.node for buffer in function.program.shared), *(node for node, _ in function.source.updates)]
    behind = [node for node in dict.fromkeys(named) if node is not None and storage_of(node).is_behind]
    if not behind:
        return ["transfers of a call: none, since arguments, variables and results are in the memory of the host"]
    lines = ["transfers of the next call:"]
    for node in behind:
        size = math.prod(storage_of(node).sizes.shape) * node.dtype.itemsize
        lines.append(f"{_INDENT}{size} bytes: {node.name or 'a variable'}, whose newest value is on a device")
    lines.append("to mend: let all functions that share a variable run on one target.")
    return lines
