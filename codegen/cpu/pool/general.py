"""Pooling kernels for windows and strides of any size: one window at a time.  Parameters as in `pool_kernels.py`."""

from types import FunctionType
from typing import Any

import numpy as np

from .kernels import lowest


def make_general_pool(name: str, largest: bool) -> FunctionType:
    """out = the maximum (NaN if a window holds one) or the sum of each window of x.  Stripes are of rows of windows."""
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)
    outside, size = (lowest(dtype) if largest else dtype.type(0)), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3], params[4], params[5], params[6]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, kw, sd, sh, sw = params[13], params[14], params[15], params[16], params[17], params[18]
        pd, ph, pw = params[19], params[20], params[21]
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + (plane // channels * xn + plane % channels * xc) * size
            for od in range(OD):
                z = od * sd - pd
                for oh in range(first, min(first + rows, OH)):
                    y = oh * sh - ph
                    out = pointer(buffers[0] + ((plane * OD + od) * OH + oh) * OW * size, dtype)
                    for ow in range(OW):
                        i0, i1 = max(ow * sw - pw, 0), min(ow * sw - pw + kw, W)
                        total = outside
                        for iz in range(max(z, 0), min(z + kd, D)):
                            for iy in range(max(y, 0), min(y + kh, H)):
                                row = pointer(x + (iz * xd + iy * xh) * size, dtype)
                                for i in range(i0, i1):
                                    if largest:
                                        value = row[i]
                                        larger = value if value > total else total
                                        total = larger if value == value else value
                                    else:
                                        total += row[i]
                        out[ow] = total
        return 0

    return kernel


def make_general_place(name: str, scatter: bool) -> FunctionType:
    """At the first maximum of each window of x: out = v there (0 if the window is empty), or out += g there.

    The first NaN goes before all.  Stripes are of rows of windows, or (`scatter`) of rows of x.
    """
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)
    outside, nothing, size = lowest(dtype), dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels, xd, xh = params[0], params[1], params[2], params[5], params[6]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, kw, sd, sh, sw = params[13], params[14], params[15], params[16], params[17], params[18]
        pd, ph, pw, vd, vh = params[19], params[20], params[21], params[24], params[25]
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            x = buffers[1] + (plane // channels * params[3] + plane % channels * params[4]) * size
            v_plane = buffers[2] + (plane // channels * params[22] + plane % channels * params[23]) * size
            oh0, oh1, r1 = r0, min(r0 + rows, OH), min(r0 + rows, H)
            out = pointer(buffers[0] + plane * (D * H * W if scatter else OD * OH * OW) * size, dtype)
            if scatter:
                oh0, oh1 = max(0, (r0 + ph - kh + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)
                for iz in range(D):
                    for i in range((iz * H + r0) * W, (iz * H + r1) * W):
                        out[i] = nothing
            for od in range(OD):
                for oh in range(oh0, oh1):
                    z, y = od * sd - pd, oh * sh - ph
                    for ow in range(OW):
                        left = ow * sw - pw
                        best, at_z, at_y, at_i = outside, -1, -1, -1
                        for iz in range(max(z, 0), min(z + kd, D)):
                            for iy in range(max(y, 0), min(y + kh, H)):
                                row = pointer(x + (iz * xd + iy * xh) * size, dtype)
                                for i in range(max(left, 0), min(left + kw, W)):
                                    value = row[i]
                                    # != is for NaN: one that comes first stays
                                    if at_z < 0 or value > best or (value != value and best == best):
                                        best, at_z, at_y, at_i = value, iz, iy, i
                        if scatter:
                            if at_z >= 0 and r0 <= at_y < r1:
                                g = pointer(v_plane + (od * vd + oh * vh) * size, dtype)
                                out[(at_z * H + at_y) * W + at_i] += g[ow]
                        elif at_z >= 0:
                            v = pointer(v_plane + (at_z * vd + at_y * vh) * size, dtype)
                            out[(od * OH + oh) * OW + ow] = v[at_i]
                        else:
                            out[(od * OH + oh) * OW + ow] = nothing
        return 0

    return kernel


def make_general_sum_scatter(name: str) -> FunctionType:
    """out = the sum of g over the windows that hold an element.  Stripes are of rows of out."""
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)
    nothing, size = dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, kw, sd, sh, sw = params[13], params[14], params[15], params[16], params[17], params[18]
        pd, ph, pw = params[19], params[20], params[21]
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            r1 = min(r0 + rows, H)
            g_plane = buffers[1] + (plane // channels * params[22] + plane % channels * params[23]) * size
            out = pointer(buffers[0] + plane * D * H * W * size, dtype)
            for z in range(D):
                for i in range((z * H + r0) * W, (z * H + r1) * W):
                    out[i] = nothing
            for od in range(OD):
                for oh in range(max(0, (r0 + ph - kh + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)):
                    z, y = od * sd - pd, oh * sh - ph
                    g = pointer(g_plane + (od * params[24] + oh * params[25]) * size, dtype)
                    for iz in range(max(z, 0), min(z + kd, D)):
                        for iy in range(max(y, r0), min(y + kh, r1)):
                            row = (iz * H + iy) * W
                            for ow in range(OW):
                                for i in range(max(ow * sw - pw, 0), min(ow * sw - pw + kw, W)):
                                    out[row + i] += g[ow]
        return 0

    return kernel
