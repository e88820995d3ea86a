"""Matrix products on a device: every tile and kind of arithmetic at ragged sizes, however operands lie in memory."""

import itertools

import numpy as np
import pytest

from weft.codegen.cuda.launch import Processor
from weft.codegen.cuda.products import matmul, tiles
from weft.codegen.cuda.products.matmul import plan_matmul
from weft.codegen.cuda.products.operands import Layout
from weft.codegen.cuda.trace import simulator
from weft.codegen.cuda.trace.division import divisor_numbers
from weft.codegen.cuda.trace.ptx import ISA

from ...sampling import rarely
from .simulated_plans import ARRANGEMENTS, arrange, check_code, make_plan, run

OLD, MODERN, ROUNDED = Processor(75, 4), Processor(90, 4), Processor(80, 4, "tf32")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ROUNDING = {"float16": 2.0**-11, "float32": 2.0**-19, "float64": 2.0**-50}


def draw(*shape, seed=0, dtype="float32"):
    x = np.random.default_rng([seed, *shape]).standard_normal(shape)
    if np.dtype(dtype).kind in "iu":
        return np.random.default_rng(seed).integers(-(1 << 62), 1 << 62, shape).astype(dtype)
    return x > 0.5 if dtype == "bool" else x.astype(dtype)


def multiply(a, b, processor=MODERN):
    """The product and its plan."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])

    def planner(out, x, y, _):
        return plan_matmul(out, x, y, processor)

    plan, out, buffers = make_plan(planner, a.dtype, (*batch, a.shape[-2], b.shape[-1]), a, b)
    result, _ = run(plan, out, buffers)
    assert not any(table.any() for table in plan.tables)  # counters are left as they were
    return result, plan


def check(a, b, processor=MODERN, rounding=None):
    """The product is NumPy's up to the rounding of the dtype, relative to the sum of magnitudes."""
    result, plan = multiply(a, b, processor)
    x, y = a.astype(np.float64), b.astype(np.float64)
    assert result.shape == (x @ y).shape
    bound = (rounding or ROUNDING[a.dtype.name]) * (abs(x) @ abs(y))
    assert (abs(result - x @ y) <= bound).all()
    return plan


@pytest.fixture
def only(monkeypatch):
    """Allow one tile."""

    def choose(tile):
        for name in ("TENSOR_TILES", "ROUNDED_TILES", "SIMT_TILES", "SIMT_TILES_OF_8_BYTES"):
            monkeypatch.setattr(tiles, name, (tile,))

    return choose


@pytest.mark.parametrize("processor", [OLD, MODERN, ROUNDED], ids=str)
def test_sizes(processor):
    small = (0, 1, 17), (0, 1, 3), (0, 3, 17)
    for m, n, k in (*itertools.product(*small), (130, 17, 3), (3, 130, 17), (17, 3, 130)):
        check_size(m, n, k, processor)


def check_size(m, n, k, processor):
    rounding = 2.0**-9.5 if processor is ROUNDED else None
    plan = check(draw(m, k), draw(k, n, seed=1), processor, rounding)
    assert len(plan.launches) == (m * n > 0)
    assert ("zeros" in plan.way) == (k == 0 < m * n)


@pytest.mark.slow
@pytest.mark.parametrize("processor", [OLD, MODERN, ROUNDED], ids=str)
def test_more_sizes(processor):
    for m, n, k in itertools.product((0, 1, 3, 17, 130), repeat=3):
        check_size(m, n, k, processor)


@pytest.mark.parametrize("processor", [OLD, MODERN], ids=str)
@pytest.mark.parametrize("sizes", [(17, 21, 11), (20, 24, 12)], ids=str)
def test_operands_lie_anyhow(processor, sizes):
    m, n, k = sizes
    for left, right in zip(ARRANGEMENTS * 2, ARRANGEMENTS + ARRANGEMENTS[2:] + ARRANGEMENTS[:2], strict=True):
        check(arrange(draw(m, k), left), arrange(draw(k, n, seed=1), right), processor)
    check(np.broadcast_to(draw(m, 1), (m, k)), np.broadcast_to(draw(1, 1), (k, n)), processor)


