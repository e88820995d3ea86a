"""Pooling kernels for windows and strides of any size: one window at a time.  Parameters as in `kernels.py`."""

from typing import Any

import numpy as np

from ..launch import Kernel
from .kernels import PoolParams, lowest


def make_general_pool(name: str, largest: bool, dilated: bool = False) -> Kernel:
    """out = the maximum (NaN if a window holds one) or the sum of each window of x.  Stripes are of rows of windows."""
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)
    outside, size = (lowest(dtype) if largest else dtype.type(0)), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels = p.stripes, p.rows, p.channels
        xn, xc, xd, xh = p.xn, p.xc, p.xd, p.xh
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        kd, kh, kw, sd, sh, sw = p.kd, p.kh, p.kw, p.sd, p.sh, p.sw
        pd, ph, pw = p.pd, p.ph, p.pw
        dd, dh, dw = (max(p.dd, 1), max(p.dh, 1), max(p.dw, 1)) if dilated else (1, 1, 1)  # so range cannot raise
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + (plane // channels * xn + plane % channels * xc) * size
            for od in range(OD):
                z = od * sd - pd
                for oh in range(first, min(first + rows, OH)):
                    y = oh * sh - ph
                    out = pointer(buffers[0] + ((plane * OD + od) * OH + oh) * OW * size, dtype)
                    for ow in range(OW):
                        left = ow * sw - pw
                        i0, i1 = left if left >= 0 else left % dw, min(left + kw * dw, W)
                        total = outside
                        for iz in range(z if z >= 0 else z % dd, min(z + kd * dd, D), dd):
                            for iy in range(y if y >= 0 else y % dh, min(y + kh * dh, H), dh):
                                row = pointer(x + (iz * xd + iy * xh) * size, dtype)
                                for i in range(i0, i1, dw):
                                    if largest:
                                        value = row[i]
                                        larger = value if value > total else total
                                        total = larger if value == value else value
                                    else:
                                        total += row[i]
                        out[ow] = total
        return 0

    return kernel


def make_general_place(name: str, what: str, dilated: bool = False) -> Kernel:
    """At the first maximum of each window of x, the first NaN before all:

    "gather"   out = v there, 0 if the window is empty
    "places"   out = how many elements of the plane stand in front, -1 if the window is empty
    "scatter"  out += g there.  Stripes are of rows of x, and else of rows of windows.
    """
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)
    scatter, places = what == "scatter", what == "places"
    result = np.dtype(np.int64) if places else dtype
    outside, nothing, size, width = lowest(dtype), dtype.type(0), dtype.itemsize, result.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels, xd, xh = p.stripes, p.rows, p.channels, p.xd, p.xh
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        kd, kh, kw, sd, sh, sw = p.kd, p.kh, p.kw, p.sd, p.sh, p.sw
        pd, ph, pw, vd, vh = p.pd, p.ph, p.pw, p.vd, p.vh
        dd, dh, dw = (max(p.dd, 1), max(p.dh, 1), max(p.dw, 1)) if dilated else (1, 1, 1)  # so range cannot raise
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            x = buffers[1] + (plane // channels * p.xn + plane % channels * p.xc) * size
            v_plane = 0 if places else buffers[2] + (plane // channels * p.vn + plane % channels * p.vc) * size
            oh0, oh1, r1 = r0, min(r0 + rows, OH), min(r0 + rows, H)
            out = pointer(buffers[0] + plane * (D * H * W if scatter else OD * OH * OW) * width, result)
            if scatter:
                oh0, oh1 = max(0, (r0 + ph - (kh - 1) * dh - 1 + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)
                for iz in range(D):
                    for i in range((iz * H + r0) * W, (iz * H + r1) * W):
                        out[i] = nothing
            for od in range(OD):
                for oh in range(oh0, oh1):
                    z, y = od * sd - pd, oh * sh - ph
                    for ow in range(OW):
                        left = ow * sw - pw
                        i0, i1 = left if left >= 0 else left % dw, min(left + kw * dw, W)
                        best, at_z, at_y, at_i = outside, -1, -1, -1
                        for iz in range(z if z >= 0 else z % dd, min(z + kd * dd, D), dd):
                            for iy in range(y if y >= 0 else y % dh, min(y + kh * dh, H), dh):
                                row = pointer(x + (iz * xd + iy * xh) * size, dtype)
                                for i in range(i0, i1, dw):
                                    value = row[i]
                                    # != is for NaN: one that comes first stays
                                    if at_z < 0 or value > best or (value != value and best == best):
                                        best, at_z, at_y, at_i = value, iz, iy, i
                        if scatter:
                            if at_z >= 0 and r0 <= at_y < r1:
                                g = pointer(v_plane + (od * vd + oh * vh) * size, dtype)
                                out[(at_z * H + at_y) * W + at_i] += g[ow]
                        elif places:
                            out[(od * OH + oh) * OW + ow] = (at_z * H + at_y) * W + at_i if at_z >= 0 else -1
                        elif at_z >= 0:
                            v = pointer(v_plane + (at_z * vd + at_y * vh) * size, dtype)
                            out[(od * OH + oh) * OW + ow] = v[at_i]
                        else:
                            out[(od * OH + oh) * OW + ow] = nothing
        return 0

    return kernel


def make_general_sum_scatter(name: str) -> Kernel:
    """out = the sum of g over the windows that hold an element.  Stripes are of rows of out."""
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)
    nothing, size = dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels = p.stripes, p.rows, p.channels
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        kd, kh, kw, sd, sh, sw = p.kd, p.kh, p.kw, p.sd, p.sh, p.sw
        pd, ph, pw = p.pd, p.ph, p.pw
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            r1 = min(r0 + rows, H)
            g_plane = buffers[1] + (plane // channels * p.vn + plane % channels * p.vc) * size
            out = pointer(buffers[0] + plane * D * H * W * size, dtype)
            for z in range(D):
                for i in range((z * H + r0) * W, (z * H + r1) * W):
                    out[i] = nothing
            for od in range(OD):
                for oh in range(max(0, (r0 + ph - kh + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)):
                    z, y = od * sd - pd, oh * sh - ph
                    g = pointer(g_plane + (od * p.vd + oh * p.vh) * size, dtype)
                    for iz in range(max(z, 0), min(z + kd, D)):
                        for iy in range(max(y, r0), min(y + kh, r1)):
                            row = (iz * H + iy) * W
                            for ow in range(OW):
                                for i in range(max(ow * sw - pw, 0), min(ow * sw - pw + kw, W)):
                                    out[row + i] += g[ow]
        return 0

    return kernel


def make_clear(name: str) -> Kernel:
    """out = 0 in the rows that lie under no window.  Stripes are of rows of out.

    Launched only where windows leave rows out: behind the last one, or between windows that are farther apart than
    they are tall.
    """
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)
    nothing, size = dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows = p.stripes, p.rows
        D, H, W, OD, OH = p.D, p.H, p.W, p.OD, p.OH
        kd, kh, sd, sh, pd, ph = p.kd, p.kh, p.sd, p.sh, p.pd, p.ph
        for unit in range(lo, hi):
            out = pointer(buffers[0] + unit // stripes * D * H * W * size, dtype)
            first = unit % stripes * rows
            for z in range(D):
                # of the windows that begin at or before this depth or row, the last reaches farthest
                deep = OD > 0 and z + pd - min((z + pd) // sd, OD - 1) * sd < kd
                for y in range(first, min(first + rows, H)):
                    if not deep or OH == 0 or y + ph - min((y + ph) // sh, OH - 1) * sh >= kh:
                        for i in range((z * H + y) * W, (z * H + y + 1) * W):
                            out[i] = nothing
        return 0

    return kernel
