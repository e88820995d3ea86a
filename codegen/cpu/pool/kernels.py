"""Pooling kernels, a vector of windows of one row at a time.  `pool.py` plans them; Numba is imported only to compile.

All work on (batch, channels, depth, height, width) whose width is contiguous; fewer spatial axes are extents of 1.
The parameters, in order:

    stripes, rows        a work unit is a stripe of at most `rows` rows of one plane: unit = plane * stripes + stripe
    channels, s[4]       of x: the strides of batch, channel, depth and height, in elements
    D, H, W; OD, OH, OW  sizes of the input and of the windows' grid
    k[3]; s[3]; p[3]     window, strides, padding in front
    t[4]                 of the second operand: strides as those of x

Windows may hang over either end of the input: what is outside counts as the least value (never chosen) or as 0.

Windows of at most 4 columns, at most 4 apart, have kernels of their own, and of these the ones that look for the place
of the maximum are made for the whole window: such a kernel keeps it in registers and does not branch.  What is in a
window of another size is `pool_general.py`'s.

A gradient is written once, in order, so that it runs at the speed of memory: a row of windows (a vector of them) finds
its maxima and adds to all input rows under it while they are near.  Element step * m + r of an input row lies under
position q * step + r of window m - q: that is a vector of windows moved up by q lanes, and the parts r interleave.
"""

from types import FunctionType
from typing import Any

import numpy as np


def lowest(dtype: np.dtype) -> Any:
    """The least value: what is outside of the input counts as this."""
    return dtype.type(-np.inf) if dtype.kind == "f" else dtype.type(np.iinfo(dtype).min)


def make_pool(name: str, lanes: int, width: int, step: int, largest: bool) -> FunctionType:
    """out = the maximum (NaN if a window holds one) or the sum of each window of x.  Stripes are of rows of windows.

    Lines are combined first, as whole vectors, then their columns.  A width of 0 stands for any, column by column.
    """
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, width=max(width, 1), step=step)
    splat, load, strided, store = make.splat, make.load, make.strided, make.store
    combine = make.maximum if largest else make.add
    across = make.across_maximum if largest else make.across_sum
    outside, size = (lowest(dtype) if largest else dtype.type(0)), dtype.itemsize
    spans = -(-(step * (lanes - 1) + width) // lanes)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3] * size, params[4] * size, params[5] * size, params[6] * size
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, kw = params[13], params[14], params[15]
        sd, sh, pd, ph, pw = params[16], params[17], params[19], params[20], params[21]
        empty = splat(outside)
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + plane // channels * xn + plane % channels * xc
            for od in range(OD):
                z0, z1 = max(od * sd - pd, 0), min(od * sd - pd + kd, D)
                out = buffers[0] + ((plane * OD + od) * OH + first) * OW * size
                for oh in range(first, min(first + rows, OH)):
                    y0, y1 = max(oh * sh - ph, 0), min(oh * sh - ph + kh, H)
                    start, lines = x + z0 * xd + y0 * xh, max(z1 - z0, 0) * max(y1 - y0, 0)
                    for m in range(0, OW, lanes):
                        left = m * step - pw
                        a, b, c, d = empty, empty, empty, empty
                        row, y = start, y0
                        for _ in range(lines):
                            if width > 0:
                                a = combine(a, load(row, left, W, empty))
                                if spans > 1:
                                    b = combine(b, load(row, left + lanes, W, empty))
                                if spans > 2:
                                    c = combine(c, load(row, left + 2 * lanes, W, empty))
                                if spans > 3:
                                    d = combine(d, load(row, left + 3 * lanes, W, empty))
                            else:
                                for k in range(kw):
                                    a = combine(a, strided(row, left + k, W, empty))
                            y, row = y + 1, row + xh
                            if y == y1:
                                y, row = y0, row + xd - (y1 - y0) * xh
                        store(out, m, OW, across(a, b, c, d) if width > 0 else a)
                    out += OW * size
        return 0

    return kernel


def make_max_gather(name: str, lanes: int, depth: int, height: int, width: int, step: int) -> FunctionType:
    """out = v at the first maximum of each window of x, 0 where a window is empty.  Stripes are of rows of windows."""
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, depth, height, width, step)
    splat, store, find, chosen = make.splat, make.store, make.first, make.chosen
    outside, size = lowest(dtype), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3] * size, params[4] * size, params[5] * size, params[6] * size
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        sd, sh, pd, ph, pw = params[16], params[17], params[19], params[20], params[21]
        vn, vc, vd, vh = params[22] * size, params[23] * size, params[24] * size, params[25] * size
        least = splat(outside)
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + plane // channels * xn + plane % channels * xc
            v = buffers[2] + plane // channels * vn + plane % channels * vc
            for od in range(OD):
                z = od * sd - pd
                out = buffers[0] + ((plane * OD + od) * OH + first) * OW * size
                for oh in range(first, min(first + rows, OH)):
                    y = oh * sh - ph
                    # the lines of the window that lie inside
                    z0, z1, y0, y1 = max(0, -z), min(depth, D - z), max(0, -y), min(height, H - y)
                    for m in range(0, OW, lanes):
                        left = m * step - pw
                        at = find(x + z * xd + y * xh, xd, xh, z0, z1, y0, y1, left, W, least, m, OW)
                        picked = chosen(v + z * vd + y * vh, vd, vh, z0, z1, y0, y1, left, W, at)
                        store(out, m, OW, picked)
                    out += OW * size
        return 0

    return kernel


