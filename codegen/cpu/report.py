"""What `doctor` says of this machine's processor, and of functions that run on it."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...symbolic.errors import ArgumentError
from ...symbolic.types import config
from ..explain import NOT_CALLED
from .model import host
from .run import checked, native, processor
from .run.function import CPUFunction
from .run.plans import plan_text


def report() -> Iterable[str]:
    """The processor, its vectors and threads, and what compiles for it."""
    machine = host()
    yield f"{_processor_name()}, which LLVM calls {processor.host_cpu()}, {processor.host_triple()}"
    yield f"{machine.cores} cores, a second-level cache of {machine.second_level_bytes >> 10} KiB"
    try:
        kind = processor.processor()
        yield f"vectors of {8 * kind.vector_bytes} bits, and code for all processors like {kind.cpu}"
    except ArgumentError as error:
        yield str(error)
    try:
        yield f"{config.threads} threads; WEFT_NUM_THREADS, wf.config.threads and function(threads=) say how many"
    except ArgumentError as error:
        yield str(error)
    yield f"Numba {native.numba_version()}"
    if checked.ENABLED:
        yield "WEFT_CHECK is set: every load and store is checked, which takes many times as long"


def _processor_name(description: Path = Path("/proc/cpuinfo")) -> str:
    """The maker's name of the processor, as Linux reports it; else the name of its kind."""
    try:
        rows = [line.partition(":") for line in description.read_text(errors="replace").splitlines()]
    except OSError:
        rows = []
    names = [value.strip() for key, _, value in rows if key.strip() == "model name" and value.strip()]
    return names[0] if names else platform.processor() or platform.machine()


def report_call(function: Any) -> Iterable[str]:
    """Which way each step goes, and on how many threads."""
    assert isinstance(function, CPUFunction)
    yield f"of {function.threads} threads at most"
    bounds = function.bounds()
    yield plan_text(bounds[-1], function.nests, function._setting, params=False) if bounds else NOT_CALLED
