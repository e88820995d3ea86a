"""x with its padding and dilation written out, so that the convolution's loops meet neither."""

from typing import Any, NamedTuple

import numpy as np

from ...lowering.convolution import Convolution, Triple
from ..launch import Kernel, KernelRef, Launch
from ..model import CONV_PAD_NS
from ..params import Address
from ..tiles import code


def pad(problem: Convolution, buffer: int) -> tuple[Convolution, Launch | None, int]:
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
    launch = _launch(problem, buffer, (before, crop, there), reach, (pitch, elements))
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
    problem: Convolution, buffer: int, borders: tuple[Triple, Triple, Triple], reach: Triple, size: tuple[int, int]
) -> Launch:
    x, (n, c), (pitch, elements) = problem.x, problem.x_shape, size
    (z_step, y_step, x_step), (before, crop, there) = problem.x_dilation, borders
    params = PadParams(
        move=code.move(problem.dtype), itemsize=problem.itemsize, base=x.offset, images=n, channels=c,
        image_stride=x.axes[0], channel_stride=x.axes[1], z_stride=x.space[0], y_stride=x.space[1], x_stride=x.space[2],
        planes=reach[0], rows=reach[1], pitch=pitch, elements=elements, z_step=z_step, y_step=y_step, x_step=x_step,
        z_before=before[0], y_before=before[1], x_before=before[2], z_crop=crop[0], y_crop=crop[1], x_crop=crop[2],
        z_there=there[0], y_there=there[1], x_there=there[2],
    )  # fmt: skip
    return Launch(KernelRef(make_pad), (buffer, x.buffer), params, n * c * reach[0], CONV_PAD_NS * elements)


class PadParams(NamedTuple):
    """Of `make_pad`.  Sizes and strides are in elements; z, y and x are the axes of space."""

    move: Address
    itemsize: int  # bytes
    base: int  # the first element of x
    images: int
    channels: int
    image_stride: int
    channel_stride: int
    z_stride: int
    y_stride: int
    x_stride: int
    planes: int  # of the padded x, for each image and channel
    rows: int  # in a plane
    pitch: int  # from one row to the next
    elements: int  # of the padded x, with the zeros behind it
    z_step: int  # 1 + zeros between neighbouring elements
    y_step: int
    x_step: int
    z_before: int  # zeros in front
    y_before: int
    x_before: int
    z_crop: int  # elements left out in front, zeros between elements counted
    y_crop: int
    x_crop: int
    z_there: int  # elements between the zeros in front and those behind
    y_there: int
    x_there: int


def make_pad() -> Kernel:
    """Padded planes of x; unit = (image, channel, plane)."""
    from ..tiles.intrinsics import call, pointer, read

    byte = np.uint8

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PadParams)
        move, itemsize, base, images, channels = p.move, p.itemsize, p.base, p.images, p.channels
        planes, rows, pitch, elements = p.planes, p.rows, p.pitch, p.elements
        image_stride, channel_stride = p.image_stride, p.channel_stride
        z_stride, y_stride, x_stride = p.z_stride, p.y_stride, p.x_stride
        z_step, y_step, x_step, z_before, y_before, x_before = (
            p.z_step, p.y_step, p.x_step, p.z_before, p.y_before, p.x_before
        )  # fmt: skip
        z_crop, y_crop, x_crop, z_there, y_there, x_there = (
            p.z_crop, p.y_crop, p.x_crop, p.z_there, p.y_there, p.x_there
        )  # fmt: skip
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
