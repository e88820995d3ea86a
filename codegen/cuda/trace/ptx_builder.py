"""The builder that appends LLVM IR for one thread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import llvm_version_info

from ....ops.elementwise import Scalar
from ....symbolic.types import BOOL, DType
from ...llvm import far, half, rare
from ...llvm.apply import apply_function
from ...llvm.value import Value, constant, fma, llvm_type, select
from .builder import FLOAT32, INT32, INT64, WARP, ArrayInMemory, KernelBuilder, RegisterBase
from .kernel import Pointer, TracedKernel

I32, I64 = ir.IntType(32), ir.IntType(64)
GLOBAL, SHARED = ir.PointerType(addrspace=1), ir.PointerType(addrspace=3)
STATIC_SHARED = 48 << 10  # bytes of shared memory that a kernel has without asking the driver
_SHARED = "shared"
_NAMES_BARRIERS = 21  # the version of LLVM from which on a barrier has a number
_CONSTRAINTS = {"int32": "r", "uint32": "r", "int64": "l", "float32": "f", "float64": "d"}


def memory_type(dtype: DType) -> ir.Type:
    """The LLVM type of a dtype in memory: bools are bytes there."""
    return ir.IntType(8) if dtype == BOOL else llvm_type(dtype)


class PTXBuilder(KernelBuilder):
    """Traces one kernel; `module_text` is what LLVM gets, `shared_bytes` what a launch has to give it."""

    def __init__(self, kernel: TracedKernel):
        self.kernel, self.threads = kernel, kernel.threads
        self.module = ir.Module()
        kinds = [GLOBAL if isinstance(p, Pointer) else llvm_type(p) for p in kernel.parameters]
        self.function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), kernel.name)
        self.function.calling_convention = "ptx_kernel"
        self.entry = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.b = ir.IRBuilder(self.function.append_basic_block("body"))
        self.shared_bytes = 0
        ir.GlobalVariable(self.module, ir.ArrayType(ir.IntType(8), 0), _SHARED, addrspace=3)
        self.thread = self._special("tid.x")
        self.block = (self._special("ctaid.x"), self._special("ctaid.y"), self._special("ctaid.z"))
        self.grid = (self._special("nctaid.x"), self._special("nctaid.y"), self._special("nctaid.z"))
        kernel.body(self, *[self._parameter(p, a) for p, a in zip(kernel.parameters, self.function.args, strict=True)])
        self.entry.branch(self.function.basic_blocks[1])
        self.b.ret_void()
        far.define(self.module, rare.functions(self.module))

    def module_text(self) -> str:
        """The module as IR, with the attributes that llvmlite cannot write."""
        text = str(self.module)
        if self.shared_bytes > STATIC_SHARED:
            memory = "external addrspace(3) global [0 x i8], align 1024"
        else:
            memory = f"internal addrspace(3) global [{max(self.shared_bytes, 16)} x i8] undef, align 128"
        text = re.sub(rf'@"{_SHARED}" = .*', f'@"{_SHARED}" = {memory}', text)
        limits = f'"nvvm.maxntid"="{self.threads}" "nvvm.minctasm"="{self.kernel.resident}"'
        return re.sub(r"^(define ptx_kernel [^\n]*\))", rf"\1 {limits}", text, flags=re.M)

    def _parameter(self, kind: Pointer | DType, argument: ir.Argument) -> Any:
        if not isinstance(kind, Pointer):
            return self.value(argument, kind)
        argument.attributes.add("noalias")
        argument.attributes.align = 16
        return _GlobalArray(self, argument, kind.dtype)

    def _special(self, register: str) -> Value:
        name = f"llvm.nvvm.read.ptx.sreg.{register}"
        found = self.entry.call(self.declare(name, I32, []), [])
        found.set_metadata("range", self.module.add_metadata([I32(0), I32(1 << 30)]))
        return Value(self.b, INT32, found)

    def declare(self, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
        """A function of that name, of LLVM's or of the module."""
        known = self.module.globals.get(name)
        return known or ir.Function(self.module, ir.FunctionType(result, list(arguments)), name)

    def value(self, found: ir.Value, dtype: Any) -> Value:
        """An IR value as a number."""
        return Value(self.b, np.dtype(dtype), found)

    def like(self, number: Any, dtype: Any) -> Value:
        """The number itself where it is a value, whose int32 become int64 where that is asked for; or a constant."""
        if not isinstance(number, Value):
            return self.constant(dtype, number)
        widened = number.dtype == INT32 and np.dtype(dtype) == INT64
        return number.to(INT64) if widened else number

    # ---- values ---------------------------------------------------------------------------------------------------

    def constant(self, dtype: Any, number: Any) -> Value:
        return self.value(constant(dtype, number), dtype)

    def select(self, condition: Any, yes: Any, no: Any) -> Value:
        return select(condition, yes, no)

    def fma(self, x: Any, y: Any, z: Any) -> Value:
        return fma(x, y, z)

    def quotient(self, x: Any, y: Any) -> Value:
        return self.value(self.b.udiv(x.ir, x.like(y).ir), x.dtype)

    def remainder(self, x: Any, y: Any) -> Value:
        return self.value(self.b.urem(x.ir, x.like(y).ir), x.dtype)

    def cast(self, x: Any, dtype: Any) -> Value:
        return self.value(half.cast(self.b, x.ir, x.dtype, np.dtype(dtype)), dtype)

    def apply(self, function: Scalar, casts: Sequence[DType], dtype: DType, operands: Sequence[Any]) -> Value:
        return self.value(apply_function(self.b, function, casts, dtype, [x.ir for x in operands]), dtype)

    # ---- control --------------------------------------------------------------------------------------------------

    def register(self, dtype: Any, number: Any = 0) -> RegisterBase:
        return _Register(self, np.dtype(dtype), number)

    def range(self, low: Any, high: Any = None, step: Any = 1) -> Iterator[Value]:
        if high is None:
            low, high = 0, low
        dtype = low.dtype if isinstance(low, Value) else high.dtype if isinstance(high, Value) else INT32
        last, by = self.like(high, dtype), self.like(step, dtype)
        place = self.register(dtype, low)
        head, body, done = (self.function.append_basic_block(name) for name in ("loop", "loop.body", "loop.end"))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.cbranch((place.get() < last).ir, body, done)
        self.b.position_at_end(body)
        i = place.get()
        yield i
        place.set(i + by)
        self.b.branch(head)
        self.b.position_at_end(done)

    @contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        then, done = (self.function.append_basic_block(name) for name in ("then", "then.end"))
        self.b.cbranch(condition.ir, then, done)
        self.b.position_at_end(then)
        yield
        self.b.branch(done)
        self.b.position_at_end(done)

    # ---- threads meet ---------------------------------------------------------------------------------------------

    def shared_array(self, dtype: Any, count: int, align: int = 16) -> ArrayInMemory:
        start = -(-self.shared_bytes // align) * align
        self.shared_bytes = start + count * np.dtype(dtype).itemsize
        return _SharedArray(self, start, np.dtype(dtype))

    def overlay_array(self, dtype: Any, count: int) -> ArrayInMemory:
        self.shared_bytes = max(self.shared_bytes, count * np.dtype(dtype).itemsize)
        return _SharedArray(self, 0, np.dtype(dtype))

    def barrier(self) -> None:
        if llvm_version_info[0] < _NAMES_BARRIERS:
            self.b.call(self.declare("llvm.nvvm.barrier0", ir.VoidType(), []), [])
        else:
            self.b.call(self.declare("llvm.nvvm.barrier.cta.sync.aligned.all", ir.VoidType(), [I32]), [I32(0)])

    def shuffle_xor(self, x: Any, mask: int) -> Value:
        if x.dtype.itemsize == 8:
            both = self.b.bitcast(x.ir, ir.VectorType(I32, 2))
            halves = [self.value(self.b.extract_element(both, I32(j)), INT32) for j in (0, 1)]
            for j, part in enumerate(halves):
                both = self.b.insert_element(both, self.shuffle_xor(part, mask).ir, I32(j))
            return self.value(self.b.bitcast(both, x.ir.type), x.dtype)
        bits = x.bits() if x.is_float else self.cast(x, INT32)
        function = self.declare("llvm.nvvm.shfl.sync.bfly.i32", I32, [I32] * 4)
        found = self.value(self.b.call(function, [I32(-1), bits.ir, I32(mask), I32(WARP - 1)]), INT32)
        return found.from_bits() if x.is_float else self.cast(found, x.dtype)

    def fence(self) -> None:
        self.assembly("fence.acq_rel.gpu;", [], [])

    def atomic_add(self, array: Any, index: Any, number: Any) -> Value:
        found = self.b.atomic_rmw("add", array.pointer(index), self.like(number, INT32).ir, "acq_rel")
        return self.value(found, INT32)

    # ---- machine instructions -------------------------------------------------------------------------------------

    def assembly(
        self, text: str, results: Sequence[DType], operands: Sequence[Value], effects: bool = True
    ) -> list[Value]:
        """An instruction of the machine: $0, $1 ... are its results, then its operands."""
        constraints = [f"={_CONSTRAINTS[d.name]}" for d in results] + [_CONSTRAINTS[x.dtype.name] for x in operands]
        kinds = [llvm_type(d) for d in results]
        result = ir.VoidType() if not kinds else kinds[0] if len(kinds) == 1 else ir.LiteralStructType(kinds)
        signature = ir.FunctionType(result, [x.ir.type for x in operands])
        constraints += ["~{memory}"] if effects else []
        code = ir.InlineAsm(signature, text, ",".join(constraints), side_effect=effects)
        found = self.b.call(code, [x.ir for x in operands])
        if len(kinds) == 1:
            return [self.value(found, results[0])]
        return [self.value(self.b.extract_value(found, j), d) for j, d in enumerate(results)]

    def copy_async(self, to: Any, at: Any, source: Any, index: Any, count: int, valid: Any = True) -> None:
        size = count * to.dtype.itemsize
        there = valid is True
        place = index if there else self.select(valid, index, index.like(0))
        read = self.constant(INT32, size) if there else self.select(valid, self.constant(INT32, size), 0)
        address = self.value(self.b.ptrtoint(to.pointer(at), I32), INT32)
        origin = self.value(self.b.ptrtoint(source.pointer(place), I64), INT64)
        kind = "cg" if size == 16 else "ca"
        self.assembly(f"cp.async.{kind}.shared.global [$0], [$1], {size}, $2;", [], [address, origin, read])

    def commit_copies(self) -> None:
        self.assembly("cp.async.commit_group;", [], [])

    def await_copies(self, but: int) -> None:
        self.assembly(f"cp.async.wait_group {but};", [], [])

    def multiply_tiles(self, a: Sequence[Any], b: Sequence[Any], c: Sequence[Any]) -> list[Value]:
        kinds = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"
        text = f"{kinds} {{$0,$1,$2,$3}}, {{$4,$5,$6,$7}}, {{$8,$9}}, {{$10,$11,$12,$13}};"
        return self.assembly(text, [FLOAT32] * 4, [*a, *b, *c], effects=False)

    def round_to_tf32(self, x: Any) -> Value:
        return self.assembly("cvt.rna.tf32.f32 $0, $1;", [INT32], [x], effects=False)[0]


class _Register(RegisterBase):
    def __init__(self, k: PTXBuilder, dtype: DType, number: Any):
        self.k, self.dtype = k, dtype
        self.memory = k.entry.alloca(llvm_type(dtype))
        self.set(number)

    def get(self) -> Value:
        return self.k.value(self.k.b.load(self.memory, typ=llvm_type(self.dtype)), self.dtype)

    def set(self, value: Any) -> None:
        self.k.b.store(self.k.like(value, self.dtype).ir, self.memory)


class _Elements(ArrayInMemory):
    """Elements behind a pointer."""

    def __init__(self, k: PTXBuilder, dtype: DType):
        self.k, self.dtype = k, dtype

    def pointer(self, index: Any) -> ir.Value:
        """Where an element stands."""
        raise NotImplementedError

    def load(self, index: Any, count: int = 1, fresh: bool = False) -> Any:
        k, kind = self.k, memory_type(self.dtype)
        if fresh:
            return self._load_fresh(index, count)
        typ = kind if count == 1 else ir.VectorType(kind, count)
        found = k.b.load(self.pointer(index), align=count * self.dtype.itemsize, typ=typ)
        if count == 1:
            return self._from_memory(found)
        return [self._from_memory(k.b.extract_element(found, I32(j))) for j in range(count)]

    def _load_fresh(self, index: Any, count: int) -> Any:
        k, kind = self.k, f"{'f' if self.dtype.kind == 'f' else 'u'}{8 * self.dtype.itemsize}"
        address = k.value(k.b.ptrtoint(self.pointer(index), I64), INT64)
        listed = ",".join(f"${j}" for j in range(count))
        several = "" if count == 1 else f".v{count}"
        to = listed if count == 1 else f"{{{listed}}}"
        found = k.assembly(f"ld.global.cg{several}.{kind} {to}, [${count}];", [self.dtype] * count, [address])
        return found[0] if count == 1 else found

    def store(self, index: Any, values: Any) -> None:
        k = self.k
        listed = values if isinstance(values, list | tuple) else [values]
        kept = [self._to_memory(k.like(v, self.dtype)) for v in listed]
        stored = kept[0]
        if len(kept) > 1:
            stored = ir.Constant(ir.VectorType(memory_type(self.dtype), len(kept)), ir.Undefined)
            for j, v in enumerate(kept):
                stored = k.b.insert_element(stored, v, I32(j))
        k.b.store(stored, self.pointer(index), align=len(kept) * self.dtype.itemsize)

    def _from_memory(self, found: ir.Value) -> Value:
        if self.dtype == BOOL:
            found = self.k.b.icmp_unsigned("!=", found, ir.Constant(found.type, 0))
        return self.k.value(found, self.dtype)

    def _to_memory(self, value: Value) -> ir.Value:
        return self.k.b.zext(value.ir, ir.IntType(8)) if self.dtype == BOOL else value.ir


class _GlobalArray(_Elements):
    def __init__(self, k: PTXBuilder, argument: ir.Argument, dtype: DType):
        super().__init__(k, dtype)
        self.argument = argument

    def view(self, dtype: DType) -> ArrayInMemory:
        return _GlobalArray(self.k, self.argument, dtype)

    def pointer(self, index: Any) -> ir.Value:
        place = self.k.like(index, INT64)
        return self.k.b.gep(self.argument, [place.ir], inbounds=True, source_etype=memory_type(self.dtype))


class _SharedArray(_Elements):
    def __init__(self, k: PTXBuilder, start: int, dtype: DType):
        super().__init__(k, dtype)
        self.start = start

    def view(self, dtype: DType) -> ArrayInMemory:
        return _SharedArray(self.k, self.start, dtype)

    def pointer(self, index: Any) -> ir.Value:
        k = self.k
        memory = ir.FormattedConstant(SHARED, f'@"{_SHARED}"')
        base = k.b.gep(memory, [I32(self.start)], source_etype=ir.IntType(8))
        return k.b.gep(base, [k.like(index, INT32).ir], source_etype=memory_type(self.dtype))
