"""What Theano's programs write and what is made of it: numbers, sizes, keys, flags, names of modules, seeds and draws.

The layer translates to weft's expressions, so most are run by the reference evaluator, without compiling anything.
"""

import importlib
import sys
import warnings

import numpy as np
import pytest
import scipy.linalg

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano import __main__ as command
from weft.compat.theano import modules
from weft.compat.theano.configuration import Flags
from weft.compat.theano.tensor.shared_randomstreams import RandomStreams
from weft.symbolic.errors import GuardError

RNG = np.random.default_rng(0)
A = RNG.normal(size=(2, 3, 4))


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


# ---- numbers and arrays ----------------------------------------------------------------------------------------------


class Wrapped:
    def __init__(self, variable):
        self.variable = variable

    def _as_TensorVariable(self):
        return self.variable


@pytest.mark.parametrize("flag", ["float64", "float32"])
def test_the_dtypes_of_numbers(flag):
    kinds = [
        (127, "int8"), (128, "int16"), (-128, "int8"), (-129, "int16"), (32768, "int32"), (-(2**31), "int32"),
        (2**31, "int64"), (True, "bool"), (0.5, "float32"), (0.1, flag), (np.nan, "float32"),
        (1e300, flag), (np.float32(0.5), "float32"), (np.float64(0.5), "float64"),
        (np.int64(1), "int64"), ([1, 2], "int8"), ([1, 127], "int8"), ([1, 128], "int16"), ([-129, 0], "int16"),
        ([-128, 0], "int8"), ([0.5], flag), ([], flag), ([True], "bool"), (np.zeros(1), "float64"),
        ([[2**40]], "int64"), (np.zeros(2, "int16"), "int16"),
    ]  # fmt: skip
    with theano.config.change_flags(floatX=flag), np.errstate(over="ignore"):
        for value, kind in kinds:
            assert T.as_tensor_variable(value).dtype == T.constant(value).dtype == kind, value
        assert T.constant([1, 2], dtype="floatX").dtype == flag
        assert (T.constant(1) / T.constant(2)).dtype == flag
        assert (T.mean(T.bvector()).dtype, T.zeros((1,)).dtype, T.eye(2).dtype) == ("float64", flag, flag)
        assert T.cast(T.lscalar(), "floatX").dtype == flag
        assert RandomStreams(1).uniform((1,)).dtype == RandomStreams(1).normal((1,)).dtype == flag
        assert RandomStreams(1).truncated_normal((1,), 0.5, 2.0).dtype == flag


def test_what_becomes_a_variable():
    x, k = T.scalar("x"), T.bscalar("k")
    outputs = [
        T.as_tensor_variable([x, k, 300]), T.as_tensor_variable([[x, 1.0], [k, x]]), T.stack([k, 300]),
        T.as_tensor_variable(Wrapped(x)), T.exp(Wrapped(x)), x + x.expr, T.as_tensor_variable((k, k)),
    ]  # fmt: skip
    right = [[0.5, 3, 300], [[0.5, 1], [3, 0.5]], [3, 300], 0.5, np.exp(0.5), 1, [3, 3]]
    for found, wanted in zip(values(outputs, {x: 0.5, k: 3}), right, strict=True):
        np.testing.assert_allclose(found, wanted)
    assert [v.dtype for v in outputs] == ["float64", "float64", "int16", "float64", "float64", "float64", "int8"]
    for value in ("text", b"text", {}, {1}, None, len):
        with pytest.raises(TypeError, match=r"Cannot convert .* to TensorType"):
            T.as_tensor_variable(value)
    for value in (2**63, -(2**63) - 1):
        with pytest.raises(TypeError, match=f"{value} does not fit in int64"):
            T.as_tensor_variable(value)
    assert T.as_tensor_variable(-(2**63)).dtype == "int64"
    assert (T.as_tensor_variable(5.5, name="five").name, T.constant(6.5, "six").name) == ("five", "six")
    assert T.as_tensor_variable(T.vector("v"), ndim=1).name == "v"
    assert T.as_tensor_variable(T.vector(), ndim=3).broadcastable == (True, True, False)
    with pytest.raises(ValueError, match="The variable has 2 axes, and 1 are asked for"):
        T.as_tensor_variable(T.matrix(), ndim=1)


# ---- sizes and shapes ------------------------------------------------------------------------------------------------


def test_shapes_out_of_computed_vectors():
    x, s, n = T.tensor3("x"), T.lvector("s"), T.lscalar("n")
    sizes = {
        "T.stack([x.shape[2], x.shape[0] * x.shape[1]])": (4, 6),
        "T.concatenate([x.shape[2:], [6]])": (4, 6),
        "T.concatenate([x.shape[:0], [6, 4]])": (6, 4),
        "x.shape[1:] * np.array([2, 1])": (6, 4),
        "T.as_tensor_variable([4, 2]) * [1, 3]": (4, 6),
        "T.as_tensor_variable([2, 4])[::-1] * T.constant([1, 3])": None,
        "T.concatenate([x.shape, [1]])[1:3] * [4, 1] // [1, 2]": None,
        "T.stack([n, n + 2])": (4, 6),
        "T.constant([6, 4])": (6, 4),
        "np.array([6, 4])": (6, 4),
        "np.array(24)": (24,),
        "[T.constant(4.0), np.int8(6)]": (4, 6),
        "T.alloc(n, 1) * [1, 6] // [1, 4]": (4, 6),
        "n * 6": (24,),
        "T.reshape(n * 6, (1,))": (24,),
        "(n.dimshuffle('x'))": None,
        "s[:2]": None,
    }
    wanted = {text: shape for text, shape in sizes.items() if shape is not None}
    outputs = [x.reshape(eval(text, {"T": T, "np": np, "x": x, "n": n, "s": s})) for text in wanted]
    for (text, shape), found in zip(wanted.items(), values(outputs, {x: A, n: 4}), strict=True):
        assert found.shape == shape, text
        np.testing.assert_array_equal(found.ravel(), A.ravel())
    assert T.zeros(n.dimshuffle("x")).ndim == 1
    with pytest.raises(ValueError, match="The number of axes is the length of this vector, which only a call knows"):
        T.zeros(s)
    known = T.zeros(T.patternbroadcast(s, (True,)))
    assert values([known], {s: [3]})[0].shape == (3,)


