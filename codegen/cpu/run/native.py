"""Machine code: LLVM IR -> object code (kept on disk) -> addresses, and Numba functions by the same road.

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
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from llvmlite.binding.newpassmanagers import NewPassManager

from ....symbolic.errors import ArgumentError
from ....symbolic.forks import hold_over_forks
from ... import cache

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

P = ParamSpec("P")
R = TypeVar("R")

# Numba's settings that make no other code
_HARMLESS = {f"NUMBA_{name}" for name in ("NUM_THREADS", "CACHE_DIR", "THREADING_LAYER", "THREADING_LAYER_PRIORITY")}
_LOCK = hold_over_forks(threading.RLock())  # of LLVM and Numba: a fork waits until nobody compiles


def under_lock(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which compiles or loads code: one thread at a time."""

    @functools.wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> R:
        with _LOCK:
            return function(*args, **keywords)

    return call


@functools.cache
@under_lock
def host_triple() -> str:
    """LLVM's name for the kind of machine and its system."""
    return str(llvm.get_process_triple())


@functools.cache
@under_lock
def host_cpu() -> str:
    """LLVM's name for this processor."""
    return str(llvm.get_host_cpu_name())


@functools.cache
@under_lock
def host_features() -> str:
    """What this processor can do, as LLVM spells it: '+avx2,+fma,...'; without what is wider than wanted."""
    features = llvm.get_host_cpu_features()
    if vector_bytes() < 64:
        features.update({name: False for name in features if name.startswith(("avx512", "avx10", "evex512"))})
    return str(features.flatten())


@functools.cache
@under_lock
def vector_bytes() -> int:
    """The width of the vectors in kernels, in bytes: 64, 32 or 16.

    It is that of the widest registers, unless WEFT_VECTOR_BITS asks for 128 or 256 bits.  Raises ArgumentError for
    another number.
    """
    features = llvm.get_host_cpu_features()
    widest = 64 if features.get("avx512f") else 32 if features.get("avx2") else 16
    wanted = os.environ.get("WEFT_VECTOR_BITS", "512")
    if wanted not in ("128", "256", "512"):
        raise ArgumentError(f"WEFT_VECTOR_BITS is {wanted!r}: it must be 128, 256 or 512, or not be set.")
    return min(widest, int(wanted) // 8)


@functools.cache
def target_machine() -> llvm.TargetMachine:
    """Code for this processor, as fast as LLVM can make it."""
    return _new_machine()


def _new_machine() -> llvm.TargetMachine:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=host_cpu(), features=host_features(), opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


@functools.cache
def _engine() -> llvm.ExecutionEngine:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())


def toolchain() -> str:
    """A digest of what compiles, and for what: all that makes other code, or other code right, of the same source."""
    processor = (host_triple(), host_cpu(), host_features(), vector_bytes())
    return cache.key(*_software(), *processor)


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
    """Modules of IR, linked, optimised and compiled for this processor; from the cache if they were before."""
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
    """Modules of IR, linked, optimised and compiled for this processor."""
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


def _digest(files: Iterable[Path]) -> str | None:
    """A digest of source files; None where there are none, as in an archive."""
    found = [part for file in sorted(files) if file.is_file() for part in (file.name, file.read_bytes())]
    return cache.key(*found) if found else None


# Read now: what an editor writes later is not what runs.
_COMPILER = _digest([Path(__file__)])
_HOME = __package__.rpartition(".")[0]  # the package of the target
_SOURCES = _digest(Path(__file__).parents[1].rglob("*.py"))  # a change in any of them makes every kernel new
_ADDRESSES: dict[tuple[Callable[..., Any], str], int] = {}
_numbers = itertools.count()  # of kernels without a key
_libraries = itertools.count()


def kernel_key(make: Callable[..., Any], *arguments: Any) -> str | None:
    """The key of the kernel that `make(*arguments)` returns, or None: nobody can say what its code depends on.

    That can be said of the functions of this target's modules, whose code, and that of all that they use, is in its
    files.  Others, and functions made by functions, use values that their source does not show.
    """
    module = sys.modules.get(make.__module__)
    ours = make.__module__.startswith(f"{_HOME}.") and getattr(module, make.__qualname__, None) is make
    if not ours or _SOURCES is None:
        return None
    return cache.key("kernel", make.__module__, make.__qualname__, arguments, _SOURCES, toolchain())


def kernel_address(make: Callable[..., Any], *arguments: Any) -> int:
    """The address of the kernel that `make(*arguments)` returns: a plain function in Numba's subset of Python.

    `make` is called, and Numba imported, only if the cache has no object code for these arguments.  The arguments
    (dtypes, tile sizes ...) must print what they are.
    """
    return once(make, arguments, lambda: _kernel_address(make, arguments))


def once(make: Callable[..., Any], arguments: tuple[Any, ...], make_code: Callable[[], int]) -> int:
    """The address of what is made of these arguments: it is made the first time, by one thread alone."""
    wanted = (make, repr(arguments))  # 1, 1.0 and True are equal, and not the same
    if wanted not in _ADDRESSES:
        with _LOCK:
            if wanted not in _ADDRESSES:
                _ADDRESSES[wanted] = make_code()
    return _ADDRESSES[wanted]


def _kernel_address(make: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    name = kernel_key(make, *arguments)
    entry = f"weft_kernel_{name or next(_numbers)}"
    return add_object(load_or_compile(name, lambda: compile_ir(numba_ir(make(*arguments), entry))), (entry,))[0]


_KERNEL = "int64(CPointer(int64), CPointer(int64), int64, int64)"


@under_lock
def numba_ir(function: Callable[..., Any], entry: str, signature: str = _KERNEL) -> str:
    """LLVM IR of a Python function with the kernels' signature, compiled by Numba, with its entry under that name."""
    import numba

    compiled = numba.cfunc(signature, error_model="numpy")(function)
    return str(compiled.inspect_llvm()).replace(compiled.native_name, entry)
