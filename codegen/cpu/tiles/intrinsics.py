"""What Numba's Python lacks: memory at an address."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic


@intrinsic
def pointer(typingctx: Any, address: Any, like: Any) -> Any:
    """`pointer(address, np.float32)`: a typed pointer, read and written as p[i], without bounds."""
    element = like.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(element)(types.int64, like), emit


@intrinsic
def read_only(typingctx: Any, array: Any) -> Any:
    """`read_only(a)`: the array, which Numba lets nobody write."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, args[0])

    return array.copy(readonly=True)(array), emit


@intrinsic
def address_of(typingctx: Any, base: Any, offset: Any) -> Any:
    """`address_of(p, i)`: the address of p[i], an int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(builder.gep(args[0], [args[1]]), ir.IntType(64))

    return types.int64(base, types.int64), emit


@intrinsic(prefer_literal=True)
def stack(typingctx: Any, count: Any) -> Any:
    """`stack(n)` with a literal n: a pointer to n int64 that live until the kernel returns."""
    size = count.literal_value

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, ir.IntType(64), size=size)

    return types.CPointer(types.int64)(types.IntegerLiteral(size)), emit


@intrinsic
def call(typingctx: Any, address: Any, arguments: Any) -> Any:
    """`call(address, (x, y, ...))`: run the function of that many int64 at the address; it returns nothing."""
    kinds = types.UniTuple(types.int64, len(arguments))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * len(kinds))
        function = builder.inttoptr(args[0], kind.as_pointer())
        builder.call(function, cgutils.unpack_tuple(builder, args[1]))
        return context.get_dummy_value()

    return types.void(types.int64, kinds), emit


@intrinsic(prefer_literal=True)
def take(typingctx: Any, base: Any, first: Any, count: Any) -> Any:
    """`take(p, i, n)` with a literal n: the tuple (p[i], ..., p[i + n - 1])."""
    size = count.literal_value
    result = types.UniTuple(base.dtype, size)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        places = [builder.add(args[1], ir.Constant(ir.IntType(64), i)) for i in range(size)]
        items = [builder.load(builder.gep(args[0], [place])) for place in places]
        return context.make_tuple(builder, result, items)

    return result(base, types.int64, types.IntegerLiteral(size)), emit


@intrinsic
def peek(typingctx: Any, address: Any) -> Any:
    """The int64 at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), emit


@intrinsic
def peek_byte(typingctx: Any, address: Any) -> Any:
    """The byte at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = builder.load(builder.inttoptr(args[0], ir.IntType(8).as_pointer()))
        return builder.zext(byte, ir.IntType(64))

    return types.int64(types.int64), emit


@intrinsic
def poke(typingctx: Any, address: Any, value: Any) -> Any:
    """Write an int64 at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def run_kernel(typingctx: Any, kernel: Any, buffers: Any, params: Any, low: Any, high: Any) -> Any:
    """kernel(buffers, params, low, high): its status."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        kind = ir.FunctionType(i64, [i64] * 4)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 5), emit
