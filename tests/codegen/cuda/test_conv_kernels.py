"""Convolutions on a device: forward, both gradients and transposed, in one to three dimensions, in each of the ways."""

import itertools

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda.launch import Processor, Strided
from weft.codegen.cuda.products import conv, patch, tiles
from weft.codegen.cuda.products.conv import plan_conv
from weft.codegen.cuda.trace import simulator
from weft.ops.conv import Conv

from ...sampling import every
from .simulated_plans import ARRANGEMENTS, arrange, check_code, make_plan, run

OLD, MODERN, ROUNDED = Processor(75, 4), Processor(90, 4), Processor(80, 4, "tf32")
H100 = Processor(90, 132)
PROCESSORS = pytest.mark.parametrize("processor", [OLD, MODERN], ids=["sm_75", "sm_90"])
FIELDS = ("strides", "padding", "x_dilation", "w_dilation", "groups", "batch_groups")


def draw(*shape, seed=0, dtype="float32"):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def op_of(rank, strides=1, padding=0, x_dilation=1, w_dilation=1, groups=1, batch_groups=1):
    """The op; numbers stand for all axes."""

    def each(value):
        return (value,) * rank if isinstance(value, int) else value

    pads = tuple(pad if isinstance(pad, tuple) else (pad, pad) for pad in each(padding))
    return Conv(each(strides), pads, each(x_dilation), each(w_dilation), groups, batch_groups)


def convolve(x, w, op, processor=MODERN):
    """What the plan computes, and the plan."""
    shape = op.numpy(x, w).shape

    def planner(out, image, weights, _, **fields):
        return plan_conv(out, image, weights, processor, **fields)

    plan, out, buffers = make_plan(planner, x.dtype, shape, x, w, **{name: getattr(op, name) for name in FIELDS})
    result, _ = run(plan, out, buffers)
    assert not any(table.any() for table in plan.tables)
    return result, plan


def check(x, w, op, processor=MODERN):
    """The result is that of float64, up to rounding relative to the sum of magnitudes."""
    result, plan = convolve(x, w, op, processor)
    rounding = 2.0**-50 if x.dtype == np.float64 else 2.0**-9.5 if processor.precision == "tf32" else 2.0**-19
    wide = [array.astype(np.float64) for array in (x, w)]
    expected, size = op.numpy(*wide), op.numpy(*map(abs, wide))
    assert result.shape == expected.shape
    assert (abs(result - expected) <= rounding * size).all()
    return plan


CASES = {
    "1d": ((3, 5, 17), (4, 5, 3), {}),
    "1d, strides": ((2, 3, 30), (5, 3, 4), {"strides": 3, "padding": ((2, 1),)}),
    "1d, dilated kernel": ((2, 3, 20), (5, 3, 3), {"w_dilation": 4, "padding": 2}),
    "2d": ((2, 5, 9, 7), (12, 5, 3, 3), {"padding": 1}),
    "2d, rows of a multiple of four": ((2, 8, 9, 8), (12, 8, 3, 3), {"padding": 1}),
    "2d, strides": ((3, 4, 11, 12), (6, 4, 3, 2), {"strides": (2, 3), "padding": (1, 0)}),
    "2d, one side padded": ((2, 3, 6, 8), (4, 3, 3, 3), {"padding": ((0, 2), (3, 0))}),
    "2d, more padding than kernel": ((2, 3, 5, 4), (4, 3, 2, 2), {"padding": 5}),
    "2d, cropped": ((2, 3, 9, 12), (4, 3, 3, 3), {"padding": ((-1, -2), (-3, 1))}),
    "2d, dilated kernel": ((2, 3, 9, 8), (4, 3, 3, 2), {"w_dilation": (2, 3), "padding": 2}),
    "2d, one place": ((5, 7, 3, 3), (6, 7, 3, 3), {}),
    "2d, many images": ((11, 3, 4, 4), (5, 3, 3, 3), {"padding": 1}),
    "2d, kernel of one": ((3, 9, 5, 4), (6, 9, 1, 1), {}),
    "2d, kernel of one, strides": ((3, 9, 5, 4), (6, 9, 1, 1), {"strides": 2}),
    "2d, one channel": ((2, 1, 12, 12), (20, 1, 5, 5), {}),
    "2d, groups": ((2, 6, 6, 6), (4, 3, 3, 3), {"padding": 1, "groups": 2}),
    "2d, a group a channel": ((2, 5, 6, 6), (5, 1, 3, 3), {"padding": 1, "groups": 5}),
    "2d, groups of the batch": ((6, 3, 6, 6), (4, 3, 3, 3), {"padding": 1, "batch_groups": 2}),
    "2d, gradient of strides": ((2, 5, 4, 5), (4, 5, 3, 3), {"x_dilation": 2, "padding": ((2, 1), (2, 2))}),
    "2d, phases without a tap": ((2, 5, 4, 5), (4, 5, 1, 2), {"x_dilation": (3, 2), "padding": 1}),
    "2d, all dilated": ((2, 5, 6, 6), (7, 5, 3, 3), {"x_dilation": (3, 2), "strides": (2, 3), "w_dilation": (1, 2)}),
    "2d, wide": ((1, 3, 4, 140), (4, 3, 3, 3), {"padding": 1}),
    "2d, large kernel": ((4, 5, 12, 12), (6, 5, 10, 10), {}),
    "3d": ((2, 3, 4, 5, 6), (5, 3, 2, 3, 2), {"padding": ((1, 1), (0, 1), (-1, 2))}),
    "3d, groups, dilated": (
        (2, 4, 3, 4, 5),
        (6, 2, 2, 1, 2),
        {"groups": 2, "x_dilation": (1, 2, 2), "strides": (2, 1, 1)},
    ),
    "3d, flat": ((2, 3, 1, 5, 6), (4, 3, 1, 3, 3), {"padding": ((0, 0), (1, 1), (1, 1))}),
}


