"""The structured kernels of each kind, as plans for a kind of processor name them: what is assembled in tests."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from weft.codegen.cuda.index.copy import make_copy
from weft.codegen.cuda.index.cumsum import make_chunk_scan, make_chunk_sum, make_row_scan
from weft.codegen.cuda.index.gather import make_gather
from weft.codegen.cuda.index.labels import make_check_labels
from weft.codegen.cuda.index.merge_sort import make_merge, make_sort_tiles
from weft.codegen.cuda.index.runs import make_last_of_runs, make_run_rests, make_run_sums
from weft.codegen.cuda.index.targets import make_targets
from weft.codegen.cuda.launch import Processor
from weft.codegen.cuda.pool.cells import make_cells
from weft.codegen.cuda.pool.elements import make_elements
from weft.codegen.cuda.pool.forward import make_max_gather, make_max_places, make_max_pool, make_sum_pool
from weft.codegen.cuda.pool.windows import WindowShape
from weft.codegen.cuda.products import conv, tiles
from weft.codegen.cuda.products.conv import plan_conv
from weft.codegen.cuda.products.matmul import plan_matmul
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.codegen.cuda.trace.protect import make_conditional
from weft.codegen.cuda.trace.protect import make_copy as make_copy_of_bytes

from .graphs_of_nests import GRAPHS, nests_of
from .simulated_plans import make_plan
from .test_nests import plan_of

TILES = ("TENSOR_TILES", "ROUNDED_TILES", "SIMT_TILES", "SIMT_TILES_OF_8_BYTES")
FIELDS = ("strides", "padding", "x_dilation", "w_dilation", "groups", "batch_groups")
MULTIPROCESSORS = 100


class KernelOfKind(NamedTuple):
    """A kernel, of a kind whose registers have one bound, and what it is among them."""

    kind: str
    name: str
    kernel: TraceRef


def zeros(*shape, dtype="float32"):
    """An array that takes no memory: plans look at shapes and strides alone."""
    return np.empty(shape, dtype)


def one_tile(monkeypatch, tile):
    """Plans take this tile."""
    for name in TILES:
        monkeypatch.setattr(tiles, name, (tile,))


def multipliers(architecture, every):
    """(dtype, tile, processor) for each way in which one multiplies; if not `every`, float32 under the largest tile."""
    exact, rounded = (Processor(architecture, MULTIPROCESSORS, how) for how in ("float32", "tf32"))
    if not every:
        yield "float32", (tiles.TENSOR_TILES if architecture >= 80 else tiles.SIMT_TILES)[0], exact
        return
    ways = {"float64": [(tiles.SIMT_TILES_OF_8_BYTES, exact)]}
    if architecture >= 80:
        ways["float32"] = [(tiles.TENSOR_TILES, exact), (tiles.ROUNDED_TILES, rounded)]
    else:
        ways["float32"] = [(tiles.SIMT_TILES, exact)]
    for dtype, listed in ways.items():
        for candidates, processor in listed:
            for tile in candidates:
                yield dtype, tile, processor
    for dtype in ("bool", "int8", "int64"):
        yield dtype, tiles.SIMT_TILES_OF_8_BYTES[-1], exact


def math_of(kernel):
    """How a product is computed: "tf32x3"."""
    return kernel.arguments[0].frame.math


def name_of(kernel, what):
    """What a kernel of products is among those of its kind."""
    tile = kernel.arguments[0].frame.tile
    return f"{tile.rows}x{tile.columns}x{tile.depth} in {tile.warps} x {tile.slices} warps, {what}"


def matmuls(architecture, monkeypatch, every=True) -> Iterator[KernelOfKind]:
    """Matrix products under each tile: rows that are read by fours, and elements that lie anyhow."""
    for dtype, tile, processor in list(multipliers(architecture, every)):
        with monkeypatch.context() as patch:
            one_tile(patch, tile)
            for what, k in (("by fours", 512), ("by ones", 513))[0 if every else 1 :]:
                a, b = zeros(300, k, dtype=dtype), zeros(k, 260, dtype=dtype)
                plan = make_plan(lambda out, x, y, _: plan_matmul(out, x, y, processor), dtype, (300, 260), a, b)[0]
                kernel = plan.launches[0].kernel
                yield KernelOfKind(f"matmul {math_of(kernel)} {dtype}", name_of(kernel, what), kernel)


def convolutions(architecture, monkeypatch, every=True) -> Iterator[KernelOfKind]:
    """Convolutions under each tile: pieces of the image in shared memory, where there are any, and single elements."""
    fields = dict(zip(FIELDS, ((1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1), 1, 1), strict=True))
    for dtype, tile, processor in list(multipliers(architecture, every)):
        if dtype in ("float32", "float64"):
            for pieces in (True, False):
                with monkeypatch.context() as patch:
                    one_tile(patch, tile)
                    if not pieces:
                        patch.setattr(conv, "plan_patch", lambda *arguments: None)
                    x, w = zeros(16, 16, 12, 12, dtype=dtype), zeros(64, 16, 3, 3, dtype=dtype)
                    plan = make_plan(
                        lambda out, x, w, _, **given: plan_conv(out, x, w, processor, **given),
                        *(dtype, (16, 64, 12, 12), x, w),
                        **fields,
                    )[0]
                kernel, piece = plan.launches[0].kernel, "piece" in plan.way
                if pieces == piece:
                    kind = f"conv {math_of(kernel)} {dtype}"
                    yield KernelOfKind(kind, name_of(kernel, "of pieces" if piece else "by ones"), kernel)


PAIRS, THREE = WindowShape((2, 2), (2, 2), False, 2), WindowShape((3, 3), (2, 2), True)
LARGE, SPACE = WindowShape((9, 9), (1, 1), True), WindowShape((2, 2, 2), (2, 2, 2), True)


def others(wide) -> Iterator[KernelOfKind]:
    """Pools, indices, order; places are of 64 bits if `wide`."""
    refs = {
        "pool": (
            *(TraceRef(make_max_pool, ("float32", PAIRS, 1, wide)), TraceRef(make_max_pool, ("bool", LARGE, 2, wide))),
            TraceRef(make_max_places, ("float64", THREE, 1, wide)),
            TraceRef(make_max_gather, ("uint16", "float64", SPACE, 1, wide)),
            *(TraceRef(make_sum_pool, ("float32", THREE, 1, wide)), TraceRef(make_sum_pool, ("bool", LARGE, 1, wide))),
            TraceRef(make_cells, ("float32", "float32", PAIRS, 1, True, wide)),
            TraceRef(make_cells, ("float64", "float64", THREE, 2, False, wide)),
            TraceRef(make_cells, ("", "float32", SPACE, 1, False, wide)),
            TraceRef(make_elements, ("float32", THREE, 1, True, wide)),
            TraceRef(make_elements, ("float64", LARGE, 2, False, wide)),
        ),
        "index": (
            TraceRef(make_check_labels, ("uint64", 2, wide)),
            *(TraceRef(make_copy, ("uint32", 2, 4, True, wide)), TraceRef(make_copy, ("uint8", 3, 1, False, wide))),
            TraceRef(make_targets, (("int64", "uint16"), 2, True, wide)),
            TraceRef(make_gather, ("uint8", ("int64", "int32"), 2, 2, 1, wide)),
            *(TraceRef(make_run_sums, ("float64", 1, 1, wide)), TraceRef(make_run_sums, ("bool", 2, 2, wide))),
            *(TraceRef(make_run_rests, ("float32", 1, wide)), TraceRef(make_last_of_runs, ("uint16", 1, 2, wide))),
        ),
        "order": (
            TraceRef(make_row_scan, ("float32", True, 1, wide)),
            TraceRef(make_chunk_sum, ("float64", False, 1, wide)),
            TraceRef(make_chunk_scan, ("float32", True, 1, wide)),
            TraceRef(make_sort_tiles, ("float32", False, 1, False, wide)),
            TraceRef(make_sort_tiles, ("uint64", True, 2, True, wide)),
            *(TraceRef(make_merge, ("int32", False, wide)), TraceRef(make_merge, ("int64", True, wide))),
        ),
        "copy": (
            TraceRef(make_copy_of_bytes),
            TraceRef(make_conditional, (TraceRef(make_gather, ("uint8", ("int64", "int32"), 2, 2, 1, wide)),)),
        ),
    }
    for kind, listed in refs.items():
        for kernel in listed:
            yield KernelOfKind(kind, str(kernel), kernel)


def nests(names=tuple(GRAPHS)) -> Iterator[KernelOfKind]:
    """The nests of some graphs."""
    for name in names:
        for number, (nest, sizes, _) in enumerate(nests_of(name)):
            kind = "nest of functions" if name == "functions" else "nest"
            yield KernelOfKind(kind, f"{name} {number}", plan_of(nest, sizes)[0].kernel)
