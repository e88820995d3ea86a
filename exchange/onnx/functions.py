"""What the standard says of operators: their operands, and their bodies where it says them with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...symbolic.expr import Expr


class FunctionBody(NamedTuple):
    """A function that stands for a node; for each of its outputs the function's, or None."""

    function: Any
    outputs: tuple[str | None, ...]
    defaults: dict[str, Any]  # of attributes that a node leaves out


def check_operands(node: Any, version: int) -> None:
    """Raise ValueError where an operand is left out that the standard asks for."""
    from onnx import defs

    try:
        schema = defs.get_schema(node.op_type, version, node.domain)
    except defs.SchemaError:
        return
    for place, formal in enumerate(schema.inputs):
        if formal.option == formal.option.Single and (len(node.inputs) <= place or node.inputs[place] is None):
            raise ValueError(f"its operand {formal.name} is left out")


def own_body(function: Any) -> FunctionBody:
    """A function of the model's own."""
    defaults = {name: a for name, a in function.attributes.items() if a.value is not None}
    return FunctionBody(function, tuple(v.name for v in function.outputs), defaults)


def standard_body(node: Any, version: int, operands: Sequence[Any] | None) -> Any:
    """The body of a node's operator in an opset, or None; without operands, whether there is one."""
    from onnx import defs

    try:
        schema = defs.get_schema(node.op_type, version, node.domain)
    except defs.SchemaError:
        return None
    if operands is None:
        return schema.has_function or schema.has_context_dependent_function
    body = _body(schema, version) or _body_in_context(schema, node, version, operands)
    return None if body is None else _inline(body, schema, version)


def _body(schema: Any, version: int) -> Any:
    """The body that is the same for all nodes: of the newest opset that is not newer than the model's."""
    from onnx import FunctionProto

    known = [v for v in schema.function_opset_versions if v <= version]
    if not schema.has_function or not known:
        return None
    return FunctionProto.FromString(schema.get_function_with_opset_version(max(known)))


def _body_in_context(schema: Any, node: Any, version: int, operands: Sequence[Any]) -> Any:
    """The body that depends on a node's attributes, and on the types of its operands."""
    import onnx_ir
    from onnx import FunctionProto

    known = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    if not schema.has_context_dependent_function or not known:
        return None
    proto = onnx_ir.to_proto(node).SerializeToString()
    types = [_type_of(value).SerializeToString() for value in operands]
    found = schema.get_context_dependent_function_with_opset_version(max(known), proto, types)
    return FunctionProto.FromString(found) if found else None


def _type_of(value: Any) -> Any:
    """The type of a value, as ONNX writes it."""
    from onnx import TypeProto, helper

    if isinstance(value, list):
        return helper.make_sequence_type_proto(_type_of(value[0] if value else None))
    if not isinstance(value, Expr):
        return TypeProto()
    shape = [d if isinstance(d, int) else str(d) for d in value.shape]
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), shape)


def _inline(body: Any, schema: Any, version: int) -> FunctionBody:
    """The function, without outputs that a node leaves out and nothing computes."""
    import onnx_ir
    from onnx import helper

    if not body.opset_import:
        body.opset_import.append(helper.make_opsetid(schema.domain, version))
    names = list(body.output)
    made = {*body.input, *(name for node in body.node for name in node.output)}
    del body.output[:]
    body.output.extend(name for name in names if name in made)
    given = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.type}
    defaults = {name: onnx_ir.from_proto(value) for name, value in given.items()}
    return FunctionBody(onnx_ir.from_proto(body), tuple(n if n in made else None for n in names), defaults)
