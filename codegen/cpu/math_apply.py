"""A scalar function over contiguous arrays, as one kernel `for i in [lo, hi): out[i] = f(x[i], ...)`.

What tests and measurements of the scalar functions run; the compiler's own loops fuse them instead.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from .. import cache
from . import native
from .math import EMITTERS, cast
from .math_value import llvm_type

_PREDICATES = {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite"}
_PREDICATES |= {"logical_and", "logical_or", "logical_xor", "logical_not"}

Emit = Callable[..., ir.Value]


def kernel_ir(entry: str, emit: Emit, arguments: tuple[np.dtype, ...], result: np.dtype) -> str:
    """The kernel's IR; `emit(builder, *values)` gives the result in registers."""
    integer = ir.IntType(64)
    module = ir.Module(entry)
    signature = ir.FunctionType(integer, [integer.as_pointer(), integer.as_pointer(), integer, integer])
    function = ir.Function(module, signature, entry)
    buffers, _, low, high = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    arrays = [_array(builder, buffers, i, dtype) for i, dtype in enumerate((result, *arguments))]
    loop, done = function.append_basic_block("loop"), function.append_basic_block("done")
    start = builder.block
    builder.cbranch(builder.icmp_signed("<", low, high), loop, done)
    builder.position_at_end(loop)
    index = builder.phi(integer)
    index.add_incoming(low, start)
    values = [_load(builder, a, index, dtype) for a, dtype in zip(arrays[1:], arguments, strict=True)]
    _store(builder, emit(builder, *values), arrays[0], index, result)
    following = builder.add(index, integer(1))
    index.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, high), loop, done)
    builder.position_at_end(done)
    builder.ret(integer(0))
    width = f'"prefer-vector-width"="{8 * native.vector_bytes()}"'
    return str(module).replace(")\n{", f") {width}\n{{")


def _memory(dtype: np.dtype) -> ir.Type:
    return ir.IntType(8) if dtype.kind == "b" else llvm_type(dtype)


def _array(builder: ir.IRBuilder, buffers: ir.Value, index: int, dtype: np.dtype) -> ir.Value:
    address = builder.load(builder.gep(buffers, [ir.IntType(64)(index)]))
    return builder.inttoptr(address, _memory(dtype).as_pointer())


def _load(builder: ir.IRBuilder, array: ir.Value, index: ir.Value, dtype: np.dtype) -> ir.Value:
    value = builder.load(builder.gep(array, [index]))
    return builder.icmp_unsigned("!=", value, value.type(0)) if dtype.kind == "b" else value


def _store(builder: ir.IRBuilder, value: ir.Value, array: ir.Value, index: ir.Value, dtype: np.dtype) -> None:
    value = builder.zext(value, ir.IntType(8)) if dtype.kind == "b" else value
    builder.store(value, builder.gep(array, [index]))


def load_kernel(emit: Emit, arguments: tuple[np.dtype, ...], result: np.dtype) -> int:
    """The address of the kernel, compiled (or taken from the cache) and loaded."""
    entry = "weft_apply_" + cache.key(kernel_ir("f", emit, arguments, result))
    return native.add_object(native.object_code(kernel_ir(entry, emit, arguments, result)), (entry,))[0]


class Applied:
    """`Applied("exp", np.float32)(x)`: the function of that name over arrays of that dtype, of one shape."""

    _kernel = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)

    def __init__(self, name: str, dtype: Any, count: int = 1) -> None:
        dtype = np.dtype(dtype)
        emitter = EMITTERS[name]
        self.arguments = (np.dtype(bool), dtype, dtype) if name == "where" else (dtype,) * count
        self.result = np.dtype(bool) if name in _PREDICATES else dtype
        self.ir_of = lambda entry: kernel_ir(entry, self._emit, self.arguments, self.result)
        self._emit = lambda builder, *values: emitter(builder, dtype, *values)
        self._function = self._kernel(load_kernel(self._emit, self.arguments, self.result))

    def __call__(self, *arrays: Any, out: np.ndarray | None = None) -> np.ndarray:
        values = [np.ascontiguousarray(a, dtype) for a, dtype in zip(arrays, self.arguments, strict=True)]
        out = np.empty(values[0].shape, self.result) if out is None else out
        buffers = np.array([a.ctypes.data for a in (out, *values)], np.int64)
        self._function(buffers.ctypes.data, None, 0, out.size)
        return out


def cast_array(x: np.ndarray, dtype: Any) -> np.ndarray:
    """The array in another dtype, by `cast`."""
    source, target = x.dtype, np.dtype(dtype)
    emit: Emit = lambda builder, value: cast(builder, value, source, target)  # noqa: E731
    function = Applied._kernel(load_kernel(emit, (source,), target))
    x = np.ascontiguousarray(x)
    out = np.empty(x.shape, target)
    buffers = np.array([out.ctypes.data, x.ctypes.data], np.int64)
    function(buffers.ctypes.data, None, 0, out.size)
    return out
