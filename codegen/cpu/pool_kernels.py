"""Pooling kernels, a vector of windows of one row at a time.  `pool.py` plans them; Numba is imported only to compile.

All work on (batch, channels, depth, height, width) whose width is contiguous; fewer spatial axes are extents of 1.
The parameters, in order:

    stripes, rows        a work unit is a stripe of at most `rows` rows of one plane: unit = plane * stripes + stripe
    channels, s[4]       of x: the strides of batch, channel, depth and height, in elements
    D, H, W; OD, OH, OW  sizes of the input and of the windows' grid
    k[3]; s[3]; p[3]     window, strides, padding in front
    t[4]                 of the second operand: strides as those of x

Windows may hang over either end of the input: what is outside counts as the least value (never chosen) or as 0.

`width` and `step` are the last axis of the window and of the strides where a kernel is made for them (width 0: any).
The gradients write each element of their result once, in order, so that they run at the speed of memory: a row of
windows (a vector of them) finds its maxima and adds to all input rows under it, while they are near.  Element
step * m + r of an input row lies under position q * step + r of window m - q: that is a vector of windows moved up by
q lanes, and the parts r are interleaved in registers.
"""

from types import FunctionType
from typing import Any

import numpy as np


def lowest(dtype: np.dtype) -> Any:
    """The least value: what is outside of the input counts as this."""
    return dtype.type(-np.inf) if dtype.kind == "f" else dtype.type(np.iinfo(dtype).min)