@pytest.mark.parametrize("case", CASES)
@PROCESSORS
def test_options(case, processor):
    shape, kernel, options = CASES[case]
    op = op_of(len(shape) - 2, **options)
    check(draw(*shape), draw(*kernel, seed=1), op, processor)


@pytest.mark.parametrize("case", every(2, CASES))
def test_options_element_by_element(case, monkeypatch):
    """Without pieces in shared memory, where places do not fit into int32."""
    shape, kernel, options = CASES[case]
    op, x, w = op_of(len(shape) - 2, **options), draw(*shape), draw(*kernel, seed=1)
    monkeypatch.setattr(conv, "is_wide", lambda *arrays: True)
    monkeypatch.setattr(conv, "plan_patch", lambda *arguments: None)
    monkeypatch.setattr(conv, "_plan_matrices", lambda *arguments: None)
    plan = check(x, w, op)
    assert "piece" not in plan.way


@pytest.mark.parametrize("case", ["1d, strides", "2d", "2d, all dilated", "3d, groups, dilated"])
@PROCESSORS
def test_float64(case, processor):
    shape, kernel, options = CASES[case]
    op = op_of(len(shape) - 2, **options)
    check(draw(*shape, dtype="float64"), draw(*kernel, seed=1, dtype="float64"), op, processor)


@PROCESSORS
def test_nothing(processor):
    op = op_of(2, padding=1)
    for shape, kernel in (((0, 3, 4, 4), (5, 3, 3, 3)), ((2, 3, 4, 4), (0, 3, 3, 3)), ((2, 3, 4, 4), (5, 3, 7, 3))):
        assert check(np.zeros(shape, np.float32), np.zeros(kernel, np.float32), op, processor).launches == ()
    for shape, kernel in (((2, 0, 4, 4), (5, 0, 3, 3)), ((2, 3, 0, 4), (5, 3, 1, 3)), ((2, 3, 4, 4), (5, 3, 0, 3))):
        result, _ = convolve(np.zeros(shape, np.float32), np.zeros(kernel, np.float32), op, processor)
        assert result.size > 0
        assert not result.any()


@PROCESSORS
@pytest.mark.parametrize("case", ["2d, rows of a multiple of four", "2d, kernel of one", "3d, groups, dilated"])
def test_operands_lie_anyhow(case, processor):
    shape, kernel, options = CASES[case]
    op, x, w = op_of(len(shape) - 2, **options), draw(*shape), draw(*kernel, seed=1)
    for left, right in zip(ARRANGEMENTS, ARRANGEMENTS[1:] + ARRANGEMENTS[:1], strict=True):
        check(arrange(x, left), arrange(w, right), op, processor)
    last = [np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1) for array in (x, w)]
    check(*last, op, processor)


