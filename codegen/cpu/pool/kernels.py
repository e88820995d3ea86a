"""Pooling kernels, a vector of windows of one row at a time.  `plan.py` plans them; Numba is imported only to compile.

All work on (batch, channels, depth, height, width) whose width is contiguous; fewer spatial axes are extents of 1.
The parameters
are `PoolParams`, for all of them.

Windows may hang over either end of the input: what is outside counts as the least value (never chosen) or as 0.

Windows of at most 4 columns, at most 4 apart, have kernels of their own, and of these the ones that look for the place
of the maximum are made for the whole window: such a kernel keeps it in registers and does not branch.  What is in a
window of another size is `general.py`'s.

A gradient is written once, in order, so that it runs at the speed of memory: a row of windows (a vector of them) finds
its maxima and adds to all input rows under it while they are near.  Element step * m + r of an input row lies under
position q * step + r of window m - q: that is a vector of windows moved up by q lanes, and the parts r interleave.
"""

from typing import Any, NamedTuple

import numpy as np

from ..launch import Kernel


class PoolParams(NamedTuple):
    """Of all kernels of pooling.  Strides are in elements; sizes are those of (depth, height, width).

    A work unit is a stripe of at most `rows` rows of one plane: unit = plane * stripes + stripe.
    """

    stripes: int  # in a plane
    rows: int  # in a stripe
    channels: int
    xn: int  # strides of x: batch, channel, depth, height
    xc: int
    xd: int
    xh: int
    D: int  # the input
    H: int
    W: int
    OD: int  # the grid of windows
    OH: int
    OW: int
    kd: int  # a window
    kh: int
    kw: int
    sd: int  # from one window to the next
    sh: int
    sw: int
    pd: int  # padding in front
    ph: int
    pw: int
    vn: int  # strides of the second operand, as those of x
    vc: int
    vd: int
    vh: int
    dd: int = 1  # from one element of a window to the next: dilation
    dh: int = 1
    dw: int = 1


def lowest(dtype: np.dtype[Any]) -> Any:
    """The least value: what is outside of the input counts as this."""
    return dtype.type(-np.inf) if dtype.kind == "f" else dtype.type(np.iinfo(dtype).min)


def make_pool(name: str, lanes: int, width: int, step: int, largest: bool, dilated: bool = False) -> Kernel:
    """out = the maximum (NaN if a window holds one) or the sum of each window of x.  Stripes are of rows of windows.

    Lines are combined first, as whole vectors, then their columns.  A width of 0 stands for any, column by column: so
    are windows that are dilated.
    """
    from ..tiles.intrinsics import read
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, width=max(width, 1), step=step)
    splat, load, strided, store = make.splat, make.load, make.strided, make.store
    combine = make.maximum if largest else make.add
    across = make.across_maximum if largest else make.across_sum
    outside, size = (lowest(dtype) if largest else dtype.type(0)), dtype.itemsize
    spans = -(-(step * (lanes - 1) + width) // lanes)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels = p.stripes, p.rows, p.channels
        xn, xc, xd, xh = p.xn * size, p.xc * size, p.xd * size, p.xh * size
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        kd, kh, kw = p.kd, p.kh, p.kw
        sd, sh, pd, ph, pw = p.sd, p.sh, p.pd, p.ph, p.pw
        dd, dh, dw = (p.dd, p.dh, p.dw) if dilated else (1, 1, 1)
        empty = splat(outside)
        for unit in range(lo, hi):
            plane, first = unit // stripes, unit % stripes * rows
            x = buffers[1] + plane // channels * xn + plane % channels * xc
            for od in range(OD):
                z0, z1 = max(od * sd - pd, 0), min(od * sd - pd + kd, D)
                if dilated:  # from the first element inside, as many whole steps as there are elements
                    z = od * sd - pd
                    z0 = z if z >= 0 else z % dd
                    z1 = z0 + max(min(z + kd * dd, D) - z0 + dd - 1, 0) // dd * dd
                out = buffers[0] + ((plane * OD + od) * OH + first) * OW * size
                for oh in range(first, min(first + rows, OH)):
                    y0, y1 = max(oh * sh - ph, 0), min(oh * sh - ph + kh, H)
                    if dilated:
                        y = oh * sh - ph
                        y0 = y if y >= 0 else y % dh
                        y1 = y0 + max(min(y + kh * dh, H) - y0 + dh - 1, 0) // dh * dh
                    start, lines = x + z0 * xd + y0 * xh, max(z1 - z0, 0) * max(y1 - y0, 0)
                    if dilated:
                        lines = lines // (dd * dh)
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
                                    a = combine(a, strided(row, left + k * dw, W, empty))
                            y, row = y + dh, row + dh * xh
                            if y == y1:
                                y, row = y0, row + dd * xd - (y1 - y0) * xh
                        store(out, m, OW, across(a, b, c, d) if width > 0 else a)
                    out += OW * size
        return 0

    return kernel


def make_max_gather(name: str, lanes: int, depth: int, height: int, width: int, step: int) -> Kernel:
    """out = v at the first maximum of each window of x, 0 where a window is empty.  Stripes are of rows of windows."""
    from ..tiles.intrinsics import read
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, depth, height, width, step)
    splat, store, find, chosen = make.splat, make.store, make.first, make.chosen
    outside, size = lowest(dtype), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels = p.stripes, p.rows, p.channels
        xn, xc, xd, xh = p.xn * size, p.xc * size, p.xd * size, p.xh * size
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        sd, sh, pd, ph, pw = p.sd, p.sh, p.pd, p.ph, p.pw
        vn, vc, vd, vh = p.vn * size, p.vc * size, p.vd * size, p.vh * size
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


def make_max_scatter(name: str, lanes: int, depth: int, height: int, width: int, step: int) -> Kernel:
    """out = for each window of x, g added at its first maximum.  Stripes are of rows of x."""
    from ..tiles.intrinsics import read
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, depth, height, width, step)
    splat, nowhere, load, find = make.splat, make.nowhere, make.load, make.first
    later, later_code, put = make.later, make.later_code, make.put
    outside, nothing, size = lowest(dtype), dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels = p.stripes, p.rows, p.channels
        xn, xc, xd, xh = p.xn * size, p.xc * size, p.xd * size, p.xh * size
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        sd, sh, pd, ph, pw = p.sd, p.sh, p.pd, p.ph, p.pw
        gn, gc, gd, gh = p.vn * size, p.vc * size, p.vd * size, p.vh * size
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


def make_sum_scatter(name: str, lanes: int, width: int, step: int) -> Kernel:
    """out = the sum of g over the windows that hold an element.  Stripes are of rows of out."""
    from ..tiles.intrinsics import read
    from .lanes import functions

    dtype = np.dtype(name)
    make = functions(name, lanes, width=width, step=step)
    splat, nowhere, load, later = make.splat, make.nowhere, make.load, make.later
    put, nothing, size = make.put_all, dtype.type(0), dtype.itemsize

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PoolParams)
        stripes, rows, channels = p.stripes, p.rows, p.channels
        D, H, W, OD, OH, OW = p.D, p.H, p.W, p.OD, p.OH, p.OW
        kd, kh, sd, sh, pd, ph, pw = p.kd, p.kh, p.sd, p.sh, p.pd, p.ph, p.pw
        gn, gc, gd, gh = p.vn * size, p.vc * size, p.vd * size, p.vh * size
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
