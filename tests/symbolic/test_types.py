"""dtypes and shapes: promotion against NumPy's, with Python numbers that are weak, and the settings."""

import gc
import itertools
import pickle

import numpy as np
import pytest

import weft as wf
from weft.symbolic import types
from weft.symbolic.types import SUPPORTED, Type, float_like, promote

DTYPES = sorted(SUPPORTED, key=str)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations_with_replacement(DTYPES, 2)), ids=str)
def test_promotion_is_numpys(one, other):
    expected = np.result_type(one, other)
    assert promote(Type(one, ()), Type(other, ())) == expected
    assert promote(Type(other, ()), Type(one, ())) == expected
    x, y = wf.vector("x", (2,), one), wf.vector("y", (2,), other)
    assert (x * y).dtype == expected
    assert (x / y).dtype == float_like(expected)


@pytest.mark.parametrize("kind", DTYPES, ids=str)
@pytest.mark.parametrize("number", [True, 3, 2.5])
def test_python_numbers_are_weak(kind, number):
    x = wf.vector("x", (2,), kind)
    expected = np.multiply(np.ones(2, kind), number).dtype
    if isinstance(number, float) and kind.kind != "f":
        expected = np.dtype("float32")  # the configured dtype, where NumPy has float64
    assert (x * number).dtype == expected
    assert (number * x).dtype == expected


@pytest.mark.parametrize("kind", DTYPES, ids=str)
def test_dtypes_are_the_objects_that_arrays_share(kind):
    """So that calls compare the dtypes of arrays by identity."""
    own = np.zeros(1, kind).dtype
    for given in (
        kind,
        kind.name,
        kind.type,
        kind.newbyteorder(),
        kind.newbyteorder("="),
        pickle.loads(pickle.dumps(kind)),
    ):
        assert types.dtype(given) is own
        assert wf.vector("x", ("n",), given).dtype is own


def test_weak_numbers_stay_weak_among_themselves():
    c = wf.constant(2) + wf.constant(3.5)
    assert c.type.weak
    assert wf.evaluate(c) == 5.5
    x = wf.vector("x", (2,), "float64")
    assert (x * c).dtype == np.float64
    assert (x * np.asarray(2.0, "float32")).dtype == np.float64
    assert (wf.vector("y", (2,)) * np.asarray(2.0, "float64")).dtype == np.float64


def test_weak_numbers_keep_all_their_digits():
    x = wf.tensor("x", (), "float64")
    for product in (x * 0.1, x * wf.constant(0.1), wf.constant(0.1) * x):
        assert wf.evaluate(product, {x: 1.0}) == 0.1
    assert wf.constant(0.1) is not wf.constant(float(np.float32(0.1)))


def test_numbers_that_do_not_fit_are_refused():
    x = wf.vector("x", (2,), "int8")
    with pytest.raises(wf.DTypeError, match="300 does not fit in int8"):
        x + 300
    with pytest.raises(wf.DTypeError, match="-1 does not fit in uint8"):
        wf.vector("u", (2,), "uint8") - (-1)
    with pytest.raises(wf.DTypeError, match="does not fit in int64"):
        wf.constant(2**63)


@pytest.mark.parametrize("kind", DTYPES, ids=str)
def test_float_like_is_the_dtype_of_numpys_exp(kind):
    expected = np.exp(np.ones(1, kind)).dtype
    if kind.kind != "f" and expected == np.float16:
        expected = np.dtype("float32")  # small integers do not end in so few digits
    assert float_like(kind) == expected


@pytest.mark.parametrize("name", ["float128", "complex64", "U3", "datetime64[s]", "object", "nonsense", 3.5])
def test_dtypes_weft_does_not_have(name):
    with pytest.raises(wf.DTypeError, match=r"not supported|is not a dtype"):
        wf.vector("x", dtype=name)


def test_byte_order_is_the_machines():
    assert types.dtype(">f4") == np.dtype("float32")
    assert types.dtype(np.dtype(">f4")).isnative


def test_equal_types_are_the_same_object():
    a = Type(np.dtype("float32"), (wf.SymDim("n"), 3))
    assert a is Type(np.dtype("float32"), (wf.SymDim("n"), 3))
    assert a is not Type(np.dtype("float32"), (wf.SymDim("n"), 3), weak=True)
    assert pickle.loads(pickle.dumps(a)) is a
    with pytest.raises(AttributeError):
        a.shape = ()
    assert str(a) == "float32(n, 3)"
    assert (a.ndim, a.size, a.is_float, a.is_static) == (2, wf.SymDim("n") * 3, True, False)


def test_types_that_nobody_holds_are_forgotten():
    wf.vector("x", ("only_here_1",))
    gc.collect()
    assert not [key for key in list(types._types) if wf.SymDim("only_here_1") in key[1]]


def test_comparing_integers_with_fractions_is_exact():
    i = wf.vector("i", (2,), "int64")
    given = [2**24, 2**24 + 1]
    np.testing.assert_array_equal(wf.evaluate(i < 2**24 + 0.5, {i: given}), [True, False])
    np.testing.assert_array_equal(wf.evaluate(i <= 2**24, {i: given}), [True, False])


def test_composites_take_weak_numbers_too():
    assert wf.clip(wf.vector("x"), 0, 1).dtype == np.float32
    assert wf.clip(wf.vector("x", dtype="float64"), 0, 0.5).dtype == np.float64
    assert wf.clip(wf.vector("x", dtype="int16"), 0, 5).dtype == np.int16
    assert wf.clip(wf.vector("x", dtype="int64"), 0, 0.5).dtype == np.float32


class TestConfig:
    def test_the_float_of_what_names_none(self):
        assert wf.config.float_dtype == "float32"
        with wf.config(float_dtype="float64"):
            x = wf.vector("x", (2,))
            assert x.dtype == np.float64
            assert wf.constant(1.5).dtype == np.float64
            assert wf.zeros(3).dtype == np.float64
            assert (wf.vector("i", (2,), "int64") * 0.5).dtype == np.float64
        assert wf.config.float_dtype == "float32"
        assert (wf.vector("i", (2,), "int64") * 0.5).dtype == np.float32

    def test_the_same_expression_under_two_settings(self):
        i = wf.vector("i", (2,), "int32")
        narrow = i * 0.25
        with wf.config(float_dtype="float64"):
            assert (i * 0.25).dtype == np.float64
        assert (i * 0.25) is narrow

    def test_it_comes_back_after_an_error(self):
        with pytest.raises(ZeroDivisionError), wf.config(float_dtype="float64"):
            1 / 0  # noqa: B018
        assert wf.config.float_dtype == "float32"

    def test_what_it_refuses(self):
        with pytest.raises(wf.DTypeError, match="must be 'float32' or 'float64'"):
            wf.config.float_dtype = "int32"
        with pytest.raises(AttributeError), wf.config(no_such_setting=1):
            pass


def test_types_take_the_names_of_dtypes():
    assert wf.Type("int64", [3]) is wf.Type(np.dtype("int64"), (3,))
    with pytest.raises(wf.DTypeError, match="complex64 is not supported"):
        wf.Type("complex64", ())
