"""Inputs, constants and shared variables: what they accept, what they refuse, and what they copy."""

import threading

import numpy as np
import pytest

import weft as wf
from weft.symbolic.dims import SymDim
from weft.symbolic.storage import Storage


@pytest.mark.parametrize(
    ("make", "rank"), [(wf.scalar, 0), (wf.vector, 1), (wf.matrix, 2), (wf.tensor3, 3), (wf.tensor4, 4)]
)
def test_inputs_of_a_rank(make, rank):
    x = make("x")
    assert (x.ndim, x.name, x.dtype) == (rank, "x", np.float32)
    assert len(set(x.shape)) == rank, "every axis has a symbol of its own"
    assert make().name is None
    assert make("x", dtype="int8").dtype == np.int8
    with pytest.raises(wf.ShapeError, match=f"A {make.__name__} has {rank} ax[ie]s, and {rank + 1} sizes were given"):
        make("x", (2,) * (rank + 1))


def test_sizes_are_numbers_names_symbols_or_none():
    x = wf.tensor("x", shape=(3, "n", None, SymDim("m"), np.int64(5)), dtype="float64")
    assert x.shape[:2] == (3, SymDim("n"))
    assert x.shape[3:] == (SymDim("m"), 5)
    assert isinstance(x.shape[2], SymDim)


def test_sizes_without_a_name_are_named_after_what_has_them():
    named = [wf.vector("x"), wf.shared(np.zeros(3), "x", shape=(None,))]
    nameless = [wf.vector(), wf.shared(np.zeros(3), shape=(None,))]
    assert [str(v.shape[0]).rstrip("0123456789") for v in (*named, *nameless)] == ["x_", "x_", "d", "d"]


@pytest.mark.parametrize("name", [3, b"x", wf.SymDim("n")])
def test_names_are_strings(name):
    with pytest.raises(wf.ArgumentError, match="name is a string or None"):
        wf.vector(name)


class TestConstant:
    @pytest.mark.parametrize("value", [[1, 2], (1.5, 2), np.arange(6).reshape(2, 3)[:, ::-2], np.float32(3), [[True]]])
    def test_values(self, value):
        np.testing.assert_array_equal(wf.evaluate(wf.constant(value)), np.asarray(value))
        assert wf.constant(value).dtype == np.asarray(value).dtype

    def test_python_numbers_that_float32_does_not_tell_apart(self):
        # they may meet a float64, and then they are what was written
        numbers = [0.1, float(np.float32(0.1)), 1.0, 1.0 + 2.0**-30, 0.0, -0.0, 0, False, 1, True]
        assert len({id(wf.constant(n)) for n in numbers}) == len(numbers)
        x = wf.vector("x", (1,), "float64")
        found = wf.function([x], [x * n for n in numbers])(np.full(1, 3.0))
        np.testing.assert_array_equal(np.ravel(found), [3.0 * n for n in numbers])
        assert np.signbit(found[5][0])
        assert not np.signbit(found[4][0])

    def test_dtype(self):
        assert wf.constant([1, 2], dtype="float32").dtype == np.float32
        assert not wf.constant(3, dtype="int8").type.weak
        assert wf.constant(np.float16(0.5)).dtype == np.float16

    @pytest.mark.parametrize("value", ["text", [1, "a"], None, 1j, np.array(["a"]), np.array([1j])])
    def test_what_is_refused(self, value):
        with pytest.raises(wf.DTypeError):
            wf.vector("x") + value


