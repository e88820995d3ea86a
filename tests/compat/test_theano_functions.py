"""theano.function, shared, grad, Op, random streams and the rest, as programs written for Theano use them."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.compile.nanguardmode import NanGuardMode
from weft.compat.theano.gradient import DisconnectedInputError, disconnected_grad, grad_clip, verify_grad
from weft.compat.theano.sandbox.rng_mrg import MRG_RandomStreams
from weft.compat.theano.tensor.nnet import bn, neighbours
from weft.compat.theano.tensor.signal import pool

DATA = np.array([0.5, 1, 2])

RNG = np.random.default_rng(0)


# ---- functions -------------------------------------------------------------------------------------------------------


def test_updates_givens_defaults_and_keywords():
    x, rate = T.vector("x"), T.scalar("rate")
    w = theano.shared(np.ones(3), name="w")
    f = theano.function([x, theano.In(rate, value=0.5)], T.dot(x, w), updates=[(w, w - rate * x)])
    assert f([1.0, 2.0, 3.0]) == 6
    np.testing.assert_array_equal(w.get_value(), [0.5, 0, -0.5])
    assert f([1.0, 0, 0], rate=0) == 0.5
    g = theano.function([x], T.dot(x, w), givens={w: x})
    assert g([1.0, 2.0, 3.0]) == 14
    data = theano.shared(np.arange(12.0).reshape(6, 2))
    i, m = T.lscalar("i"), T.matrix("m")
    part = theano.function([i], m.sum(axis=1), givens={m: data[i * 2 : (i + 1) * 2]})
    np.testing.assert_array_equal(part(2), [17, 21])
    assert theano.function([theano.Param(x, default=np.ones(2), name="x")], x.sum())() == 2


def test_the_forms_of_outputs():
    x = T.scalar("x")
    assert theano.function([x], [x])(1.0) == [1.0]
    assert theano.function([x], {"double": x * 2})(2.0) == {"double": 4.0}
    assert theano.function([x], (x, x + 1))(2.0) == [2.0, 3.0]
    assert theano.function([], updates={})() == []
    assert isinstance(theano.function([x], x)(1.0), np.ndarray)


def test_what_an_input_takes():
    x = T.fmatrix("x")
    assert theano.function([x], x.sum())([[1, 2], [3, 4]]) == 10
    with pytest.raises(TypeError, match=r"Bad input argument x.*cannot hold float64"):
        theano.function([x], x)(np.full((1, 1), 0.1))
    assert theano.function([x], x, allow_input_downcast=True)(np.full((1, 1), 0.1)).dtype == "float32"
    with pytest.raises(TypeError, match="Wrong number of dimensions: 2 are expected, and the value has 1"):
        theano.function([x], x)(np.zeros(3, "float32"))
    row = T.row("row")
    with pytest.raises(TypeError, match=r"Axis 0 of TensorType.float64, row. has size 1"):
        theano.function([row], row)(np.zeros((2, 2)))


def test_inputs_that_are_missing_or_unused():
    x, y = T.vectors("x", "y")
    with pytest.raises(theano.compile.UnusedInputError, match="Nothing depends on the input y"):
        theano.function([x, y], x)
    theano.function([x, y], x, on_unused_input="ignore")
    with pytest.raises(theano.graph.fg.MissingInputError, match="depend on 'y'"):
        theano.function([x], x + y)
    with pytest.raises(TypeError, match=r"inputs of theano.function are a list"):
        theano.function(x, x)
    with pytest.raises(TypeError, match="cannot be an input"):
        theano.function([theano.shared(1.0)], x)
    with pytest.raises(TypeError, match="and its update is"):
        theano.function([x], x, updates=[(theano.shared(1), x.sum())])


def test_an_intermediate_result_as_an_input():
    x, g = T.vector("x"), T.vector("g")
    hidden = T.tanh(x)
    f = theano.function([hidden], hidden * 2)
    np.testing.assert_array_equal(f([1.0, 2.0]), [2, 4])
    back = theano.function([x, g], T.grad(None, x, known_grads={hidden: g}))
    np.testing.assert_allclose(back([0.3], [2.0]), 2 * (1 - np.tanh([0.3]) ** 2))


def test_shared_variables_change_their_shape():
    w = theano.shared(np.zeros((2, 3), "float32"), "w")
    f = theano.function([], [w.sum(axis=0), w.shape])
    assert [v.tolist() for v in f()] == [[0, 0, 0], [2, 3]]
    w.set_value(np.ones((4, 1), "float32"))
    assert [v.tolist() for v in f()] == [[4], [4, 1]]
    with pytest.raises(TypeError, match="Wrong number of dimensions"):
        w.set_value(np.zeros(3))
    with pytest.raises(TypeError, match="Shared variables hold values"):
        theano.shared(T.scalar())
    column = theano.shared(np.ones((3, 1)), broadcastable=(False, True))
    assert (column + T.matrix()).ndim == 2
    assert column.broadcastable == (False, True)
    assert (column.type, w.dtype, w.ndim) == (T.TensorType("float64", (False, True)), "float32", 2)


def test_variables_travel():
    w = theano.shared(np.arange(3.0), "w")
    x = T.vector("x")
    y = x * w
    y.tag.note = "kept"
    v, u, z = pickle.loads(pickle.dumps((w, x, y)))
    np.testing.assert_array_equal(theano.function([u], z)([1.0, 1.0, 1.0]), [0, 1, 2])
    assert (v.name, u.name, z.tag.note) == ("w", "x", "kept")
    v.set_value(np.ones(3))
    np.testing.assert_array_equal(w.get_value(), [0, 1, 2])


def test_copies_of_a_function_swap_shared_variables():
    a, b, x = theano.shared(2.0), theano.shared(5.0), T.scalar("x")
    f = theano.function([x], x * a, updates=[(a, a + 1)])
    g = f.copy(swap={a: b}, delete_updates=True)
    assert (f(1.0), g(1.0), g(1.0), f(1.0)) == (2, 5, 5, 3)


# ---- graphs ----------------------------------------------------------------------------------------------------------


def test_owners_inputs_and_clones():
    x, y = T.vectors("x", "y")
    z = T.exp(x) + y
    assert x.owner is None
    assert [v.owner is None for v in z.owner.inputs] == [False, True]
    assert set(theano.gof.graph.inputs([z])) == {x, y}
    assert theano.gof.graph.is_same_graph(z, T.exp(x) + y)
    assert not theano.gof.graph.is_same_graph(z, T.exp(x) + x)
    doubled = theano.clone(z, {y: x * 2})
    np.testing.assert_allclose(doubled.eval({x: [0.0, 1.0]}), [1, np.e + 2])
    f = theano.function([x, y], z)
    assert len(f.maker.fgraph.toposort()) >= 1
    square = theano.OpFromGraph([x], [x**2])
    np.testing.assert_array_equal(square(y + 1).eval({y: [1.0, 2.0]}), [4, 9])
    capped = theano.OpFromGraph([x], [x**2], grad_overrides=lambda inputs, gs: [gs[0] * 100])
    np.testing.assert_array_equal(T.grad(capped(x).sum(), x).eval({x: [1.0, 2.0]}), [100, 100])


def test_variables_know_what_they_are():
    x = T.tensor3("x")
    assert isinstance(x, T.TensorVariable)
    assert isinstance(theano.shared(1.0), theano.compile.SharedVariable)
    assert not isinstance(theano.shared(1.0), T.TensorVariable)
    assert x.type() is not x
    assert x.type().type == x.type
    assert T.TensorType("float64", [False, True])("c").broadcastable == (False, True)
    assert (x.ndim, x.dtype, repr(x), x in [x], {x: 1}[x]) == (3, "float64", "x", True, 1)
    assert [v.name for v in T.matrices("ab")] == ["a", "b"]
    assert bool(x)
    with pytest.raises(TypeError, match="do not support boolean operations"):
        bool(x > 0)
    with pytest.raises(TypeError, match="cannot be iterated over"):
        iter(T.vector("v"))
    height, width = x.shape[1:]
    assert [v.eval({x: np.zeros((2, 3, 4))}) for v in (height, width)] == [3, 4]


def test_printing(capsys, tmp_path):
    x, y = T.scalars("x", "y")
    assert theano.pp(x * y + 1) == "((x * y) + 1)"
    theano.printing.debugprint(x * y + 1)
    shown = capsys.readouterr().out
    assert "Elemwise{add,no_inplace} [id A] ''" in shown
    assert " | |x [id C]" in shown
    theano.printing.pydotprint(x * y, tmp_path / "graph.dot")
    assert "digraph" in (tmp_path / "graph.dot").read_text()
    f = theano.function([x], theano.printing.Print("here")(x * 2) + 1)
    assert f(3.0) == 7
    assert "here __str__ = 6.0" in capsys.readouterr().out


def test_nan_guard_names_the_line():
    x = T.vector("x")
    f = theano.function([x], T.exp(-T.log(x)), mode=NanGuardMode())
    np.testing.assert_allclose(f([1.0, 2.0]), [1, 0.5])
    with pytest.raises(AssertionError, match=r"NanGuardMode: log.*holds NaN") as caught:
        f([-1.0])
    assert "test_theano_functions.py" in "".join(caught.value.__notes__)


def test_test_values_show_mistakes_where_they_are_written():
    with theano.config.change_flags(compute_test_value="raise"):
        x = T.matrix("x")
        x.tag.test_value = np.ones((2, 3))
        y = T.tanh(x).sum(axis=1)
        np.testing.assert_allclose(y.tag.test_value, 3 * np.tanh([1.0, 1.0]))
        with pytest.raises(ValueError, match="2"):
            x + T.constant(np.ones((3, 3)))
        with pytest.raises(AttributeError, match="Cannot compute the test value: z has none"):
            T.matrix("z") * 2


# ---- gradients -------------------------------------------------------------------------------------------------------


def test_gradients_and_their_options():
    x, y = T.vectors("x", "y")
    cost = (x**2 * y).sum()
    assert isinstance(T.grad(cost, (x, y)), tuple)
    at = {x: [1.0, 2.0], y: [3.0, 4.0]}
    np.testing.assert_array_equal(T.grad(cost, x).eval(at), [6, 16])
    held = T.grad((x * (x * y)).sum(), x, consider_constant=[x * y])
    np.testing.assert_array_equal(held.eval(at), [3, 8])
    with pytest.raises(DisconnectedInputError, match="does not depend on y"):
        T.grad(x.sum(), y)
    np.testing.assert_array_equal(T.grad(x.sum(), y, disconnected_inputs="ignore").eval({y: [1.0]}), [0])
    assert T.grad(x.sum(), y, disconnected_inputs="ignore", return_disconnected="None") is None
    with pytest.warns(UserWarning, match="does not depend on y"):
        T.grad(x.sum(), y, disconnected_inputs="warn")
    with pytest.raises(TypeError, match="The cost must be a scalar, and it has 1 axes"):
        T.grad(x, x)
    np.testing.assert_array_equal(T.grad((disconnected_grad(x) * x).sum(), x).eval({x: [3.0]}), [3])
    np.testing.assert_array_equal(T.grad(grad_clip(x * 5, -1, 1).sum(), x).eval({x: [3.0]}), [5])
    np.testing.assert_array_equal(T.grad((grad_clip(x, -1, 1) * 5).sum(), x).eval({x: [3.0]}), [1])


def test_products_with_jacobians():
    x, v = T.vectors("x", "v")
    W = RNG.normal(size=(3, 4))
    y = T.tanh(T.dot(W, x))
    at = {x: RNG.normal(size=4), v: RNG.normal(size=4)}
    J = (1 - np.tanh(W @ at[x]) ** 2)[:, None] * W
    np.testing.assert_allclose(T.Rop(y, x, v).eval(at), J @ at[v])
    np.testing.assert_allclose(T.Lop(y, x, T.constant(np.arange(3.0))).eval({x: at[x]}), np.arange(3) @ J)
    np.testing.assert_allclose(T.jacobian(y, x).eval({x: at[x]}), J)
    H = T.hessian((x**3).sum() + x[0] * x[1], x).eval({x: at[x]})
    expected = np.diag(6 * at[x])
    expected[0, 1] = expected[1, 0] = 1
    np.testing.assert_allclose(H, expected)
    verify_grad(lambda a, b: T.dot(a, b) ** 2, [W, at[x]], rng=np.random.RandomState(0))


def test_gradients_at_ties():
    m = T.matrix("m")
    value = np.array([[1.0, 1.0], [0.0, 2.0]])
    np.testing.assert_array_equal(T.grad(m.max(axis=1).sum(), m).eval({m: value}), [[1, 1], [0, 1]])
    images = T.tensor4("images")
    pooled = pool.pool_2d(images, (2, 2), ignore_border=True)
    flat = np.zeros((1, 1, 4, 4))
    np.testing.assert_array_equal(T.grad(pooled.sum(), images).eval({images: flat}), np.ones((1, 1, 4, 4)))
    assert T.grad(T.nnet.relu(m).sum(), m).eval({m: np.zeros((1, 1))}) == 0.5


# ---- ops written in Python -------------------------------------------------------------------------------------------


class Doubled(theano.Op):
    __props__ = ()

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return theano.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] * 2

    def infer_shape(self, node, shapes):
        return shapes

    def grad(self, inputs, output_grads):
        return [output_grads[0] * 2]


class Unique(theano.Op):
    __props__ = ("reverse",)

    def __init__(self, reverse):
        self.reverse = reverse

    def make_node(self, x):
        return theano.Apply(self, [x], [T.vector(dtype=x.dtype), T.lvector()])

    def perform(self, node, inputs, output_storage):
        found, counts = np.unique(inputs[0], return_counts=True)
        step = -1 if self.reverse else 1
        output_storage[0][0], output_storage[1][0] = found[::step], counts[::step]


def test_ops_in_theanos_style():
    x = T.matrix("x")
    y = Doubled()(x)
    value = RNG.normal(size=(2, 3))
    f = theano.function([x], [y + 1, T.grad((y**2).sum(), x)])
    for found, expected in zip(f(value), [2 * value + 1, 8 * value], strict=True):
        np.testing.assert_allclose(found, expected)
    assert isinstance(y.owner.op, Doubled)
    assert Doubled() == Doubled()
    v = T.vector("v")
    values, counts = Unique(True)(v)
    g = theano.function([v], [values, counts])
    for given in ([3.0, 1.0, 3.0], [], [2.0]):
        unique, count = np.unique(given, return_counts=True)
        np.testing.assert_array_equal(g(given)[0], unique[::-1])
        np.testing.assert_array_equal(g(given)[1], count[::-1])


def test_as_op():
    @theano.compile.ops.as_op([T.dmatrix, T.dvector], [T.dvector], lambda node, shapes: [shapes[1]])
    def product(a, b):
        return a.T @ a @ b

    a, b = T.dmatrix("a"), T.dvector("b")
    value, other = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    np.testing.assert_allclose(theano.function([a, b], product(a, b))(value, other), value.T @ value @ other)
    with pytest.raises(TypeError, match="Input 1 of product is"):
        product(a, a)


# ---- random streams --------------------------------------------------------------------------------------------------


def test_draws_have_their_distributions():
    rng = MRG_RandomStreams(seed=7)
    p = T.matrix("p")
    draws = [
        rng.uniform((20000,), -1, 3),
        rng.normal((20000,), avg=2.0, std=0.5),
        rng.binomial((20000,), n=5, p=0.3),
        rng.truncated_normal((20000,), 1.0, 0.5),
        rng.random_integers((20000,), 3, 6),
        rng.choice((20000,), a=4, p=[0.1, 0.2, 0.3, 0.4]),
    ]
    uniform, normal, binomial, truncated, integers, chosen = wf.evaluate([d.expr for d in draws])
    assert abs(uniform.mean() - 1) < 0.03
    assert -1 <= uniform.min() < uniform.max() < 3
    np.testing.assert_allclose([normal.mean(), normal.std()], [2, 0.5], atol=0.02)
    np.testing.assert_allclose(
        np.bincount(binomial, minlength=6) / 20000, [0.168, 0.360, 0.309, 0.132, 0.028, 0.002], atol=0.015
    )
    assert 0 <= truncated.min() < truncated.max() <= 2
    np.testing.assert_allclose(np.bincount(integers)[3:] / 20000, [0.25] * 4, atol=0.015)
    np.testing.assert_allclose(np.bincount(chosen) / 20000, [0.1, 0.2, 0.3, 0.4], atol=0.015)
    counts = theano.function([p], rng.multinomial(n=3, pvals=p))(np.tile([[0.2, 0.3, 0.5]], (5000, 1)))
    assert counts.dtype == "int64"
    np.testing.assert_array_equal(counts.sum(1), 3)
    np.testing.assert_allclose(counts.mean(0), [0.6, 0.9, 1.5], atol=0.05)
    order = theano.function([], rng.permutation((50,), n=10))()
    np.testing.assert_array_equal(np.sort(order, 1), np.tile(np.arange(10), (50, 1)))
    assert len({tuple(row) for row in order}) > 40
    few = theano.function([], rng.choice((3,), a=5, replace=False))()
    assert len(set(few.tolist())) == 3


def test_seeds_updates_and_sizes():
    x = T.matrix("x")
    one, two = (MRG_RandomStreams(5).uniform((4,)) for _ in range(2))
    f, g = theano.function([], one), theano.function([], two)
    first, again = f(), f()
    np.testing.assert_array_equal(first, g())
    assert (first != again).any()
    still = theano.function([], one, no_default_updates=True)
    np.testing.assert_array_equal(still(), still())
    rng = MRG_RandomStreams(5)
    noisy = theano.function([x], x + rng.normal(x.shape))
    assert noisy(np.zeros((3, 2))).shape == (3, 2)
    rng.seed(5)
    before = noisy(np.zeros((1, 2)))
    rng.seed(5)
    np.testing.assert_array_equal(noisy(np.zeros((1, 2))), before)


# ---- networks --------------------------------------------------------------------------------------------------------


def test_convolution_flips_its_kernels():
    from scipy.signal import convolve2d

    x, w = T.tensor4("x"), T.tensor4("w")
    image, kernel = RNG.normal(size=(2, 1, 6, 5)), RNG.normal(size=(3, 1, 3, 2))
    for mode in ("valid", "full"):
        found = theano.function([x, w], T.nnet.conv2d(x, w, border_mode=mode))(image, kernel)
        for n, o in np.ndindex(2, 3):
            np.testing.assert_allclose(found[n, o], convolve2d(image[n, 0], kernel[o, 0], mode))
    plain = theano.function([x, w], T.nnet.conv2d(x, w, filter_flip=False, subsample=(2, 1), border_mode=(1, 0)))
    turned = theano.function([x, w], T.nnet.conv2d(x, w[:, :, ::-1, ::-1], subsample=(2, 1), border_mode=(1, 0)))
    np.testing.assert_allclose(plain(image, kernel), turned(image, kernel))
    back = T.nnet.abstract_conv.AbstractConv2d_gradInputs(subsample=(2, 2))(w, x, (13, 12))
    wide = T.tensor4("wide")
    cost = (T.nnet.conv2d(wide, w, subsample=(2, 2)) * x).sum()
    given = {x: RNG.normal(size=(2, 3, 6, 6)), w: kernel}
    expected = T.grad(cost, wide).eval({**given, wide: np.zeros((2, 1, 13, 12))})
    np.testing.assert_allclose(back.eval(given), expected)


def test_pooling_keeps_or_leaves_the_border():
    x = T.tensor4("x")
    image = RNG.normal(size=(1, 1, 5, 4))
    inside = pool.pool_2d(x, (2, 2), ignore_border=True).eval({x: image})
    np.testing.assert_array_equal(inside[0, 0], image[0, 0, :4].reshape(2, 2, 2, 2).max((1, 3)))
    whole = pool.pool_2d(x, ds=(2, 2), ignore_border=False, mode="sum").eval({x: image})
    assert whole.shape == (1, 1, 3, 2)
    np.testing.assert_allclose(whole[0, 0, 2], image[0, 0, 4].reshape(2, 2).sum(1))
    with pytest.warns(UserWarning, match="ignore_border is not given"):
        pool.pool_2d(x, (2, 2))
    with pytest.raises(ValueError, match="mode is 'max'"):
        pool.pool_2d(x, (2, 2), ignore_border=True, mode="min")
    patches = neighbours.images2neibs(x, (2, 2)).eval({x: image[:, :, :4]})
    np.testing.assert_array_equal(patches[0], image[0, 0, :2, :2].ravel())
    again = neighbours.neibs2images(patches, (2, 2), (1, 1, 4, 4)).eval()
    np.testing.assert_array_equal(again, image[:, :, :4])


def test_costs_and_activations():
    x, t, i = T.matrix("x"), T.matrix("t"), T.ivector("i")
    a = RNG.normal(size=(4, 3))
    p = np.exp(a) / np.exp(a).sum(1, keepdims=True)
    labels, targets = np.array([0, 2, 1, 1], "int32"), np.eye(3)[[0, 2, 1, 1]]
    soft = T.nnet.softmax(x)
    outputs = [
        soft, T.nnet.categorical_crossentropy(soft, i), T.nnet.categorical_crossentropy(soft, t),
        T.nnet.binary_crossentropy(soft, t), T.nnet.sigmoid(x), T.nnet.softplus(x), T.nnet.relu(x), T.nnet.relu(x, 0.1),
        T.nnet.elu(x), T.nnet.hard_sigmoid(x), T.nnet.nnet.logsoftmax(x), theano.sandbox.softsign.softsign(x),
        T.nnet.softmax(x[0]),
    ]  # fmt: skip
    expected = [
        p, -np.log(p[np.arange(4), labels]), -np.log(p[np.arange(4), labels]),
        -(targets * np.log(p) + (1 - targets) * np.log(1 - p)), 1 / (1 + np.exp(-a)), np.log1p(np.exp(a)), a.clip(0),
        np.where(a > 0, a, 0.1 * a), np.where(a > 0, a, np.expm1(a)), (0.2 * a + 0.5).clip(0, 1), np.log(p),
        a / (1 + np.abs(a)), p[:1],
    ]  # fmt: skip
    f = theano.function([x, t, i], outputs)
    for found, right in zip(f(a, targets, labels), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-10)


def test_batch_normalization():
    x, gamma, beta = T.matrix("x"), T.vector("gamma"), T.vector("beta")
    a, scale, shift = RNG.normal(size=(6, 3)), np.array([1.0, 2, 3]), np.array([0.5, 0, -1])
    out, mean, invstd = bn.batch_normalization_train(x, gamma, beta)
    found = theano.function([x, gamma, beta], [out, mean, invstd])(a, scale, shift)
    inverse = 1 / np.sqrt(a.var(0) + 1e-4)
    for f, e in zip(found, [(a - a.mean(0)) * inverse * scale + shift, a.mean(0), inverse], strict=True):
        np.testing.assert_allclose(f, e)
    later = bn.batch_normalization_test(x, gamma, beta, a.mean(0), a.var(0)).eval({x: a, gamma: scale, beta: shift})
    np.testing.assert_allclose(later, found[0])


# ---- flags and scripts -----------------------------------------------------------------------------------------------


def test_flags():
    assert theano.config.floatX == "float64"
    with theano.config.change_flags(floatX="float32"):
        assert T.matrix().dtype == "float32"
        assert theano.shared(np.zeros(2, theano.config.floatX)).dtype == "float32"
    with pytest.raises(ValueError, match=r"config.floatX is one of 'float64', 'float32', not 'float16'"):
        theano.config.floatX = "float16"
    with pytest.raises(AttributeError, match="has no flag 'nothing'"):
        getattr(theano.config, "nothing")  # noqa: B009
    with pytest.warns(UserWarning, match="The flag blas.ldflags has no meaning in weft"):
        theano.config.blas.ldflags = "-lopenblas"


def test_a_script_runs_unchanged(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import sys\nimport theano\nfrom theano import tensor as T\nfrom theano import theano as again\n"
        "import theano.tensor.nnet.conv\nfrom theano.tensor.shared_randomstreams import RandomStreams\n"
        "x = T.dvector('x')\nprint(theano.function([x], T.nnet.sigmoid(x).sum())([0.0, 0.0]), sys.argv[1:])\n"
        "try:\n    import theano.sandbox.cuda\nexcept ImportError:\n    print('no', theano.config.floatX)\n"
    )
    command = [sys.executable, "-m", "weft.compat.theano", str(script), "--flag"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.split() == ["1.0", "['--flag']", "no", "float64"]
    usage = subprocess.run(command[:3], capture_output=True, text=True, cwd=tmp_path)
    assert (usage.returncode, "usage:" in usage.stdout) == (2, True)


def test_windows_that_are_computed():
    x, window, stride = T.tensor4("x"), T.ivector("window"), T.ivector("stride")
    image = RNG.normal(size=(2, 3, 7, 6))
    for mode in ("max", "sum", "average_exc_pad"):
        found = pool.pool_2d(x, ws=window, stride=stride, ignore_border=True, mode=mode)
        fixed = pool.pool_2d(x, ws=(3, 2), stride=(2, 1), ignore_border=True, mode=mode)
        f = theano.function([x, window, stride], [found, T.grad((found**2).sum(), x)])
        g = theano.function([x], [fixed, T.grad((fixed**2).sum(), x)])
        for one, other in zip(f(image, [3, 2], [2, 1]), g(image), strict=True):
            np.testing.assert_allclose(one, other)


def test_a_copy_of_a_function_exchanges_shared_variables():
    x, a, b = T.dscalar("x"), theano.shared(1.0, "a"), theano.shared(10.0, "b")
    f = theano.function([x], {"sum": x + a}, updates=[(a, a + x)])
    g = f.copy(swap={a: b})
    assert g(2.0) == {"sum": 12.0}
    assert (a.get_value(), b.get_value()) == (1.0, 12.0)
    assert f(2.0) == {"sum": 3.0}
    assert f.copy(delete_updates=True)(2.0) == {"sum": 5.0}
    assert (a.get_value(), b.get_value()) == (3.0, 12.0)


def test_float16_is_a_dtype():
    x = T.tensor3("x", dtype="float16")
    y = (x * np.float16(0.5)).mean()
    assert (x.dtype, (x + x).dtype, (x * 0.5).dtype, T.exp(x).dtype) == ("float16", "float16", "float32", "float16")
    assert theano.shared(np.float16([1.5])).dtype == "float16"
    found = theano.function([x], [y, T.grad(y, x), T.cast(x, "float16").astype("float32")])(
        np.ones((2, 3, 4), "float16")
    )
    assert [f.dtype.name for f in found] == ["float16", "float16", "float32"]
    assert found[0] == 0.5


@pytest.mark.parametrize(
    "call",
    [
        np.exp,
        np.abs,
        np.square,
        lambda x: DATA * x,
        lambda x: DATA / x,
        lambda x: x - DATA,
        lambda x: np.float64(2) ** x,
        lambda x: np.concatenate([x, DATA]),
        lambda x: np.maximum(x, 2),
        lambda x: np.dot(DATA, x),
        lambda x: np.where(x > 1, x, 0),
        lambda x: np.mean(x, axis=0),
    ],
)
def test_numpys_functions_take_variables(call):
    x = T.dvector("x")
    np.testing.assert_allclose(call(x).eval({x: DATA}), call(DATA))
    assert isinstance(call(x), T.TensorVariable)


def test_a_variable_is_an_object_to_numpy():
    x = T.dmatrix("x")
    rows, columns = x.shape
    size = np.prod([rows, columns, 2])
    assert size.eval({x: np.ones((3, 4))}) == 24
    assert np.asarray([x, x]).dtype == object
    f = theano.function([x], x)
    with pytest.raises(TypeError, match="Expected an array, and found a variable, x"):
        f(x)
    for make in (lambda: theano.shared(np.asarray(x)), lambda: T.constant(np.asarray(x))):
        with pytest.raises(TypeError, match="object"):
            make()
