"""sin, cos, tan and fmod of far arguments, for targets without a library that has them: exact reduction, by integers.

They are not branch-free, and slower than what they stand in for: `rare.rarely` keeps them out of loops.

Reference: M. Payne, R. Hanek, Radian reduction for trigonometric functions, SIGNUM Newsletter 18 (1983).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from .trig import sin_cos, turn
from .value import Value, fma, select

I64, I128 = ir.IntType(64), ir.IntType(128)
INT64, DOUBLE = np.dtype(np.int64), np.dtype(np.float64)

_BITS = (
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921c"
    "fe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980f"
    "ef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d08"
    "56033046fc7b6bab"
)
_WORDS = [0, *(int(_BITS[i : i + 16], 16) for i in range(0, len(_BITS), 16))]  # of 64 bits; in front 64 that are 0
_TABLE = "weft_two_over_pi"
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
_FRACTION = 52  # bits of a double's fraction
_BIAS = 1023


class _FarReduced(NamedTuple):
    """|x| = n pi/2 + r + low, of float64."""

    n: Value
    r: Value
    low: Value


def _table(module: ir.Module) -> Any:
    """2/pi in a module's memory."""
    if _TABLE in module.globals:
        return module.globals[_TABLE]
    kind = ir.ArrayType(I64, len(_WORDS))
    table = ir.GlobalVariable(module, kind, _TABLE)
    table.initializer, table.global_constant = ir.Constant(kind, [I64(w - (w >> 63 << 64)) for w in _WORDS]), True
    table.linkage = "internal"
    return table


def _shift_in(b: ir.IRBuilder, high: ir.Value, low: ir.Value, count: ir.Value) -> ir.Value:
    """The upper 64 bits of (high, low) << count, for 0 <= count < 64."""
    function = b.module.declare_intrinsic("llvm.fshl", [I64], ir.FunctionType(I64, [I64] * 3))
    return b.call(function, [high, low, count])


def _window(b: ir.IRBuilder, start: ir.Value) -> list[ir.Value]:
    """192 bits of the table from bit `start` on, the most significant word first."""
    table = _table(b.module)
    first, shift = b.lshr(start, I64(6)), b.and_(start, I64(63))
    places = [b.gep(table, [I64(0), b.add(first, I64(j))], inbounds=True) for j in range(4)]
    words = [b.load(place, typ=I64) for place in places]
    return [_shift_in(b, words[j], words[j + 1], shift) for j in range(3)]


def _multiply(b: ir.IRBuilder, number: ir.Value, words: list[ir.Value]) -> list[ir.Value]:
    """number * words modulo 2**192."""
    wide, carry, found = b.zext(number, I128), I128(0), []
    for word in reversed(words):
        product = b.add(b.mul(wide, b.zext(word, I128)), carry)
        found.append(b.trunc(product, I64))
        carry = b.lshr(product, I128(64))
    return found[::-1]


def _negate(b: ir.IRBuilder, words: list[ir.Value], when: ir.Value) -> list[ir.Value]:
    """-words modulo 2**192 where asked for."""
    carry, found = when, []
    flipped = b.sext(when, I64)
    for word in reversed(words):
        turned = b.add(b.xor(word, flipped), b.zext(carry, I64))
        carry = b.and_(carry, b.icmp_unsigned("==", turned, I64(0)))
        found.append(turned)
    return found[::-1]


def _reduce(size: Value) -> _FarReduced:
    """Of a finite float64 of 2**30 or more: the bits of size * 2/pi around the point, all others being multiples of 4.

    The window begins two bits in front of the point; 190 bits behind it leave more than a double's after the longest
    run of zeros there is.
    """
    b = size.builder
    bits = size.bits().ir
    mantissa = b.or_(b.and_(bits, I64((1 << _FRACTION) - 1)), I64(1 << _FRACTION))
    exponent = b.sub(b.lshr(bits, I64(_FRACTION)), I64(_BIAS + _FRACTION))
    words = _multiply(b, mantissa, _window(b, b.add(exponent, I64(64 - 2))))
    quadrant = b.lshr(words[0], I64(62))
    after = [*words, I64(0)]
    fraction = [_shift_in(b, after[j], after[j + 1], I64(2)) for j in range(3)]
    above = b.icmp_signed("<", fraction[0], I64(0))  # half of pi/2 or more: count from the next multiple
    n = b.add(quadrant, b.zext(above, I64))
    r, low = _to_doubles(size, _negate(b, fraction, above))
    sign = select(size._of(above, np.bool_), size.like(-1.0), 1.0)
    return _FarReduced(size._of(n, INT64), r * sign, low * sign)


