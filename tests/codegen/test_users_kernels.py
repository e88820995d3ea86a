"""Kernels of one's own, and the mistakes made in them."""

from dataclasses import dataclass

import numba
import numpy as np
import pytest

import weft as wf


@dataclass(frozen=True)
class Twice(wf.Op):
    """2 x; each test has a class of its own, since a kernel belongs to the class."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return 2 * x

    def vjp(self, g, y, x):
        return (2 * g,)


def op_of(kernel, **methods):
    """An op with this kernel."""
    made = dataclass(frozen=True)(type(kernel.__name__.title(), (Twice,), methods))
    wf.kernel(made, "cpu")(kernel)
    return made()


def told(error):
    return f"{error}\n" + "\n".join(getattr(error, "__notes__", ()))


X = wf.vector("x", ("n",))
DATA = np.array([1, 2, 3], "float32")


def doubled(x, out):
    for i in range(x.size):
        out[i] = 2 * x[i]


def test_a_right_one():
    y = wf.apply(op_of(doubled), X)
    for debug in (False, True):
        with wf.config(debug=debug):
            f = wf.function([X], [y, wf.grad(y.sum(), X)])
        for data in (DATA, DATA[::-1], DATA[:0]):
            np.testing.assert_array_equal(f(data)[0], 2 * data)


def test_one_that_was_compiled_for_its_signature():
    op = op_of(doubled)
    wf.kernel(type(op), "cpu")(numba.njit("void(float32[::1], float32[::1])")(doubled))
    np.testing.assert_array_equal(wf.function([X], wf.apply(op, X))(DATA), 2 * DATA)


def refusing(x, out):
    for i in range(x.size):
        if x[i] < 0:
            raise ValueError("no roots of", x.size)  # refused
        out[i] = 2 * x[i]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_its_exceptions_are_told_as_they_are(debug, compiled):
    y = wf.apply(op_of(refusing), X)  # applied
    if compiled:
        op = op_of(refusing)
        wf.kernel(type(op), "cpu")(numba.njit(refusing))
        y = wf.apply(op, X)  # applied as well
    w = wf.shared(DATA, "w")
    with wf.config(debug=debug):
        f = wf.function([X], [], updates={w: y + w})
        inside = wf.function([X], wf.scan(lambda c, a: (c + wf.apply(y.op, X * a), c), wf.zeros_like(X), X)[0])
    for g in (f, inside):
        with pytest.raises(ValueError, match="no roots of") as caught:
            g(np.array([1, -2, 3], "float32"))
        assert caught.value.args == ("no roots of", 3)
        text = told(caught.value)
        assert "in the kernel refusing" in text
        assert "# refused" in text
        assert ("wf.apply(y.op, X * a)" if g is inside else "# applied") in text
    np.testing.assert_array_equal(w.get_value(), DATA)
    f(DATA)
    np.testing.assert_array_equal(w.get_value(), 3 * DATA)


def misspelt(x, out):
    for i in range(x.size):
        out[i] = dubble(x[i])  # noqa: F821


def careless(x, out):
    for i in range(x.size):
        x[i] = 7
        out[i] = x[i]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("kernel", "says"), [(misspelt, "dubble"), (careless, "a kernel reads its arguments and writes its outputs")]
)
def test_what_numba_refuses(kernel, says, debug):
    w = wf.shared(DATA, "w")
    data = DATA.copy()
    for inputs, argument in (([X], X), ([], w)):
        y = wf.apply(op_of(kernel), argument)
        with wf.config(debug=debug), pytest.raises(wf.LoweringError, match=f"kernel {kernel.__name__}") as caught:
            wf.function(inputs, y)(*[data for _ in inputs])
        text = told(caught.value)
        assert says in text
        assert "test_users_kernels.py" in text
    np.testing.assert_array_equal([data, w.get_value()], [DATA, DATA])


def beyond(x, out):
    for i in range(x.size + 1):
        out[i] = 2.0 * x[0]


def before(x, out):
    for i in range(x.size):
        out[i] = 2 * x[i]
    out[x.size - 1] = 2 * x[-x.size - 1]


@pytest.mark.parametrize("kernel", [beyond, before])
def test_indices_are_checked_in_debug_mode(kernel):
    with wf.config(debug=True):
        f = wf.function([X], wf.apply(op_of(kernel), X))
    with pytest.raises(IndexError) as caught:
        f(DATA)
    assert f"in the kernel {kernel.__name__}" in told(caught.value)


def departing(x, out):
    for i in range(x.size):
        out[i] = 2 * x[i] + (i == 1)


def forgetful(x, out):
    for i in range(x.size - 1):
        out[i] = 2 * x[i]


@pytest.mark.parametrize(("kernel", "says"), [(departing, r"5.0 at \[1\].*4.0"), (forgetful, r"nan at \[2\].*6.0")])
def test_results_are_compared_in_debug_mode(kernel, says):
    with wf.config(debug=True):
        f = wf.function([X], wf.apply(op_of(kernel), X))
    with pytest.raises(wf.VerifyError, match=f"The kernel {kernel.__name__} of {kernel.__name__.title()} gives {says}"):
        f(DATA)


def halves(x, low, high):
    for i in range(x.size):
        low[i] = x[i] // 2
        high[()] = x.size


def test_several_outputs_of_several_dtypes():
    def infer(self, x):
        return wf.TupleType((wf.Type(x.dtype, x.shape), wf.Type("int64", ())))

    op = op_of(halves, infer=infer, numpy=lambda self, x: (x // 2, np.int64(x.size)))
    x = wf.vector("x", ("n",), "int32")
    low, high = wf.items(wf.apply(op, x))
    for debug in (False, True):
        with wf.config(debug=debug):
            found = wf.function([x], [low + 1, high])(np.array([-3, 0, 5], "int32"))
        np.testing.assert_array_equal(found[0], [-1, 1, 3])
        assert found[1] == 3
    op = op_of(halves, infer=infer, numpy=lambda self, x: (x // 2, np.int64(x.size + 1)))
    with wf.config(debug=True), pytest.raises(wf.VerifyError, match=r"gives 3, and the reference \(numpy\) 4"):
        wf.function([x], wf.items(wf.apply(op, x))[1])(np.array([-3, 0, 5], "int32"))


@pytest.mark.parametrize(
    ("data", "reference", "says"),
    [
        ([1, 2, 3], [2, 4, 6.0005], None),  # within half of the digits of the number,
        ([1, 2, 3], [2.002, 4, 6], None),  # or of the largest one
        ([1, 2, 3], [2.01, 4, 6], r"gives 2.0 at \[0\], and the reference \(numpy\) 2.009"),
        ([0, 2, 3e20], [1e16, 4, 6e20], None),
        ([np.nan, np.inf, -np.inf], [np.nan, np.inf, -np.inf], None),
        ([np.nan, np.inf, 1], [np.nan, -np.inf, 2], r"gives inf at \[1\], and the reference \(numpy\) -inf"),
        ([1, np.nan, 1e9], [2, 5, 2e9], r"gives nan at \[1\], and the reference \(numpy\) 5"),
        ([1, 2, 3], [2, 4], r"fills an output of shape \(3,\), and the reference \(numpy\) returns \(2,\)"),
        ([1, 2, 3], None, None),  # there is no reference
    ],
)
def test_how_near_a_result_is_to_the_reference(data, reference, says):
    numpy = wf.Op.numpy if reference is None else lambda self, x: np.array(reference, "float32")
    data = np.array(data, "float32")
    with wf.config(debug=True):
        f = wf.function([X], wf.apply(op_of(doubled, numpy=numpy), X))
    if says is None:
        np.testing.assert_array_equal(f(data), 2 * data)
    else:
        with pytest.raises(wf.VerifyError, match=says):
            f(data)
    np.testing.assert_array_equal(wf.function([X], wf.apply(op_of(doubled, numpy=numpy), X))(data), 2 * data)


def dividing(x, out):
    for i in range(x.size):
        out[i] = 6 // x[i]


def test_an_exception_that_python_does_not_raise():
    x = wf.vector("x", ("n",), "int32")
    f = wf.function([x], wf.apply(op_of(dividing), x))
    np.testing.assert_array_equal(f(np.array([1, -4], "int32")), [6, -2])
    with pytest.raises(wf.LoweringError, match="dividing raised an exception, and raises none when it runs in Python"):
        f(np.array([1, 0], "int32"))


def scaled(x, out, factor, shift):
    for i in range(x.size):
        out[i] = factor * x[i] + shift


def test_fields_come_by_name_behind_the_arrays():
    @dataclass(frozen=True)
    class Affine(Twice):
        shift: float
        unused: str
        factor: float

        def numpy(self, x):
            return (self.factor * x + self.shift).astype(x.dtype)

    wf.kernel(Affine, "cpu")(scaled)
    with wf.config(debug=True):
        f = wf.function([X], [wf.apply(Affine(s, "no", a), X) for s, a in ((0.5, -2.0), (-2.0, 0.5))])
    for found, expected in zip(f(DATA), (-2 * DATA + 0.5, DATA / 2 - 2), strict=True):
        np.testing.assert_array_equal(found, expected)
    op = op_of(scaled)
    with pytest.raises(wf.ArgumentError, match=r"scaled\(x, out, factor, shift\) takes 4 parameters; the op has 1"):
        wf.function([X], wf.apply(op, X))(DATA)
    wf.kernel(type(op), "cpu")(lambda x: None)
    with pytest.raises(wf.ArgumentError, match=r"takes 1 parameters; the op has 1 arguments, 1 outputs and the fields"):
        wf.function([X], wf.apply(op, X))(DATA)
