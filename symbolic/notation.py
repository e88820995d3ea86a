"""Sizes from their text."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from .calls import make_call
from .polynomials import Polynomial, name, number
from .quotients import quotient

_NAMES = re.compile(r"[^\W\d]\w*(?!\w*\()")  # words that are not called


class _Ratio(NamedTuple):
    """What stands in a floor is a quotient of polynomials."""

    top: Polynomial
    bottom: Polynomial


def read(text: str) -> Polynomial:
    """The polynomial that is written so; names may be any words, also those that Python keeps for itself."""
    found = _read(ast.parse(_NAMES.sub(r"_\g<0>", text), mode="eval").body)
    return quotient(found.top, found.bottom)


def _read(node: ast.expr) -> _Ratio:
    match node:
        case ast.Name(id=word):
            return _Ratio(name(word[1:]), number(1))
        case ast.Constant(value=int(value)):
            return _Ratio(number(value), number(1))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            top, bottom = _read(operand)
            return _Ratio(-top, bottom)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
            return _power(_read(left), power)
        case ast.BinOp(left=left, op=operation, right=right):
            return _combine(operation, _read(left), _read(right))
        case ast.Call(func=ast.Name(id=function), args=args):
            return _Ratio(_of_call(function, [_read(arg) for arg in args]), number(1))
    raise ValueError(f"{ast.unparse(node)} is not the text of a size.")


def _power(base: _Ratio, power: int) -> _Ratio:
    top, bottom = number(1), number(1)
    for _ in range(power):
        top, bottom = top * base.top, bottom * base.bottom
    return _Ratio(top, bottom)


def _combine(operation: ast.operator, left: _Ratio, right: _Ratio) -> _Ratio:
    match operation:
        case ast.Mult():
            return _Ratio(left.top * right.top, left.bottom * right.bottom)
        case ast.Div():
            return _Ratio(left.top * right.bottom, left.bottom * right.top)
        case ast.Add():
            return _Ratio(left.top * right.bottom + right.top * left.bottom, left.bottom * right.bottom)
        case ast.Sub():
            return _Ratio(left.top * right.bottom - right.top * left.bottom, left.bottom * right.bottom)
    raise ValueError(f"{type(operation).__name__} is no arithmetic of sizes.")


def _of_call(function: str, args: list[_Ratio]) -> Polynomial:
    if function == "floor":
        return make_call(function, args[0])
    whole = [quotient(*arg) for arg in args]
    if function == "Mod":
        return whole[0] - whole[1] * quotient(*whole)
    if function in ("Max", "Min"):
        return make_call(function, whole)
    raise ValueError(f"{function} is no function of sizes.")
