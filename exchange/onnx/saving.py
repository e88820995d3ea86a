"""`wf.onnx.save`: a function, or expressions, as a model in ONNX."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...codegen.arguments import as_graph, result_names
from ...symbolic.errors import ArgumentError, LoweringError, blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.graph import Graph
from ...symbolic.leaves import Input
from ...symbolic.sizes import all_sources
from .package import need_onnx
from .writing import sizes
from .writing.control import value_info
from .writing.writer import ModelWriter, NoForm, drop_unread, missing_error, names_read, tensor_type

OLDEST, USUAL = 13, 21  # opsets: the first whose operators take what they are told at run time; what runtimes know
LARGE = 2**31 - 2**20  # bytes of parameters, from which on they stand in a file of their own: protobuf ends at 2**31


def save(f: Any, path: str | os.PathLike[str], inputs: Any = None, opset: int | None = None) -> None:
    """Write a function, or expressions, as a model in ONNX, which other frameworks and runtimes read.

    Parameters
    ----------
    f : a Function of `wf.function`, or one expression, a list of them or a dict {name: expression}
        New values of variables that a function updates are further outputs, "w.new" for the variable "w"; the variable
        is then an input, too, whose default is its value of now.
    path : the file, as a rule *.onnx; beside it *.onnx.data for parameters of more than 2 GB
    inputs : of expressions: a list of inputs, or a dict {name: input}; None: all there are
    opset : version of ONNX's operators, from 13 up; None: 21

    Shared variables become initializers by their names, symbolic sizes `dim_param`s by theirs, scan, while_loop and
    cond Scan, Loop and If.  What is assumed of sizes, and of labels and indices, is not checked by a model; where
    several indices of an `index_set` meet, ONNX leaves open which value stays.

    Raises
    ------
    LoweringError
        for operations that ONNX has not, all of them with their lines, before anything is written
    ArgumentError
        for what is no function, expression, input or opset
    """
    need_onnx()
    model = to_model(f, inputs, opset)
    _write(model, Path(path))


def to_model(f: Any, inputs: Any = None, opset: int | None = None) -> Any:
    """The model, an `onnx.ModelProto`."""
    from onnx import helper

    names, graph, outputs = _as_graph(f, inputs)
    version = _check_opset(opset)
    root = ModelWriter(version)
    infos = _inputs(root, graph, names)
    made = _outputs(root, graph, outputs)
    if root.missing:
        raise blame(missing_error(root.missing), user_site())
    nodes = drop_unread(root.nodes, [output.name for output in made])
    model = helper.make_graph(
        nodes, "weft", infos, made, _initializers(root, names_read(nodes) | {info.name for info in infos})
    )
    imports = [helper.make_opsetid("", version)]
    return helper.make_model(
        model,
        opset_imports=imports,
        producer_name="weft",
        ir_version=helper.find_min_ir_version_for(imports),
    )


def _check_opset(opset: int | None) -> int:
    from onnx import defs

    newest = defs.onnx_opset_version()
    if opset is None:
        return min(USUAL, newest)
    if not isinstance(opset, int) or isinstance(opset, bool) or not OLDEST <= opset <= newest:
        raise blame(ArgumentError(f"opset is a number from {OLDEST} to {newest}, not {opset!r}."), user_site())
    return opset


# ---- what is written ----------------------------------------


def _as_graph(f: Any, inputs: Any) -> tuple[list[str | None], Graph, list[tuple[str, Expr]]]:
    """(names of inputs, graph, outputs by name)."""
    asked = getattr(f, "asked", None)
    if asked is not None:
        if inputs is not None:
            raise blame(ArgumentError("inputs are those of the function; leave them out."), user_site())
        graph = asked.graph
        return list(asked.keywords or [None] * len(graph.inputs)), graph, _name_outputs(asked, graph)
    outputs = _expressions(f)
    roots = [y for _, y in outputs]
    listed = _free_inputs(roots) if inputs is None else inputs
    found, keywords, _ = as_graph(listed, roots, None, None, 2, "ignore")
    return list(keywords or [None] * len(found.inputs)), Graph(found.inputs, found.outputs), outputs


def _name_outputs(asked: Any, graph: Graph) -> list[tuple[str, Expr]]:
    given = result_names(asked.form)
    names = [y.name or "output" for y in graph.outputs] if given is None else given
    return [(str(name), y) for name, y in zip(names, graph.outputs, strict=True)]


def _expressions(f: Any) -> list[tuple[str, Expr]]:
    pairs: Sequence[tuple[Any, Any]]
    if isinstance(f, Mapping):
        pairs = list(f.items())
    else:
        listed = f if isinstance(f, list | tuple) else [f]
        pairs = [(getattr(y, "name", None) or "output", y) for y in listed]
    for name, y in pairs:
        if not isinstance(y, Expr) or not isinstance(name, str):
            text = f"onnx.save takes a function, an expression, a list or a dict {{name: expression}}, not {y!r}."
            raise blame(ArgumentError(text), user_site())
    return list(pairs)


def _free_inputs(roots: Sequence[Expr]) -> list[Expr]:
    """All inputs that expressions, and the values that sizes of them stand for, depend on."""
    nodes = toposort([*roots, *all_sources(toposort(roots)).values()])
    return [n for n in nodes if isinstance(n.op, Input)]


# ---- the model ----------------------------------------


def _inputs(root: ModelWriter, graph: Graph, names: Sequence[str | None]) -> list[Any]:
    """The inputs of the model, those variables among them that the function updates."""
    infos = []
    for wanted, x in zip(names, graph.inputs, strict=True):
        root.known[x] = root.name(wanted or x.name or "input")
        infos.append(_info(root.known[x], x))
    sizes.find_symbols(root, graph)
    for variable, _ in graph.updates:
        infos.append(_info(root.of(variable), variable))
    return infos


def _info(name: str, node: Expr) -> Any:
    try:
        return value_info(name, node.dtype, node.shape)
    except NoForm as reason:
        raise blame(LoweringError(f"{name} {reason}."), user_site(), node.site) from None


def _outputs(root: ModelWriter, graph: Graph, outputs: Sequence[tuple[str, Expr]]) -> list[Any]:
    """Types of the outputs; each has a name and a node of its own."""
    news = [(f"{variable.name or 'parameter'}.new", new) for variable, new in graph.updates]
    infos = []
    for wanted, y in [*outputs, *news]:
        made = root.of(y)
        if not root.missing:
            infos.append(_info(root.op("Identity", made, name=wanted), y))
    return infos


def _initializers(root: ModelWriter, read: set[str]) -> list[Any]:
    """The arrays of these names: those that nodes read, and the values of now of variables that are updated."""
    from onnx import TensorProto

    found = []
    for name, value in root.initializers.items():
        if name not in read:
            continue
        tensor = TensorProto(name=name, data_type=tensor_type(value.dtype), dims=value.shape)
        tensor.raw_data = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"), copy=False)).tobytes()
        found.append(tensor)
    return found


def _write(model: Any, path: Path) -> None:
    """The file, and beside it that of large parameters: whole, or not at all."""
    import onnx

    total = sum(len(t.raw_data) for t in model.graph.initializer)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        target = Path(folder) / path.name
        data = f"{path.name}.data"
        if total > LARGE:
            onnx.save_model(model, target, save_as_external_data=True, location=data, all_tensors_to_one_file=True)
            os.replace(Path(folder) / data, path.parent / data)
        else:
            onnx.save_model(model, target)
        os.replace(target, path)
