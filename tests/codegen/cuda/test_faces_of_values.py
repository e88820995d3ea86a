"""Numbers: each operation is the same in the simulator and in compiled code, bit for bit."""

import numpy as np
import pytest

from weft.codegen.cuda.trace.builder import FLOAT32
from weft.ops import scalar
from weft.symbolic.types import BOOL

from .both_faces import COUNT, DTYPES, FLOATS, INTEGERS, both, draw, faces, same_bits


@pytest.mark.parametrize("source", DTYPES)
def test_casts(source):
    """From one dtype to all; floats that an integer cannot hold become what the machine makes of them."""
    x = draw(source)
    if np.dtype(source).kind == "f":
        every, inside = x, np.where(abs(x) < 100, x, 7).astype(source)
    else:
        every = inside = x
    signed = [d for d in DTYPES if np.dtype(d).kind != "u"]
    unsigned = [d for d in DTYPES if np.dtype(d).kind == "u"]
    for values, targets in (
        (every, [d for d in DTYPES if np.dtype(d).kind in "fb" or np.dtype(source).kind != "f"]),
        (inside, signed),
        (abs(inside), unsigned),
    ):

        def body(k, place, x, *outs):
            for out in outs:
                out[place] = k.cast(x[place], out.dtype)

        with np.errstate(all="ignore"):
            for found, target in zip(both(body, [values], targets), targets, strict=True):
                same_bits(found, values.astype(target))


@pytest.mark.parametrize("dtype", FLOATS)
def test_arithmetic_of_floats(dtype):
    x, y = draw(dtype), draw(dtype, 1)[::-1].copy()

    def body(k, place, x, y, *outs):
        x, y = x[place], y[place]
        found = [x + y, x - y, x * y, x / y, -x, abs(x), abs(x).sqrt(), 2 - x, 1 / x, x + 0.1, k.minimum(x, y)]
        found += [k.maximum(x, y), k.select(x < y, x, 3), k.select(x >= 0, -1, y), x.bits().from_bits()]
        for out, value in zip(outs, found, strict=True):
            out[place] = value

    with np.errstate(all="ignore"):
        found = both(body, [x, y], [dtype] * 15)
        same_bits(found[3], x / y)
        same_bits(found[6], np.sqrt(abs(x)))
        same_bits(found[10], np.where(x < y, x, y))
        same_bits(found[14], x)


@pytest.mark.parametrize("dtype", ["bool", *FLOATS, *INTEGERS])
def test_comparisons(dtype):
    x = draw(dtype)
    y = np.where(np.arange(COUNT) % 3 == 0, x, draw(dtype, 1)).astype(dtype)

    def body(k, place, x, y, *outs):
        x, y = x[place], y[place]
        for out, value in zip(outs, [x < y, x <= y, x > y, x >= y, x.eq(y), x.ne(y)], strict=True):
            out[place] = value

    expected = [x < y, x <= y, x > y, x >= y, x == y, x != y]
    for found, wanted in zip(both(body, [x, y], ["bool"] * 6), expected, strict=True):
        same_bits(found, wanted)


def test_bools():
    x, y = draw("bool"), draw("bool", 1)

    def body(k, place, x, y, *outs):
        x, y = x[place], y[place]
        found = [x & y, x | y, x ^ y, ~x, k.both(True, x, y), k.both(), k.select(x, y, True), k.constant(BOOL, 0)]
        for out, value in zip(outs, found, strict=True):
            out[place] = value

    expected = [x & y, x | y, x ^ y, ~x, x & y, x | True, np.where(x, y, True), x & False]
    for found, wanted in zip(both(body, [x, y], ["bool"] * 8), expected, strict=True):
        same_bits(found, wanted)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_arithmetic_of_integers(dtype):
    """They wrap around; shifts to the right keep the sign."""
    x, y = draw(dtype), draw(dtype, 1)[::-1].copy()
    bits = np.arange(COUNT).astype(dtype) % np.dtype(dtype).type(8 * np.dtype(dtype).itemsize)

    def body(k, place, x, y, bits, *outs):
        x, y, bits = x[place], y[place], bits[place]
        found = [x + y, x - y, x * y, -x, x & y, x | y, x ^ y, ~x, x << bits, x >> bits, 5 - x, x * 3, abs(x)]
        for out, value in zip(outs, found, strict=True):
            out[place] = value

    with np.errstate(all="ignore"):
        found = both(body, [x, y, bits], [dtype] * 13)
        expected = [x + y, x - y, x * y, -x, x & y, x | y, x ^ y, ~x, x << bits, x >> bits]
        for got, wanted in zip(found, expected, strict=False):
            same_bits(got, wanted)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_quotients(dtype):
    x = np.maximum(draw(dtype), 0)
    y = np.where(draw(dtype, 1) > 0, draw(dtype, 1), 3).astype(dtype)

    def body(k, place, x, y, *outs):
        x, y = x[place], y[place]
        found = [k.quotient(x, y), k.remainder(x, y), k.quotient(x, 7), k.remainder(x, 7)]
        for out, value in zip(outs, found, strict=True):
            out[place] = value

    seven = np.dtype(dtype).type(7)
    for found, wanted in zip(both(body, [x, y], [dtype] * 4), [x // y, x % y, x // seven, x % seven], strict=True):
        same_bits(found, wanted)


@pytest.mark.parametrize("dtype", FLOATS)
def test_fma(dtype):
    """Rounded once: it finds what a product loses.  The simulator's float64 has 64 bits in between."""
    rng = np.random.default_rng(0)
    x, y, z = (rng.integers(-(1 << 52), 1 << 52, COUNT).astype(dtype) for _ in range(3))

    def body(k, place, x, y, z, lost, total):
        x, y, z = x[place], y[place], z[place]
        lost[place] = k.fma(x, y, -(x * y))
        total[place] = k.fma(x, 3, z)

    simulated, compiled = faces(body, [x, y, z], [dtype] * 2)
    pairs = zip(x.tolist(), y.tolist(), (x * y).tolist(), strict=True)
    exact = np.array([int(a) * int(b) - int(product) for a, b, product in pairs]).astype(dtype)
    assert exact.any()
    same_bits(compiled[0], exact)
    assert (abs(simulated[0] - exact) <= abs(x * y) * (0 if dtype == "float32" else 2.0**-63)).all()
    for total in (simulated[1], compiled[1]):
        assert (abs(total - (x.astype(np.longdouble) * 3 + z)) <= np.spacing(abs(total)) * 0.501).all()


def test_functions_of_numbers():
    x = draw("float32")

    def body(k, place, x, exp, larger):
        exp[place] = k.apply(scalar.floor, [FLOAT32], FLOAT32, [x[place]])
        larger[place] = k.apply(scalar.maximum, [FLOAT32] * 2, FLOAT32, [x[place], k.constant(FLOAT32, 0.5)])

    floors, larger = both(body, [x], ["float32"] * 2)
    same_bits(floors, np.floor(x))
    same_bits(larger, np.maximum(x, np.float32(0.5)))
