"""Arrays of other libraries, by the protocols that they have: read in place, or refused in a sentence."""

import array
import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import weft as wf
from weft.symbolic import dlpack
from weft.symbolic.arrays import as_array, count_missing, is_foreign_array, shared_memory

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


class WithDLPack:
    """An array of a library that has DLPack, in its present form, and nothing else."""

    def __init__(self, values, place=None):
        self.values, self.place = values, place

    def __dlpack_device__(self):
        return self.place or self.values.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)


class WithOldDLPack(WithDLPack):
    """The same before there were options."""

    def __dlpack__(self, stream=None):
        return self.values.__dlpack__()


class WithInterface:
    """An array of a library that has `__array_interface__`, as images of Pillow have."""

    def __init__(self, values):
        self.values = values

    @property
    def __array_interface__(self):
        return self.values.__array_interface__


class WithArray:
    """An array of a library that makes one of NumPy's; or says why not."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.values, Exception):
            raise self.values
        return self.values


class Bfloat16:
    """A tensor of bfloat16, which NumPy has no dtype for: DLPack describes the bits of float32s but for the last 16."""

    def __init__(self, values, place=(1, 0)):
        bits = np.asarray(values, np.float32).view(np.uint32) >> 16
        self.bits, self.place = np.asarray(bits, np.uint16), place

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")

    def __dlpack_device__(self):
        return self.place

    def __dlpack__(self, stream=None):
        bits = self.bits
        capsule = dlpack.make_capsule(bits.ctypes.data, bits.shape, bits.dtype, bits.strides, (1, 0), bits)
        dlpack.read_tensor(capsule).code = 4
        return capsule


class OnDevice:
    """An array in the memory of a CUDA device that has no DLPack."""

    __cuda_array_interface__ = {"shape": (2,), "typestr": "<f4", "data": (4096, False), "version": 3}  # noqa: RUF012


def layouts():
    wide = np.arange(24, dtype=np.float32).reshape(4, 6)
    return {
        "in C order": wide,
        "turned": wide.T,
        "with gaps": wide[::2, 1::3],
        "of one element": wide[:1, :1],
        "empty": wide[:0],
        "without axes": np.array(2.5, np.float32),
        "repeated": np.broadcast_to(wide[0], (5, 6)).copy()[:, ::1],
    }


@pytest.mark.parametrize("protocol", [WithDLPack, WithOldDLPack, WithInterface, WithArray])
@pytest.mark.parametrize("name", layouts())
def test_arrays_are_read_where_they_are(protocol, name):
    values = layouts()[name]
    found = as_array("x", protocol(values))
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    np.testing.assert_array_equal(found, values)
    assert not values.size or np.shares_memory(found, values)


@pytest.mark.parametrize("protocol", [WithInterface, WithArray])
def test_negative_strides_and_arrays_that_may_not_be_written(protocol):
    values = np.arange(6.0)[::-2]
    values.flags.writeable = False
    found = as_array("x", protocol(values))
    assert np.shares_memory(found, values)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, [5, 3, 1])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64"])
def test_every_dtype_comes_by_dlpack(dtype):
    values = np.array([0, 1, 1], dtype)
    found = as_array("x", WithDLPack(values))
    assert found.dtype == values.dtype
    assert np.shares_memory(found, values)


def test_buffers_are_read_where_they_are():
    numbers = array.array("d", [1, 2, 3])
    for given in (numbers, memoryview(numbers)):
        found = as_array("x", given)
        numbers[0] = 7
        assert found[0] == 7
    assert as_array("x", bytearray(b"abc")).tolist() == [97, 98, 99]


def test_the_memory_outlives_the_array_that_gave_it():
    found = as_array("x", WithDLPack(np.full(10_000, 7.0)))
    np.ones(10_000)
    assert (found == 7).all()


@pytest.mark.parametrize("kind", [3, 11, 13])
def test_memory_that_the_host_reads_as_well(kind):
    # NumPy reads the place from the capsule, which says the host here
    np.testing.assert_array_equal(as_array("x", WithDLPack(VALUES, (kind, 0))), VALUES)


def test_bfloat16_becomes_float32():
    values = np.array([[1.5, -2.0, np.inf], [np.nan, 0.0, -0.0]], np.float32)
    for given in (Bfloat16(values), Bfloat16(values.T), Bfloat16(values[:, :0]), Bfloat16(np.float32(2.5))):
        found = as_array("x", given)
        want = (given.bits.astype(np.uint32) << 16).astype(np.uint32)
        assert (found.dtype, found.shape) == (np.float32, given.bits.shape)
        np.testing.assert_array_equal(np.asarray(found).view(np.uint32), want)


def test_bfloat16_in_the_memory_of_a_device_is_not_read():
    with pytest.raises(wf.ArgumentError, match="x lies in the memory of CUDA device 1, and is needed on the host"):
        as_array("x", Bfloat16([1.0], (2, 1)))


def test_dtypes_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for name, wider in [
        ("bfloat16", "float32"),
        ("float8_e5m2", "float32"),
        ("float8_e4m3fn", "float32"),
        ("int4", "int8"),
    ]:
        values = np.array([0, 1, -2]).astype(getattr(ml_dtypes, name))
        found = as_array("x", values)
        assert found.dtype == wider
        assert found.tolist() == [0, 1, -2]
        assert wf.shared(values).dtype == wider
    x = wf.vector("x", (3,), "float64")
    assert wf.function([x], x * 2)(np.array([1.5, 2, 3]).astype(ml_dtypes.bfloat16)).tolist() == [3, 4, 6]


# ---- what is refused ------------------------------------------------------------------------------------------------


class Column:
    """A column of Arrow's or of Polars'; of pandas' with `isna`."""

    def __init__(self, values, nulls):
        self.values, self.null_count = np.asarray(values), nulls

    def __array__(self, dtype=None, copy=None):
        return self.values