@PROCESSORS
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2, "dilation": 2}], ids=str)
def test_gradients(options, processor):
    """The convolutions that weft's own gradients are, with the operands that they get."""
    x, w = wf.tensor4("x", (3, 4, 9, 8)), wf.tensor4("w", (6, 4 // options.get("groups", 1), 3, 3))
    gradients = wf.grad((wf.conv2d(x, w, **options) ** 2).sum(), [x, w])
    ops = {node.op for gradient in gradients for node in nodes_of(gradient) if isinstance(node.op, Conv)}
    assert len(ops) == 3
    for node in {node for gradient in gradients for node in nodes_of(gradient) if isinstance(node.op, Conv)}:
        left, right = (draw(*arg.shape, seed=i) for i, arg in enumerate(node.args))
        check(arrange(left, "transposed"), arrange(right, "turned"), node.op, processor)


def nodes_of(expr):
    """All nodes that an expression depends on."""
    found, waiting = set(), [expr]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.args
    return found


# ---- ways ---------------------------------------------------------------------------------------------------------


def way(shape, kernel, processor=H100, **options):
    """How a convolution of contiguous arrays of these shapes is computed."""
    op = op_of(len(shape) - 2, **options)
    spatial = op.out_sizes(shape[2:], kernel[2:])
    out, x, w = (
        Strided(np.dtype("f4"), s, tuple(int(np.prod(s[i + 1 :])) for i in range(len(s))))
        for s in ((shape[0] // op.batch_groups, kernel[0], *spatial), shape, kernel)
    )
    return plan_conv(out, x, w, processor, **{name: getattr(op, name) for name in FIELDS}).way


def test_images_that_fit_stay_in_shared_memory():
    assert "piece" in way((128, 20, 12, 12), (50, 20, 5, 5))
    assert "piece" in way((32, 64, 32, 32), (64, 64, 3, 3), padding=1)
    assert "piece" not in way((32, 64, 32, 32), (64, 64, 3, 3), OLD, padding=1)
    assert "piece" not in way((32, 64, 3, 3), (64, 64, 3, 3), x_dilation=2, strides=2, padding=2)
    assert "piece" not in way((2, 4000, 9, 9), (64, 4000, 3, 3))
    assert "piece" not in way((2, 8, 9, 400), (64, 8, 3, 3))
    assert "matmul" in way((32, 64, 32, 32), (64, 64, 1, 1))
    assert "matmul" not in way((32, 64, 32, 32), (64, 32, 1, 1), groups=2)
    assert way((32, 16, 8, 8), (4, 16, 3, 3), x_dilation=2).startswith(("4 x", "2 x", "1 x", "3 x"))
    assert "k by" in way((16, 64, 32, 32), (16, 64, 32, 32), padding=1)


def large(tile):
    """The tile as a parameter of a test, which is slow for large ones."""
    marks = [pytest.mark.slow] if tile.rows * tile.columns > 1 << 10 else []
    return pytest.param(tile, marks=marks, id=f"{tile.rows}x{tile.columns}x{tile.depth}")


@pytest.mark.parametrize("tile", [large(tile) for tile in tiles.ROUNDED_TILES])
def test_patches_under_each_tile(tile, monkeypatch):
    for name in ("TENSOR_TILES", "ROUNDED_TILES"):
        monkeypatch.setattr(tiles, name, (tile,))
    monkeypatch.setattr(patch, "_ONE_BY_ONE", 1e9)
    processor = MODERN if tile in tiles.TENSOR_TILES[1:] else ROUNDED
    for shape, options in (((3, 6, 5, 4), {"padding": 1}), ((2, 4, 17, 15), {"strides": 2, "padding": (0, 2)})):
        op = op_of(2, **options)
        plan = check(draw(*shape), draw(tile.rows + 3, shape[1], 3, 2, seed=1), op, processor)
        assert "piece" in plan.way
    check_code(plan.launches[0].kernel, "sm_80")


def test_patches_beyond_int32(monkeypatch):
    monkeypatch.setattr(conv, "is_wide", lambda *arrays: True)
    for case in ("2d, rows of a multiple of four", "2d, groups", "2d, gradient of strides"):
        shape, kernel, options = CASES[case]
        plan = check(draw(*shape), arrange(draw(*kernel, seed=1), "turned"), op_of(2, **options))
        code = plan.launches[0].kernel.arguments[0]
        assert code.wide
        assert "piece" in plan.way
    check_code(plan.launches[0].kernel, "sm_90")


@pytest.mark.parametrize("tile", [large(tile) for tile in tiles.SIMT_TILES])
def test_windows_under_each_tile(tile, monkeypatch):
    for name in ("SIMT_TILES", "SIMT_TILES_OF_8_BYTES"):
        monkeypatch.setattr(tiles, name, (tile,))
    x, w, op = draw(2, 3, 5, 7), draw(tile.rows + 3, 3, 3, 3, seed=1), op_of(2, padding=1)
    check_code(check(x, w, op, OLD).launches[0].kernel, "sm_75")
    check(draw(3, 2, 7, 8), draw(4, 2, 6, 6, seed=1), op_of(2), OLD)  # k along the threads


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_that_share_a_tile_add_up_in_order(dtype, monkeypatch):
    """A weight gradient: few results, each of many products."""
    x, g = draw(4, 2, 16, 13, dtype=dtype), draw(4, 5, 15, 12, seed=1, dtype=dtype)
    x, g, op = x.swapaxes(0, 1), g.swapaxes(0, 1), op_of(2)
    monkeypatch.setattr(conv, "plan_patch", lambda *arguments: None)
    processor = Processor(90, 20)
    plan = check(x, g, op, processor)
    assert "k by" in plan.way
    together, _ = convolve(x, g, op, processor)
    monkeypatch.setattr(simulator, "TOGETHER", 1)
    alone, _ = convolve(x, g, op, processor)
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("way", ["piece", "elements"])
def test_infinities_and_nan(way, monkeypatch):
    """They reach the results whose window they are in, and no other: padding of k and of tiles is no product."""
    if way == "elements":
        monkeypatch.setattr(conv, "plan_patch", lambda *arguments: None)
    x, w, op = draw(3, 3, 7, 6), draw(5, 3, 3, 3, seed=1), op_of(2)
    x[0, 0, 0, 0], x[1, 2, 6, 5], x[2, 1, 3, 3], x[0, 1, 6, 0] = np.inf, np.nan, -np.inf, np.nan
    expected = op.numpy(x, w)
    for processor in (OLD, MODERN, ROUNDED):
        result, plan = convolve(x, w, op, processor)
        assert ("piece" in plan.way) == (way == "piece" and processor is not OLD)
        np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
        infinite = np.isinf(expected)
        np.testing.assert_array_equal(result[infinite], expected[infinite])
        finite = np.isfinite(expected)
        np.testing.assert_allclose(result[finite], expected[finite], rtol=0.02, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_convolutions(seed):
    rng = np.random.default_rng(seed)
    for number in range(6):
        rank = rng.integers(1, 4)
        sizes, kernel = rng.integers(1, 9, rank), rng.integers(1, 4, rank)
        groups, batch_groups = [(1, 1), (2, 1), (1, 2)][rng.integers(3)]
        values = [tuple(map(int, rng.integers(1, 4, rank))) for _ in range(3)]
        pads = tuple((int(a), int(b)) for a, b in rng.integers(-1, 5, (rank, 2)))
        op = Conv(values[0], pads, values[1], values[2], groups, batch_groups)
        shape = (2 * rng.integers(1, 4), groups * rng.integers(1, 5), *sizes)
        weights = (groups * batch_groups * rng.integers(1, 20), shape[1] // groups, *kernel)
        axes = zip(sizes, kernel, *values, pads, strict=True)
        if any((n - 1) * a + 1 + p + q < (m - 1) * d + 1 for n, m, _, a, d, (p, q) in axes):
            continue
        for processor, how in itertools.product((OLD, MODERN), ("plain", "turned")):
            check(arrange(draw(*shape, seed=number), how), arrange(draw(*weights), how), op, processor)
