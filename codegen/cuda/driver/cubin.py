"""Machine code of kernels: LLVM makes PTX of what was traced, the driver a cubin, which is kept on disk.

An entry of the cache is a cubin behind eight bytes: how much shared memory a launch of it asks for.
"""

from __future__ import annotations

import ctypes
import re
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from ....symbolic.forks import hold_over_forks
from ... import cache
from ...llvm.emitters import are_own
from ..trace.kernel import TracedKernel, TraceRef
from ..trace.ptx import to_ptx
from ..trace.ptx_builder import STATIC_SHARED, PTXBuilder
from .libcuda import Driver
from .structures import ERROR_LOG, ERROR_LOG_SIZE, INPUT_PTX

_LOG_BYTES = 1 << 14
_HEADER_BYTES = 8
_compiling = hold_over_forks(threading.RLock())  # of LLVM: a fork waits until nobody compiles


class Cubin(NamedTuple):
    """code : what the driver loads
    dynamic_shared : bytes of shared memory that a launch asks for; what is static the driver knows of the code
    """

    code: bytes
    dynamic_shared: int


class CubinCompiler:
    """Compiles for one kind of processor.  The context of a device of that kind is current.

    capability : of the device, such as (8, 6), for which the driver compiles
    architecture : for which LLVM does: the same, or the nearest older one that it knows
    """

    def __init__(self, driver: Driver, architecture: str, capability: tuple[int, int]):
        self.driver, self.architecture = driver, architecture
        self.toolchain = (capability, architecture, driver.number("cuDriverGetVersion"), *_software())

    def cubin(self, ref: TraceRef, kernel: TracedKernel) -> Cubin:
        """The machine code of `kernel`, which is what `ref` names; from the cache if it was compiled before."""
        name = cubin_key(ref, self.toolchain)
        found = cache.load(name) if name else None
        if found is not None and len(found) > _HEADER_BYTES:
            return Cubin(found[_HEADER_BYTES:], int.from_bytes(found[:_HEADER_BYTES], "little"))
        made = self._compile(kernel)
        if name:
            cache.store(name, made.dynamic_shared.to_bytes(_HEADER_BYTES, "little") + made.code)
        return made

    def _compile(self, kernel: TracedKernel) -> Cubin:
        if kernel.foreign is not None:
            return Cubin(link_ptx(self.driver, kernel.foreign(self.architecture), kernel.name), 0)
        with _compiling:
            traced = PTXBuilder(kernel)
            ptx = to_ptx(traced.module_text(), self.architecture)
        dynamic = traced.shared_bytes if traced.shared_bytes > STATIC_SHARED else 0
        return Cubin(link_ptx(self.driver, ptx, kernel.name), dynamic)


def link_ptx(driver: Driver, ptx: str, name: str) -> bytes:
    """The cubin that the driver makes of PTX.  An error says what the driver's compiler does."""
    log = ctypes.create_string_buffer(_LOG_BYTES)
    options = (ctypes.c_int * 2)(ERROR_LOG, ERROR_LOG_SIZE)
    values = (ctypes.c_void_p * 2)(ctypes.addressof(log), _LOG_BYTES)
    state = ctypes.c_void_p()
    driver.call("cuLinkCreate", 2, options, values, ctypes.byref(state))
    try:
        data = ptx.encode() + b"\0"
        _link_step(driver, log, "cuLinkAddData", state, INPUT_PTX, data, len(data), name.encode(), 0, None, None)
        code, size = ctypes.c_void_p(), ctypes.c_size_t()
        _link_step(driver, log, "cuLinkComplete", state, ctypes.byref(code), ctypes.byref(size))
        return ctypes.string_at(code.value or 0, size.value)
    finally:
        driver.functions["cuLinkDestroy"](state)


def _link_step(driver: Driver, log: ctypes.Array[ctypes.c_char], function: str, *arguments: object) -> None:
    code = driver.functions[function](*arguments)
    if code:
        said = " ".join(log.value.decode(errors="replace").split())
        raise driver.error(function, code, f"Its compiler says: {said}" if said else "")


def cubin_key(ref: TraceRef, toolchain: tuple[object, ...]) -> str | None:
    """The key of a kernel's code, or None: nobody can say what it depends on.

    That can be said of the functions of this target's modules, whose code, and that of all that they use, is in files
    that the key has a digest of; their arguments must print what they are.
    """
    make, module = ref.make, sys.modules.get(ref.make.__module__)
    ours = make.__module__.startswith(f"{_HOME}.") and getattr(module, make.__qualname__, None) is make
    arguments = repr(ref.arguments)
    named = re.search(r" at 0x[0-9a-fA-F]+", arguments) is None  # else an object says where it is, and not what
    if not (ours and named and are_own()) or _SOURCES is None:  # nests have what emitters write
        return None
    return cache.key("cubin", make.__module__, make.__qualname__, arguments, _SOURCES, toolchain)


def _software() -> tuple[object, ...]:
    return llvmlite.__version__, llvm.llvm_version_info, np.__version__, sys.version


def _digest(home: Path, folders: Iterable[str]) -> str | None:
    """A digest of the sources in folders; None where there are none, as in an archive."""
    files = sorted(file for folder in folders for file in (home / folder).rglob("*.py") if file.is_file())
    parts = [part for file in files for part in (file.relative_to(home).as_posix(), file.read_bytes())]
    return cache.key(*parts) if parts else None


_HOME = __package__.rpartition(".")[0]  # the package of the target
# Read now: what an editor writes later is not what runs.  Of ops are the bodies of composites, which print as names.
_SOURCES = _digest(Path(__file__).parents[3], ("codegen/cuda", "codegen/llvm", "codegen/lowering", "ops"))
