"""What Numba's Python lacks: memory at an address, and the parameters of a kernel by name."""

from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

import numba.extending
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, register_model

P = TypeVar("P")


def intrinsic(function: Any = None, **options: Any) -> Any:
    """Numba's.  What it makes takes other arguments than the function itself, so that nobody checks their types."""
    return numba.extending.intrinsic(**options) if function is None else numba.extending.intrinsic(function)


# ---- parameters by name (../params.py) ------------------------------------------------------------------------------


class _Reader(types.Type):
    """The address of a kernel's parameters, of that class."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.fields = kind, get_type_hints(kind)
        super().__init__(name=f"Params({kind.__module__}.{kind.__qualname__})")

    def result(self, name: str) -> types.Type | None:
        """The type of a field: a number, a pointer to a table, the address of a named tuple's own numbers."""
        field = self.fields.get(name)
        if hasattr(field, "_fields"):
            return _Reader(field)
        return types.CPointer(types.int64) if get_origin(field) is tuple else types.int64 if field else None


@register_model(_Reader)
class _ReaderModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: _Reader) -> None:
        super().__init__(dmm, fe_type, ir.IntType(64).as_pointer())


@infer_getattr
class _Fields(AttributeTemplate):
    key = _Reader

    def generic_resolve(self, reader: _Reader, name: str) -> types.Type | None:
        return reader.result(name)


@lower_getattr_generic(_Reader)
def _load_field(context: Any, builder: Any, reader: _Reader, address: Any, name: str) -> Any:
    place = ir.Constant(ir.IntType(64), list(reader.fields).index(name))
    number = builder.load(builder.gep(address, [place]))
    # nobody writes parameters while a kernel runs: what was read once is not read again behind a store
    number.set_metadata("invariant.load", builder.module.add_metadata([]))
    return number if reader.result(name) is types.int64 else builder.gep(address, [number])


@intrinsic
def _read(typingctx: Any, params: Any, kind: Any) -> Any:
    reader = _Reader(kind.instance_class)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return args[0]

    return reader(params, kind), emit


if TYPE_CHECKING:

    def read(params: Any, kind: type[P]) -> P:
        """`p = read(params, Rows)`: the parameters of that class; p.count is a number, p.steps[i] one of a table."""

else:
    read = _read


# ---- memory ---------------------------------------------------------------------------------------------------------


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
