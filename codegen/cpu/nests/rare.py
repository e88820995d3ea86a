"""The rare cases of scalar functions (llvm/rare.py) by libm: a scalar version, and one for each vector width.

LLVM's vectoriser replaces the first by the second, which tests all lanes at once and calls libm only for those that
need it.
"""

from llvmlite import ir

from ...llvm import rare
from ..run.processor import vector_bytes


def define(module: ir.Module) -> None:
    """Give the rare functions that a module calls their bodies."""
    for symbol, function in rare.functions(module):
        _define(module, symbol, function)


def _define(module: ir.Module, symbol: str, function: ir.Function) -> None:
    """libm's function if the first argument is not 0."""
    kind, count = function.args[0].type, len(function.args)
    libm = rare.declare(module, symbol, kind, count)
    widths = [width for width in (2, 4, 8, 16) if width * (4 if kind == ir.FloatType() else 8) <= vector_bytes()]
    vectors = [_vector(module, libm, function.name, kind, width) for width in widths]
    mapping = ",".join(
        f"_ZGV_LLVM_N{w}{'v' * count}_{function.name}({f.name})" for w, f in zip(widths, vectors, strict=True)
    )
    rare.add_attribute(function, "noinline")
    rare.add_attribute(function, f'"vector-function-abi-variant"="{mapping}"')
    function.linkage = "internal"
    _keep(module, [function, *vectors])
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    needed = builder.fcmp_unordered("!=", function.args[0], kind(0.0))
    with builder.if_then(needed, likely=False):
        builder.ret(builder.call(libm, function.args))
    builder.ret(kind(0.0))


def _vector(module: ir.Module, libm: ir.Function, name: str, kind: ir.Type, width: int) -> ir.Function:
    """The function for `width` numbers at once: libm's for each lane whose first argument is not 0."""
    lanes, integer = ir.VectorType(kind, width), ir.IntType(32)
    function = rare.declare(
        module, f"{name}_{width}", lanes, len(libm.args), "optsize", f'"prefer-vector-width"="{8 * vector_bytes()}"'
    )
    function.linkage = "internal"
    entry, loop, work, following, done = (
        function.append_basic_block(n) for n in ("entry", "loop", "work", "next", "done")
    )
    zero = ir.Constant(lanes, [kind(0.0)] * width)
    builder = ir.IRBuilder(entry)
    needed = builder.fcmp_unordered("!=", function.args[0], zero)
    mask = builder.bitcast(needed, ir.IntType(width))
    builder.cbranch(builder.icmp_unsigned("!=", mask, mask.type(0)), loop, done)
    builder.position_at_end(loop)
    lane = builder.phi(integer)
    partial = builder.phi(lanes)
    builder.cbranch(builder.extract_element(needed, lane), work, following)
    builder.position_at_end(work)
    value = builder.call(libm, [builder.extract_element(argument, lane) for argument in function.args])
    filled = builder.insert_element(partial, value, lane)
    builder.branch(following)
    builder.position_at_end(following)
    current = builder.phi(lanes)
    current.add_incoming(partial, loop)
    current.add_incoming(filled, work)
    after = builder.add(lane, integer(1))
    lane.add_incoming(integer(0), entry)
    lane.add_incoming(after, following)
    partial.add_incoming(zero, entry)
    partial.add_incoming(current, following)
    builder.cbranch(builder.icmp_unsigned("<", after, integer(width)), loop, done)
    builder.position_at_end(done)
    result = builder.phi(lanes)
    result.add_incoming(zero, entry)
    result.add_incoming(current, following)
    builder.ret(result)
    return function


def _keep(module: ir.Module, functions: list[ir.Function]) -> None:
    """Keep functions, and what arguments they take, until the vectoriser has run."""
    byte = ir.IntType(8).as_pointer()
    name = "llvm.compiler.used"
    used = module.globals.get(name)
    if used is None:
        used = ir.GlobalVariable(module, ir.ArrayType(byte, 0), name)
        used.linkage, used.section = "appending", "llvm.metadata"
        used.initializer = ir.Constant(used.value_type, [])
    kept = [*used.initializer.constant, *(f.bitcast(byte) for f in functions)]
    used.value_type = ir.ArrayType(byte, len(kept))
    used.initializer = ir.Constant(used.value_type, kept)