def test_neighbours_are_copied_together():
    def layouts(a, b, processor=MODERN):
        code = multiply(a, b, processor)[1].launches[0].kernel.arguments[0]
        return code.a, code.b

    rows, columns = Layout(True, 4), Layout(False, 4)
    x, y = draw(20, 36), draw(36, 24)
    assert layouts(x, y) == (rows, columns)
    assert layouts(arrange(x, "transposed"), arrange(y, "transposed")) == (columns, rows)
    assert layouts(draw(20, 37)[:, :36], y) == (Layout(True), columns)  # rows begin anywhere
    assert layouts(draw(20, 35), draw(35, 24)) == (Layout(True), columns)
    assert layouts(x.astype("f8"), y.astype("f8")) == (Layout(True, 2), Layout(False, 2))
    assert layouts(x, y, OLD) == (rows, columns)
    assert layouts(x[:, ::-1], y[:, ::-1]) == (Layout(True), Layout(False))
    assert layouts(x.astype("i1"), y.astype("i1")) == (Layout(True), Layout(False))


BATCHES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 5)),
    ((3,), ()),
    ((), (2, 3)),
    ((2, 0), (1,)),
    ((4, 1, 2), (3, 1)),
]


@pytest.mark.parametrize(("left", "right"), BATCHES, ids=str)
def test_batches_broadcast(left, right):
    for processor in (OLD, MODERN):
        check(draw(*left, 5, 9), draw(*right, 9, 18, seed=1), processor)
        check(draw(*left, 1, 9), arrange(draw(*right, 9, 4, seed=1), "turned"), processor)


def test_a_batch_of_rows_is_one_product():
    _, plan = multiply(draw(5, 7, 9), draw(9, 4))
    assert plan.launches[0].arguments[3] == 35
    _, plan = multiply(arrange(draw(5, 7, 9), "gaps"), draw(9, 4))
    assert plan.launches[0].arguments[3] == 7


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS])
@pytest.mark.parametrize("processor", [OLD, MODERN], ids=str)
def test_integers_wrap(dtype, processor):
    for m, n, k in ((19, 23, 17), (1, 1, 300), (2, 3, 0)):
        a, b = draw(m, k, dtype=dtype), draw(k, n, seed=1, dtype=dtype)
        result, _ = multiply(a, b, processor)
        np.testing.assert_array_equal(result, a @ b)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("processor", [OLD, MODERN], ids=str)
def test_other_floats(dtype, processor):
    for m, n, k in ((19, 23, 70), (40, 36, 8), (1, 2, 900)):
        check(draw(m, k, dtype=dtype), draw(k, n, seed=1, dtype=dtype), processor)


def mark_large(tile):
    """The tile as a parameter of a test, which is slow for large ones."""
    large = tile.rows * tile.columns > 1 << 10
    return pytest.param(tile, marks=[pytest.mark.slow] if large else [], id=f"{tile.rows}x{tile.columns}x{tile.depth}")


@pytest.mark.parametrize("tile", [mark_large(tile) for tile in tiles.ROUNDED_TILES])
def test_tensor_tiles(tile, only):
    only(tile)
    m, n, k = tile.rows + 2, tile.columns + 5, tile.depth + 5
    check(draw(m, k), draw(k, n, seed=1), ROUNDED, 2.0**-9.5)
    if tile in tiles.TENSOR_TILES:
        plan = check(arrange(draw(m, k), "transposed"), draw(k, n, seed=1))
        check_code(plan.launches[0].kernel, "sm_80")


@pytest.mark.parametrize("tile", [mark_large(tile) for tile in tiles.SIMT_TILES])
def test_simt_tiles(tile, only):
    only(tile)
    m, n, k = tile.rows + 2, tile.columns + 4, tile.depth + 5
    plan = check(draw(m, k), draw(k, n, seed=1), OLD)
    check_code(plan.launches[0].kernel, "sm_75")
    if tile in tiles.SIMT_TILES_OF_8_BYTES:
        wide = [x.astype(np.float64) for x in (draw(m, k), draw(k, n, seed=1))]
        plan = check(arrange(wide[0], "transposed"), arrange(wide[1], "transposed"))
        check_code(plan.launches[0].kernel, "sm_80")


