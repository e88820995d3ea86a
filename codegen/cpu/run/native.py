"""Machine code: LLVM IR -> object code (compiler.py), which is kept on disk -> addresses.

Every kernel, emitted or written by hand, has one signature, so that one loop can run them all:

    status = kernel(buffers, params, lo, hi)      # int64* addresses, int64* numbers, two int64; returns int64

`buffers` holds the addresses of the arrays it reads and writes, `params` its sizes and strides, and [lo, hi) is the
range of work units to do.  Units are independent: they may run in any order, on any thread.  The status is 0, or
anything else where the input was bad (an index out of range): the kernel then stops without touching other memory.
"""

import functools
import itertools
import os
import re
import struct
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from ....symbolic.cores import default_threads
from ... import cache
from ...spans import span
from .compiler import compile_each, new_machine, target_machine
from .compiling import LOCK, under_lock
from .processor import host_triple, processor

_CODEGEN = Path(__file__).parents[2]
# Numba's settings that make no other code
_HARMLESS = {f"NUMBA_{name}" for name in ("NUM_THREADS", "CACHE_DIR", "THREADING_LAYER", "THREADING_LAYER_PRIORITY")}


@functools.cache
def _engine() -> llvm.ExecutionEngine:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())


def toolchain() -> str:
    """A digest of what compiles, and for what: all that makes other code, or other code right, of the same source."""
    return cache.key(*_software(), host_triple(), *processor())


@functools.cache
def _software() -> tuple[object, ...]:
    """What is installed, how objects lie in memory, and how Numba was told to compile."""
    versions = (numba_version(), llvmlite.__version__, llvm.llvm_version_info, np.__version__, sys.version)
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", ()) else ""
    layouts = (struct.calcsize("P"), object.__basicsize__, np.ndarray.__basicsize__)
    settings = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_") and k not in _HARMLESS)
    return *versions, libc, *layouts, settings


def numba_version() -> str:
    """Numba's version, as its own file says it: to import Numba, or what reads packages' metadata, takes longer."""
    package = PathFinder.find_spec("numba")
    file = Path(package.origin).with_name("_version.py") if package and package.origin else None
    found = re.search(r'"version": "([^"]+)"', file.read_text()) if file and file.exists() else None
    if found:
        return found[1]
    import numba

    return str(numba.__version__)


def object_codes(modules: Mapping[str, Callable[[], str]], named: bool = True) -> list[bytes]:
    """For each name the object code of its module of IR: from the cache, or compiled; several share the cores.

    named : whether a name says all that the code depends on besides weft's sources and the compilers, so that IR is
        made only to be compiled; else IR is part of the key
    """
    kept = {name: nest_key(name, *(() if named else (make(),))) for name, make in modules.items()}
    found = {name: cache.load(key) if key else None for name, key in kept.items()}
    new = [name for name, code in found.items() if code is None]
    if new:
        with span("emit nests", len(new)):
            emitted = [modules[name]() for name in new]
        with span("compile nests", len(new)):
            codes = compile_each(emitted, default_threads())
        for name, code in zip(new, codes, strict=True):
            found[name] = code
            store(kept[name], code)
    return [code for code in found.values() if code is not None]


def nest_key(*parts: str) -> str | None:
    """The key of a nest's code, given its name; None where the sources are not at hand."""
    return cache.key("nest", SOURCES, _SHARED, toolchain(), *parts) if SOURCES else None


def load_or_compile(name: str | None, compile_it: Callable[[], bytes]) -> bytes:
    """The object code of a key, from the cache or compiled and put there; None: of code that has no key."""
    if name is None:
        return compile_it()
    found = cache.load(name)
    if found is None:
        found = compile_it()
        store(name, found)
    return found


def store(name: str | None, code: bytes) -> None:
    """Put object code into the cache, if it has a key, and needs nothing that may be gone tomorrow."""
    if name and b"__svml" not in code:  # a library that may be gone tomorrow: LLVM would end the process
        cache.store(name, code)


class Code:
    """Object code in the process for as long as this lives: `addresses` of its functions, by their names."""

    @under_lock
    def __init__(self, objects: Iterable[bytes], names: Sequence[str]):
        _close()
        builder = llvm.JITLibraryBuilder().add_current_process()
        for data in objects:
            builder.add_object_img(data)
        for name in names:
            builder.export_symbol(name)
        number = next(_libraries)
        library = builder.link(_compiler(number // 64), f"weft_{number}")
        self.addresses = {name: int(library[name]) for name in names}
        weakref.finalize(self, _close, library).atexit = False


def _close(library: llvm.ResourceTracker | None = None) -> None:
    """Give up the code of a library, and of those before it.

    The garbage collector calls it, on any thread and at any time: where others compile, it is left to the next call.
    """
    if library is not None:
        _unwanted.append(library)
    if LOCK.acquire(blocking=False):
        try:
            while _unwanted:
                _unwanted.pop().close()
        finally:
            LOCK.release()


@functools.lru_cache(maxsize=1)
def _compiler(generation: int) -> llvm.LLJIT:
    """What loads code: a new one now and then, because it keeps 10 KiB of every library until it goes itself.

    It goes with the last of its libraries.
    """
    return llvm.create_lljit_compiler(new_machine(), use_jit_link=False)


@under_lock
def add_object(data: bytes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Load object code for good; the addresses of its functions, which must have names of their own."""
    if b"NRT_" in data or b"numba_" in data:
        _know_numbas_helpers()
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(data))
    engine.finalize_object()
    return tuple(engine.get_function_address(name) for name in names)


@functools.cache
def _know_numbas_helpers() -> None:
    """Have Numba name the functions of its runtime to LLVM, which ends the process where it misses one."""
    from numba.core.registry import cpu_target

    cpu_target.target_context.refresh()


def digest(files: Iterable[Path]) -> str | None:
    """A digest of source files; None where there are none, as in an archive."""
    found = [part for file in sorted(files) if file.is_file() for part in (file.name, file.read_bytes())]
    return cache.key(*found) if found else None


# Read now: what an editor writes later is not what runs.
SOURCES = digest((_CODEGEN / "cpu").rglob("*.py"))  # a change in any makes all code of this target new
_SHARED = digest(file for part in ("llvm", "lowering") for file in (_CODEGEN / part).rglob("*.py"))

_libraries = itertools.count()
_unwanted: list[llvm.ResourceTracker] = []
