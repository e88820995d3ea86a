"""`wf.onnx.load`: a model in ONNX as expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...symbolic.errors import ArgumentError, LoweringError, Site, blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.sizes import all_sources
from .files import list_nodes, read_model
from .inputs import make_inputs
from .model import Model
from .package import need_onnx
from .walk import Lookup, Walk


def load(source: Any, inputs: Mapping[str, Any] | None = None) -> Model:
    """Read a model in ONNX: an ordinary graph, which is derived, trained, rewritten and compiled like any other.

        net = wf.onnx.load("resnet50.onnx")
        (x,), (y,) = net.inputs.values(), net.outputs.values()
        predict = wf.function([x], y)
        train = wf.function([x, t], loss, updates=nn.updates.sgd(loss, list(net.parameters.values())))

    Parameters
    ----------
    source : a path; the bytes of a file; an `onnx.ModelProto`, an `onnx_ir.Model`, or what has one of them as its
        `model_proto`, such as what `torch.onnx.export` returns
    inputs : {name: value}: what stands for inputs of the model.  An expression, so that the net is part of a larger
        graph; an array, so that what depends on it is known at once; a list of these for a sequence, whose length is
        thereby known; None for an optional that is empty.  All others become inputs of their own, with the sizes of the
        file: numbers, symbols by their `dim_param`, or new symbols.  An array of the file may be given as well, as
        another's parameter is.

    Opsets from 7 up.  Arrays of floats in the file become shared variables by their names.  Constants become: integers
    and bools; numbers without axes; what says how an operator computes (bounds, scales); the averages of a batch
    normalisation.  bfloat16 becomes float32.  Nodes that the outputs do not depend on are left out.

    Errors, when the model is read and when it runs, show the node as a line of the file: number and text.

    Raises
    ------
    LoweringError
        for what the vocabulary cannot say: all of the model's nodes that it cannot, each with its operator and opset
    ArgumentError
        for what is no model, or one that breaks the standard; for inputs that it does not have
    ShapeError, DTypeError, ...
        for nodes whose operands cannot meet
    """
    need_onnx()
    model, name = read_model(source)
    given = _check_inputs(inputs)
    walk = Walk(model, list_nodes(model, name))
    scope = Lookup(dict(model.graph.opset_imports))
    made = make_inputs(walk, given, scope)
    values = walk.run(model.graph, scope)
    if walk.missing:
        raise _missing_error(walk.missing, name)
    outputs = {v.name: value for v, value in zip(model.graph.outputs, values, strict=True)}
    used = _leaves(values)
    return Model(made, outputs, {name: p for name, p in walk.parameters.items() if p in used})


def _check_inputs(inputs: Any) -> Mapping[str, Any]:
    if inputs is not None and not isinstance(inputs, Mapping):
        text = f"load: inputs is a dict {{name: value}} of inputs of the model, not {inputs!r}."
        raise blame(ArgumentError(text), user_site())
    return inputs or {}


def _leaves(values: list[Any]) -> set[Expr]:
    roots = list(_flatten(values))
    nodes = toposort(roots)
    return set(nodes) | set(toposort(all_sources(nodes).values()))


def _flatten(value: Any) -> Iterator[Expr]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flatten(each)
    elif isinstance(value, Expr):
        yield value


def _missing_error(missing: Mapping[str, Site | None], name: str) -> LoweringError:
    """The error for all that cannot be read, each with its line."""
    count = "1 thing" if len(missing) == 1 else f"{len(missing)} things"
    text = f"load: the vocabulary cannot say {count} of {name}. " + " ".join(f"{each}." for each in missing)
    return blame(LoweringError(text), *[site for site in missing.values() if site], user_site())