def make_clear(name: str) -> FunctionType:
    """out = 0 in the rows that lie under no window.  Stripes are of rows of out.

    Launched only where windows leave rows out: behind the last one, or between windows that are farther apart than
    they are tall.
    """
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)
    nothing, size = dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows = params[0], params[1]
        D, H, W, OD, OH = params[7], params[8], params[9], params[10], params[11]
        kd, kh, sd, sh, pd, ph = params[13], params[14], params[16], params[17], params[19], params[20]
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


def make_max_scatter(name: str, lanes: int, depth: int, height: int, width: int, step: int) -> FunctionType:
    """out = for each window of x, g added at its first maximum.  Stripes are of rows of x."""
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, depth, height, width, step)
    splat, nowhere, load, find = make.splat, make.nowhere, make.load, make.first
    later, later_code, put = make.later, make.later_code, make.put
    outside, nothing, size = lowest(dtype), dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        xn, xc, xd, xh = params[3] * size, params[4] * size, params[5] * size, params[6] * size
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        sd, sh, pd, ph, pw = params[16], params[17], params[19], params[20], params[21]
        gn, gc, gd, gh = params[22] * size, params[23] * size, params[24] * size, params[25] * size
        least, zero, none = splat(outside), splat(nothing), nowhere()
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            r1 = min(r0 + rows, H)
            x = buffers[1] + plane // channels * xn + plane % channels * xc
            g = buffers[2] + plane // channels * gn + plane % channels * gc
            out = buffers[0] + plane * D * H * W * size
            oh0, oh1 = max(0, (r0 + ph - height + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)
            for od in range(OD):
                z = od * sd - pd
                for oh in range(oh0, oh1):
                    y = oh * sh - ph
                    # the lines of the window that lie inside; of these, the ones that lie in this stripe
                    z0, z1, y0, y1 = max(0, -z), min(depth, D - z), max(0, -y), min(height, H - y)
                    t0, t1 = max(0, r0 - y), min(height, r1 - y)
                    at0, at1, g0, g1 = none, none, zero, zero
                    for left in range(-pw, W, lanes * step):
                        m = (left + pw) // step
                        before_at, before_at1, before_g, before_g1 = at0, at1, g0, g1
                        at0 = find(x + z * xd + y * xh, xd, xh, z0, z1, y0, y1, left, W, least, m, OW)
                        g0 = load(g + od * gd + oh * gh, m, OW, zero)
                        at1, g1 = later_code(before_at, at0), later(before_g, g0)
                        at2, g2 = later_code(before_at1, at1), later(before_g1, g1)
                        for tz in range(z0, z1):
                            row = out + ((z + tz) * H + y + t0) * W * size
                            for ty in range(t0, t1):
                                # later windows, in row-major order, add to what earlier ones have put
                                more = (od > 0 and tz < depth - sd) or (oh > oh0 and ty < height - sh)
                                put(row, left, W, more, (tz * height + ty) * width, at0, at1, at2, g0, g1, g2)
                                row += W * size
        return 0

    return kernel


def make_sum_scatter(name: str, lanes: int, width: int, step: int) -> FunctionType:
    """out = the sum of g over the windows that hold an element.  Stripes are of rows of out."""
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, width=width, step=step)
    splat, nowhere, load, later = make.splat, make.nowhere, make.load, make.later
    put, nothing, size = make.put_all, dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        stripes, rows, channels = params[0], params[1], params[2]
        D, H, W, OD, OH, OW = params[7], params[8], params[9], params[10], params[11], params[12]
        kd, kh, sd, sh, pd, ph, pw = params[13], params[14], params[16], params[17], params[19], params[20], params[21]
        gn, gc, gd, gh = params[22] * size, params[23] * size, params[24] * size, params[25] * size
        zero, at = splat(nothing), nowhere()
        for unit in range(lo, hi):
            plane, r0 = unit // stripes, unit % stripes * rows
            r1 = min(r0 + rows, H)
            g = buffers[1] + plane // channels * gn + plane % channels * gc
            out = buffers[0] + plane * D * H * W * size
            oh0, oh1 = max(0, (r0 + ph - kh + sh) // sh), min(OH, (r1 - 1 + ph) // sh + 1)
            for od in range(OD):
                z = od * sd - pd
                for oh in range(oh0, oh1):
                    y = oh * sh - ph
                    t0, t1 = max(0, r0 - y), min(kh, r1 - y)
                    g0, g1 = zero, zero
                    for left in range(-pw, W, lanes * step):
                        before, before1 = g0, g1
                        g0 = load(g + od * gd + oh * gh, (left + pw) // step, OW, zero)
                        g1 = later(before, g0)
                        g2 = later(before1, g1)
                        for tz in range(max(0, -z), min(kd, D - z)):
                            row = out + ((z + tz) * H + y + t0) * W * size
                            for ty in range(t0, t1):
                                more = (od > 0 and tz < kd - sd) or (oh > oh0 and ty < kh - sh)
                                put(row, left, W, more, 0, at, at, at, g0, g1, g2)
                                row += W * size
        return 0

    return kernel
