"""Machine code: LLVM IR -> object code (kept on disk) -> addresses.

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
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from llvmlite.binding.newpassmanagers import NewPassManager

from ... import cache
from .compiling import under_lock
from .processor import host_triple, processor

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

# Numba's settings that make no other code
_HARMLESS = {f"NUMBA_{name}" for name in ("NUM_THREADS", "CACHE_DIR", "THREADING_LAYER", "THREADING_LAYER_PRIORITY")}


@functools.cache
def target_machine() -> llvm.TargetMachine:
    """Code for processors of this one's level, as fast as LLVM can make it."""
    return _new_machine()


def _new_machine() -> llvm.TargetMachine:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=processor().cpu, features=processor().features, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


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


def object_code(*modules: str) -> bytes:
    """Modules of IR, linked, optimised and compiled for this kind of processor; from the cache if they were before."""
    name = cache.key("object", _COMPILER, toolchain(), *modules) if _COMPILER else None
    return load_or_compile(name, lambda: compile_ir(*modules))


def load_or_compile(name: str | None, compile_it: Callable[[], bytes]) -> bytes:
    """The object code of a key, from the cache or compiled and put there; None: of code that has no key."""
    if name is None:
        return compile_it()
    found = cache.load(name)
    if found is None:
        found = compile_it()
        if b"__svml" not in found:  # a library that may be gone tomorrow: LLVM would end the process
            cache.store(name, found)
    return found


@under_lock
def compile_ir(*modules: str) -> bytes:
    """Modules of IR, linked, optimised and compiled for this kind of processor."""
    context = llvm.create_context()  # one of its own: types and constants go with it
    module = llvm.parse_assembly(modules[0], context)
    module.verify()
    for other in modules[1:]:
        module.link_in(llvm.parse_assembly(other, context))
    for function in module.functions:
        if function.linkage is llvm.Linkage.linkonce_odr:  # a helper: nobody else calls it, which LLVM should know
            function.linkage = llvm.Linkage.internal
    module.triple = host_triple()
    machine = target_machine()
    module.data_layout = str(machine.target_data)
    _optimise(module, machine)
    return bytes(machine.emit_object(module))


def _optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    NewPassManager._dispose(passes)  # 70 KiB, which closing leaves: of its two bases it finds the other's _dispose
    passes.detach()


class Code:
    """Object code in the process for as long as this lives: `addresses` of its functions, by their names."""

    @under_lock
    def __init__(self, data: bytes, names: Sequence[str]):
        builder = llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
        for name in names:
            builder.export_symbol(name)
        number = next(_libraries)
        library = builder.link(_compiler(number // 64), f"weft_{number}")
        self.addresses = {name: int(library[name]) for name in names}
        weakref.finalize(self, under_lock(library.close)).atexit = False


@functools.lru_cache(maxsize=1)
def _compiler(generation: int) -> llvm.LLJIT:
    """What loads code: a new one now and then, because it keeps 10 KiB of every library until it goes itself.

    It goes with the last of its libraries.
    """
    return llvm.create_lljit_compiler(_new_machine(), use_jit_link=False)


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


def digest(files: Sequence[Path]) -> str | None:
    """A digest of source files; None where there are none, as in an archive."""
    found = [part for file in sorted(files) if file.is_file() for part in (file.name, file.read_bytes())]
    return cache.key(*found) if found else None


_COMPILER = digest([Path(__file__)])  # read now: what an editor writes later is not what runs
_libraries = itertools.count()
