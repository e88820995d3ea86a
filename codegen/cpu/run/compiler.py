"""LLVM IR -> object code for this kind of processor.

llvmlite lets one thread at a time into LLVM.  LLVM itself asks for less: that what belongs to one context is used by
one thread.  So modules, each with a context and a target machine of its own, are optimised and written out side by
side, and nothing else is done beside llvmlite's lock.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi
from llvmlite.binding.newpassmanagers import NewPassManager

from .compiling import under_lock
from .processor import processor

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


def new_machine(linked: bool = False) -> llvm.TargetMachine:
    """Code for processors of this one's level, as fast as LLVM can make it.

    linked : whether a linker puts it into a program; else it is loaded here, as far from all else as may be
    """
    target, level = llvm.Target.from_default_triple(), processor()
    near, far = {"reloc": "pic", "codemodel": "small"}, {"codemodel": "jitdefault", "jit": True}
    where: dict[str, Any] = near if linked else far
    return target.create_target_machine(cpu=level.cpu, features=level.features, opt=3, **where)


@functools.cache
def target_machine() -> llvm.TargetMachine:
    """What compiles on the calling thread."""
    return new_machine()


@under_lock
def compile_ir(*modules: str) -> bytes:
    """Modules of IR, linked, optimised and compiled for this kind of processor."""
    return _compile(modules, target_machine())


@under_lock
def compile_each(modules: Sequence[str], threads: int, linked: bool = False) -> list[bytes]:
    """The object code of each module of IR, on so many threads at most.  Raises what LLVM says of a wrong one.

    linked : as for `new_machine`

    A fork waits until all is done.  The threads never ask for the lock that keeps it waiting: they would wait for the
    caller, who waits for them.
    """
    count = min(threads, len(modules))
    if count <= 1 and not linked:
        return [compile_ir(module) for module in modules]
    found: list[bytes | BaseException | None] = [None] * len(modules)
    waiting = list(reversed(range(len(modules))))
    machines = [new_machine(linked) for _ in range(count)]
    workers = [threading.Thread(target=_work, args=(modules, machine, waiting, found, linked)) for machine in machines]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    except BaseException:  # Ctrl-C: what has begun is finished, and nothing else
        waiting.clear()
        for worker in workers:
            worker.join()
        raise
    codes = [code for code in found if isinstance(code, bytes)]
    if len(codes) < len(modules):
        raise next(error for error in found if isinstance(error, BaseException))
    return codes


def _work(
    modules: Sequence[str],
    machine: llvm.TargetMachine,
    waiting: list[int],
    found: list[bytes | BaseException | None],
    linked: bool,
) -> None:
    """Compile one module after the other, as long as there are any."""
    while waiting:
        try:
            number = waiting.pop()
        except IndexError:  # another thread has taken it
            return
        try:
            found[number] = _compile([modules[number]], machine, linked)
        except BaseException as error:
            found[number] = error


def _compile(modules: Sequence[str], machine: llvm.TargetMachine, linked: bool = False) -> bytes:
    context = llvm.create_context()  # one of its own: types and constants go with it
    module = llvm.parse_assembly(modules[0], context)
    module.verify()
    for other in modules[1:]:
        module.link_in(llvm.parse_assembly(other, context))
    for function in module.functions:
        if function.linkage is llvm.Linkage.linkonce_odr:  # a helper: nobody else calls it, which LLVM should know
            function.linkage = llvm.Linkage.internal
    if linked:
        _hide(module)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    _optimise(module, machine)
    return _emit(module, machine)


def _hide(module: llvm.ModuleRef) -> None:
    """Let a linker see none of a module's names but weft's own: the compilers' are the same in several modules."""
    for value in (*module.functions, *module.global_variables):
        if not (value.is_declaration or value.name.startswith(("weft_", "llvm."))):
            value.linkage = llvm.Linkage.internal


def _optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    passes = builder.getModulePassManager()
    _beside_the_lock("LLVMPY_RunNewModulePassManager")(passes, module, builder)
    NewPassManager._dispose(passes)  # 70 KiB, which closing leaves: of its two bases it finds the other's _dispose
    passes.detach()


def _emit(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> bytes:
    with ffi.OutputString() as complaint:
        buffer = _beside_the_lock("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, complaint)
        if not buffer:
            raise RuntimeError(str(complaint))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def _beside_the_lock(name: str) -> Callable[..., Any]:
    """A function of llvmlite's library without its lock, if that is where it was; else as it is."""
    locked = getattr(ffi.lib, name)
    function: Callable[..., Any] = getattr(locked, "_cfn", locked)
    return function
