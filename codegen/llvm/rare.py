"""Rare cases by a library's function, without slowing the loop: a call that is passed over unless its result is needed.

A loop over branch-free code pays for every path.  Where the general path is long and almost never taken (the sine of
1e30), it is a call to `weft_rarely_<function>`, which a target defines as suits it: `functions` says which are called.
"""

from llvmlite import ir

from .value import Value, llvm_type, select

PREFIX = "weft_rarely_"


def rarely(function: str, condition: Value, *arguments: Value) -> Value:
    """The C library's `function` of the arguments where the condition holds, else 0.

    The first argument must not be 0 where the condition holds; `function` is the name for double, and is taken with
    an f at its end for float32.
    """
    first = arguments[0]
    symbol = PREFIX + function + ("f" if first.dtype.itemsize == 4 else "")
    chosen = select(condition, first, 0.0)
    rare = declare(first.builder.module, symbol, llvm_type(first.dtype), len(arguments))
    result = first.builder.call(rare, [chosen.ir, *(a.ir for a in arguments[1:])])
    return Value(first.builder, first.dtype, result)


def declare(module: ir.Module, name: str, kind: ir.Type, count: int, *attributes: str) -> ir.Function:
    """A function of so many numbers that reads nothing else; the one that the module has under that name, if any."""
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(kind, [kind] * count), name)
    for attribute in ("nounwind", "readnone", *attributes):
        add_attribute(function, attribute)
    return function


def add_attribute(function: ir.Function, attribute: str) -> None:
    """Add an attribute of any name: llvmlite's own add() refuses what it does not know."""
    set.add(function.attributes, attribute)


def functions(module: ir.Module) -> list[tuple[str, ir.Function]]:
    """The rare functions that a module calls, without bodies, each with the name of the library's function."""
    return [(f.name.removeprefix(PREFIX), f) for f in module.functions if f.name.startswith(PREFIX)]
