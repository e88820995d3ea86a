"""Convolutions, also those of gradients: what dilates the input puts zeros between its elements."""

from __future__ import annotations

from ....ops.conv import Conv
from ....symbolic.dims import Dim
from ....symbolic.expr import Expr
from ....symbolic.types import Type
from . import sizes
from .movement import pad, spread
from .writer import ModelWriter, writes


@writes(Conv)
def write_conv(writer: ModelWriter, node: Expr, x: str, w: str) -> str:
    """One Conv, over an input that was spread and padded where Conv cannot do it."""
    op, kernel, of = node.op, node.args[1], node.args[0].type
    if op.batch_groups > 1:
        x, of = _as_channels(writer, x, of, op.batch_groups)
    x = spread(writer, x, of, op.x_dilation, 2)
    padding = op.padding
    if not all(isinstance(w, int) and w >= 0 for pair in padding for w in pair):
        x = pad(writer, x, ((0, 0), (0, 0), *padding), writer.constant(0, node.dtype))
        padding = ((0, 0),) * len(padding)
    return writer.op(
        "Conv",
        x,
        w,
        strides=list(op.strides),
        dilations=list(op.w_dilation),
        pads=[before for before, _ in padding] + [after for _, after in padding],
        group=op.groups * op.batch_groups,
        **({"kernel_shape": list(kernel.shape[2:])} if all(isinstance(k, int) for k in kernel.shape[2:]) else {}),
    )


def _as_channels(writer: ModelWriter, x: str, of: Type, blocks: int) -> tuple[str, Type]:
    """(n, c, ...) -> (n / blocks, blocks c, ...): blocks of the batch become groups of channels."""
    n, c, *space = of.shape
    parts: tuple[Dim, ...] = (blocks, n // blocks, c, *space)
    x = writer.transpose(sizes.reshape(writer, x, parts), (1, 0, *range(2, len(parts))))
    found = Type(of.dtype, (n // blocks, blocks * c, *space))
    return sizes.reshape(writer, x, found.shape), found
