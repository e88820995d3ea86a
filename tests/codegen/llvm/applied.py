"""Scalar emitters as array functions: a kernel `for i in [lo, hi): out[i] = f(x[i], ...)` around each."""

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from weft.codegen import cache
from weft.codegen.cpu.nests import rare
from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.processor import vector_bytes
from weft.codegen.llvm.emitters import EMITTERS, cast, llvm_type

Emit = Callable[..., ir.Value]

BOOL = np.dtype(np.bool_)
PREDICATES = {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite"}
PREDICATES |= {"logical_and", "logical_or", "logical_xor", "logical_not"}

_KERNEL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def apply(name: str, dtype: Any, *arrays: Any) -> np.ndarray:
    """The primitive of that name over arrays of one dtype."""
    dtype = np.dtype(dtype)
    values = [np.ascontiguousarray(a, BOOL if name == "where" and i == 0 else dtype) for i, a in enumerate(arrays)]
    return Loop.of(name, dtype, len(arrays))(*values)


def cast_array(x: np.ndarray, dtype: Any) -> np.ndarray:
    """`cast` over an array."""
    source, target = x.dtype, np.dtype(dtype)
    return Loop(lambda builder, value: cast(builder, value, source, target), (source,), target)(x)


class Loop:
    """The kernel of one emitter: `emit(builder, *values)` gives the result in registers."""

    def __init__(self, emit: Emit, arguments: tuple[np.dtype, ...], result: np.dtype) -> None:
        self.emit, self.arguments, self.result = emit, arguments, result

    @classmethod
    def of(cls, name: str, dtype: Any, count: int) -> "Loop":
        """The loop over a primitive with so many arguments."""
        dtype = np.dtype(dtype)
        arguments = (BOOL, dtype, dtype) if name == "where" else (dtype,) * count
        result = BOOL if name in PREDICATES else dtype
        return cls(lambda builder, *values: EMITTERS[name](builder, dtype, *values), arguments, result)

    def __call__(self, *arrays: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        out = np.empty(arrays[0].shape, self.result) if out is None else out
        buffers = np.array([a.ctypes.data for a in (out, *arrays)], np.int64)
        assert _KERNEL(self.address())(buffers.ctypes.data, None, 0, out.size) == 0
        return out

    def address(self) -> int:
        """Where the kernel's code is."""
        entry = "weft_test_" + cache.key(self.ir("kernel"))
        return native.add_object(native.object_codes({entry: lambda: self.ir(entry)}, named=False)[0], (entry,))[0]

    def ir(self, entry: str) -> str:
        """The kernel's IR."""
        integer = ir.IntType(64)
        module = ir.Module(entry)
        signature = ir.FunctionType(integer, [integer.as_pointer(), integer.as_pointer(), integer, integer])
        function = ir.Function(module, signature, entry)
        buffers, _, low, high = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        arrays = [_array(builder, buffers, i, dtype) for i, dtype in enumerate((self.result, *self.arguments))]
        loop, done = function.append_basic_block("loop"), function.append_basic_block("done")
        start = builder.block
        builder.cbranch(builder.icmp_signed("<", low, high), loop, done)
        builder.position_at_end(loop)
        index = builder.phi(integer)
        index.add_incoming(low, start)
        values = [_load(builder, a, index, dtype) for a, dtype in zip(arrays[1:], self.arguments, strict=True)]
        _store(builder, self.emit(builder, *values), arrays[0], index, self.result)
        following = builder.add(index, integer(1))
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, high), loop, done)
        builder.position_at_end(done)
        builder.ret(integer(0))
        rare.define(module)
        return str(module).replace(")\n{", f') "prefer-vector-width"="{8 * vector_bytes()}"\n{{')

    def optimised(self, cpu: str = "", features: str = "") -> str:
        """The IR after LLVM's passes, for this processor or the one named."""
        module = llvm.parse_assembly(self.ir("kernel"))
        module.triple = llvm.get_process_triple()
        target = llvm.Target.from_default_triple()
        machine = target.create_target_machine(cpu=cpu, features=features, opt=3) if cpu else native.target_machine()
        module.data_layout = str(machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        return str(module)


def _memory(dtype: np.dtype) -> ir.Type:
    return ir.IntType(8) if dtype == BOOL else llvm_type(dtype)


def _array(builder: ir.IRBuilder, buffers: ir.Value, index: int, dtype: np.dtype) -> ir.Value:
    address = builder.load(builder.gep(buffers, [ir.IntType(64)(index)]))
    return builder.inttoptr(address, _memory(dtype).as_pointer())


def _load(builder: ir.IRBuilder, array: ir.Value, index: ir.Value, dtype: np.dtype) -> ir.Value:
    value = builder.load(builder.gep(array, [index]))
    return builder.icmp_unsigned("!=", value, value.type(0)) if dtype == BOOL else value


def _store(builder: ir.IRBuilder, value: ir.Value, array: ir.Value, index: ir.Value, dtype: np.dtype) -> None:
    value = builder.zext(value, ir.IntType(8)) if dtype == BOOL else value
    builder.store(value, builder.gep(array, [index]))