def make_pool(name: str, count: int, width: int, step: int, largest: bool) -> FunctionType:
    """out = the maximum (NaN if a window holds one) or the sum of each window of x.  Stripes are of rows of windows."""
    from .lanes import Kind, lanes

    dtype = np.dtype(name)
    vector = lanes(Kind(dtype, count, step, width))
    splat, strided, store, combine = vector.splat, vector.strided, vector.store, vector.add
    if largest:
        combine = vector.maximum
    outside, size = (lowest(dtype) if largest else dtype.type(0)), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3], params[4], params[5], params[6]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, kw = params[13], params[14], params[15]
        sd, sh, pd, ph, pw = params[16], params[17], params[19], params[20], params[21]
        if width > 0:
            kw = width
        empty = splat(outside)
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + (plane // channels * xn + plane % channels * xc) * size
            for od in range(OD):
                z0, z1 = max(od * sd - pd, 0), min(od * sd - pd + kd, D)
                for oh in range(first, min(first + rows, OH)):
                    y0, y1 = max(oh * sh - ph, 0), min(oh * sh - ph + kh, H)
                    out = buffers[0] + ((plane * OD + od) * OH + oh) * OW * size
                    for m in range(0, OW, count):
                        left = m * step - pw
                        total = empty
                        for z in range(z0, z1):
                            for y in range(y0, y1):
                                row = x + (z * xd + y * xh) * size
                                for k in range(kw):
                                    value = strided(row, left + k // step * step, k % step, W, empty)
                                    total = combine(total, value)
                        store(out, m, OW, total)
        return 0

    return kernel


def make_max_gather(name: str, count: int, width: int, step: int) -> FunctionType:
    """out = v at the first maximum of each window of x, 0 where a window is empty.  Stripes are of rows of windows."""
    from .lanes import Kind, lanes

    dtype = np.dtype(name)
    vector = lanes(Kind(dtype, count, step, width))
    splat, strided, store = vector.splat, vector.strided, vector.store
    inside, takes, blend = vector.inside, vector.takes, vector.blend
    outside, nothing, size = lowest(dtype), dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3], params[4], params[5], params[6]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, sd, sh = params[13], params[14], params[16], params[17]
        pd, ph, pw = params[19], params[20], params[21]
        vn, vc, vd, vh = params[22], params[23], params[24], params[25]
        least, zero = splat(outside), splat(nothing)
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + (plane // channels * xn + plane % channels * xc) * size
            v = buffers[2] + (plane // channels * vn + plane % channels * vc) * size
            for od in range(OD):
                z0, z1 = max(od * sd - pd, 0), min(od * sd - pd + kd, D)
                for oh in range(first, min(first + rows, OH)):
                    y0, y1 = max(oh * sh - ph, 0), min(oh * sh - ph + kh, H)
                    out = buffers[0] + ((plane * OD + od) * OH + oh) * OW * size
                    for m in range(0, OW, count):
                        left = m * step - pw
                        best, picked = least, zero
                        for z in range(z1 - 1, z0 - 1, -1):
                            for y in range(y1 - 1, y0 - 1, -1):
                                for i in range(width):
                                    k = width - 1 - i
                                    base, part = left + k // step * step, k % step
                                    value = strided(x + (z * xd + y * xh) * size, base, part, W, least)
                                    chosen = strided(v + (z * vd + y * vh) * size, base, part, W, zero)
                                    taken = takes(best, value, inside(left + k, W))
                                    best = blend(taken, value, best)
                                    picked = blend(taken, chosen, picked)
                        store(out, m, OW, picked)
        return 0

    return kernel


def clear_function(dtype: np.dtype) -> Any:
    """The Numba function that zeroes the rows [r0, r1) of a plane, of all depths, that lie under no window."""
    from numba.extending import register_jitable

    from .intrinsics import pointer

    size = dtype.itemsize

    def clear(plane: int, params: Any, r0: int, r1: int) -> None:
        D, H, W, OD, OH = params[7], params[8], params[9], params[10], params[11]
        kd, kh, sd, sh, pd, ph = params[13], params[14], params[16], params[17], params[19], params[20]
        for z in range(D):
            # of the windows that begin at or before this depth or row, the last reaches farthest
            deep = OD > 0 and z + pd - min((z + pd) // sd, OD - 1) * sd < kd
            for y in range(r0, r1):
                if not (deep and OH > 0 and y + ph - min((y + ph) // sh, OH - 1) * sh < kh):
                    row = pointer(plane + (z * H + y) * W * size, dtype)
                    for i in range(W):
                        row[i] = 0

    return register_jitable(clear)


def make_max_scatter(name: str, count: int, width: int, step: int) -> FunctionType:
    """out = for each window of x, g added at its first maximum.  Stripes are of rows of x; width is at most 3."""
    from .lanes import Kind, lanes

    dtype = np.dtype(name)
    vector = lanes(Kind(dtype, count, step, width))
    splat, code, load, strided, inside = vector.splat, vector.code, vector.load, vector.strided, vector.inside
    takes, blend, choose, later, later_code = vector.takes, vector.blend, vector.choose, vector.later, vector.later_code
    put, put_more, clear = vector.put, vector.put_more, clear_function(dtype)
    outside, nothing, size = lowest(dtype), dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3], params[4], params[5], params[6]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, sd, sh, pd, ph, pw = params[13], params[14], params[16], params[17], params[19], params[20], params[21]
        gn, gc, gd, gh = params[22], params[23], params[24], params[25]
        least, zero, nowhere = splat(outside), splat(nothing), code(-1)
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            r1 = min(r0 + rows, H)
            x = buffers[1] + (plane // channels * xn + plane % channels * xc) * size
            g = buffers[2] + (plane // channels * gn + plane % channels * gc) * size
            out = buffers[0] + plane * D * H * W * size
            clear(out, params, r0, r1)
            oh0, oh1 = max(0, (r0 + ph - kh + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)
            for od in range(OD):
                z = od * sd - pd
                for oh in range(oh0, oh1):
                    y = oh * sh - ph
                    last0, last1, lastg0, lastg1 = nowhere, nowhere, zero, zero
                    for left in range(-pw, W, count * step):
                        best, at0 = least, nowhere
                        for iz in range(min(z + kd, D) - 1, max(z, 0) - 1, -1):
                            for iy in range(min(y + kh, H) - 1, max(y, 0) - 1, -1):
                                row, position = x + (iz * xd + iy * xh) * size, ((iz - z) * kh + iy - y) * width
                                for i in range(width):
                                    k = width - 1 - i
                                    value = strided(row, left + k // step * step, k % step, W, least)
                                    taken = takes(best, value, inside(left + k, W))
                                    best, at0 = blend(taken, value, best), choose(taken, code(position + k), at0)
                        g0 = load(g + (od * gd + oh * gh) * size, (left + pw) // step, OW, zero)
                        at1, g1 = later_code(last0, at0), later(lastg0, g0)
                        at2, g2 = later_code(last1, at1), later(lastg1, g1)
                        last0, last1, lastg0, lastg1 = at0, at1, g0, g1
                        for iz in range(max(z, 0), min(z + kd, D)):
                            for iy in range(max(y, r0), min(y + kh, r1)):
                                row, position = out + (iz * H + iy) * W * size, ((iz - z) * kh + iy - y) * width
                                # later windows, in row-major order, add to what earlier ones have put
                                if (od == 0 or iz - z >= kd - sd) and (oh == oh0 or iy - y >= kh - sh):
                                    put(row, left, W, position, at0, at1, at2, g0, g1, g2)
                                else:
                                    put_more(row, left, W, position, at0, at1, at2, g0, g1, g2)
        return 0

    return kernel


def make_sum_scatter(name: str, count: int, width: int, step: int) -> FunctionType:
    """out = the sum of g over the windows that hold an element.  Stripes are of rows of out; width is at most 3."""
    from .lanes import Kind, lanes

    dtype = np.dtype(name)
    vector = lanes(Kind(dtype, count, step, width))
    splat, code, load, later = vector.splat, vector.code, vector.load, vector.later
    put, put_more, clear = vector.put_all, vector.put_all_more, clear_function(dtype)
    nothing, size = dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, sd, sh, pd, ph, pw = params[13], params[14], params[16], params[17], params[19], params[20], params[21]
        gn, gc, gd, gh = params[22], params[23], params[24], params[25]
        zero, at = splat(nothing), code(-1)
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            r1 = min(r0 + rows, H)
            g = buffers[1] + (plane // channels * gn + plane % channels * gc) * size
            out = buffers[0] + plane * D * H * W * size
            clear(out, params, r0, r1)
            oh0, oh1 = max(0, (r0 + ph - kh + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)
            for od in range(OD):
                z = od * sd - pd
                for oh in range(oh0, oh1):
                    y = oh * sh - ph
                    lastg0, lastg1 = zero, zero
                    for left in range(-pw, W, count * step):
                        g0 = load(g + (od * gd + oh * gh) * size, (left + pw) // step, OW, zero)
                        g1 = later(lastg0, g0)
                        g2 = later(lastg1, g1)
                        lastg0, lastg1 = g0, g1
                        for iz in range(max(z, 0), min(z + kd, D)):
                            for iy in range(max(y, r0), min(y + kh, r1)):
                                row = out + (iz * H + iy) * W * size
                                if (od == 0 or iz - z >= kd - sd) and (oh == oh0 or iy - y >= kh - sh):
                                    put(row, left, W, 0, at, at, at, g0, g1, g2)
                                else:
                                    put_more(row, left, W, 0, at, at, at, g0, g1, g2)
        return 0

    return kernel