@pytest.mark.parametrize("name", ["sm_75", "sm_80", "sm_90", *(rarely(x) for x in ISA)])
def test_code_for_each_kind_of_processor(name):
    processor = Processor(int(name[3:]), 100)
    for dtype in ("float32", "float64", "bool"):
        a, b = draw(33, 2000, dtype=dtype), draw(2000, 30, dtype=dtype)
        plan = make_plan(lambda out, x, y, _: plan_matmul(out, x, y, processor), dtype, (33, 30), a, b)[0]
        text = check_code(plan.launches[0].kernel, name)
        assert ("mma.sync" in text) == (dtype == "float32" and name != "sm_75")
        assert ("cp.async" in text) == (dtype != "bool" and name != "sm_75")


# ---- digits -------------------------------------------------------------------------------------------------------


def test_three_products_keep_the_digits_of_float32():
    """Long sums as well, where a tensor unit's own would lose them."""
    a, b = abs(draw(16, 6000)), abs(draw(6000, 8, seed=1))
    check(a, b, rounding=2.0**-22)
    whole = np.arange(1, 65, dtype=np.float32).reshape(8, 8)
    a, b = 127 * whole, 3 * whole.T  # a has more bits than tf32, and no sum has more than float32
    np.testing.assert_array_equal(multiply(a, b)[0], a.astype(np.float64) @ b)


def test_tf32_rounds_to_nearest():
    a = np.float32([[1 + 2.0**-11, 1 + 2.0**-12, 1 + 3 * 2.0**-11, -1 - 2.0**-11, 1e-40, 3e38]])
    rounded = [1 + 2.0**-10, 1, 1 + 2 * 2.0**-10, -1 - 2.0**-10]
    result, plan = multiply(a.T, np.float32([[1]]), ROUNDED)
    assert "tf32 in tiles" in plan.way
    assert result[:4, 0].tolist() == rounded
    np.testing.assert_allclose(result[4:, 0], a[0, 4:], rtol=2.0**-11, atol=2.0**-136)
    a, b = draw(40, 300), draw(300, 40, seed=1)
    error = abs(multiply(a, b, ROUNDED)[0] - a.astype(np.float64) @ b)
    assert 2.0**-14 < error.max() / (abs(a) @ abs(b)).max() < 2.0**-9.5


SPECIAL = np.float32([0, -0.0, 1, -1, 1.1, -3, 1e-30, np.inf, -np.inf, np.nan, 1e30, 3e38, 2.0**-126, 1 + 2.0**-23])


@pytest.mark.parametrize("processor", [OLD, MODERN, ROUNDED], ids=str)
def test_infinities_and_nan(processor):
    """Each pair of special numbers alone, and in a sum."""
    low = np.uint32([0x7F800001, 0xFF800001]).view(np.float32)  # NaN whose first ten bits are those of an infinity
    left = np.concatenate([SPECIAL, low])
    right = left.copy()
    with np.errstate(all="ignore"):
        expected = left.astype(np.float64)[:, None] * right.astype(np.float64)
        expected = np.where(abs(expected) > 3.41e38, np.copysign(np.inf, expected), expected)
        alone, _ = multiply(left[:, None], right[None], processor)
        rows, columns = np.ones((len(left), 40), np.float32), np.full((40, len(right)), 2, np.float32)
        rows[:, 17], columns[17] = left, right
        summed, _ = multiply(rows, columns, processor)
    for result in (alone, summed):
        np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
        infinite = np.isinf(expected)
        np.testing.assert_array_equal(result[infinite], expected[infinite])
        assert np.isfinite(result[np.isfinite(expected)]).all()


@pytest.mark.parametrize("processor", [OLD, MODERN], ids=str)
def test_the_largest_numbers(processor):
    largest = np.float32(3.4028e38)
    result, _ = multiply(np.float32([[largest], [-largest]]), np.float32([[0.5, 0, np.inf, -1, np.nan, 2]]), processor)
    expected = np.float64(largest) * np.float64([[0.5, 0, np.inf, -1, np.nan, np.inf]])
    np.testing.assert_allclose(result, [expected[0], -expected[0]], rtol=2.0**-20)