def _to_doubles(model: Value, words: list[ir.Value]) -> tuple[Value, Value]:
    """pi/2 times a fraction of 192 bits, as two doubles."""
    b = model.builder
    empty = b.icmp_unsigned("==", words[0], I64(0))
    high, middle, last = (b.select(empty, y, x) for x, y in zip(words, [*words[1:], I64(0)], strict=True))
    zeros = b.call(
        b.module.declare_intrinsic("llvm.ctlz", [I64], ir.FunctionType(I64, [I64, ir.IntType(1)])),
        [high, ir.Constant(ir.IntType(1), 0)],
    )
    shift = b.and_(zeros, I64(63))
    upper, lower = _shift_in(b, high, middle, shift), _shift_in(b, middle, last, shift)
    first = model._of(b.uitofp(b.lshr(upper, I64(11)), ir.DoubleType())) * 2.0**-53
    rest = model._of(b.uitofp(_shift_in(b, upper, lower, I64(53)), ir.DoubleType())) * 2.0**-117
    skipped = b.add(zeros, b.select(empty, I64(64), I64(0)))
    scale = model._of(b.shl(b.sub(I64(_BIAS), skipped), I64(_FRACTION)), INT64).from_bits()
    product = first * _HALF_PI[0]
    error = fma(first, _HALF_PI[0], -product) + fma(first, _HALF_PI[1], rest * _HALF_PI[0])
    r = product + error
    return r * scale, (error - (r - product)) * scale


def _in_doubles(x: Value) -> tuple[Value, Value, Value, Value]:
    """sin and cos of |x| modulo pi/2, the number of the quadrant, and whether x is finite."""
    size = abs(x.to(DOUBLE))
    finite = size < float("inf")
    n, r, low = _reduce(select(finite, size, size.like(2.0**30)))
    sine, cosine = sin_cos(r, low)
    return sine, cosine, n, finite


def _finish(x: Value, found: Value, finite: Value) -> Value:
    return select(finite, found, found.like(float("nan"))).to(x.dtype)


def sin_far(x: Value) -> Value:
    """The sine of an angle of 2**30 or more in size; float32 by way of float64, where 2**16 is enough."""
    sine, cosine, n, finite = _in_doubles(x)
    found = turn(select((n & 1).ne(0), cosine, sine), n)
    return _finish(x, select(x < 0.0, -found, found), finite)


def cos_far(x: Value) -> Value:
    """The cosine of an angle of 2**30 or more in size; float32 by way of float64, where 2**16 is enough."""
    sine, cosine, n, finite = _in_doubles(x)
    return _finish(x, turn(select((n & 1).ne(0), sine, cosine), n + 1), finite)


def tan_far(x: Value) -> Value:
    """The tangent of an angle of 2**30 or more in size; float32 by way of float64, where 2**16 is enough."""
    sine, cosine, n, finite = _in_doubles(x)
    odd = (n & 1).ne(0)
    found = select(odd, -cosine, sine) / select(odd, sine, cosine)
    return _finish(x, select(x < 0.0, -found, found), finite)


def fmod_far(x: Value, y: Value) -> Value:
    """The remainder of x / y, of the sign of x, exactly: multiples y 2**k are subtracted, the largest first."""
    b, kind = x.builder, x.ir.type
    size, divisor = abs(x), abs(y)
    rest, multiple = b.alloca(kind), b.alloca(kind)
    defined = (size < float("inf")) & (divisor > 0.0) & (divisor < float("inf"))
    b.store(select(defined, size, size.like(0.0)).ir, rest)
    b.store(select(defined, divisor, divisor.like(1.0)).ir, multiple)
    least = b.load(multiple, typ=kind)

    def get(place: ir.Value) -> Value:
        return x._of(b.load(place, typ=kind))

    def twice() -> Value:
        return get(multiple) + get(multiple)

    _repeat(b, lambda: twice() <= get(rest), lambda: b.store(twice().ir, multiple))

    def subtract() -> None:
        here, most = get(rest), get(multiple)
        b.store(select(here >= most, here - most, here).ir, rest)
        b.store((most * 0.5).ir, multiple)

    _repeat(b, lambda: get(multiple) >= x._of(least), subtract)
    found = select(defined, get(rest).copysign(x), x.like(float("nan")))
    return select(divisor.eq(float("inf")) & (size < float("inf")), x, found)


def _repeat(b: ir.IRBuilder, condition: Any, work: Any) -> None:
    """while condition(): work()."""
    head, body, done = (b.function.append_basic_block(name) for name in ("while", "while.body", "while.end"))
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(condition().ir, body, done)
    b.position_at_end(body)
    work()
    b.branch(head)
    b.position_at_end(done)


FAR: dict[str, Callable[..., Value]] = {"sin": sin_far, "cos": cos_far, "tan": tan_far, "fmod": fmod_far}


def define(module: ir.Module, functions: list[tuple[str, ir.Function]]) -> None:
    """Give the rare functions that a module calls (`rare.functions`) bodies: 0 where the first argument is."""
    for symbol, function in functions:
        kind = function.args[0].type
        dtype = np.dtype(np.float32) if isinstance(kind, ir.FloatType) else DOUBLE
        emit = FAR[symbol.removesuffix("f") if dtype.itemsize == 4 else symbol]
        function.linkage = "internal"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        with builder.if_then(builder.fcmp_unordered("!=", function.args[0], kind(0.0)), likely=False):
            builder.ret(emit(*(Value(builder, dtype, a) for a in function.args)).ir)
        builder.ret(kind(0.0))
