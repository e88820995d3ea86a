"""Memory that several threads write, and functions of the system, for Numba's subset of Python."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64, _I32 = ir.IntType(64), ir.IntType(32)
# LLVM's name for the instruction of a core that waits, and what it takes
_WAITING = {
    **dict.fromkeys(("x86_64", "AMD64"), ("llvm.x86.sse2.pause", ())),
    **dict.fromkeys(("aarch64", "arm64"), ("llvm.aarch64.hint", (1,))),
}


def _place(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _I64.as_pointer())


@intrinsic
def load(typingctx: Any, address: Any) -> Any:
    """The int64 at an address, and all that its writer wrote before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_place(builder, args[0]), "seq_cst", 8)

    return types.int64(types.int64), emit


@intrinsic
def store(typingctx: Any, address: Any, value: Any) -> Any:
    """Write an int64 at an address, after all that was written before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _place(builder, args[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def add(typingctx: Any, address: Any, value: Any) -> Any:
    """Add to the int64 at an address; what it was before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _place(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def exchange(typingctx: Any, address: Any, old: Any, new: Any) -> Any:
    """Write `new` at an address if `old` is there; whether it was."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = builder.cmpxchg(_place(builder, args[0]), args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), emit


@intrinsic
def relax(typingctx: Any) -> Any:
    """Tell the core that this thread is waiting."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if platform.machine() in _WAITING:
            name, numbers = _WAITING[platform.machine()]
            kind = ir.FunctionType(ir.VoidType(), [_I32] * len(numbers))
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            builder.call(function, [_I32(n) for n in numbers])
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic(prefer_literal=True)
def system(typingctx: Any, name: Any, arguments: Any) -> Any:
    """`system("usleep", (50,))`: call a function of the C library that takes numbers and addresses; its int."""
    count, called = len(arguments), name.literal_value
    kinds = types.UniTuple(types.int64, count) if count else types.Tuple(())

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_I32, [_I64] * count)
        function = cgutils.get_or_insert_function(builder.module, kind, called)
        found = builder.call(function, cgutils.unpack_tuple(builder, args[1]) if count else [])
        return builder.sext(found, _I64)

    return types.int64(name, kinds), emit