def test_no_part_of_a_product_overflows_alone():
    """hi lo' of numbers that are far too large, and of an infinity with numbers of any size."""
    rng = np.random.default_rng(0)
    scales = 2.0 ** np.arange(-20, 128, 3)
    a = np.float32((1 + rng.random((len(scales), 40))) * scales[:, None])
    for b in (np.full((40, 3), np.inf, np.float32), np.float32((1 + rng.random((40, 5))) * 2.0**127)):
        with np.errstate(over="ignore"):
            expected = np.float32(a.astype(np.float64) @ b)
        assert np.isinf(expected).any()
        np.testing.assert_allclose(multiply(a, b)[0], expected, rtol=2.0**-20)
        np.testing.assert_allclose(multiply(b.T, -a.T)[0], -expected.T, rtol=2.0**-20)


def test_what_is_not_finite_stays_in_its_row_and_column():
    a, b = draw(33, 50), draw(50, 37, seed=1)
    a[32, 49], b[49, 36], a[0, 3] = np.inf, np.nan, np.nan
    for processor in (OLD, MODERN, ROUNDED):
        result, _ = multiply(a, b, processor)
        wrong = np.zeros(result.shape, bool)
        wrong[32] = wrong[0] = wrong[:, 36] = True
        np.testing.assert_array_equal(~np.isfinite(result), wrong)


# ---- sums by several blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_blocks_that_share_a_tile_add_up_in_order(dtype, monkeypatch):
    a, b = draw(20, 1000, dtype=dtype), draw(1000, 5, seed=1, dtype=dtype)
    processor = Processor(90, 8)
    together, plan = multiply(a, b, processor)
    assert plan.scratch
    assert "k by" in plan.way
    monkeypatch.setattr(simulator, "TOGETHER", 1)  # one block after the other
    alone, _ = multiply(a, b, processor)
    assert together.tobytes() == alone.tobytes()
    if np.dtype(dtype).kind == "f":
        check(a, b, processor)
    else:
        np.testing.assert_array_equal(together, a @ b)


def test_few_columns_make_blocks_share():
    assert "k by" in check(draw(7, 1000), draw(1000, 9, seed=1), Processor(75, 20)).way
    assert "k by" not in check(draw(7, 50), draw(50, 9, seed=1), Processor(75, 20)).way


def test_splits_leave_no_block_without_work():
    tile = tiles.Tile(16, 16, 16, 16, 16)
    for k, splits in itertools.product((1, 16, 17, 100, 1000), (1, 2, 3, 7, 64)):
        each, used = tiles.even_splits(k, tile, splits)
        assert used <= splits
        assert (used - 1) * each * tile.depth < k <= used * each * tile.depth


# ---- large arrays -------------------------------------------------------------------------------------------------


def test_places_beyond_int32(monkeypatch):
    monkeypatch.setattr(matmul, "is_wide", lambda *arrays: True)
    for processor in (OLD, MODERN):
        plan = check(arrange(draw(2, 18, 40), "turned"), draw(3, 1, 40, 17, seed=1), processor)
        assert plan.launches[0].kernel.arguments[0].wide
        check_code(plan.launches[0].kernel, f"sm_{processor.architecture}")


def test_what_is_large():
    row = matmul.Strided(np.dtype("f4"), (1 << 16, 1 << 16), (1 << 16, 1))
    assert matmul.is_wide(row)
    assert not matmul.is_wide(row._replace(strides=(1, 0)))
    assert matmul.is_wide(row._replace(shape=(2, 2), strides=(-(1 << 31), 1)))


def test_division_by_multiplication():
    rng = np.random.default_rng(0)
    divisors = [1, 2, 3, 5, 7, 641, 1 << 30, (1 << 30) + 1, (1 << 31) - 1, *rng.integers(1, 1 << 31, 200).tolist()]
    for d in divisors:
        _, magic, shift = divisor_numbers(d)
        assert 0 < magic <= 1 << 32
        multiples = [q * d + r for q in (0, 1, ((1 << 31) - 1) // d) for r in (-1, 0, 1, d - 1)]
        for x in (*multiples, *rng.integers(0, 1 << 31, 50).tolist(), (1 << 31) - 1):
            if 0 <= x < 1 << 31:
                assert (x * magic) >> shift == x // d