class NullableColumn:
    """A column of pandas', of a dtype that keeps NA apart."""

    def __init__(self, values, missing, na):
        self.values, self.missing = np.asarray(values), missing
        self.dtype = SimpleNamespace(na_value=na)

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __len__(self):
        return len(self.values)

    def isna(self):
        return np.array(self.missing)


def test_missing_values_are_counted():
    assert count_missing(Column([1.0, np.nan], 1)) == 1
    assert count_missing(Column([1.0, 2], lambda: 0)) == 0
    assert count_missing(Column([[1.0, 2]], lambda: np.array([[1, 2]]))) == 3
    assert count_missing(SimpleNamespace(columns=[Column([1.0], 1), Column([1.0], 2)])) == 3
    assert count_missing(NullableColumn([1.0, np.nan], [False, True], object())) == 1
    assert count_missing(NullableColumn([1.0, np.nan], [False, True], np.nan)) == 0  # a NaN is a number
    assert count_missing(VALUES) == count_missing([1]) == count_missing("a") == 0

    def fail():
        raise NotImplementedError

    assert count_missing(Column([1.0], fail)) == 0


RECORDS = np.zeros(2, [("a", "f4")])
REFUSED = {
    "text": (np.array(["a"]), wf.DTypeError, "x holds text, and weft has bools, integers and floats", ""),
    "bytes": (b"abc", wf.DTypeError, "x holds text", "np.frombuffer"),
    "dates": (np.array(["2020-01-01"], "M8[s]"), wf.DTypeError, "x holds dates", "value.astype"),
    "durations": (np.array([1], "m8[s]"), wf.DTypeError, "x holds durations", "value.astype"),
    "records": (RECORDS, wf.DTypeError, "x holds records", r"value\['name'\]"),
    "objects": (np.array([1, 2.5, None], object), wf.DTypeError, "x holds objects, such as None", "np.asarray"),
    "no objects": (np.array([], object), wf.DTypeError, "x holds objects, and weft", "np.asarray"),
    "None": (None, wf.ArgumentError, "x is None, which is no array", "give an array"),
    "a set": ({1}, wf.ArgumentError, "x is a set, which is no array", "give an array"),
    "a generator": ((i for i in range(3)), wf.ArgumentError, "x is a generator, which is no array", "give an array"),
    "a mask": (np.ma.masked_array([1.0, 2], [0, 1]), wf.DTypeError, "x has a mask", "value.filled"),
    "one missing": (Column([1.0, np.nan], 1), wf.DTypeError, "x has 1 missing value, which", "fillna.*fill_null"),
    "missing": (Column([np.nan] * 2, 2), wf.DTypeError, "x has 2 missing values, which", "a NaN is a number"),
    "a reason": (WithArray(RuntimeError("No way")), wf.ArgumentError, "x is no array: No way", ""),
    "on a device": (OnDevice(), wf.ArgumentError, "x lies in the memory of a CUDA device", r"value.cpu\(\).*target="),
    "DLPack's": (
        WithDLPack(VALUES, (2, 3)),
        wf.ArgumentError,
        "memory of CUDA device 3, and is needed on the host",
        "",
    ),
    "another's": (WithDLPack(VALUES, (8, 0)), wf.ArgumentError, "memory of device 0 of DLPack's type 8", ""),
    "a ragged list": ([[1], [2, 3]], wf.ArgumentError, "x is no array: setting an array element", ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(name):
    given, error, says, hint = REFUSED[name]
    with pytest.raises(error, match=says) as caught:
        as_array("x", given)
    notes = "".join(caught.value.__notes__)
    assert "test_arrays.py" in notes
    if hint:
        assert re.search(f"hint: .*{hint}", notes)
    assert str(caught.value).endswith(".")


def test_a_mask_without_masked_elements_is_none():
    assert as_array("x", np.ma.masked_array([1.0, 2])).tolist() == [1, 2]


def test_a_tensor_that_follows_its_gradient():
    given = WithArray(RuntimeError("Can't call numpy() on Tensor that requires grad."))
    given.requires_grad = True
    with pytest.raises(wf.ArgumentError, match="requires grad") as caught:
        wf.shared(given)
    assert r"value.detach()" in caught.value.__notes__[-1]


def test_a_tensor_that_is_the_negative_of_its_memory():
    """PyTorch gives the memory of such a tensor away by DLPack, and says nothing of the sign."""
    given = WithDLPack(VALUES)
    given.is_neg = lambda: True
    with pytest.raises(wf.ArgumentError, match=r"x is no array: It is the negative of .*, give value.resolve_neg\(\)"):
        as_array("x", given)
    assert shared_memory(given) is None


def test_errors_of_memory_are_what_they_are():
    with pytest.raises(MemoryError, match="too much"):
        as_array("x", WithArray(MemoryError("too much")))


# ---- where they are taken -------------------------------------------------------------------------------------------

FOREIGN = {
    "DLPack": WithDLPack(VALUES),
    "an older DLPack": WithOldDLPack(VALUES),
    "an interface": WithInterface(VALUES),
    "an array": WithArray(VALUES),
    "a buffer": memoryview(VALUES),
    "bfloat16": Bfloat16(VALUES),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_every_place_takes_them(name):
    given = FOREIGN[name]
    x = wf.matrix("x", ("n", 3), "float32")
    np.testing.assert_array_equal(wf.function([x], x * 2)(given), VALUES * 2)
    np.testing.assert_array_equal((x * 2).eval({x: given}), VALUES * 2)
    np.testing.assert_array_equal(wf.evaluate(x * 2, {x: given}), VALUES * 2)
    np.testing.assert_array_equal(wf.function([], x * 2, givens={x: given})(), VALUES * 2)
    w = wf.shared(given, "w")
    np.testing.assert_array_equal(w.get_value(), VALUES)
    w.set_value(np.zeros((2, 3), "f4"))
    w.set_value(given)
    np.testing.assert_array_equal(w.get_value(), VALUES)
    c = wf.constant(given)
    assert (c.dtype, c.shape) == (np.float32, (2, 3))
    np.testing.assert_array_equal(wf.evaluate(c), VALUES)
    np.testing.assert_array_equal(wf.evaluate(wf.matmul(given, wf.transpose(given))), VALUES @ VALUES.T)


@pytest.mark.parametrize("name", FOREIGN)
def test_operators_take_them_on_both_sides(name):
    given, x = FOREIGN[name], wf.matrix("x", (2, 3), "float32")
    at = {x: np.full((2, 3), 2, "f4")}
    for made, want in [
        (x + given, VALUES + 2),
        (given - x, VALUES - 2),
        (given * x, VALUES * 2),
        (x.T @ given, np.full((3, 2), 2) @ VALUES),
        (given @ x.T, VALUES @ np.full((3, 2), 2)),
        (x == given, VALUES == 2),
        (given != x, VALUES != 2),
        (given < x, VALUES < 2),
    ]:
        assert isinstance(made, wf.Expr)
        np.testing.assert_array_equal(wf.evaluate(made, at), want)


def test_what_is_no_array_is_never_equal():
    x = wf.vector("x", (3,))
    assert (x == None) is False  # noqa: E711 - what is asked
    assert (x == "a") is False
    assert (x == WithDLPack) is False  # a class is none of its arrays
    assert (x != object()) is True


def test_indices_and_masks():
    x = wf.vector("x", (6,), "float32")
    at = {x: np.arange(6, dtype="f4")}
    np.testing.assert_array_equal(wf.evaluate(x[WithDLPack(np.array([4, 0]))], at), [4, 0])
    np.testing.assert_array_equal(wf.evaluate(x[WithDLPack(np.arange(6) > 3)], at), [4, 5])
    m, i = wf.tensor("m", (2, 3, 4), "float32"), wf.scalar("i", dtype="int64")
    values = np.arange(24, dtype="f4").reshape(2, 3, 4)
    mask = np.array([[True, False, True], [False, True, False]])
    np.testing.assert_array_equal(wf.evaluate(m[WithDLPack(mask), :i], {m: values, i: 2}), values[mask, :2])


def test_numbers_are_cast_only_where_none_is_lost():
    x, i = wf.vector("x", ("n",), "float32"), wf.vector("i", ("n",), "int8")
    f = wf.function([x], x + 0)
    np.testing.assert_array_equal(f(WithDLPack(np.array([1, 2], "int16"))), [1, 2])
    for given in (WithDLPack(np.array([0.1])), array.array("d", [0.5]), WithArray(np.array([1, 2]))):
        with pytest.raises(wf.DTypeError, match=r"x is float32, and its value is .*64, which") as e:
            f(given)
        assert r"np.asarray(value).astype('float32'), or make the input" in e.value.__notes__[-1]
    with pytest.raises(wf.DTypeError, match="i is int8, and its value is int64"):
        wf.function([i], i + 0)(WithDLPack(np.array([1, 2])))
    with pytest.raises(wf.DTypeError, match="x is float32, and its value is complex64") as caught:
        f(WithDLPack(np.array([1j], "c8")))
    assert "value.real and value.imag" in caught.value.__notes__[-1]
    with pytest.raises(wf.DTypeError, match="x is float32, and its value is >f8") as caught:
        f(np.array([0.1], ">f8"))
    assert "or make the input float64, or use downcast=True" in caught.value.__notes__[-1]
    np.testing.assert_array_equal(f(np.array([0.5, -1], ">f4")), [0.5, -1])


def test_the_reference_does_not_cut_numbers_either():
    i = wf.scalar("i", dtype="int64")
    assert wf.evaluate(i + 1, {i: 2.0}) == 3
    with pytest.raises(wf.DTypeError, match=r"The value of i has 2\.5, which does not fit in int64"):
        wf.evaluate(i + 1, {i: 2.5})


def test_what_says_nothing_is_no_array():
    assert not any(map(is_foreign_array, (1, 2.5, [1], "a", None, VALUES, np.float32(1), WithDLPack, b"a")))
    assert all(map(is_foreign_array, FOREIGN.values()))


# ---- without a copy -------------------------------------------------------------------------------------------------


def most_bytes(call):
    """What a call allocates at most, as NumPy tells."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("protocol", [WithDLPack, WithOldDLPack, WithInterface, WithArray, memoryview])
def test_a_call_reads_the_array_where_it_is(protocol):
    values = np.ones((1000, 1000), np.float32)
    given, x = protocol(values), wf.matrix("x", (None, 1000), "float32")
    f = wf.function([x], x.sum())
    assert f(given) == 1e6
    assert most_bytes(lambda: f(given)) < values.nbytes / 10
    values[0, 0] = 2
    assert f(given) == 1e6 + 1
    assert most_bytes(lambda: f(protocol(values.T))) >= values.nbytes  # in another order: a copy


def test_bind_keeps_the_memory_of_others():
    values, result = np.zeros(3, np.float32), np.zeros(3, np.float32)
    x = wf.vector("x", (3,), "float32")
    for protocol in (WithDLPack, memoryview):
        g = wf.function([x], x * 2).bind(protocol(values), out=protocol(result))
        assert np.shares_memory(g.arguments[0], values)
        assert np.shares_memory(g.results, result)
        for number in (1, 5):
            values[:] = number
            g()
            assert result.tolist() == [2 * number] * 3
    numbers = array.array("f", [1, 2, 3])
    assert wf.function([x], x * 2).bind(numbers)().tolist() == [2, 4, 6]


def test_bind_refuses_what_it_would_have_to_copy():
    x = wf.vector("x", (3,), "float32")
    f = wf.function([x], x * 2)
    kept = np.zeros(3, np.float32)
    for given, says in [
        (
            WithArray(kept),
            "x is to be a 1-dimensional array of float32 in C order, and is WithArray, which gives no memory",
        ),
        ([1.0, 2, 3], "and is list"),
        (Bfloat16(kept), "and is Bfloat16, which gives no memory away"),
        (WithDLPack(np.zeros(3)), "and has the dtype float64"),
        (WithDLPack(np.zeros(6, "f4")[::2]), "and is in another order"),
    ]:
        with pytest.raises(wf.ArgumentError, match=says):
            f.bind(given)
    kept.flags.writeable = False
    for out, says in [(WithArray(kept), "out is an array, not WithArray"), (WithDLPack(kept), "and writeable")]:
        with pytest.raises(wf.ArgumentError, match=says):
            f.bind(np.zeros(3, "f4"), out=out)


def test_a_call_that_writes_copies_what_it_reads():
    w = wf.shared(np.arange(4.0), "w")
    x = wf.vector("x", (4,), "float64")
    f = wf.function([x], x + 0, updates={w: w * 0 + x[::-1]})
    assert f(np.from_dlpack(w)).tolist() == [0, 1, 2, 3]
    assert w.get_value().tolist() == [3, 2, 1, 0]
    assert f(WithArray(np.asarray(w, copy=False))).tolist() == [3, 2, 1, 0]
    assert w.get_value().tolist() == [0, 1, 2, 3]
