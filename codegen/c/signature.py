"""What exported functions look like in C: names, types, and the order of parameters."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...symbolic.dims import Shape, SymDim, is_made
from ...symbolic.errors import ArgumentError, LoweringError, blame, user_site
from ...symbolic.evaluate import sizes_in
from ...symbolic.expr import Expr
from ..arguments import result_names
from ..cpu.run.function import CPUFunction

C_TYPES = {
    "bool": "uint8_t",
    "float16": "uint16_t",
    "float32": "float",
    "float64": "double",
    **{f"{kind}{bits}": f"{kind}{bits}_t" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
# of C, C++ and the parameters that functions have besides
_RESERVED = (
    " alignas alignof and asm auto bool break case catch char class compl const constexpr continue decltype default "
    "delete do double else enum explicit export extern false float for friend goto if inline int long mutable "
    "namespace new noexcept not nullptr operator or private protected public register restrict return short signed "
    "sizeof static struct switch template this throw true try typedef typeid typename union unsigned using virtual "
    "void volatile wchar_t while xor state weft_sizes weft_arrays "
)
STATE_FUNCTIONS = ("create", "destroy", "load", "save", "get", "set", "message", "describe")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class CArray(NamedTuple):
    """An array that a C function gets a pointer to."""

    name: str
    dtype: np.dtype
    shape: Shape
    is_result: bool

    @property
    def c_type(self) -> str:
        """The type of its elements."""
        return C_TYPES[self.dtype.name]


class CFunction(NamedTuple):
    """An exported function.

    sizes : its symbols with their names in C: parameters, in their order, then those that only variables have
    stored : of the latter, a variable and the axis of it
    """

    function: CPUFunction
    name: str
    arrays: tuple[CArray, ...]
    sizes: dict[str, str]
    stored: dict[str, tuple[Expr, int]]

    @property
    def parameters(self) -> list[str]:
        """The parameters behind the state: each array, and behind it the sizes that it brings."""
        listed, known = [], set()
        for array in self.arrays:
            constant = "" if array.is_result else "const "
            listed.append(f"{constant}{array.c_type} *{array.name}")
            for name in () if array.is_result else _symbols(array.shape):
                if name not in known:
                    known.add(name)
                    listed.append(f"int64_t {self.sizes[name]}")
        return listed

    def shape(self, array: CArray) -> str:
        """The shape of an array, with the sizes under their names in C."""
        text = ", ".join(map(str, array.shape)) + "," * (len(array.shape) == 1)
        return f"({functools.reduce(_rename, self.sizes.items(), text)})"


def describe_in_c(function: CPUFunction, name: str) -> CFunction:
    """What a function looks like under that name.  Raises LoweringError for sizes that nobody can know."""
    taken: set[str] = set()
    called = function.asked.keywords or tuple(x.name or "" for x in function.source.inputs)
    inputs = [_array(x, n, "x", False, taken) for x, n in zip(function.source.inputs, called, strict=True)]
    names = _result_names(function)
    results = [_array(y, n, "out", True, taken) for y, n in zip(function.source.outputs, names, strict=True)]
    sizes: dict[str, str] = {}
    for array in inputs:
        _add_sizes(sizes, array.name, array.shape, taken)
    stored = {}
    for node in function.variable_nodes:
        for axis, dim in enumerate(node.shape):
            if isinstance(dim, SymDim) and dim.is_name and dim.text not in sizes:
                stored[dim.text] = node, axis
                _add_sizes(sizes, node.name or "variable", node.shape, taken)
    unknown = sizes_in(function.source.stored_sizes).keys() - sizes.keys()
    if unknown:
        text = (
            f"export: {function.name} takes sizes ({', '.join(sorted(unknown))}) of a variable that it does not read."
        )
        raise blame(LoweringError(text), user_site(), hint="give the variable a size that is a number.")
    return CFunction(function, name, (*inputs, *results), sizes, stored)


def _add_sizes(sizes: dict[str, str], of: str, shape: Shape, taken: set[str]) -> None:
    """Names for the symbols of a shape that have none yet."""
    for axis, dim in enumerate(shape):
        for symbol in dim.names if isinstance(dim, SymDim) else ():
            if symbol not in sizes:
                sizes[symbol] = _choose(f"{of}_size{axis}" if is_made(symbol) else symbol, "size", taken)


def choose_name(prefix: str, function: CPUFunction, taken: set[str]) -> str:
    """The name of a function in C: of the file, and of the function, `call` where that has none of its own."""
    own = function.name if _IDENTIFIER.match(function.name) and function.name != prefix else "call"
    if own in STATE_FUNCTIONS or f"{prefix}_{own}" in taken or own == "state":
        text = f"export: {prefix}_{own} is the name of another function of the file."
        raise blame(
            ArgumentError(text), user_site(), hint='give each a name of its own: wf.function(..., name="step").'
        )
    taken.add(f"{prefix}_{own}")
    return f"{prefix}_{own}"


def check_prefix(name: str) -> str:
    """The name of a file, which the names of its functions begin with."""
    if not _IDENTIFIER.match(name) or f" {name} " in _RESERVED:
        text = f"export: the name of the file begins the names of its functions, and {name!r} is none in C."
        raise blame(ArgumentError(text), user_site(), hint='letters, digits and _, as in f.export("folder/lenet").')
    return name


def _array(node: Expr, name: str | None, otherwise: str, is_result: bool, taken: set[str]) -> CArray:
    return CArray(_choose(name or otherwise, otherwise, taken), node.dtype, node.shape, is_result)


def _result_names(function: CPUFunction) -> Sequence[str]:
    """The names of the results: those of a dict, else out, or out1, out2 ..."""
    names, count = result_names(function.asked.form), len(function.source.outputs)
    if names is not None:
        return [str(name) for name in names]
    return ["out"] if count == 1 else [f"out{number}" for number in range(1, count + 1)]


def _choose(wanted: str, otherwise: str, taken: set[str]) -> str:
    """An identifier that is like a name, and that nothing else has."""
    plain = re.sub(r"\W", "_", wanted, flags=re.ASCII)
    plain = plain if _IDENTIFIER.match(plain) else f"{otherwise}_{plain}"
    plain += "_" * (f" {plain} " in _RESERVED)
    found, number = plain, 1
    while found in taken:
        number += 1
        found = f"{plain}_{number}"
    taken.add(found)
    return found


def _symbols(shape: Shape) -> Iterable[str]:
    return [name for dim in shape if isinstance(dim, SymDim) for name in dim.names]


def _rename(text: str, names: tuple[str, str]) -> str:
    old, new = names
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, text)