def test_elements_of_vectors_of_sizes():
    x, n = T.tensor3("x"), T.lscalar("n")
    whole = T.concatenate([x.shape, [n]])
    outputs = [
        T.prod(x.shape), T.prod(x.shape[1:]), T.prod(x.shape[::-2]), T.prod(whole),
        T.prod(T.constant([2, 5], dtype="int8")), T.prod(whole[1:3]), T.prod(whole[3:0:-2]), T.prod(T.alloc(n, 3)),
        T.prod(x.shape, keepdims=True), T.prod(x.shape, dtype="float32"), T.prod(x.shape[:0]),
        T.prod(whole * 2 - x.shape[0]), x.shape.prod(),
    ]  # fmt: skip
    right = [24, 12, 8, 168, 10, 12, 21, 343, [24], 24, 1, 2 * 4 * 6 * 12, 24]
    for found, wanted in zip(values(outputs, {x: A, n: 7}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert [v.dtype for v in outputs] == ["int64"] * 9 + ["float32"] + ["int64"] * 3
    assert T.zeros((T.prod(x.shape[1:]),)).expr.shape == x[0].flatten().expr.shape


def test_moves_of_axes_by_every_form_of_argument():
    x, one = T.tensor3("x"), T.TensorType("float64", (True, False, True))("one")
    line = A[:1, :, :1]
    outputs = [
        x.reshape(4, -1), x.reshape([2, 12]), x.reshape(x.shape[0], 12), T.reshape(x, -1), one.dimshuffle(1),
        one.dimshuffle(-2, "x", 0), one[:, 0].dimshuffle(), T.squeeze(one), one.squeeze(0), one.squeeze((0, 2)),
        x.transpose(), x.transpose((2, 0, 1)), x.transpose(2, 0, 1), x.dimshuffle([2, 0, 1]), x.swapaxes(0, -1),
        T.specify_shape(x, (2, 3, 4)), T.scalar("s").flatten().shape, x.sum(T.constant(1)), x.sum(axis=np.int64(1)),
        x.sum(np.array([0, 2])), x.max(axis=[-1, 0]), x.argmax([1]), x.argmin(axis=()), T.unbroadcast(one, 0) + 0,
        T.addbroadcast(x[:, :1], 1) * x, x.argmax((0, 1)), T.scalar("z").dimshuffle("x", "x").shape,
    ]  # fmt: skip
    right = [
        A.reshape(4, 6), A.reshape(2, 12), A.reshape(2, 12), A.ravel(), line[0, :, 0], line.transpose(1, 0, 2),
        line[0, 0, 0], line[0, :, 0], line[0], line[0, :, 0],
        A.T, A.transpose(2, 0, 1), A.transpose(2, 0, 1), A.transpose(2, 0, 1), A.swapaxes(0, -1),
        A, [1], A.sum(1), A.sum(1), A.sum((0, 2)), A.max((0, 2)), A.argmax(1), A.argmin(), line, A[:, :1] * A,
        A.reshape(6, 4).argmax(0), [1, 1],
    ]  # fmt: skip
    given = {x: A, one: line}
    for place, (found, wanted) in enumerate(zip(values(outputs, given), right, strict=True)):
        np.testing.assert_array_equal(found, wanted, err_msg=str(place))


def test_moves_that_cannot_be():
    x, one = T.tensor3("x"), T.TensorType("float64", (True, False))("one")
    for text, call in {
        "flatten: ndim is from 1 to 3, the number of axes, not 4": lambda: x.flatten(4),
        "flatten: ndim is from 1 to 3, the number of axes, not 0": lambda: T.flatten(x, outdim=0),
        "flatten: ndim is from 1 to 0, the number of axes, not 2": lambda: T.scalar().flatten(2),
        "leaves out axis 1, whose size is 3": lambda: x.reshape((2, 3, 4)).dimshuffle(0, 2),
        r"\(0, 0, 1\) does not name each of the 2 axes": lambda: T.matrix().dimshuffle(0, 0, 1),
        r"\(0,\) does not name each of the 0 axes": lambda: T.scalar().dimshuffle(0),
        "The length of this vector is not known": lambda: T.get_vector_length(T.vector()),
        "cannot be summed over": lambda: T.batched_tensordot(x, x, [[0], [0]]),
        "cannot be summed over ": lambda: T.batched_tensordot(x, x, 3),
        "shorter than|longer than": lambda: T.batched_tensordot(x, x, [[1, 2], [2]]),
        "diag takes a vector or a matrix, and this expression has shape": lambda: T.diag(x),
        "not 'up'": lambda: T.round(x, "up"),
    }.items():
        with pytest.raises(ValueError, match=text.strip()):
            call()
    with pytest.raises(TypeError, match="concatenate takes a list or tuple of tensors, not TensorVariable"):
        T.concatenate(x)
    for name in ("add", "maximum", "and_"):
        with pytest.raises(TypeError, match=f"{name} needs at least one argument"):
            getattr(T, name)()
    with pytest.raises(NotImplementedError, match="svd gives the thin factors here"):
        T.nlinalg.svd(T.matrix())
    for broken in (T.specify_shape(x, (2, 3, 5)), T.addbroadcast(x, 1), x.dimshuffle(0, 2)):
        with pytest.raises((GuardError, wf.ShapeError)):
            values([broken], {x: A})
    assert one.dimshuffle(1).ndim == 1
    assert T.get_vector_length(T.constant([1, 2, 3])) == T.get_vector_length(x.shape) == 3


def test_values_that_never_change():
    constant_value = T.get_scalar_constant_value
    assert constant_value(T.constant(3)) == constant_value(5) - 2 == 3
    assert (T.constant(2) * 3 + 1).get_scalar_constant_value() == 7
    x = T.vector("x")
    for variable in (T.scalar("s") + 1, theano.shared(1.0), x.shape[0], x.sum()):
        with pytest.raises(T.NotScalarConstantError, match="is not a constant"):
            constant_value(variable)


# ---- keys and joins --------------------------------------------------------------------------------------------------


def test_keys_in_every_form():
    x, i, k = T.tensor3("x"), T.lscalar("i"), T.lvector("k")
    outputs = [
        x[T.constant(1)], x[i], x[i, T.constant(-1)], x[:, i:], x[..., : -i], x[[slice(0, 1), slice(None)]],
        x[:, [i, 0]], x[:, k], x[..., None], x[np.array([1, 0])], x[:, T.constant(1):], x[:, k > 0],
        x[[1, 0], :, [2, 3]],
    ]  # fmt: skip
    a, b = A, np.array([0, 2, -1])
    right = [
        a[1], a[1], a[1, -1], a[:, 1:], a[..., :-1], a[0:1, :], a[:, [1, 0]], a[:, b], a[..., None], a[[1, 0]],
        a[:, 1:], a[:, b > 0], a[[1, 0], :, [2, 3]],
    ]  # fmt: skip
    for found, wanted in zip(values(outputs, {x: a, i: 1, k: b}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_writing_takes_the_dtype_of_the_array():
    x, k = T.fvector("x"), T.lvector("k")
    outputs = [
        T.set_subtensor(x[0], T.dscalar("d") * 0 + 0.1), T.inc_subtensor(x[1:], k[:2]), T.set_subtensor(k[:1], True),
        T.inc_subtensor(k[[0, 0]], T.constant([1, 2])),
    ]  # fmt: skip
    assert [v.dtype for v in outputs] == ["float32", "float32", "int64", "int64"]
    a, n = np.float32([1, 2, 3]), np.array([5, 6, 7])
    outputs = outputs[1:]
    for found, wanted in zip(values(outputs, {x: a, k: n}), ([1, 7, 9], [1, 6, 7], [8, 6, 7]), strict=True):
        np.testing.assert_array_equal(found, wanted)
    for call in (T.set_subtensor, T.inc_subtensor):
        with pytest.raises(TypeError, match="Trying to put float32 into an array of int64"):
            call(k[0], 0.5)
        with pytest.raises(TypeError, match=rf"{call.__name__} takes a subtensor, x\[key\], as its first argument"):
            call(k * 2, 1)


def test_joins_and_cuts_in_every_form():
    x, s, n = T.matrix("x"), T.lvector("s"), T.lscalar("n")
    m = A[0]
    outputs = [
        T.stack(x, x * 2, axis=1), T.stack((x, x), 1), T.stack([x, 2 * x]), T.stack(tensors=(x, x)), T.stack(x),
        *T.split(x, T.constant([1, 3]), 2, axis=1), *T.split(x, [n, 2], 2), T.split(x, np.array([1, 1, 1]), 3)[2],
        T.join(T.constant(1), x, x), T.concatenate((x, x), axis=np.int64(0)), T.tile(x, 2), T.tile(x, (n, 1)),
        T.repeat(x, n, 0), T.repeat(x, T.constant([1, 0, 2]), 0), T.repeat(x, np.array([2] * 12)), T.repeat(x, 2, 1),
        T.repeat(x, (1, 2, 0, 1), axis=1), T.roll(x, n), T.roll(x, 1, axis=0),
        T.roll(x, n, -1), T.roll(x, s[0], 1), T.horizontal_stack(x, x, x), T.vertical_stack(x, x, x),
    ]  # fmt: skip
    right = [
        np.stack([m, 2 * m], 1), np.stack([m, m], 1), np.stack([m, 2 * m]), np.stack([m, m]), m[None],
        m[:, :1], m[:, 1:], m[:1], m[1:], m[2:],
        np.c_[m, m], np.r_[m, m], np.tile(m, 2), m, m, m.repeat([1, 0, 2], 0), m.repeat(2), m.repeat(2, 1),
        m.repeat([1, 2, 0, 1], 1), np.roll(m, 1), np.roll(m, 1, 0), np.roll(m, 1, -1), np.roll(m, -3, 1),
        np.c_[m, m, m], np.r_[m, m, m],
    ]  # fmt: skip
    for place, (found, wanted) in enumerate(zip(values(outputs, {x: m, s: [-3], n: 1}), right, strict=True)):
        np.testing.assert_array_equal(found, wanted, err_msg=str(place))


def test_sorted_parts_and_counts():
    x, k = T.matrix("x"), T.bvector("k")
    m, n = A[0], np.array([3, 0, 3, 1], "int8")
    outputs = [
        *T.extra_ops.topk_and_argtopk(x, 2, axis=0, idx_dtype="int32"),
        T.argtopk(x, 3), T.topk(x, 1), T.bincount(k), T.bincount(k, weights=k * 2),
        T.bincount(k, minlength=3), T.bincount(k, minlength=T.constant(6)), T.nonzero_values(x), *T.nonzero(x > 0),
        T.flatnonzero(x > 0), T.choose(k % 2, [k, -k]), T.ptp(x), T.ptp(x, 0), T.var(x, corrected=True),
    ]  # fmt: skip
    order = np.argsort(-m, 0, kind="stable")[:2]
    right = [
        np.take_along_axis(m, order, 0), order, np.argsort(-m, 1)[:, :3], m.max(1, keepdims=True), np.bincount(n),
        np.bincount(n, n * 2), np.bincount(n), np.bincount(n, minlength=6), m.ravel(), *np.nonzero(m > 0),
        np.flatnonzero(m > 0), np.choose(n % 2, [n, -n]), np.ptp(m), np.ptp(m, 0), m.var(),
    ]  # fmt: skip
    for place, (found, wanted) in enumerate(zip(values(outputs, {x: m, k: n}), right, strict=True)):
        np.testing.assert_allclose(found, wanted, err_msg=str(place))
    assert outputs[1].dtype == "int32"


def test_reductions_of_whole_numbers_and_of_ties():
    x, k, b = T.tensor3("x"), T.bmatrix("k"), T.tensor3("b", dtype="bool")
    a, n, t = np.float64(A > 0) - (A < -1), np.array([[100, -3, 100], [7, 100, -3]], "int8"), A > 0.5
    outputs = [
        k.max(), k.min(0), T.max(k, (0, 1), keepdims=True), T.min(k, axis=[-1]), k.argmax(), k.argmin(1), k.sum(1),
        k.prod(1), k.mean(0), k.var(), k.std(1, keepdims=True), b.any(1), T.all(b, axis=(0, 2), keepdims=True),
        b.sum(), b.mean(-1), k.mean(dtype="float32"), T.sum(k, dtype="float32"), x.max(axis=(0, 1)),
        x.min(keepdims=True), k.ptp(1), k.norm(2),
    ]  # fmt: skip
    right = [
        n.max(), n.min(0), n.max((0, 1), keepdims=True), n.min(-1), n.argmax(), n.argmin(1), n.sum(1),
        np.prod(n, 1, "int64"), n.mean(0), n.var(), n.std(1, keepdims=True), t.any(1), t.all((0, 2), keepdims=True),
        t.sum(), t.mean(-1), n.mean(), n.sum(), a.max((0, 1)), a.min(keepdims=True), np.array([103, 103], "int8"),
        np.linalg.norm(np.float64(n)),
    ]  # fmt: skip
    for place, (found, wanted) in enumerate(zip(values(outputs, {x: a, k: n, b: t}), right, strict=True)):
        assert found.shape == np.shape(wanted), place
        np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=str(place))
    assert [v.dtype for v in outputs[:9]] == ["int8"] * 4 + ["int64"] * 4 + ["float64"]
    assert [v.dtype for v in outputs[11:17]] == ["bool", "bool", "int64", "float64", "float32", "float32"]
    slopes = [
        T.grad((function(x, axes, keepdims=kept) * 3).sum(), x)
        for function in (T.max, T.min)
        for axes in (None, -1, (2, 0))
        for kept in (False, True)
    ]
    ties = [
        3.0 * (a == function(a, axis=axes, keepdims=True))
        for function in (np.max, np.min)
        for axes in (None, -1, (2, 0))
    ]
    for place, found in enumerate(values(slopes, {x: a})):
        np.testing.assert_array_equal(found, ties[place // 2], err_msg=str(place))


def test_ranges_in_their_dtype():
    u, k, f = T.scalar("u", dtype="uint8"), T.bscalar("k"), T.fscalar("f")
    x = T.vector("x")
    outputs = [
        T.arange(u), T.arange(u, u + u, u), T.arange(k), T.arange(k, 0, -2), T.arange(f), T.arange(1, f, 0.5),
        T.arange(2.5), T.arange(k, dtype="int8"), T.arange(T.constant(3)), T.arange(0, x.shape[0], 2),
        T.arange(np.int64(2)), T.arange(5, k),
    ]  # fmt: skip
    dtypes = ["int64", "uint64", "int64", "int64", "float32", "float32", "float32", "int8", *["int64"] * 4]
    assert [v.dtype for v in outputs] == dtypes
    right = [
        [0, 1, 2],
        [3],
        [0, 1, 2, 3],
        [4, 2],
        [0, 1],
        [1, 1.5],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 2],
        [0, 2],
        [0, 1],
        [],
    ]
    given = {u: 3, k: 4, f: 2.0, x: np.zeros(4)}
    for place, (found, wanted) in enumerate(zip(values(outputs, given), right, strict=True)):
        np.testing.assert_array_equal(found, wanted, err_msg=str(place))


def test_products_of_any_rank():
    x, y = T.tensor3("x"), T.tensor3("y")
    B = RNG.normal(size=(2, 4, 3))
    outputs = [
        T.batched_dot(x, y), T.batched_dot(x[:, 0], x[:, 1]), T.batched_dot(x[:, 0], y), T.batched_dot(x[:, :, 0], x),
        T.batched_tensordot(x, x), T.batched_tensordot(x, y, [1, 2]),
        T.batched_tensordot(x, y, [[1, 2], [2, 1]]), T.batched_tensordot(x, y, [np.int64(2), np.int64(1)]),
        T.tensordot(x, y, [[0, 2], [0, 1]]), T.tensordot(x[0], y[0], 1), T.outer(x[0], y[0, 0]), T.dot(x, y[0]),
        T.nlinalg.matrix_dot(x[0], y[0], x[1]), T.slinalg.kron(x[0], y[1]),
        T.alloc(x[0, 0, 0], x.shape), T.alloc(x[0], [2, 3, 4]), T.dot(T.constant([1, 2, 3]), x[0]),
        T.nlinalg.matrix_power(T.dot(x[0], y[0]), 0),
    ]  # fmt: skip
    right = [
        A @ B, (A[:, 0] * A[:, 1]).sum(1), np.einsum("bi,bij->bj", A[:, 0], B), np.einsum("bi,bij->bj", A[:, :, 0], A),
        np.einsum("bij,bij->b", A, A), np.einsum("bij,bki->bjk", A, B), np.einsum("bij,bji->b", A, B), A @ B,
        np.tensordot(A, B, [[0, 2], [0, 1]]), A[0] @ B[0], np.outer(A[0], B[0, 0]), A @ B[0], A[0] @ B[0] @ A[1],
        np.kron(A[0], B[1]), np.full(A.shape, A[0, 0, 0]), A[[0, 0]], np.array([1, 2, 3]) @ A[0], np.eye(3),
    ]  # fmt: skip
    for place, (found, wanted) in enumerate(zip(values(outputs, {x: A, y: B}), right, strict=True)):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, err_msg=str(place))


def test_factors_of_matrices():
    x, k, y = T.matrix("x"), T.lmatrix("k"), T.matrix("y")
    m, n = RNG.normal(size=(4, 4)), np.array([[5, 1], [1, 3]])
    s = m @ m.T + np.eye(4)
    half = np.tril(s, -1) * 7 + s  # the other triangle is not read
    outputs = [
        *T.nlinalg.qr(x), T.nlinalg.qr(x, mode="r"), *T.nlinalg.svd(x.reshape((4, 4))),
        T.nlinalg.svd(x[:, :3], False)[1], T.nlinalg.svd(x[:, :3], full_matrices=False)[2],
        T.nlinalg.svd(x, compute_uv=False), T.nlinalg.eigh(y, "U")[0], T.nlinalg.eigh(y.T)[0],
        T.slinalg.cholesky(x.dot(x.T)), T.slinalg.cholesky(x.dot(x.T), lower=False),
        T.slinalg.solve(x, k[:, 0].repeat(2)), T.slinalg.solve(x, y), T.slinalg.solve_lower_triangular(x, y),
        T.slinalg.solve_upper_triangular(x, y[0]), T.slinalg.solve(x, y, "upper_triangular"), T.nlinalg.det(k),
        T.nlinalg.matrix_inverse(k), T.nlinalg.trace(k), T.nlinalg.pinv(y[:, :2]), T.nlinalg.pinv(T.outer(x[0], x[1])),
        T.slinalg.solve(x, y, A_structure="lower_triangular"),
    ]  # fmt: skip
    q, r = np.linalg.qr(m)
    q, r = q * np.sign(np.diag(r)), (r.T * np.sign(np.diag(r))).T
    u, sv, vt = np.linalg.svd(m)
    triangular = scipy.linalg.solve_triangular
    right = [
        q, r, r, u, sv, vt, np.linalg.svd(m[:, :3])[1], np.linalg.svd(m[:, :3])[2], sv, np.linalg.eigvalsh(half, "U"),
        np.linalg.eigvalsh(half, "U"), np.linalg.cholesky(m @ m.T), np.linalg.cholesky(m @ m.T).T,
        np.linalg.solve(m, [5, 5, 1, 1]), np.linalg.solve(m, half), triangular(m, half, lower=True),
        triangular(m, half[0]), triangular(m, half), 14, np.linalg.inv(n), 8, np.linalg.pinv(half[:, :2]),
        np.linalg.pinv(np.outer(m[0], m[1])), triangular(m, half, lower=True),
    ]  # fmt: skip
    for place, (found, wanted) in enumerate(zip(values(outputs, {x: m, k: n, y: half}), right, strict=True)):
        if place < 8 and place not in (4, 6):  # the signs of columns are free
            found, wanted = np.abs(found), np.abs(wanted)
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9, err_msg=str(place))


# ---- elementwise -----------------------------------------------------------------------------------------------------


def test_elementwise_functions_in_every_form():
    x, k, b = T.vector("x"), T.bvector("k"), T.vector("b", dtype="bool")
    near = np.array([2e-5, 9e-9, 2e-5])  # within 1e-5 of the value and 1e-8, or not
    a, n, t = np.array([-1.5, 0.0, 3.0]), np.array([0, -2, 3], "int8"), np.array([True, False, True])
    outputs = [
        T.add(x, 1, k), T.mul(x, k, 2, x), T.maximum(x, k, 0.5), T.minimum(x, k, T.constant(-1.0)), T.add(x),
        T.or_(k, 1, 4), T.switch(k, x, 7), T.switch(b, k, x), T.switch(x, 1, 2), T.true_div(k, 2), k / k[1],
        T.true_div(x, k[2]), T.inv(k + 3), T.sgn(k), T.clip(k, -1, x), T.identity(3), T.tensor_copy(x), x.copy(),
        x.fill(k[1]), T.second(k, x[0]), T.allclose(x, x + 1e-9), T.allclose(x, x + 1e-9, 0, 0),
        T.allclose(x / 0 * 0, x / 0 * 0, equal_nan=True), T.Elemwise(theano.scalar.mul)(x, k),
        T.Elemwise(theano.scalar.exp, name="e")(x), T.basic._convert_to_int32(x), T.basic.convert_to_float32(k),
        T.cast(x, "bool"), T.isclose(x, x + near), x.conj(), T.iround(x), T.deg2rad(x), T.rad2deg(x), T.pow(2, x),
        T.arccosh(x[2:]), T.cbrt(x), T.log2(x[2:]),
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        right = [
            a + 1 + n, a * n * 2 * a, np.maximum(np.maximum(a, n), 0.5), np.minimum(np.minimum(a, n), -1), a, n | 1 | 4,
            np.where(n != 0, a, 7), np.where(t, n, a), np.where(a != 0, 1, 2), n / 2, n / -2, a / 3,
            1 / (n + 3.0), np.sign(n), np.clip(n, -1, a), 3, a, a, [-2, -2, -2], [-1.5] * 3,
            True, False, True, a * n, np.exp(a), [-1, 0, 3], n, a != 0, [False, True, True], a,
            [-2, 0, 3], np.deg2rad(a), np.rad2deg(a), 2**a, np.arccosh(a[2:]), np.cbrt(a), np.log2(a[2:]),
        ]  # fmt: skip
        found = values(outputs, {x: a, k: n, b: t})
    for place, (value, wanted) in enumerate(zip(found, right, strict=True)):
        np.testing.assert_allclose(value, wanted, rtol=1e-6, err_msg=str(place))
    assert (outputs[16] is x, outputs[17] is x) == (False, False)
    assert [outputs[i].dtype for i in (9, 11, 25, 26, 27)] == ["float64", "float64", "int32", "float32", "bool"]
    assert T.cast(x, "float64") is x
    assert T.cast(1, "float64").dtype == "float64"


# ---- flags -----------------------------------------------------------------------------------------------------------


def test_flags_out_of_a_text():
    with pytest.warns(UserWarning, match="has no meaning in weft") as told:
        config = Flags("floatX=float32, blas.ldflags=-lm=x,openmp_elemwise_minsize=7,lib.cnmem=0.5,,openmp=True, cxx=,")
    assert (config.floatX, config.blas.ldflags, config.openmp_elemwise_minsize) == ("float32", "-lm=x", 7)
    assert (config.lib.cnmem, config.openmp, config.cxx, config.device) == (0.5, True, "", "cpu")
    assert [str(w.message).split()[2] for w in told] == [
        "blas.ldflags", "openmp_elemwise_minsize", "lib.cnmem", "openmp",
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.blas.ldflags = "-lother"  # said once
        config.device = "cpu"  # as it is
        with config.change_flags(lib__cnmem=0.75, floatX="float64", mode="DebugMode", optimizer="None"):
            assert (config.lib.cnmem, config.floatX, config.mode) == (0.75, "float64", "DebugMode")
    assert (config.lib.cnmem, config.floatX, config.mode) == (0.5, "float32", "Mode")
    with pytest.raises(RuntimeError), config.change_flags(floatX="float64"):
        raise RuntimeError
    assert config.floatX == "float32"
    lines = str(config).splitlines()
    assert lines == sorted(lines)
    assert {"floatX = float32", "lib.cnmem = 0.5", "dnn.conv.algo_fwd = small"} <= set(lines)
    assert config.dnn.conv.algo_fwd == "small"
    for section in (config, config.dnn, config.dnn.conv):
        with pytest.raises(AttributeError, match="has no flag"):
            _ = section.con
    with pytest.warns(UserWarning, match="The flag own has no meaning in weft; 5 is noted") as told:
        config.own = 5
    assert (config.own, told[0].filename) == (5, __file__)
    for name, wrong in (
        ("compute_test_value", "on"),
        ("on_unused_input", "skip"),
        ("cast_policy", ""),
        ("int_division", 1),
    ):
        with pytest.raises(ValueError, match=f"theano.config.{name} is one of '"):
            setattr(config, name, wrong)
    assert Flags("openmp=False").openmp is False
    with pytest.warns(UserWarning, match="allow_gc"):
        assert Flags("allow_gc=False").allow_gc is False


# ---- modules and scripts ---------------------------------------------------------------------------------------------


def test_modules_show_what_is_theanos():
    import weft.compat.theano.tensor.nnet.nnet as deep

    assert theano.tensor.nnet.nnet is deep
    assert (theano.__version__, theano.version.version, theano.theano.tensor is T) == ("1.0.5", "1.0.5", True)
    inside = "Any Callable annotations method wrap np wf Expr dataclass unwrap blame sys".split()  # noqa: SIM905
    for module in (T, T.nnet, theano.gof, theano.scalar, theano.printing, theano.compile.ops, theano.configdefaults):
        assert not set(inside) & {*dir(module), *dir(theano)}
        assert dir(module) == sorted(set(dir(module)))
        for hidden in inside:
            with pytest.raises(AttributeError, match=f"has no '{hidden}' in weft.compat.theano"):
                getattr(module, hidden)
    assert {"exp", "dot", "matrix", "grad"} <= set(dir(T))
    assert {"softmax", "conv2d", "relu", "__name__"} <= set(dir(T.nnet))
    assert {"function", "shared", "scan", "OrderedDict"} <= set(dir(theano))
    assert not any(name.startswith("_") and not name.startswith("__") for name in dir(T))
    for name in ("__version__", "__wrapped__", "__path_hooks__"):
        with pytest.raises(AttributeError, match=f"^{name}$"):
            getattr(T, name)
    with pytest.raises(AttributeError, match=r"theano\.tensor has no 'theano'"):
        _ = T.theano
    with pytest.raises(NotImplementedError, match="Theano's own tests"):
        theano.test()
    for path in filter(None, modules.MODULES):
        found = importlib.import_module(f"weft.compat.theano.{path}")
        assert isinstance(found, modules.TheanoModule)
        for name in dir(found):
            assert getattr(found, name, 0) is not found


def test_a_module_does_not_hide_the_function_of_its_name():
    for path in ("tensor.sort", "tensor.var", "compile.function", "scan_module.scan"):
        module = importlib.import_module(f"weft.compat.theano.{path}")
        parent, name = path.split(".")
        found = getattr(getattr(theano, parent), name)
        assert isinstance(module, modules.TheanoModule)
        assert not isinstance(found, modules.TheanoModule)
        assert found is getattr(module, name, found)
    assert T.sort.__name__ == "sort"


def test_the_importer_is_asked_once_for_each_name(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    count = len(sys.meta_path)
    modules.install("theano_for_tests")
    modules.install("theano_for_tests")
    assert len(sys.meta_path) == count + 1
    finder = sys.meta_path[0]
    assert finder.find_spec("theano_for_tests.tensor.nnet").name == "theano_for_tests.tensor.nnet"
    assert finder.find_spec("theano_for_tests").submodule_search_locations == []
    for other in ("theano_for_tests2", "theano_for_tests.nothing", "other.tensor", "tensor"):
        assert finder.find_spec(other) is None
    import theano_for_tests.tensor.nnet.conv as one

    assert one is theano.tensor.nnet.conv
    for name in [n for n in sys.modules if n.split(".")[0] == "theano_for_tests"]:
        del sys.modules[name]


@pytest.fixture
def run(monkeypatch, capsys):
    """What the command prints, and how it exits."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["theano", *arguments])
        try:
            command.main()
        except SystemExit as end:
            return capsys.readouterr().out, end.code
        return capsys.readouterr().out, None

    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(sys.modules)
    yield call
    for name in set(sys.modules) - set(before):
        if name.split(".")[0] in ("theano", "program_for_theano"):
            del sys.modules[name]


def test_programs_by_file_module_and_text(run, tmp_path):
    text = "import sys\nimport theano\nprint(sys.argv, sys.path[0], __name__, theano.__version__)\n"
    script = tmp_path / "program_for_theano.py"
    script.write_text(text)
    for wrong in ((), ("-h",), ("--help",), ("-m",), ("-c",)):
        out, code = run(*wrong)
        assert (out.startswith("usage: "), code) == (True, 0 if wrong and wrong[0] in ("-h", "--help") else 2)
    assert run(str(tmp_path / "none.py")) == ("", f"There is no file {tmp_path / 'none.py'}.")
    assert run(str(script), "-a", "b") == (f"['{script}', '-a', 'b'] {tmp_path.resolve()} __main__ 1.0.5\n", None)
    assert sys.argv == [str(script), "-a", "b"]
    out, code = run("-c", text, "-m", "b")
    assert (out.split("] ")[0], out.split()[-2:], code) == (
        "['-c', '-m', 'b'",
        ["__main__", "1.0.5"],
        None,
    )
    out, code = run("-m", "program_for_theano", "c")
    assert (out.split("] ")[0], out.split()[-2:], code) == (f"['{script}', 'c'", ["__main__", "1.0.5"], None)


# ---- random streams --------------------------------------------------------------------------------------------------


def test_seeds_in_every_form():
    def draw(*seed):
        return float(values([RandomStreams(*seed).uniform(())], {})[0])

    assert draw(5) == draw(np.int64(5)) == draw([5]) == draw((0, 5)) != draw(6)
    assert draw([1, 2, 3, 4, 5, 6]) == draw(np.arange(1, 7)) != draw([1, 2, 3, 4, 5, 7])
    assert draw([1, 2]) == draw(2147483647 + 2)
    assert draw([2**32, 2**33, 9]) != draw([0, 0, 9])
    assert draw() != draw()
    with pytest.raises(TypeError, match="A seed is a whole number or six of them, not 'text'"):
        RandomStreams("text")
    stream, other = RandomStreams(5), RandomStreams(6)
    one, two = stream.uniform((2,)), other.uniform((2,))
    other.set_rstate(5)
    np.testing.assert_array_equal(*values([one, two], {}))
    other.seed()  # the first one again
    assert values([two], {})[0][0] != values([one], {})[0][0]
    (counter, later) = stream.state_updates[0]
    for ((place, moved),) in (stream.updates(), stream.state_updates, [one.update]):
        assert (place, moved.expr) == (stream.rstate, later.expr)
    assert (one.rng, counter) == (stream.rstate, stream.rstate)
    np.testing.assert_array_equal(values([later], {})[0], counter.get_value() + 1)


def test_draws_in_every_form():
    stream, p = RandomStreams(11), T.constant([[0.1, 0.0, 0.9], [0.0, 1.0, 0.0]])
    rows = T.constant(np.arange(24.0).reshape(2, 12))
    draws = {
        "one": stream.binomial((9, 4), p=0.5),
        "p": stream.binomial(p=np.array([0.0, 1.0])),
        "float": stream.binomial((5,), n=3, p=0.5, dtype="float32"),
        "n": stream.binomial((50,), n=T.constant(4), p=T.constant(1.0)),
        "counts": stream.multinomial(n=10, pvals=p),
        "shaped": stream.multinomial((5, 2), n=2, pvals=p[1]),
        "rows": stream.multinomial((2,), 4, p, dtype="int32"),
        "whole": stream.multinomial((3,), pvals=[0, 1, 0]),
        "any": stream.choice((400,), a=T.constant(3)),
        "two": stream.choice((400,)),
        "names": stream.choice(size=(60,), a=np.array([5.5, 7.5])),
        "weighed": stream.choice((60,), p=[0.0, 2.0, 2.0]),
        "single": stream.choice(size=None, a=[9]),
        "default": stream.choice(a=5),
        "without": stream.choice((2, 2), a=4, replace=False),
        "narrow": stream.choice((3,), a=4, replace=False, dtype="int8"),
        "without rows": stream.multinomial_wo_replacement(n=2, pvals=np.array([[0, 0.5, 0.5], [0.9, 0, 0.1]] * 20)),
        "order": stream.permutation(n=6),
        "orders": stream.permutation((2, 3), n=4, dtype="int8"),
        "shuffled": stream.shuffle_row_elements(rows),
        "integers": stream.random_integers((300,), -2, 1),
        "bits": stream.random_integers((300,)),
        "cut": stream.truncated_normal((4000,), avg=T.constant(3.0), std=2.0),
        "spread": stream.normal(avg=T.constant([0.0, 100.0]), std=0.1),
        "between": stream.uniform(low=T.constant([0, 10]), high=11),
        "sized": stream.uniform(T.constant([2, 3])),
        "scalar": stream.normal(),
    }
    found = dict(zip(draws, values(draws.values(), {}), strict=True))
    shapes = {
        "one": (9, 4), "p": (2,), "float": (5,), "n": (50,), "counts": (2, 3), "shaped": (5, 2, 3), "rows": (2, 3),
        "whole": (3, 3), "any": (400,), "two": (400,), "names": (60,), "weighed": (60,), "single": (), "default": (1,),
        "without": (2, 2), "narrow": (3,), "without rows": (40, 2), "order": (6,), "orders": (2, 3, 4),
        "shuffled": (2, 12), "integers": (300,), "bits": (300,), "cut": (4000,), "spread": (2,), "between": (2,),
        "sized": (2, 3), "scalar": (),
    }  # fmt: skip
    assert {name: v.shape for name, v in found.items()} == shapes
    dtypes = {
        "float": "float32", "rows": "int32", "names": "float64", "single": "int8", "narrow": "int8", "orders": "int8",
        "shuffled": "float64", "cut": "float64", "spread": "float64", "between": "float64", "sized": "float64",
        "scalar": "float64",
    }  # fmt: skip
    assert {name: v.dtype.name for name, v in found.items()} == {name: dtypes.get(name, "int64") for name in draws}
    assert (set(found["one"].ravel()), found["p"].tolist(), set(found["n"])) == ({0, 1}, [0, 1], {4})
    assert set(found["float"]) <= {0, 1, 2, 3}
    assert (found["counts"].sum(1) == 10).all()
    assert found["counts"][:, 1].tolist() == [0, 10]
    assert 6 <= found["counts"][0, 2] <= 10
    assert (found["shaped"] == [0, 2, 0]).all()
    assert (found["rows"].sum(1) == 4).all()
    assert (found["whole"] == [0, 1, 0]).all()
    assert (set(found["any"]), set(found["two"]), set(found["names"])) == ({0, 1, 2}, {0, 1}, {5.5, 7.5})
    assert (set(found["weighed"]), found["single"], set(found["bits"])) == ({1, 2}, 9, {0, 1})
    assert (sorted(found["without"].ravel()), len(set(found["narrow"]))) == ([0, 1, 2, 3], 3)
    assert {tuple(sorted(row)) for row in found["without rows"]} == {(1, 2), (0, 2)}
    assert sorted(found["order"]) == list(range(6))
    assert (np.sort(found["orders"], -1) == np.arange(4)).all()
    assert (np.sort(found["shuffled"]) == rows.data).all()
    assert (found["shuffled"] != rows.data).any(1).all()
    assert (found["shuffled"][1] - 12 != found["shuffled"][0]).any()
    assert set(found["integers"]) == {-2, -1, 0, 1}
    cut = found["cut"]
    assert (-1 <= cut.min() < -0.8, 6.8 < cut.max() <= 7, abs(cut.mean() - 3) < 0.1) == (True, True, True)
    assert abs(cut.std() - 2 * 0.8796) < 0.08
    assert abs(found["spread"] - [0, 100]).max() < 1
    assert 0 <= found["between"][0] < 11
    assert 10 <= found["between"][1] < 11
    with pytest.raises(TypeError, match="multinomial needs pvals"):
        stream.multinomial((2,))