class TestShared:
    def test_the_value_is_copied_in_and_out(self):
        array = np.arange(3.0)
        w = wf.shared(array, "w")
        array[0] = 9
        w.get_value()[1] = 9
        np.testing.assert_array_equal(w.get_value(), [0, 1, 2])
        w.get_value(borrow=True)[1] = 9
        np.testing.assert_array_equal(w.get_value(), [0, 9, 2])

    def test_dtypes(self):
        assert wf.shared(1.5).dtype == np.float32
        assert wf.shared(2).dtype == np.int64
        assert wf.shared(np.zeros(2)).dtype == np.float64
        assert wf.shared([0.5, 1.0], dtype="float32").dtype == np.float32

    def test_strides_and_byte_order_do_not_matter(self):
        w = wf.shared(np.arange(6, dtype=">i4").reshape(2, 3).T[::-1])
        assert w.get_value().flags.c_contiguous
        np.testing.assert_array_equal(w.get_value(), np.arange(6).reshape(2, 3).T[::-1])

    def test_set_value_keeps_the_address_while_the_shape_stays(self):
        w = wf.shared(np.zeros((2, 3)), "w")
        before = w.get_value(borrow=True)
        w.set_value(np.ones((2, 3), "float32"))
        assert w.get_value(borrow=True) is before
        assert before.sum() == 6

    def test_a_shape_that_may_change(self):
        w = wf.shared(np.zeros((2, 3)), "w", shape=(None, 3))
        w.set_value(np.ones((4, 3)))
        assert w.get_value().shape == (4, 3)
        with pytest.raises(wf.ShapeError, match=r"the value \(4, 4\)"):
            w.set_value(np.ones((4, 4)))

    def test_what_set_value_refuses(self):
        w = wf.shared(np.zeros((2, 3), "int32"), "w")
        with pytest.raises(wf.ShapeError, match=r"w has shape \(2, 3\); the value \(3, 2\)"):
            w.set_value(np.zeros((3, 2), "int32"))
        with pytest.raises(wf.DTypeError, match="w is int32; the value is float64"):
            w.set_value(np.zeros((2, 3)))
        np.testing.assert_array_equal(w.get_value(), np.zeros((2, 3)))

    def test_numbers_are_values_of_any_dtype_that_holds_them(self):
        for kind in ("float32", "int32", "uint8", "bool"):
            w = wf.shared(np.zeros((), kind))
            for number in (1, 1.0, True, np.uint8(1)):
                w.set_value(0)
                w.set_value(number if kind != "bool" else bool(number))
                assert w.get_value() == 1
                assert w.get_value().dtype == kind
        w = wf.shared(np.int32(0))
        for wrong, says in ((1.5, "1.5, which does not fit in int32"), (2**40, "which does not fit in int32")):
            with pytest.raises(wf.DTypeError, match=f"The value of a shared variable has {wrong}|{says}"):
                w.set_value(wrong)
        with pytest.raises(wf.DTypeError, match="The shared variable is int32; the value is float32"):
            w.set_value(np.float32(1))

    def test_a_new_shape_is_copied_too(self):
        w = wf.shared(np.zeros((1, 3)), "w", shape=("rows", 3))
        array = np.asfortranarray(np.arange(12.0).reshape(4, 3)[::2])
        w.set_value(array)
        array[:] = -1
        np.testing.assert_array_equal(w.get_value(), [[0, 1, 2], [6, 7, 8]])
        assert w.get_value(borrow=True).flags.c_contiguous
        assert w.get_value(borrow=True) is w.get_value(borrow=True)
        rows = wf.symbolic.leaves.size(w.shape[0])
        assert [f(w.sum() * rows) for f in (wf.evaluate, lambda y: y.eval())] == [48, 48]
        with pytest.raises(wf.ShapeError, match=r"w has shape \(rows, 3\); the value \(3,\)"):
            w.set_value(np.zeros(3))
        with pytest.raises(wf.ShapeError, match=r"The shared variable has shape \(2, n\); the value \(1, 3\)"):
            wf.shared(np.zeros((1, 3)), shape=(2, "n"))

    def test_only_shared_variables_have_values(self):
        with pytest.raises(TypeError, match="Only shared variables have a value"):
            (wf.shared(1.0) + 1).get_value()

    def test_readers_never_see_half_a_value(self):
        w = wf.shared(np.zeros(100_000))
        stop, torn = threading.Event(), []

        def read():
            while not stop.is_set():
                value = w.get_value()
                if value[0] != value[-1]:
                    torn.append(value)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(50):
            w.set_value(np.full(100_000, float(number)))
        stop.set()
        reader.join()
        assert not torn

    def test_storages_are_compared_by_identity(self):
        w = wf.shared(1.0)
        assert isinstance(w.op.storage, Storage)
        assert w + 1 is w + 1


def test_the_outputs_of_an_op_with_several():
    y, mean, var = wf.batch_norm(wf.matrix("x", (4, 3)), wf.ones(3), wf.zeros(3), axes=0)
    assert (y.shape, mean.shape, var.shape) == ((4, 3), (3,), (3,))


def test_evaluated_arrays_are_the_callers_own():
    shared, x, c = wf.shared(np.zeros(3)), wf.vector("x", (3,), "float64"), wf.constant(np.zeros(3))
    given = np.zeros(3)
    for y in (shared, x, c, wf.stop_gradient(x), wf.reshape(shared, (1, 3)), x[1:], wf.broadcast_to(x, (2, 3))):
        wf.evaluate(y, {x: given})[...] = -1
    first, second = wf.evaluate([x, x], {x: given})
    first[...] = -1
    assert not np.concatenate([shared.get_value(), given, second, wf.evaluate(c)]).any()


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        (300, "uint8", "300, which does not fit in uint8"),
        (-1, "uint64", "-1, which does not fit in uint64"),
        ([1.0, 3.7], "int32", "3.7, which does not fit in int32"),
        ([1.0, np.nan], "int64", "nan, which does not fit in int64"),
        (np.array([2.0**63]), "int64", "does not fit in int64"),
        (1e300, "float32", r"1e\+300, which does not fit in float32"),
        (70000, "float16", "70000, which does not fit in float16"),
        (2, "bool", "2, which does not fit in bool"),
    ],
)
def test_values_are_neither_wrapped_nor_cut(value, kind, says):
    same = np.zeros(np.shape(value), kind)
    variable = wf.shared(same)
    for put in (lambda: wf.constant(value, kind), lambda: wf.shared(value, dtype=kind)):
        with pytest.raises(wf.DTypeError, match=says) as caught:
            put()
        assert "test_leaves.py" in "".join(caught.value.__notes__)
    with pytest.raises(wf.DTypeError):
        variable.set_value(value)
    np.testing.assert_array_equal(variable.get_value(), same)


def test_values_may_lose_digits_only():
    assert wf.constant([0.1, np.inf, np.nan], "float32").dtype == np.float32
    variable = wf.shared(np.zeros(2, "f4"), "w")
    variable.set_value(np.array([0.1, -np.inf]))
    np.testing.assert_array_equal(variable.get_value(), np.float32([0.1, -np.inf]))
    whole = wf.shared(3)
    whole.set_value(4.0)
    assert whole.get_value() == 4
