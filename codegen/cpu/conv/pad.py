"""x with its padding and dilation written out, so that the convolution's loops meet neither."""

import itertools
import math
from types import FunctionType
from typing import Any

import numpy as np

from ..launch import Launch
from ..run.native import kernel_address
from ..tiles.move import move_address
from .problem import Convolution, Triple

_ELEMENT_NS = 0.3  # of writing one element


def padded(problem: Convolution, buffer: int) -> tuple[Convolution, Launch | None, int]:
    """The same convolution without padding and dilation of x; the launch that writes x so, and its bytes.

    Cropping alone only moves the first element.  The zeros behind a row are the zeros before the next one, so a row
    takes width + max(before, after) elements, and the rows follow each other without any waste that a vector over
    several rows would meet.
    """
    before, crop, reach, there = borders(problem)
    plain = problem._replace(before=(0, 0, 0), x_dilation=(1, 1, 1), image=reach)
    if there == reach and problem.x_dilation == (1, 1, 1):
        offset = problem.x.offset + sum(c * s for c, s in zip(crop, problem.x.space, strict=True))
        return plain._replace(x=problem.x._replace(offset=offset)), None, 0
    after = reach[2] - before[2] - there[2]
    pitch = there[2] + max(before[2], after)
    space = (reach[1] * pitch, pitch, 1)
    plane = reach[0] * reach[1] * pitch
    n, c = problem.x_shape
    group = problem.c * plane if problem.n == n else problem.n * c * plane
    view = problem.x._replace(buffer=buffer, offset=0, group=group, axes=(c * plane, plane), space=space)
    elements = n * c * plane + before[2]
    launch = _launch(problem, buffer, (before, crop, there), reach, pitch, elements)
    return plain._replace(x=view), launch, elements * problem.itemsize


def borders(problem: Convolution) -> tuple[Triple, Triple, Triple, Triple]:
    """Along each axis of x: zeros before it, elements cropped, how far the windows reach, how much of x is there."""
    before = tuple(max(0, value) for value in problem.before)
    crop = tuple(max(0, -value) for value in problem.before)
    reach = tuple(
        (size - 1) * stride + (kernel - 1) * dilation + 1
        for size, stride, kernel, dilation in zip(
            problem.size, problem.stride, problem.kernel, problem.w_dilation, strict=True
        )
    )
    image = tuple(d * (size - 1) + 1 if size else 0 for size, d in zip(problem.image, problem.x_dilation, strict=True))
    there = tuple(max(0, min(i - c, r - b)) for i, c, r, b in zip(image, crop, reach, before, strict=True))
    return before, crop, reach, there  # type: ignore[return-value]


def _launch(
    problem: Convolution, buffer: int, borders: tuple[Triple, Triple, Triple], reach: Triple, pitch: int, elements: int
) -> Launch:
    x, (n, c), extent = problem.x, problem.x_shape, math.prod(problem.x_shape) * reach[0]
    params = (
        move_address(problem.dtype), problem.itemsize, x.offset, n, c, *x.axes, *x.space, *reach[:2], pitch, elements,
        *problem.x_dilation, *itertools.chain(*borders),
    )  # fmt: skip
    return Launch(kernel_address(make_pad), (buffer, x.buffer), params, extent, _ELEMENT_NS * elements)


def make_pad() -> FunctionType:
    """Padded planes of x; unit = (image, channel, plane)."""
    from ..tiles.intrinsics import call, pointer, take

    byte = np.uint8

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        move, itemsize, base, images, channels = take(params, 0, 5)
        image_stride, channel_stride, z_stride, y_stride, x_stride = take(params, 5, 5)
        planes, rows, pitch, elements, z_step, y_step, x_step = take(params, 10, 7)
        z_before, y_before, x_before, z_crop, y_crop, x_crop, z_there, y_there, x_there = take(params, 17, 9)
        # the first element that is neither cropped nor between two elements of a dilated x
        y_skip, x_skip = (-y_crop) % y_step, (-x_crop) % x_step
        for unit in range(lo, hi):
            z, item = unit % planes, unit // planes
            first = unit * rows * pitch
            last = elements if unit + 1 == images * channels * planes else first + rows * pitch
            zeros = pointer(buffers[0], byte)
            for i in range(first * itemsize, last * itemsize):
                zeros[i] = 0
            inside = z - z_before
            if inside < 0 or inside >= z_there or (inside + z_crop) % z_step != 0:
                continue
            start = base + item // channels * image_stride + item % channels * channel_stride
            start += (inside + z_crop) // z_step * z_stride
            start += (y_skip + y_crop) // y_step * y_stride + (x_skip + x_crop) // x_step * x_stride
            to = first + (y_before + y_skip) * pitch + x_before + x_skip
            high, wide = (y_there - y_skip + y_step - 1) // y_step, (x_there - x_skip + x_step - 1) // x_step
            target, source = buffers[0] + to * itemsize, buffers[1] + start * itemsize
            call(move, (target, y_step * pitch, x_step, source, y_stride, x_stride, high, wide))
        return 0

    return kernel
