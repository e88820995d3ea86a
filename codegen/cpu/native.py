"""Machine code: LLVM IR -> object code (kept on disk) -> addresses, and Numba functions by the same road.

Every kernel, emitted or written by hand, has one signature, so that one loop can run them all:

    status = kernel(buffers, params, lo, hi)      # int64* addresses, int64* numbers, two int64; returns int64

`buffers` holds the addresses of the arrays it reads and writes, `params` its sizes and strides, and [lo, hi) is the
range of work units to do.  Units are independent: they may run in any order, on any thread.  The status is 0, or
anything else where the input was bad (an index out of range): the kernel then stops without touching other memory.
"""

import functools
import inspect
import os
import re
import threading
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from ...symbolic.errors import ArgumentError
from .. import cache

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

_LOCK = threading.Lock()  # LLVM's engine is one per process and not safe for concurrent additions


@functools.cache
def host_cpu() -> str:
    """LLVM's name for this processor."""
    return str(llvm.get_host_cpu_name())


@functools.cache
def host_features() -> str:
    """What this processor can do, as LLVM spells it: '+avx2,+fma,...'; without what is wider than wanted."""
    features = llvm.get_host_cpu_features()
    if vector_bytes() < 64:
        features.update({name: False for name in features if name.startswith(("avx512", "avx10", "evex512"))})
    return str(features.flatten())


@functools.cache
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
def second_level_cache() -> int:
    """The bytes of the second-level cache, as Linux reports them; 1 MiB where nobody does.

    It decides how work is cut, never the order of a sum: results are the same whatever it is.
    """
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(size.removesuffix("K")) * 1024 if size.endswith("K") else int(size)
    except (OSError, ValueError):
        return 1 << 20


@functools.cache
def target_machine() -> llvm.TargetMachine:
    """Code for this processor, as fast as LLVM can make it."""
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=host_cpu(), features=host_features(), opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


@functools.cache
def _engine() -> llvm.ExecutionEngine:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())


def object_code(*modules: str) -> bytes:
    """Modules of IR, linked, optimised and compiled for this processor; from the cache if they were before."""
    name = cache.key("object", llvmlite.__version__, llvm.llvm_version_info, host_cpu(), host_features(), *modules)
    found = cache.load(name)
    if found is None:
        found = _compile(*modules)
        cache.store(name, found)
    return found


def _compile(*modules: str) -> bytes:
    module = llvm.parse_assembly(modules[0])
    module.verify()
    for other in modules[1:]:
        module.link_in(llvm.parse_assembly(other))
    module.triple = llvm.get_process_triple()
    machine = target_machine()
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def add_object(data: bytes, names: tuple[str, ...]) -> tuple[int, ...]:
    """Load object code into the process; the addresses of its functions, which must have names of their own."""
    with _LOCK:
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        engine.finalize_object()
        return tuple(engine.get_function_address(name) for name in names)


@functools.cache
def _sources(folder: Path) -> str:
    """A digest of the kernels' own sources: a change in any of them makes every kernel new."""
    return cache.key(*(path.read_bytes() for path in sorted(folder.glob("*.py"))))


_ADDRESSES: dict[tuple[Any, ...], int] = {}


def kernel_address(make: FunctionType, *arguments: Any) -> int:
    """The address of the kernel that `make(*arguments)` returns: a plain function in Numba's subset of Python.

    `make` is called, and Numba imported, only if the cache has no object code for these arguments.  The arguments
    (dtypes, tile sizes ...) must print what they are.
    """
    wanted = (make, *arguments)
    if wanted not in _ADDRESSES:
        _ADDRESSES[wanted] = _kernel_address(make, arguments)
    return _ADDRESSES[wanted]


def _kernel_address(make: FunctionType, arguments: tuple[Any, ...]) -> int:
    folder = Path(inspect.getfile(make)).parent
    sources = _sources(folder) if folder == Path(__file__).parent else inspect.getsource(make)
    name = cache.key(
        "kernel",
        make.__module__,
        make.__qualname__,
        arguments,
        sources,
        llvmlite.__version__,
        host_cpu(),
        host_features(),
    )
    entry = "weft_kernel_" + name
    found = cache.load(name)
    if found is None:
        found = _compile(numba_ir(make(*arguments), entry))
        cache.store(name, found)
    return add_object(found, (entry,))[0]


def numba_ir(function: FunctionType, entry: str) -> str:
    """LLVM IR of a Python function with the kernels' signature, compiled by Numba, with its entry under that name.

    All other functions in it become private to the module.  Then LLVM sees that none of them raises, and drops what
    Numba puts in for that case: calls of Numba's own run time, which a process that loads the code may not have.
    """
    import numba
    from numba import types

    pointer = types.CPointer(types.int64)
    signature = types.int64(pointer, pointer, types.int64, types.int64)
    compiled = numba.cfunc(signature, error_model="numpy", nopython=True)(function)
    text = str(compiled.inspect_llvm()).replace(compiled.native_name, entry)
    return re.sub(rf"^define (?:linkonce_odr )?(?![^\n]*@{entry}\()", "define internal ", text, flags=re.M)
