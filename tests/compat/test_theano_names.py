"""Every name that Theano's programs use most is there, and means what it means there: values against NumPy."""

import numpy as np
import pytest
from scipy import special

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812

RNG = np.random.default_rng(0)
A = RNG.uniform(0.1, 0.9, (3, 4))
B = RNG.uniform(0.1, 0.9, (3, 4))
I = np.array([[3, -2, 0, 7], [1, 1, -5, 2], [0, 4, 4, -1]])

NAMES = """
function config.floatX shared T.matrix T.grad T.dot T.log T.mean T.nnet.sigmoid T.sqrt T.sum T.arange T.ivector
T.tanh scan T.argmax T.nnet.softmax T.scalar T.switch T.concatenate T.vector T.exp sandbox.rng_mrg.MRG_RandomStreams
T.tensor4 T.cast T.clip T.zeros T.sqr T.set_subtensor T.tensor3 T.as_tensor_variable T.eq T.maximum T.alloc
T.nnet.relu T.neq T.iscalar T.nnet.categorical_crossentropy T.nnet.softplus T.ones T.lscalar T.reshape T.stack
T.zeros_like T.TensorVariable T.shared_randomstreams.RandomStreams T.imatrix T.max T.nnet.conv2d T.ones_like
T.TensorType T.constant T.flatten T.nnet.binary_crossentropy T.abs_ T.minimum config.change_flags
config.compute_test_value T.ge config.device clone grad T.add T.unbroadcast compile.SharedVariable ifelse.ifelse
T.eye T.lmatrix T.repeat T.shape_padleft T.square T.tensor3s T.gt T.inc_subtensor T.lt T.prod T.round
T.signal.pool.pool_2d printing.debugprint T.Elemwise T.Variable T.as_tensor T.sgn T.tensordot Variable
graph.basic.Apply T.batched_dot T.cos T.diag T.fmatrix graph.op.Op T.all T.floor T.log1p T.shape_padright T.sin
T.tile Apply printing.Print T.TensorConstant T.addbroadcast T.mul T.nlinalg.det T.nlinalg.matrix_inverse
T.patternbroadcast T.pow T.signal.downsample.max_pool_2d T.squeeze T.transpose In Op __version__ gof.Variable
gradient.disconnected_grad T.Rop T.dscalar T.erf T.itensor3 T.le T.nnet.abstract_conv.AbstractConv2d_gradInputs
T.nnet.hard_sigmoid compile.ops.as_op compile.view_op config config.profile config.profile_memory gof.Apply gof.Op
gof.graph.inputs graph.fg.MissingInputError printing.pprint printing.pydotprint T.and_ T.ceil T.dmatrix T.dvector
T.erfc T.extra_ops.repeat T.fscalar T.identity_like T.inv T.join T.lvector T.min T.nnet
T.nnet.abstract_conv.AbstractConv3d_gradInputs T.nnet.bn.batch_normalization T.nnet.bn.batch_normalization_test
T.nnet.bn.batch_normalization_train T.nnet.conv.conv2d T.horizontal_stack sandbox.softsign
compat.python2x.OrderedDict scan_module.scan_utils.equal_computations theano Param
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(name):
    found = theano
    for part in name.replace("T.", "tensor.", 1).split(".") if name.startswith("T.") else name.split("."):
        found = getattr(found, part)
    assert found is not None


def test_a_missing_name_says_so_with_the_line():
    with pytest.raises(
        AttributeError, match=r"theano\.tensor\.nnet has no 'no_such_thing' in weft\.compat\.theano"
    ) as e:
        getattr(T.nnet, "no_such_thing")  # noqa: B009
    assert "test_theano_names.py" in e.value.__notes__[0]
    with pytest.raises(ImportError):
        from weft.compat.theano.tensor import no_such_thing  # noqa: F401


def values(expression, **given):
    """The value of an expression of inputs named x, y, i."""
    return theano.function(list(given), expression, on_unused_input="ignore")(*given.values())


UNARY = {
    "abs_": np.abs, "neg": np.negative, "ceil": np.ceil, "floor": np.floor, "trunc": np.trunc, "sgn": np.sign,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sqrt": np.sqrt, "sqr": np.square, "square": np.square, "inv": np.reciprocal, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "arcsin": np.arcsin, "arccos": np.arccos, "arctan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh, "arctanh": np.arctanh, "erf": special.erf,
    "erfc": special.erfc, "erfinv": special.erfinv, "isnan": np.isnan, "isinf": np.isinf, "deg2rad": np.deg2rad,
    "rad2deg": np.rad2deg, "round": np.round,
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    x = T.matrix("x")
    found = theano.function([x], getattr(T, name)(x))(A)
    expected = UNARY[name](A)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12)


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "true_div": np.divide, "int_div": np.floor_divide,
    "mod": np.mod, "pow": np.power, "maximum": np.maximum, "minimum": np.minimum, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "neq": np.not_equal, "arctan2": np.arctan2,
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    x, y = T.matrices("x", "y")
    f = theano.function([x, y], [getattr(T, name)(x, y), getattr(T, name)(x, x)])
    for found, other in zip(f(A, B), (B, A), strict=True):
        expected = BINARY[name](A, other)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_operators_and_bits():
    x, y = T.lmatrices("x", "y")
    outputs = [x & y, x | y, x ^ y, ~x, T.and_(x, y), T.or_(x, y), T.xor(x, y), T.invert(x), -x, abs(x), x // 2, x % 3]
    f = theano.function([x, y], outputs)
    J = I[::-1].copy()
    expected = [I & J, I | J, I ^ J, ~I] * 2 + [-I, np.abs(I), I // 2, I % 3]
    for found, right in zip(f(I, J), expected, strict=True):
        np.testing.assert_array_equal(found, right)


def test_reflected_operators_and_arrays_on_the_left():
    x = T.matrix("x")
    outputs = [1 + x, 1 - x, 2 * x, 1 / x, 2**x, B + x, B * x, B - x, B / x, 7 // x, 5 % x]
    expected = [1 + A, 1 - A, 2 * A, 1 / A, 2**A, B + A, B * A, B - A, B / A, 7 // A, 5 % A]
    for found, right in zip(theano.function([x], outputs)(A), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "var", "std", "argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_reductions(name, axis):
    x = T.matrix("x")
    v = T.lmatrix("v")
    outputs = [getattr(T, name)(x, axis=axis), getattr(x, name)(axis=axis), getattr(T, name)(v, axis=axis)]
    if axis is None:
        first, second, third = theano.function([x, v], outputs)(A, I)
    else:
        first, second, third = wf.evaluate([y.expr for y in outputs], {x.expr: A, v.expr: I})
    np.testing.assert_allclose(first, getattr(np, name)(A, axis=axis), rtol=1e-12)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(third, getattr(np, name)(I, axis=axis), rtol=1e-12)
    if not name.startswith("arg"):
        kept = wf.evaluate(getattr(T, name)(x, axis=axis, keepdims=True).expr, {x.expr: A})
        np.testing.assert_allclose(kept, getattr(np, name)(A, axis=axis, keepdims=True), rtol=1e-12)


def test_reductions_of_small_integers_and_bools():
    b = T.bmatrix("b")
    total, mean, count, product = T.sum(b), T.mean(b), T.sum(T.gt(b, 0)), T.prod(b)
    assert (total.dtype, mean.dtype, count.dtype, product.dtype) == ("int64", "float64", "int64", "int64")
    found = theano.function([b], [total, mean, count, T.any(T.gt(b, 6)), T.all(T.gt(b, 6))])(
        np.full((100, 3), 100, "int8")
    )
    np.testing.assert_array_equal(found[0], 30000)
    assert (found[1], found[2], bool(found[3]), bool(found[4])) == (100, 300, True, True)


def test_max_and_argmax_norm_and_ptp():
    x = T.matrix("x")
    outputs = [*T.max_and_argmax(x, axis=1), x.norm(2), x.norm(1, axis=0), x.norm(np.inf), T.ptp(x, axis=0)]
    found = theano.function([x], outputs)(A)
    expected = [A.max(1), A.argmax(1), np.linalg.norm(A), np.abs(A).sum(0), A.max(), np.ptp(A, axis=0)]
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-12)


MOVES = {
    "x.T": lambda x: x.T,
    "x.dimshuffle(1, 0)": lambda x: x.T,
    "x.dimshuffle(0, 'x', 1)": lambda x: x[:, None],
    "x.dimshuffle(('x', 1, 'x', 0))": lambda x: x.T[None, :, None],
    "x.reshape((4, 3))": lambda x: x.reshape(4, 3),
    "x.reshape((-1, 2))": lambda x: x.reshape(-1, 2),
    "T.reshape(x, (x.shape[1], x.shape[0]))": lambda x: x.reshape(4, 3),
    "x.reshape(x.shape[::-1])": lambda x: x.reshape(4, 3),
    "T.reshape(x, T.stack([x.shape[0] * 2, -1]))": lambda x: x.reshape(6, -1),
    "x.flatten()": np.ravel,
    "T.flatten(x, 2)": lambda x: x,
    "x.flatten(ndim=1)": np.ravel,
    "x.ravel()": np.ravel,
    "T.flatten(x, outdim=1)": np.ravel,
    "T.shape_padleft(x)": lambda x: x[None],
    "T.shape_padright(x, 2)": lambda x: x[..., None, None],
    "T.shape_padaxis(x, 1)": lambda x: x[:, None],
    "x.swapaxes(0, 1)": lambda x: x.T,
    "T.transpose(x)": lambda x: x.T,
    "x.transpose(1, 0)": lambda x: x.T,
    "T.tile(x, (2, 3))": lambda x: np.tile(x, (2, 3)),
    "T.tile(x, (2,), ndim=2)": lambda x: np.tile(x, (1, 2)),
    "T.repeat(x, 2, axis=1)": lambda x: np.repeat(x, 2, 1),
    "x.repeat(3)": lambda x: np.repeat(x, 3),
    "T.repeat(x, [1, 0, 2], axis=0)": lambda x: np.repeat(x, [1, 0, 2], 0),
    "T.concatenate([x, x * 2], axis=1)": lambda x: np.concatenate([x, x * 2], 1),
    "T.join(0, x, x)": lambda x: np.concatenate([x, x]),
    "T.stack([x, x], axis=1)": lambda x: np.stack([x, x], 1),
    "T.stack(x, x)": lambda x: np.stack([x, x]),
    "T.horizontal_stack(x, x)": lambda x: np.hstack([x, x]),
    "T.vertical_stack(x, x)": lambda x: np.vstack([x, x]),
    "T.squeeze(x.dimshuffle(0, 'x', 1))": lambda x: x,
    "T.addbroadcast(x[:1], 0) + x": lambda x: x[:1] + x,
    "T.unbroadcast(x, 0)": lambda x: x,
    "T.patternbroadcast(x[:, :1], (False, True)) * x": lambda x: x[:, :1] * x,
    "T.roll(x, 1, axis=1)": lambda x: np.roll(x, 1, 1),
    "T.roll(x, -2)": lambda x: np.roll(x, -2),
    "x[::-1]": lambda x: x[::-1],
    "x[1]": lambda x: x[1],
    "x[-1, 1:3]": lambda x: x[-1, 1:3],
    "x[:, None]": lambda x: x[:, None],
    "x[T.arange(3), [0, 2, 1]]": lambda x: x[np.arange(3), [0, 2, 1]],
    "x[x > 0.5]": lambda x: x[x > 0.5],
    "x[(x > 0.5).nonzero()]": lambda x: x[x > 0.5],
    "x[x.shape[0] - 1]": lambda x: x[-1],
    "x[:x.shape[0] // 2]": lambda x: x[:1],
    "T.diag(x)": np.diag,
    "T.diag(x[0])": lambda x: np.diag(x[0]),
    "T.diag(x[0], k=1)": lambda x: np.diag(x[0], 1),
    "x.diagonal(1)": lambda x: x.diagonal(1),
    "x.trace()": np.trace,
    "T.tril(x)": np.tril,
    "T.triu(x, 1)": lambda x: np.triu(x, 1),
    "x.take([2, 0], axis=1)": lambda x: x.take([2, 0], 1),
    "T.take(x, [0, 5, -1])": lambda x: x.take([0, 5, -1]),
    "x.sort(axis=0)": lambda x: np.sort(x, 0),
    "T.argsort(x)": np.argsort,
    "x.cumsum(axis=1)": lambda x: x.cumsum(1),
    "T.cumprod(x, axis=0)": lambda x: x.cumprod(0),
    "T.extra_ops.diff(x)": np.diff,
    "x.fill(2.0)": lambda x: np.full_like(x, 2),
    "T.fill(x, 3.0)": lambda x: np.full_like(x, 3),
    "T.zeros_like(x)": np.zeros_like,
    "T.ones_like(x)": np.ones_like,
    "T.identity_like(x)": lambda x: np.eye(3, 4),
    "T.alloc(1.5, 2, x.shape[1])": lambda x: np.full((2, 4), 1.5),
    "T.alloc(x, 2, 3, 4)": lambda x: np.stack([x, x]),
    "T.zeros((x.shape[0], 2))": lambda x: np.zeros((3, 2)),
    "T.ones(x.shape)": np.ones_like,
    "T.zeros(x.shape[0] + 1)": lambda x: np.zeros(4),
    "T.clip(x, 0.3, 0.6)": lambda x: x.clip(0.3, 0.6),
    "x.clip(0.3, 0.6)": lambda x: x.clip(0.3, 0.6),
    "T.switch(x > 0.5, x, 0)": lambda x: np.where(x > 0.5, x, 0),
    "T.where(T.lt(x, 0.5), 1.0, x)": lambda x: np.where(x < 0.5, 1, x),
    "x.dot(x.T)": lambda x: x @ x.T,
    "T.dot(x[0], x.T)": lambda x: x[0] @ x.T,
    "T.outer(x[0], x[1])": lambda x: np.outer(x[0], x[1]),
    "T.tensordot(x, x, [[0], [0]])": lambda x: x.T @ x,
    "T.batched_dot(T.stack([x, x]), T.stack([x.T, x.T]))": lambda x: np.stack([x @ x.T] * 2),
    "T.prod(x.shape)": lambda x: np.array(12),
    "x.shape": lambda x: np.array(x.shape),
    "x.size": lambda x: np.array(x.size),
    "x.copy()": lambda x: x,
    "T.extra_ops.to_one_hot(T.argmax(x, 1), 4)": lambda x: np.eye(4)[x.argmax(1)],
    "T.eye(x.shape[0], 4, 1)": lambda x: np.eye(3, 4, 1),
    "T.tri(3)": lambda x: np.tri(3),
    "x.astype('float32')": lambda x: x.astype("f"),
    "T.cast(x * 10, 'int32')": lambda x: (x * 10).astype("i"),
    "T.nonzero_values(x * (x > 0.5))": lambda x: x[x > 0.5],
    "T.searchsorted(T.arange(5), x * 5)": lambda x: np.searchsorted(np.arange(5), x * 5),
    "T.bincount(T.cast(x.flatten() * 5, 'int64'))": lambda x: np.bincount((x.ravel() * 5).astype(int)),
    "T.kron(x[:2, :2], x)": lambda x: np.kron(x[:2, :2], x),
    "T.isclose(x, x + 1e-9)": lambda x: np.isclose(x, x + 1e-9),
    "x.round()": np.round,
    "T.round(x * 10, 'half_away_from_zero')": lambda x: np.floor(x * 10 + 0.5),
}


@pytest.mark.parametrize("text", MOVES)
def test_moves(text):
    x = T.matrix("x")
    found = wf.evaluate(eval(text).expr, {x.expr: A})
    expected = MOVES[text](A)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_arange_split_choose_and_constants():
    n = T.iscalar("n")
    x = T.vector("x")
    outputs = [
        T.arange(n),
        T.arange(1, n),
        T.arange(n, 0, -2),
        *T.split(x, [2, 3], 2),
        x[1:].choose([[1.0, 2], [3, 4]]),
    ]
    assert T.arange(n).dtype == "int64"
    f = theano.function([n, x], outputs[:5])
    for found, expected in zip(
        f(5, np.arange(5.0)), [np.arange(5), np.arange(1, 5), np.arange(5, 0, -2), [0, 1], [2, 3, 4]], strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    i = T.lvector("i")
    np.testing.assert_array_equal(i.choose([[1, 2, 3], [4, 5, 6]]).eval({i: [0, 1, 0]}), [1, 5, 3])
    assert T.constant(3).dtype == "int8"
    assert T.constant(300).dtype == "int16"
    assert T.constant(0.5).dtype == "float32"  # exact in 32 bits
    assert T.constant(0.1).dtype == "float64"
    assert isinstance(T.as_tensor_variable(2), T.TensorConstant)
    assert isinstance(T.as_tensor(x), T.TensorVariable)
    np.testing.assert_array_equal(T.as_tensor_variable([x[0], 2.0]).eval({x: [1.0]}), [1, 2])
    assert T.get_scalar_constant_value(T.constant(3) + 1) == 4


def test_subtensors_are_set_and_incremented():
    x, y, i = T.matrix("x"), T.vector("y"), T.ivector("i")
    outputs = [
        T.set_subtensor(x[1], y),
        T.inc_subtensor(x[:, 1:3], 1.0),
        T.inc_subtensor(x[i], 1.0),
        T.set_subtensor(x[x > 0.5], 0.0),
        T.set_subtensor(x[:], 0.0),
        T.set_subtensor(x[i, 0], [7.0, 8.0, 9.0]),
    ]
    found = theano.function([x, y, i], outputs)(A, np.arange(4.0), [0, 2, 0])
    expected = [A.copy() for _ in outputs]
    expected[0][1] = np.arange(4)
    expected[1][:, 1:3] += 1
    np.add.at(expected[2], [0, 2, 0], 1)
    expected[3][A > 0.5] = 0
    expected[4][:] = 0
    expected[5][[0, 2, 0], 0] = [7, 8, 9]
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(f, e)
    with pytest.raises(TypeError, match=r"set_subtensor takes a subtensor, x\[key\]"):
        T.set_subtensor(x, 0)
    with pytest.raises(TypeError, match="Trying to put float64 into an array of int32"):
        T.set_subtensor(i[0], y[0])


def test_linear_algebra():
    x = T.matrix("x")
    S = A @ A.T + np.eye(3)
    outputs = [
        T.nlinalg.det(x),
        T.nlinalg.matrix_inverse(x),
        T.nlinalg.trace(x),
        T.nlinalg.matrix_dot(x, x, x),
        T.slinalg.cholesky(x),
        T.slinalg.solve(x, x[0]),
        T.nlinalg.pinv(x),
        T.nlinalg.matrix_power(x, 3),
        *T.nlinalg.eigh(x),
        T.nlinalg.svd(x, compute_uv=False),
    ]
    found = theano.function([x], outputs)(S)
    expected = [
        np.linalg.det(S), np.linalg.inv(S), np.trace(S), S @ S @ S, np.linalg.cholesky(S), np.linalg.solve(S, S[0]),
        np.linalg.pinv(S), S @ S @ S, np.linalg.eigh(S)[0], np.abs(np.linalg.eigh(S)[1]), np.linalg.svd(S)[1],
    ]  # fmt: skip
    for place, (f, e) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(np.abs(f) if place == 9 else f, e, rtol=1e-8, atol=1e-10)


def test_dtypes_meet_as_they_do_in_theano():
    kinds = {"b": T.bscalar(), "i": T.iscalar(), "l": T.lscalar(), "f": T.fscalar(), "d": T.dscalar()}
    pairs = {"bb": "int8", "bi": "int32", "if": "float64", "bf": "float32", "lf": "float64", "fd": "float64"}
    for pair, expected in pairs.items():
        a, b = (kinds[k] for k in pair)
        assert (a + b).dtype == expected
    assert (kinds["i"] / kinds["i"]).dtype == "float64"
    assert (kinds["i"] // kinds["b"]).dtype == "int32"
    assert T.exp(kinds["b"]).dtype == "float32"
    assert T.sqrt(kinds["i"]).dtype == "float64"
    assert (kinds["f"] * 0.5).dtype == "float32"
    assert (kinds["f"] * 0.1).dtype == "float64"  # as with floatX = float64 in Theano
    assert (kinds["b"] + 1).dtype == "int8"
    assert (kinds["b"] + 1000).dtype == "int16"
    with theano.config.change_flags(floatX="float32"):
        assert (kinds["f"] * 0.1).dtype == "float32"
        assert T.matrix().dtype == "float32"
        assert (kinds["i"] / kinds["i"]).dtype == "float32"
