"""Models in files and in memory, and their nodes as lines of text."""

from __future__ import annotations

import itertools
import linecache
import os
from collections import deque
from pathlib import Path
from typing import Any

from ...symbolic.errors import ArgumentError, Site, WeftError, blame, sentence, user_site

REMEMBERED = 64  # models without a file whose lines are kept for errors

_unnamed = itertools.count(1)
_kept: deque[str] = deque()


def read_model(source: Any) -> tuple[Any, str]:
    """The model as onnx_ir has it, and what it is called in errors."""
    import onnx_ir

    source = getattr(source, "model_proto", source)
    try:
        if isinstance(source, str | os.PathLike):
            return _read_file(Path(source)), os.fspath(source)
        model = source if isinstance(source, onnx_ir.Model) else _read_proto(source)
    except (WeftError, MemoryError):
        raise
    except Exception as error:  # protobuf's, the checker's and onnx_ir's, of many classes
        what = os.fspath(source) if isinstance(source, str | os.PathLike) else "what was given"
        raise blame(ArgumentError(f"load: {what} is no model in ONNX: {sentence(error)}"), user_site()) from None
    return model, f"<{model.graph.name or 'model'} {next(_unnamed)}>"


def _read_file(path: Path) -> Any:
    import onnx
    import onnx_ir

    if not path.is_file():
        raise blame(ArgumentError(f"load: there is no file {path}."), user_site())
    onnx.checker.check_model(os.fspath(path))  # which looks for the files of parameters, too
    return onnx_ir.load(path)


def _read_proto(source: Any) -> Any:
    import onnx
    import onnx_ir

    if isinstance(source, bytes | bytearray | memoryview):
        source = onnx.load_model_from_string(bytes(source))
    if not isinstance(source, onnx.ModelProto):
        text = f"load takes a path, bytes or a model, not {type(source).__name__}."
        raise blame(ArgumentError(text), user_site())
    onnx.checker.check_model(source)
    return onnx_ir.from_proto(source)


# ---- lines -----------------------------------------------------------------------------------------------------------


def list_nodes(model: Any, name: str) -> dict[Any, Site]:
    """The line of each node; their text is where tracebacks look lines of files up."""
    lines: list[str] = []
    sites: dict[Any, Site] = {}
    for graph in (model.graph, *model.functions.values()):
        _list(graph, name, "", lines, sites)
    linecache.cache[name] = (sum(map(len, lines)), None, lines, name)  # without a time: no file that may change
    if name.startswith("<"):
        _kept.append(name)
        if len(_kept) > REMEMBERED:
            linecache.cache.pop(_kept.popleft(), None)
    return sites


def _list(graph: Any, name: str, indent: str, lines: list[str], sites: dict[Any, Site]) -> None:
    for node in graph:
        if not all(isinstance(v.name or "", str) for v in (*node.outputs, *(v for v in node.inputs if v is not None))):
            raise blame(ArgumentError(f"load: {name} has a name that is no UTF-8, and so no text."), user_site())
        results = ", ".join(v.name or "_" for v in node.outputs)
        operands = ", ".join("_" if v is None else v.name or "_" for v in node.inputs)
        label = f"  # {node.name}" if node.name else ""
        lines.append(f"{indent}{results} = {node.op_type}({operands}){label}\n")
        sites[node] = Site(name, len(lines))
        for inner in graphs_of(node):
            _list(inner, name, indent + "    ", lines, sites)


def graphs_of(node: Any) -> list[Any]:
    """The graphs among the attributes of a node."""
    found: list[Any] = []
    for attribute in node.attributes.values():
        kind = "" if attribute.is_ref() else attribute.type.name
        found += [attribute.value] if kind == "GRAPH" else attribute.value if kind == "GRAPHS" else []
    return found
