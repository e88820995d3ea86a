"""Sizes as values: symbols are read from the shapes of inputs, and arithmetic on them is nodes of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from ....symbolic.dims import Dim, Shape, SymDim, polynomial_of
from ....symbolic.expr import Expr
from ....symbolic.graph import Graph
from ....symbolic.leaves import Size
from ....symbolic.polynomials import Call, Polynomial
from .writer import ModelWriter, NoForm, writes


def size(writer: ModelWriter, dim: Dim) -> str:
    """The name of a size as an int64 scalar.  All sizes are computed outside of loops and branches."""
    root = writer.root
    if not isinstance(dim, SymDim):
        return root.constant(dim, "int64")
    key = ("size", dim)
    if key not in root.known:
        root.known[key] = _symbol(root, dim.text) if dim.is_name else _polynomial(root, polynomial_of(dim))
    return str(root.known[key])


def _symbol(root: ModelWriter, name: str) -> str:
    if name not in root.symbols:
        raise NoForm(f"needs the size {name}, which no input of the model has as it is")
    return root.symbols[name]()


def _polynomial(root: ModelWriter, whole: Polynomial) -> str:
    terms = []
    for monomial, coefficient in whole.terms.items():
        factors = [_atom(root, whole, atom) for atom in monomial]
        if coefficient != 1 or not factors:
            factors.append(root.constant(coefficient, "int64"))
        terms.append(_chain(root, "Mul", factors))
    return _chain(root, "Add", terms) if terms else root.constant(0, "int64")


def _atom(root: ModelWriter, whole: Polynomial, atom: str) -> str:
    return _call(root, whole.calls[atom]) if atom in whole.calls else size(root, SymDim(atom))


def _call(root: ModelWriter, call: Call) -> str:
    args = [_polynomial(root, arg) for arg in call.args]
    if call.function == "floor":
        return floor_divide(root, *args)
    return root.op(call.function, *args)  # Max, Min: named as ONNX names them


def _chain(root: ModelWriter, kind: str, names: Sequence[str]) -> str:
    found = names[0]
    for name in names[1:]:
        found = root.op(kind, found, name)
    return found


def floor_divide(writer: ModelWriter, top: str, bottom: str) -> str:
    """The quotient of integers, rounded down: ONNX's Div rounds toward 0, its Mod has the sign of the divisor."""
    return writer.op("Div", writer.op("Sub", top, writer.op("Mod", top, bottom)), bottom)


def shape(writer: ModelWriter, sizes: Shape) -> str:
    """The name of a shape as a vector of int64."""
    root = writer.root
    if all(isinstance(d, int) for d in sizes):
        return root.vector(sizes)  # type: ignore[arg-type]
    key = ("shape", sizes)
    if key not in root.known:
        parts = [root.vector([d]) if isinstance(d, int) else root.reshape(size(root, d), 1) for d in sizes]
        root.known[key] = parts[0] if len(parts) == 1 else root.op("Concat", *parts, axis=0)
    return str(root.known[key])


def reshape(writer: ModelWriter, x: str, sizes: Shape) -> str:
    """The elements under another shape: the one size that is no number is -1, which needs no arithmetic."""
    symbolic = [d for d in sizes if not isinstance(d, int)]
    if not symbolic and 0 not in sizes:
        return writer.op("Reshape", x, writer.vector(sizes))  # type: ignore[arg-type]
    if len(symbolic) == 1 and 0 not in sizes:
        return writer.op("Reshape", x, writer.vector([d if isinstance(d, int) else -1 for d in sizes]))
    as_it_is = {"allowzero": 1} if writer.opset >= 14 else {}  # a size of 0 is no word for "as before"
    return writer.op("Reshape", x, shape(writer, sizes), **as_it_is)


@writes(Size)
def write_size(writer: ModelWriter, node: Expr) -> str:
    """A size as a value of the graph."""
    return size(writer, node.op.dim)


def find_symbols(root: ModelWriter, graph: Graph) -> None:
    """Say of each symbol where its size stands: in an axis of an input, in a variable, or in a value."""
    for name, source in graph.sources.items():
        root.symbols[name] = lambda source=source: root.to_int64(root.of(source), source.dtype)
    for node in [*graph.inputs, *graph.shared]:
        for axis, dim in enumerate(node.shape):
            if isinstance(dim, SymDim):
                _find_in_axis(root, node, axis, dim)
    for stored in graph.stored_sizes:
        for name, count in stored.by_name().items():  # of variables whose sizes are all that is read of them
            root.symbols.setdefault(name, lambda count=count: root.constant(count, "int64"))


def _find_in_axis(root: ModelWriter, node: Expr, axis: int, dim: SymDim) -> None:
    """A symbol whose size follows from that of an axis: n from n, and from a n + b."""
    whole = polynomial_of(dim)
    if len(dim.names) != 1 or whole.calls or set(whole.terms) - {(), dim.names}:
        return
    name, times, more = dim.names[0], whole.terms[dim.names], whole.constant

    def read() -> str:
        found = root.op("Gather", root.op("Shape", root.of(node)), root.constant(axis, "int64"))
        if more:
            found = root.op("Sub", found, root.constant(more, "int64"))
        return found if times == 1 else root.op("Div", found, root.constant(times, "int64"))

    if times == 1 and not more:
        root.symbols[name] = read
    else:
        root.symbols.setdefault(name, read)
