"""Compiled functions: arguments, results, updates, errors at the user's line, threads, forks."""

import multiprocessing
import pickle
import threading
import traceback

import numpy as np
import pytest

import weft as wf


def text_of(error: BaseException) -> str:
    """The error as a user sees it, with this file's name but no line numbers."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}\n{notes}"


def test_forms_of_outputs():
    x = wf.vector("x", (3,))
    a = np.array([1, 2, 3], np.float32)
    assert np.array_equal(wf.function([x], x * 2)(a), a * 2)
    listed = wf.function([x], [x * 2, x + 1])(a)
    assert isinstance(listed, list)
    assert np.array_equal(listed[1], a + 1)
    named = wf.function([x], {"double": x * 2, "same": x})(a)
    assert set(named) == {"double", "same"}
    assert np.array_equal(named["same"], a)
    assert wf.function([x], None, on_unused_input="ignore")(a) is None
    assert isinstance(wf.function([x], (x, x))(a), tuple)


def test_a_function_has_a_name():
    x = wf.vector("x", (3,))
    f, g = wf.function([x], x, name="twice"), wf.function([x, wf.scalar()], x, on_unused_input="ignore")
    assert (f.name, f.__name__, repr(f)) == ("twice", "twice", "<weft.Function twice(x)>")
    assert repr(g) == f"<weft.Function {g.name}(x, ?)>"
    assert g.name.startswith("function at tests/codegen/test_function.py:")


def test_results_are_fresh_and_repeated_outputs_are_separate():
    x = wf.vector("x", (3,))
    y = x * 2
    f = wf.function([x], [y, y, x])
    a = np.ones(3, np.float32)
    first = f(a)
    first[0][:] = 9
    first[2][:] = 7
    assert np.array_equal(first[1], [2, 2, 2])
    assert np.array_equal(a, [1, 1, 1])
    assert np.array_equal(f(a)[0], [2, 2, 2])


def test_inputs_by_keyword():
    x, y = wf.scalar("x"), wf.scalar("y")
    f = wf.function({"a": x, "b": y}, x - y)
    assert f(a=3.0, b=1.0) == 2.0
    assert f(3.0, b=1.0) == 2.0
    g = wf.function([x, y], x - y)
    assert g(3.0, y=1.0) == 2.0
    with pytest.raises(wf.ArgumentError, match=r"has no argument 'c'; it has 'a' and 'b'"):
        f(3.0, c=1.0)
    with pytest.raises(wf.ArgumentError, match=r"takes 2 arguments; 'b' is missing|takes 2 arguments; b is missing"):
        f(3.0)
    with pytest.raises(wf.ArgumentError, match="takes 2 arguments, and 3 were given"):
        f(1.0, 2.0, 3.0)
    with pytest.raises(wf.ArgumentError, match="got 'a' twice"):
        f(1.0, a=2.0)
    for wrong, text in (((3.0,), "y is missing"), ((), "x and y are missing"), ((1.0, 2.0, 3.0), "and 3 were given")):
        with pytest.raises(wf.ArgumentError, match=f"takes 2 arguments.* {text}"):
            g(*wrong)
    for more, text in (({"y": 3.0}, "got 'y' twice"), ({"z": 3.0}, "has no argument 'z'")):
        with pytest.raises(wf.ArgumentError, match=text):
            g(1.0, 2.0, **more)
    nameless = wf.function([wf.scalar(), x], x, on_unused_input="ignore")
    with pytest.raises(wf.ArgumentError, match="number 1 and x are missing"):
        nameless()
    with pytest.raises(wf.ArgumentError, match=r"has no argument 'z'; it has 'x'\."):
        nameless(z=1.0)


@pytest.mark.parametrize("kind", ["fortran", "negative", "step", "readonly", "broadcast", "misaligned", "swapped"])
def test_any_array_layout(kind):
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = {
        "fortran": np.asfortranarray(base),
        "negative": base[::-1, ::-1],
        "step": np.repeat(base, 2, axis=1)[:, ::2],
        "broadcast": np.broadcast_to(base[:1], (4, 6)),
        "swapped": base.astype(">f4"),
    }
    given = arrays.get(kind, base.copy())
    if kind == "readonly":
        given.flags.writeable = False
    if kind == "misaligned":
        given = np.frombuffer(b"x" + base.tobytes(), np.uint8)[1:].view(np.float32).reshape(4, 6)
    x = wf.matrix("x", ("n", 6))
    np.testing.assert_array_equal(wf.function([x], x.T * 2)(given), np.asarray(given, np.float32).T * 2)


def test_casts_only_without_loss():
    x, i = wf.vector("x", ("n",), "float32"), wf.vector("i", ("n",), dtype="int32")
    f = wf.function([x], x + 1)
    assert f(np.array([1, 2], np.int16)).dtype == np.float32
    assert np.array_equal(f([1.5, 2]), [2.5, 3])
    g = wf.function([i], i + 1)
    assert np.array_equal(g([1, 2]), [2, 3])
    with pytest.raises(wf.DTypeError) as caught:
        f(np.array([1.0, 2.0]))
    assert "x is float32, and its value is float64, which would lose information." in str(caught.value)
    hint = "hint: convert it: value.astype('float32'), or make the input float64, or use downcast=True."
    assert hint in text_of(caught.value)
    assert 'x, i = wf.vector("x", ("n",), "float32")' in text_of(caught.value)
    for bad in (np.array([1.5]), [2**40], np.array([1], np.int64)):
        with pytest.raises(wf.DTypeError, match="i is int32"):
            g(bad)


@pytest.mark.parametrize("named", [False, True])
def test_digits_may_be_lost_where_nobody_named_the_dtype_or_it_is_allowed(named):
    x = wf.vector("x", ("n",), "float32" if named else None)
    f = wf.function([x], x * 2, downcast=named)
    for given in (np.array([0.1, -np.inf, np.nan]), np.array([2**60, 3]), np.array([True]), [0.1], np.ones(3)[::2]):
        found = f(given)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.asarray(given, "f4") * 2)
    for wrong in (
        np.array([1e300]),
        np.array([1.0, 1e300]),
        np.array([1j]),
    ):  # infinite, or no real number
        with pytest.raises(wf.DTypeError, match="x is float32, and its value is"):
            f(wrong)
    with pytest.raises(wf.DTypeError, match="The value of x holds text, and weft has bools, integers and floats"):
        f(np.array(["a"]))


def test_integers_are_never_wrapped_nor_cut():
    i = wf.vector("i", ("n",), "int8")
    f = wf.function([i], i + 1, downcast=True)
    assert f(np.array([126, -128])).tolist() == [127, -127]
    for wrong in (np.array([128]), np.array([1, 128, 3]), np.array([1.0]), np.array([2**40])):
        with pytest.raises(wf.DTypeError, match="which would lose information") as caught:
            f(wrong)
        assert "downcast" not in text_of(caught.value)  # which would not help
    with pytest.raises(wf.ArgumentError, match="downcast is True or False"):
        wf.function([i], i, downcast="yes")


def test_masks_are_refused():
    x = wf.vector("x", ("n",))
    f = wf.function([x], x.sum())
    with pytest.raises(wf.DTypeError, match="The value of x has a mask") as caught:
        f(np.ma.masked_array(np.ones(3, "f4"), [0, 1, 0]))
    assert "test_function.py" in text_of(caught.value)
    assert f(np.ma.masked_array(np.ones(3, "f4"))) == 3  # nothing is masked


@pytest.mark.parametrize(("dtype", "given"), [("int32", np.int64(3)), ("uint8", np.int16(3)), ("bool", np.int8(1))])
def test_a_scalar_of_numpy_has_a_dtype_as_an_array_has(dtype, given):
    x = wf.scalar("x", dtype=dtype)
    f = wf.function([x], x)
    for same in (given.item(), given.astype(dtype)):
        assert f(same) == given
    with pytest.raises(wf.DTypeError, match="which would lose information"):
        f(given)


@pytest.mark.parametrize("count", [2, 5])
def test_a_value_that_is_asked_for_several_times_is_as_many_arrays(count):
    x, w = wf.vector("x", ("n",)), wf.shared(np.zeros(3, np.float32), "w")
    given = np.arange(3, dtype=np.float32)
    for y, expected in ((x, given), (x[::-1], given[::-1]), (x + 1, given + 1), (w, given * 0)):
        results = wf.function([x], [y] * count, on_unused_input="ignore")(given)
        for number, result in enumerate(results):
            np.testing.assert_array_equal(result, expected)
            result[:] = number + 5  # theirs alone
        np.testing.assert_array_equal(given, [0, 1, 2])
        np.testing.assert_array_equal(w.get_value(), [0, 0, 0])
        assert [result[0] for result in results] == [number + 5 for number in range(count)]


def test_wrong_rank_and_size():
    x = wf.matrix("x", ("n", 3))
    f = wf.function([x], x * 2)
    with pytest.raises(wf.ShapeError, match=r"x has 2 axes \(n, 3\), and its value has 1: \(3,\)"):
        f(np.ones(3, np.float32))
    with pytest.raises(wf.ShapeError, match=r"x has shape \(n, 3\), its value \(2, 4\)"):
        f(np.ones((2, 4), np.float32))
    with pytest.raises(wf.ArgumentError, match="The value of x is no array"):
        f([[1.0, 2.0, 3.0], [1.0]])


def test_sizes_may_change_from_call_to_call():
    x = wf.matrix("x", ("n", "m"))
    f = wf.function([x], [x.sum(0), wf.exp(x).mean(), x @ x.T])
    for shape in [(2, 3), (1, 1), (7, 130), (2, 3), (0, 3), (40, 0)]:
        a = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        total, mean, product = f(a)
        np.testing.assert_allclose(total, a.sum(0), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(product, a @ a.T, rtol=1e-4, atol=1e-4)
        if a.size:
            np.testing.assert_allclose(mean, np.exp(a).mean(), rtol=1e-5)
        else:
            assert np.isnan(mean)


def test_nan_and_infinity_are_data():
    x = wf.vector("x", (5,))
    a = np.array([np.nan, np.inf, -np.inf, 0, -0.0], np.float32)
    relu, maximum, total = wf.function([x], [wf.relu(x), wf.max(x), x.sum()])(a)
    np.testing.assert_array_equal(relu, np.maximum(a, 0))
    assert np.isnan(maximum)
    assert np.isnan(total)


def test_updates_see_the_values_before():
    a, b = wf.shared(np.float32(1), "a"), wf.shared(np.float32(2), "b")
    swap = wf.function([], [a, b], updates=[(a, b), (b, a)])
    assert [float(v) for v in swap()] == [1, 2]
    assert (a.get_value(), b.get_value()) == (2, 1)
    assert [float(v) for v in swap()] == [2, 1]


@pytest.mark.parametrize(
    ("kind", "number"), [("float64", 0.1), ("float16", 1), ("int8", 5), ("uint64", 3), ("bool", True)]
)
def test_numbers_of_python_have_the_dtype_of_what_they_stand_for(kind, number):
    w, x = wf.shared(np.zeros((), kind), "w"), wf.scalar("x", dtype=kind)
    results = wf.function([], [x, wf.cast(number, kind)], updates={w: number}, givens={x: number})()
    assert results == [np.dtype(kind).type(number)] * 2  # in all its digits
    assert w.get_value().dtype == results[0].dtype == kind
    assert w.get_value() == np.dtype(kind).type(number)


def test_numbers_of_python_that_do_not_fit_are_refused():
    w, x = wf.shared(np.zeros((), "int8"), "w"), wf.scalar("x", dtype="int8")
    for wrong, text in ((1.5, r"is int8(\(\))?, and its .* float32"), (300, "300 does not fit in int8")):
        for options in ({"updates": {w: wrong}}, {"givens": {x: wrong}}):
            with pytest.raises(wf.DTypeError, match=text):
                wf.function([], x if "givens" in options else None, **options)


def test_update_read_by_a_matmul():
    w = wf.shared(np.arange(9, dtype=np.float32).reshape(3, 3), "w")
    before = w.get_value()
    f = wf.function([], w.sum(), updates={w: w @ w + w.T})
    assert f() == before.sum()
    np.testing.assert_array_equal(w.get_value(), before @ before + before.T)


def test_update_of_reversed_reads():
    w = wf.shared(np.arange(5, dtype=np.float32), "w")
    wf.function([], updates={w: wf.flip(w) + w[0]})()
    np.testing.assert_array_equal(w.get_value(), [4, 3, 2, 1, 0])


def test_counter():
    count = wf.shared(0, "count")
    step = wf.function([], count, updates={count: count + 1})
    assert [int(step()) for _ in range(3)] == [0, 1, 2]
    count.set_value(10)
    assert int(step()) == 10
    assert count.get_value().dtype == np.int64


def test_shared_variable_of_changing_shape():
    data = wf.shared(np.ones(3, np.float32), "data", shape=("n",))
    f = wf.function([], data.sum())
    assert f() == 3
    data.set_value(np.full(5, 2, np.float32))
    assert f() == 10
    with pytest.raises(wf.ShapeError):
        data.set_value(np.ones((2, 2), np.float32))


def test_givens_replace():
    x, i = wf.vector("x", (2,)), wf.scalar("i", dtype="int64")
    data = wf.shared(np.arange(6, dtype=np.float32).reshape(3, 2), "data")
    f = wf.function([i], x * 2, givens={x: data[i]})
    np.testing.assert_array_equal(f(2), [8, 10])
    with pytest.raises(wf.DTypeError, match="givens: x is float32"):
        wf.function([i], x, givens={x: wf.cast(data[i], "float64")})


BAD_CALLS = [
    (lambda x, y, w: wf.function(x, x), "inputs is a list or a dict of inputs, not an expression."),
    (lambda x, y, w: wf.function([x, x], x), "x is listed twice among the inputs."),
    (lambda x, y, w: wf.function([x * 2], x), "inputs[0] is the result of mul, not an input."),
    (lambda x, y, w: wf.function([w], w), "inputs[0] is a shared variable, not an input."),
    (lambda x, y, w: wf.function([3], x), "inputs[0] is int, not an expression."),
    (lambda x, y, w: wf.function([x], x + y), "The outputs depend on 'y', which is not among the inputs."),
    (lambda x, y, w: wf.function([x, y], x), "Nothing depends on the input y of the function."),
    (lambda x, y, w: wf.function([x], x, updates={x: x}), "Only shared variables can be updated."),
    (lambda x, y, w: wf.function([x], x, updates=[(w, w), (w, w)]), "w has two updates."),
    (lambda x, y, w: wf.function([x], x, updates={w: w.sum()}), "w has shape (2,), and its update ()."),
    (
        lambda x, y, w: wf.function([x], x, updates={w: wf.cast(w, "float64")}),
        "w is float32, and its update is float64.",
    ),
    (lambda x, y, w: wf.function([x], x, updates={w: wf.expand_dims(w, 0)}), "has shape (2,), and its update (1, 2)."),
    (lambda x, y, w: wf.function([x], x, updates={3: x}), "Only shared variables can be updated."),
    (lambda x, y, w: wf.function([x], x, givens={"x": x}), "The keys of givens are expressions."),
    (lambda x, y, w: wf.function([x], x, givens=[3]), "givens is a dict or a list of pairs, not [3]"),
    (lambda x, y, w: wf.function([x], x, givens={x: wf.expand_dims(x, 0)}), "givens: x is float32(2,), and its"),
    (lambda x, y, w: wf.function([x], x, givens={x * 2: y.sum()}), "givens: an expression is float32(2,), and its"),
    (lambda x, y, w: wf.function(3, x), "inputs is a list or a dict of inputs, not int."),
    (
        lambda x, y, w: wf.function([x], [x, wf.callback(lambda a: [a, a], [x.type] * 2, x)[0].args[0]]),
        "callback:<lambda> has several outputs; name the ones to return.",
    ),
    (lambda x, y, w: wf.function([x], x, nan="yes"), "nan is 'ignore' or 'raise', not 'yes'."),
    (lambda x, y, w: wf.function([x], x, inf=True), "inf is 'ignore' or 'raise', not True."),
    (lambda x, y, w: wf.function([x], x, updates=3), "updates is a dict or a list of pairs, not 3."),
    (
        lambda x, y, w: wf.function([x], x, target="tpu"),
        "There is no target 'tpu'; there are 'cpu', 'cuda' and 'reference'.",
    ),
    (lambda x, y, w: wf.function([x], x, optimize=7), "optimize is 0, 1 or 2, not 7."),
    (lambda x, y, w: wf.function([x], x, on_unused_input="no"), "on_unused_input is 'raise', 'warn' or 'ignore'"),
]


@pytest.mark.parametrize(("make", "message"), BAD_CALLS, ids=[m[:30] for _, m in BAD_CALLS])
def test_bad_arguments_of_function(make, message):
    x, y = wf.vector("x", (2,)), wf.vector("y", (2,))
    w = wf.shared(np.zeros(2, np.float32), "w")
    with pytest.raises(wf.WeftError) as caught:
        make(x, y, w)
    assert message in str(caught.value)
    assert "test_function.py" in text_of(caught.value)


def test_a_refused_input_comes_with_the_way_out():
    x, w = wf.vector("x", (2,)), wf.shared(np.zeros(2, np.float32), "w")
    for wrong, way in ((x * 2, "to put values in"), (w, "shared variables are read"), (x, "write [x]")):
        with pytest.raises(wf.ArgumentError) as caught:
            wf.function(x if wrong is x else [wrong], x)
        assert f"hint: {way}" in text_of(caught.value)


def test_unused_input_may_warn():
    x, y = wf.vector("x", (2,)), wf.vector("y", (2,))
    with pytest.warns(UserWarning, match="Nothing depends on the input y"):
        wf.function([x, y], x, on_unused_input="warn")


def test_guard_names_both_lines():
    x = wf.matrix("x", ("n", 3))
    t = wf.matrix("t", ("m", 3))
    y = x + t  # the guard
    other = wf.vector("other", ("k",))
    f = wf.function([x, t, other], [y, other + 1])
    assert f(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32), [1.0])[0].shape == (2, 3)
    with pytest.raises(wf.GuardError) as caught:
        f(np.ones((2, 3), np.float32), np.ones((4, 3), np.float32), [1.0])
    assert str(caught.value) == "add: n and m have to be the same size, and in this call they are 2 and 4."
    shown = text_of(caught.value)
    assert "y = x + t  # the guard    <- here" in shown
    assert 'x = wf.matrix("x", ("n", 3))' in shown
    assert 't = wf.matrix("t", ("m", 3))' in shown
    assert "other" not in shown


def test_a_size_that_a_call_makes_negative():
    x = wf.vector("x", ("n",))
    y = x[9:] * 2  # too short
    f = wf.function([x], y)
    assert f(np.ones(11, np.float32)).shape == (2,)
    with pytest.raises(wf.GuardError, match="the size n - 9 is -2 in this call") as caught:
        f(np.ones(7, np.float32))
    assert "# too short    <- here" in text_of(caught.value)


def test_index_out_of_range_names_the_line_and_changes_nothing():
    table = wf.shared(np.zeros((4, 2), np.float32), "table")
    i = wf.vector("i", ("n",), dtype="int64")
    row = table[i]  # out of range
    f = wf.function([i], row.sum(), updates={table: table + 1})
    f(np.array([0, -4]))
    with pytest.raises(wf.IndexRangeError) as caught:
        f(np.array([0, 4]))
    assert "index 4 is out of range for axis 0 with size 4" in str(caught.value)
    assert "row = table[i]  # out of range    <- here" in text_of(caught.value)
    np.testing.assert_array_equal(table.get_value(), np.ones((4, 2)))


def test_label_out_of_range_names_the_line():
    z = wf.matrix("z", ("n", 3))
    t = wf.vector("t", ("n",), dtype="int32")
    loss = wf.crossentropy(z, t).mean()  # the loss
    f = wf.function([z, t], wf.grad(loss, z))
    with pytest.raises(wf.IndexRangeError) as caught:
        f(np.zeros((2, 3), np.float32), np.array([0, 3], np.int32))
    assert "# the loss    <- here" in text_of(caught.value)


def test_reduction_of_nothing():
    x = wf.vector("x", ("n",))
    with pytest.raises(wf.ShapeError, match="is empty, and nothing has no max"):
        wf.function([x], wf.max(x))(np.zeros(0, np.float32))


def test_error_keeps_the_line_through_gradient_and_rewriting():
    x = wf.matrix("x", ("n", 3))
    i = wf.vector("i", ("k",), dtype="int64")
    y = wf.log(wf.exp(x[i] * 1.0))  # looked up
    f = wf.function([x, i], wf.grad((y * y).sum(), x))
    with pytest.raises(wf.IndexRangeError) as caught:
        f(np.zeros((2, 3), np.float32), np.array([5]))
    assert "# looked up    <- here" in text_of(caught.value)


def test_op_without_kernel():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Odd(wf.Op):
        def infer(self, x):
            return x

        def numpy(self, x):
            return x

    x = wf.vector("x", (2,))
    y = wf.apply(Odd(), x)  # no kernel
    assert np.array_equal(wf.evaluate(y, {x: [1, 2]}), [1, 2])
    with pytest.raises(wf.LoweringError) as caught:
        wf.function([x], y)(np.zeros(2, np.float32))
    assert str(caught.value) == "Odd has no kernel for the target 'cpu'."
    assert "# no kernel    <- here" in text_of(caught.value)
    assert '@wf.kernel(Odd, "cpu")' in text_of(caught.value)


def test_many_threads_at_once():
    x = wf.matrix("x", ("n", 200))
    y = wf.tanh(x @ x.T).sum(1)
    f = wf.function([x], y)
    arrays = [np.random.default_rng(k).normal(size=(150 + k, 200)).astype(np.float32) for k in range(8)]
    wanted = [f(a) for a in arrays]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(20) if not np.array_equal(f(arrays[k]), wanted[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_updates_from_many_threads_are_all_counted():
    count = wf.shared(np.zeros(100, np.float32), "count")
    step = wf.function([], None, updates={count: count + 1})
    threads = [threading.Thread(target=lambda: [step() for _ in range(50)]) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(count.get_value(), np.full(100, 300))


def _in_child(queue, f, a):
    queue.put(f(a))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork():
    x = wf.matrix("x", ("n", "m"))
    f = wf.function([x], wf.exp(x @ x.T))
    a = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32) / 20
    here = f(a)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue, f, a))
    child.start()
    there = queue.get(timeout=120)
    child.join()
    np.testing.assert_array_equal(here, there)


def test_eval_compiles_once():
    x = wf.vector("x", (2,))
    y = x * 3
    assert np.array_equal(y.eval({x: np.array([1, 2], np.float32)}), [3, 6])
    assert np.array_equal(y.eval({x: np.array([2, 2], np.float32)}), [6, 6])
    assert np.array_equal(y.eval({wf.scalar(): 1.0, x: np.array([2, 1], np.float32)}), [6, 3])  # which nothing reads
    assert wf.constant(2.0).eval() == 2.0


def test_optimize_levels_agree():
    x = wf.matrix("x", ("n", 4))
    y = wf.log(wf.softmax(x)).sum() + wf.log(1 + wf.exp(x)).mean()
    a = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    values = [wf.function([x], [y, wf.grad(y, x)], optimize=level)(a) for level in (0, 1, 2)]
    for value, gradient in values[1:]:
        np.testing.assert_allclose(value, values[0][0], rtol=1e-5)
        np.testing.assert_allclose(gradient, values[0][1], rtol=1e-4, atol=1e-5)


def test_explain_and_profile_name_the_users_line():
    x = wf.matrix("x", ("n", 4))
    y = wf.log(wf.exp(x).sum(1)).sum()  # unstable
    f = wf.function([x], y)
    assert "# unstable" in f.explain("graph")
    assert "# unstable" in f.explain("rules")
    for stage in ("rewritten", "nests", "memory", "ir", "expand", "stable"):
        assert f.explain(stage)
    assert "define i64" in f.explain("ir")
    assert "test_function.py" in f.explain()
    with pytest.raises(wf.ArgumentError, match="There is no stage 'nothing'"):
        f.explain("nothing")
    profile = f.profile(np.ones((3, 4), np.float32))
    assert "# unstable" in str(profile)
    assert f(np.array([[1000, 0, 0, 0]], np.float32)) == 1000


def test_profile_leaves_shared_variables_alone():
    w = wf.shared(np.zeros(3, np.float32), "w")
    f = wf.function([], updates={w: w + 1})
    f.profile()
    np.testing.assert_array_equal(w.get_value(), np.zeros(3))


def test_no_allocation_but_results_in_the_steady_state():
    import tracemalloc

    x = wf.matrix("x", (100, 100))
    f = wf.function([x], (wf.exp(x @ x) @ x).sum())
    a = np.zeros((100, 100), np.float32)
    f(a)
    tracemalloc.start()
    for _ in range(10):
        f(a)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4000


def test_traceback_ends_at_the_users_line():
    x = wf.matrix("x", ("batch", 784))
    w = wf.shared(np.zeros((748, 10), np.float32), "w")
    with pytest.raises(wf.ShapeError) as caught:
        x @ w
    shown = "".join(traceback.format_exception(caught.value))
    assert "matmul: inner dimensions differ: (batch, 784) @ (748, 10), and 784 != 748" in shown
    assert "x @ w    <- here" in shown
    assert "hint: w needs shape (784, 10)" in shown


def test_expressions_pickle():
    x = wf.matrix("x", ("n", 4))
    y = wf.softmax(x) * wf.shared(np.ones(4, np.float32), "w")
    again = pickle.loads(pickle.dumps(y))
    given = wf.Graph((), (again,)).free_inputs
    a = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(wf.function(given, again)(a), wf.function([x], y)(a))
