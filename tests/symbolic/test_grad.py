"""Derivatives: against numbers, against each other, and exactly 0 where a branch was not taken."""

import collections

import numpy as np
import pytest

import weft as wf

RNG = np.random.default_rng(5)


def numeric_gradient(f, x, step=1e-6):
    """Central differences of a scalar function of one array, in float64."""
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        slope[place] = (f(up) - f(down)) / (2 * step)
    return slope


def double(name, shape=(3,)):
    return wf.tensor(name, shape, "float64")


def network(x, w, b):
    return wf.logsumexp(wf.tanh(x @ w + b), axis=1).mean() + (w**2).sum() * 0.1


class TestGrad:
    def test_first_and_second_order_against_differences(self):
        x, w, b = double("x", (4, 3)), double("w", (3, 2)), double("b", (2,))
        values = {x: RNG.normal(size=(4, 3)), w: RNG.normal(size=(3, 2)), b: RNG.normal(size=2)}
        loss = network(x, w, b)
        for wrt in (x, w, b):
            first = wf.grad(loss, wrt)
            expected = numeric_gradient(lambda v, wrt=wrt: wf.evaluate(loss, {**values, wrt: v}), values[wrt])
            np.testing.assert_allclose(wf.evaluate(first, values), expected, rtol=1e-6, atol=1e-8)
            direction = RNG.normal(size=first.shape)
            along = (first * direction).sum()
            second = wf.grad(along, w)
            expected = numeric_gradient(lambda v, along=along: wf.evaluate(along, {**values, w: v}), values[w])
            np.testing.assert_allclose(wf.evaluate(second, values), expected, rtol=1e-5, atol=1e-7)

    def test_the_form_of_the_result_is_that_of_wrt(self):
        x, y = double("x"), double("y")
        loss = (x * y).sum()
        assert wf.grad(loss, x) is wf.grad(loss, [x])[0]
        assert isinstance(wf.grad(loss, (x, y)), tuple)
        value, grads = wf.value_and_grad(loss, [x, y])
        assert value is loss
        assert grads == [wf.grad(loss, x), wf.grad(loss, y)]

    def test_types_are_those_of_the_variables(self):
        x, w = wf.matrix("x", ("n", 3)), wf.shared(np.ones((3, 2)), "w")
        for g, of in zip(wf.grad((x @ w).sum(), [x, w]), (x, w), strict=True):
            assert (g.dtype, g.shape) == (of.dtype, of.shape)

    def test_with_respect_to_what_lies_between(self):
        x = double("x")
        y = wf.exp(x)
        loss = (y * y).sum()
        given = RNG.normal(size=3)
        dy, dx = wf.evaluate(wf.grad(loss, [y, x]), {x: given})
        np.testing.assert_allclose(dy, 2 * np.exp(given))
        np.testing.assert_allclose(dx, 2 * np.exp(2 * given))
        assert wf.evaluate(wf.grad(loss, loss), {x: given}) == 1

    def test_with_respect_to_a_constant(self):
        c = wf.constant(np.array([1.0, 2.0]))
        np.testing.assert_array_equal(wf.evaluate(wf.grad((c**2).sum(), c)), [2, 4])

    def test_a_node_used_often_gathers_all_contributions(self):
        x = double("x", ())
        y = x
        for _ in range(20):
            y = y + y  # 2**20 paths
        assert wf.evaluate(wf.grad(y, x), {x: 1.0}) == 2**20

    def test_known_cotangents_are_added(self):
        x = double("x")
        y = wf.exp(x)
        given = RNG.normal(size=3)
        g = wf.grad(x.sum(), x, known_cotangents={y: wf.constant(np.full(3, 2.0))})
        np.testing.assert_allclose(wf.evaluate(g, {x: given}), 1 + 2 * np.exp(given))

    def test_integers_and_comparisons_pass_no_gradient(self):
        x, i = double("x"), wf.vector("i", (3,), "int64")
        given = {x: np.array([-1.0, 0.5, 2.0]), i: np.array([1, 2, 3])}
        loss = ((x > 0) * x * i + wf.floor(x) + wf.cast(wf.cast(x, "int32"), "float64")).sum()
        np.testing.assert_array_equal(wf.evaluate(wf.grad(loss, x), given), [0, 2, 3])

    def test_casts_between_floats_pass_it(self):
        x = wf.vector("x", (3,))
        g = wf.grad((wf.cast(x, "float64") * 3).sum(), x)
        assert g.dtype == np.float32
        np.testing.assert_array_equal(wf.evaluate(g, {x: np.zeros(3)}), [3, 3, 3])


class TestDisconnected:
    def test_it_is_an_error_by_default(self):
        x, y = double("x"), double("y")
        with pytest.raises(wf.GradientError, match="does not depend on y in a differentiable way"):
            wf.grad(x.sum(), [x, y])
        with pytest.raises(wf.GradientError, match="does not depend on x"):
            wf.grad(wf.stop_gradient(x).sum(), x)

    def test_zeros_with_a_warning_or_without(self):
        x, y = double("x"), wf.matrix("y", ("n", 2))
        with pytest.warns(UserWarning, match="does not depend on y"):
            wf.grad(x.sum(), y, disconnected="warn")
        zeros = wf.grad(x.sum(), y, disconnected="zero")
        assert (zeros.shape, zeros.dtype) == (y.shape, y.dtype)
        np.testing.assert_array_equal(wf.evaluate(zeros, {y: np.ones((3, 2)), x: np.ones(3)}), np.zeros((3, 2)))
        with pytest.raises(wf.ArgumentError, match="'raise', 'warn', 'zero' or 'none', not 'ignore'"):
            wf.grad(x.sum(), x, disconnected="ignore")

    def test_none_where_there_is_none(self):
        x, y, n = double("x"), double("y"), double("z", ("n",))
        found = wf.grad((x * x).sum() + n.sum() * 0, (y, x, n), disconnected="none")
        assert isinstance(found, tuple)
        assert found[0] is None
        given = {x: np.ones(3), n: np.ones(2)}
        for value, right in zip(wf.evaluate(list(found[1:]), given), ([2, 2, 2], [0, 0]), strict=True):
            np.testing.assert_array_equal(value, right)

    def test_products_of_several_of_which_some_depend(self):
        """By matrices of every pair; what does not depend gives zeros in the form of what was asked for."""
        x, y, z = double("x", (2,)), double("y", (3,)), double("z", (1,))
        outputs, params = (wf.sin(x) * y[:2], wf.exp(z), wf.outer(x, y)), [y, x]
        given = {v: RNG.normal(size=v.shape) for v in (x, y, z)}
        matrices = [wf.evaluate(wf.jacobian(o, params), given) for o in outputs if o is not outputs[1]]
        matrices.insert(1, [np.zeros((1, 3)), np.zeros((1, 2))])
        seeds = [RNG.normal(size=o.shape) for o in outputs]
        tangents = [RNG.normal(size=p.shape) for p in params]
        back = wf.evaluate(wf.vjp(outputs, params, seeds), given)
        along = wf.evaluate(wf.jvp(outputs, params, tangents), given)
        for i, found in enumerate(back):
            right = sum(np.tensordot(s, m[i], s.ndim) for s, m in zip(seeds, matrices, strict=True))
            np.testing.assert_allclose(found, right, rtol=1e-12)
        for m, found in zip(matrices, along, strict=True):
            right = sum(np.tensordot(part, t, 1) for part, t in zip(m, tangents, strict=True))
            np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-15)

    def test_second_derivatives_along_vectors(self):
        x, y = double("x", (2,)), double("y", (3,))
        loss = (wf.outer(x**2, y**3)).sum() + x[0] * y[2]
        given = {x: RNG.normal(size=2), y: RNG.normal(size=3)}
        u, v = RNG.normal(size=2), RNG.normal(size=3)
        a, b = given.values()
        found = wf.evaluate(wf.hvp(loss, (x, y), (u, v)), given)
        cross = np.outer(2 * a, 3 * b**2)
        cross[0, 2] += 1
        np.testing.assert_allclose(found[0], 2 * (b**3).sum() * u + cross @ v)
        np.testing.assert_allclose(found[1], 6 * b * (a**2).sum() * v + cross.T @ u)
        parts = wf.evaluate(wf.hessian(loss, (x, y)), given)
        np.testing.assert_allclose(parts[0], np.eye(2) * 2 * (b**3).sum())
        np.testing.assert_allclose(parts[1], np.diag(6 * b * (a**2).sum()))


MASKED = {
    # name: (function, x where it is finite, the gradient there)
    "where picks around log": (lambda x: wf.where(x > 0, wf.log(x), 0), [-1.0, 0.0, 2.0], [0, 0, 0.5]),
    "where picks around sqrt": (lambda x: wf.where(x > 0, wf.sqrt(x), 0), [0.0, 4.0], [0, 0.25]),
    "where picks around division": (lambda x: wf.where(wf.eq(x, 0), 1, 1 / x), [0.0, 2.0], [0, -0.25]),
    "the other branch": (lambda x: wf.where(x <= 0, x, wf.log(x)), [-2.0, 0.0, 2.0], [1, 1, 0.5]),
    "relu of log": (lambda x: wf.relu(wf.log(x)), [0.0, 0.5, 2.0], [0, 0, 0.5]),
    "minimum of exp": (lambda x: wf.minimum(1.0, wf.exp(x)), [-1.0, 800.0], [np.exp(-1), 0]),
    "maximum of a root": (lambda x: wf.maximum(1.0, wf.sqrt(x)), [0.0, 4.0], [0, 0.25]),
    "clip of a root": (lambda x: wf.clip(wf.sqrt(x), 0.5, 3), [0.0, 1.0, 16.0], [0, 0.5, 0]),
    "0 times a root": (lambda x: 0 * wf.sqrt(x), [0.0, 4.0], [0, 0]),
    "indexing around a root": (lambda x: wf.sqrt(x)[1:], [0.0, 4.0], [0, 0.25]),
    "max around a root": (lambda x: wf.sqrt(x).max(), [0.0, 4.0], [0, 0.25]),
    "sinc": (wf.sinc, [0.0, 1.0], [0, -1.0]),
    "softplus": (wf.softplus, [-1000.0, 0.0, 1000.0], [0, 0.5, 1]),
    "log_sigmoid": (wf.log_sigmoid, [-1000.0, 1000.0], [1, 0]),
    "elu": (wf.elu, [-1000.0, 1.0, 1000.0], [0, 1, 1]),
    "power": (lambda x: x**0.5, [4.0], [0.25]),
    "square at 0": (lambda x: x**2, [0.0, 3.0], [0, 6]),
    "first power at 0": (lambda x: x**1, [0.0, 3.0], [1, 1]),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_branch_not_taken_contributes_exactly_zero(name):
    function, given, expected = MASKED[name]
    x = double("x", (len(given),))
    slope = wf.grad(function(x).sum(), x)
    found = wf.evaluate(slope, {x: given})
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.all(found[np.asarray(expected) == 0] == 0)


@pytest.mark.parametrize(
    "name", ["where picks around log", "where picks around sqrt", "where picks around division", "clip of a root"]
)
def test_nor_to_second_derivatives(name):
    function, given, expected = MASKED[name]
    x = double("x", (len(given),))
    slope = wf.grad(function(x).sum(), x)
    curvature = wf.evaluate(wf.grad(slope.sum(), x), {x: given})
    assert np.isfinite(curvature).all()
    assert np.all(curvature[np.asarray(expected) == 0] == 0)


def test_an_infinite_slope_that_is_wanted_stays():
    x = double("x", (1,))
    assert np.isinf(wf.evaluate(wf.grad(wf.sqrt(x).sum(), x), {x: [0.0]}))


KINKS = {
    "abs": (wf.abs, [0.0], [0]),
    "relu": (wf.relu, [0.0], [0]),
    "maximum takes the first": (lambda x: wf.maximum(x, 0.0), [0.0], [1]),
    "maximum leaves the second": (lambda x: wf.maximum(0.0, x), [0.0], [0]),
    "minimum takes the first": (lambda x: wf.minimum(x, 0.0), [0.0], [1]),
    "clip at its bounds": (lambda x: wf.clip(x, 0.0, 1.0), [0.0, 1.0], [1, 1]),
    "max shares between ties": (wf.max, [2.0, 1.0, 2.0], [0.5, 0, 0.5]),
    "min shares between ties": (wf.min, [1.0, 1.0, 2.0], [0.5, 0.5, 0]),
    "prod of one zero": (wf.prod, [0.0, 2.0, 3.0], [6, 0, 0]),
    "prod of two zeros": (wf.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
    "sign": (lambda x: wf.sign(x) * x, [-2.0, 0.0, 2.0], [-1, 0, 1]),
}


@pytest.mark.parametrize("name", KINKS)
def test_the_value_at_kinks(name):
    function, given, expected = KINKS[name]
    x = double("x", (len(given),))
    np.testing.assert_array_equal(wf.evaluate(wf.grad(function(x).sum(), x), {x: given}), expected)


class TestProducts:
    """vjp, jvp, hvp, jacobian and hessian of one function agree."""

    x = double("x", (3,))
    a = RNG.normal(size=(2, 3))
    y = wf.tanh(wf.constant(a) @ x) * x[0]
    given = {x: RNG.normal(size=3)}  # noqa: RUF012

    @property
    def matrix(self):
        value = self.given[self.x]
        t = np.tanh(self.a @ value)
        return (1 - t**2)[:, None] * self.a * value[0] + np.outer(t, [1, 0, 0])

    def test_jacobian(self):
        jacobian = wf.jacobian(self.y, self.x)
        assert jacobian.shape == (2, 3)
        np.testing.assert_allclose(wf.evaluate(jacobian, self.given), self.matrix)

    def test_vjp(self):
        v = RNG.normal(size=2)
        np.testing.assert_allclose(wf.evaluate(wf.vjp(self.y, self.x, v), self.given), v @ self.matrix)

    def test_jvp(self):
        v = RNG.normal(size=3)
        np.testing.assert_allclose(wf.evaluate(wf.jvp(self.y, self.x, v), self.given), self.matrix @ v)

    def test_jvp_of_several(self):
        z = double("z", (2,))
        outputs = [self.y + z, z * self.x[0]]
        v, u = RNG.normal(size=3), RNG.normal(size=2)
        given = {**self.given, z: RNG.normal(size=2)}
        first, second = wf.evaluate(wf.jvp(outputs, [self.x, z], [v, u]), given)
        np.testing.assert_allclose(first, self.matrix @ v + u)
        np.testing.assert_allclose(second, u * given[self.x][0] + given[z] * v[0])

    def test_hessian_and_hvp(self):
        loss = (self.y**2).sum()
        hessian = wf.evaluate(wf.hessian(loss, self.x), self.given)
        expected = np.stack(
            [
                numeric_gradient(lambda v, i=i: wf.evaluate(wf.grad(loss, self.x)[i], {self.x: v}), self.given[self.x])
                for i in range(3)
            ]
        )
        np.testing.assert_allclose(hessian, expected, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-12)
        v = RNG.normal(size=3)
        np.testing.assert_allclose(wf.evaluate(wf.hvp(loss, self.x, v), self.given), hessian @ v)

    def test_jvp_of_a_masked_branch(self):
        x = double("x", (2,))
        y = wf.where(x > 0, wf.sqrt(x), 0)
        found = wf.evaluate(wf.jvp(y, x, np.ones(2)), {x: [0.0, 4.0]})
        np.testing.assert_array_equal(found, [0, 0.25])

    def test_cotangents_take_the_dtype_of_what_they_belong_to(self):
        x = wf.vector("x", (3,))
        assert wf.vjp(x * 2, x, np.ones(3)).dtype == np.float32
        assert wf.vjp(x, x, np.ones(3)).dtype == np.float32
        assert wf.jvp(x * 2, x, np.ones(3)).dtype == np.float32

    def test_jacobian_of_sizes_that_a_call_decides(self):
        x = wf.vector("x", dtype="float64")
        y = wf.sin(x[:2] * x.sum())
        loss = (x**3).sum() * x[0]
        outputs = [wf.jacobian(y, x), wf.hessian(loss, x)]
        fixed = wf.vector("x", (3,), dtype="float64")
        expected = [wf.jacobian(wf.sin(fixed[:2] * fixed.sum()), fixed), wf.hessian((fixed**3).sum() * fixed[0], fixed)]
        at = np.array([0.3, -1.2, 0.7])
        results = wf.evaluate(outputs, {x: at}), wf.function([x], outputs)(at)
        for found in results:
            for one, other in zip(found, wf.evaluate(expected, {fixed: at}), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-12)
        assert wf.function([x], wf.jacobian(y, x))(np.zeros(0)).shape == (0, 0)
        with pytest.raises(wf.IndexRangeError, match="index 0 is out of range for axis 0 with size 0"):  # of x[0]
            wf.function([x], wf.hessian(loss, x))(np.zeros(0))

    def test_jacobian_of_a_scalar_and_of_nothing(self):
        x = double("x", (3,))
        assert wf.jacobian(x.sum(), x).shape == (3,)
        np.testing.assert_array_equal(wf.evaluate(wf.jacobian(x.sum(), x), {x: np.ones(3)}), np.ones(3))
        empty = wf.jacobian(x[:0], x)
        assert empty.shape == (0, 3)
        assert wf.evaluate(empty, {x: np.ones(3)}).shape == (0, 3)


class TestCustom:
    def test_stop_gradient(self):
        x = double("x")
        given = RNG.normal(size=3)
        loss = (wf.stop_gradient(x) * x).sum()
        np.testing.assert_array_equal(wf.evaluate([loss, wf.grad(loss, x)], {x: given})[1], given)

    def test_custom_gradient(self):
        sign = wf.custom_gradient(wf.sign, lambda g, out, x: wf.where(wf.abs(x) <= 1, g, 0))
        x = double("x")
        given = [-2.0, 0.5, 1.0]
        value, slope = wf.evaluate([sign(x), wf.grad(sign(x).sum(), x)], {x: given})
        np.testing.assert_array_equal(value, [-1, 1, 1])
        np.testing.assert_array_equal(slope, [0, 1, 1])
        assert sign.__name__ == "sign"

    def test_custom_gradient_of_several_with_none(self):
        scaled = wf.custom_gradient(lambda x, k: x * k, lambda g, out, x, k: (g * 10, None))
        x, k = double("x"), double("k")
        given = {x: np.ones(3), k: np.full(3, 2.0)}
        np.testing.assert_array_equal(wf.evaluate(wf.grad(scaled(x, k).sum(), x), given), [10, 10, 10])
        with pytest.raises(wf.GradientError, match="does not depend on k"):
            wf.grad(scaled(x, k).sum(), k)

    def test_the_derivative_of_a_custom_gradient_is_that_of_its_rule(self):
        cube = wf.custom_gradient(lambda x: x**3, lambda g, out, x: g * x**2)
        x = double("x", ())
        second = wf.grad(wf.grad(cube(x), x), x)
        assert wf.evaluate(second, {x: 3.0}) == 6

    def test_a_vjp_with_too_few_cotangents(self):
        wrong = wf.custom_gradient(lambda x, y: x * y, lambda g, out, x, y: (g,))
        x, y = double("x"), double("y")
        with pytest.raises(wf.GradientError, match="returned 2 cotangents for 3 arguments"):
            wf.grad(wrong(x, y).sum(), x)

    @pytest.mark.parametrize(
        ("answer", "what"), [(lambda g: 2 * g, "one expression"), (lambda g: None, "a NoneType"), (iter, "a generator")]
    )
    def test_a_vjp_that_is_no_tuple(self, answer, what):
        class Twice(wf.Op):
            def infer(self, x):
                return x

            def vjp(self, g, out, x):
                return answer(g)

        x = double("x")
        with pytest.raises(wf.GradientError, match=f"vjp of Twice returned {what}, and not a tuple") as caught:
            wf.grad(wf.apply(Twice(), x).sum(), x)
        assert "test_grad.py" in "".join(caught.value.__notes__)

    def test_a_vjp_of_the_wrong_shape(self):
        wrong = wf.custom_gradient(lambda x: x * 2, lambda g, out, x: g.sum())
        x = double("x")
        with pytest.raises(wf.GradientError, match=r"cotangent of shape \(\) for an argument of shape \(3,\)"):
            wf.grad(wrong(x).sum(), x)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: wf.grad(x, x), r"grad needs a scalar, and this expression has shape \(3,\)"),
        (lambda x: wf.grad(wf.argmax(x), x), "grad needs a float, and this is int64"),
        (lambda x: wf.grad(3.0, x), "grad takes an expression, not float"),
        (lambda x: wf.grad(x.sum(), "x"), "with respect to expressions, not str"),
        (lambda x: wf.grad(x.sum(), wf.cast(x, "int32")), "only floats have derivatives"),
        (
            lambda x: wf.grad(x.sum(), x, known_cotangents={wf.exp(x): wf.zeros((3, 1), "float64")}),
            r"The expression has shape \(3,\), its cotangent \(3, 1\)",
        ),
        (lambda x: wf.vjp([x, x], x, [x]), "2 outputs and 1 cotangents do not pair up"),
        (lambda x: wf.jvp(x, [x], [x, x]), "1 variables and 2 tangents do not pair up"),
        (lambda x: wf.hvp(x.sum(), x, wf.zeros(2, "float64")), r"The variable has shape \(3,\), its vector \(2,\)"),
        (lambda x: wf.hessian(x, x), r"grad needs a scalar, and this expression has shape \(3,\)"),
        (lambda x: wf.vjp(x, x, wf.zeros(4, "float64")), r"The output has shape \(3,\), its cotangent \(4,\)"),
        (lambda x: wf.jvp(x, x, wf.zeros((3, 1), "float64")), r"The variable has shape \(3,\), its tangent \(3, 1\)"),
    ],
)
def test_what_has_no_derivative(call, text):
    with pytest.raises((wf.GradientError, wf.ShapeError), match=text):
        call(double("x"))


LOOPS = {
    "the last carry": lambda x: wf.scan(lambda c, a: (c * a + x.sum(), None), wf.constant(1.0, "float64"), x)[0],
    "all steps": lambda x: wf.scan(lambda c, a: (c * a, c * c * x), wf.constant(1.0, "float64"), x)[1],
    "backwards": lambda x: wf.scan(lambda c, a: (wf.sin(c) * a, c), x.sum(), x, reverse=True)[1],
    "checkpoints": lambda x: wf.scan(lambda c, _: (wf.sin(c) * x[1] + x.sum(), c), x[0], length=5, checkpoint_every=2)[
        1
    ],
    "an early end": lambda x: wf.scan(lambda c, a: (c + a * a, c * a), x[0], x, until=lambda c, y: c > 3)[1],
    "while": lambda x: wf.while_loop(lambda c: c.sum() < 50, lambda c: c * c * x + 1, x, max_steps=5),
    "cond": lambda x: wf.cond(x.sum() > 1, lambda: x**2, lambda: -x),
    "the other branch": lambda x: wf.cond(x.sum() > 100, lambda: x**2, lambda: wf.cumsum(x) * x),
    "cumprod": wf.cumprod,
    "prod": lambda x: wf.prod(x),
}


@pytest.mark.parametrize("name", LOOPS)
def test_jvp_through_loops(name):
    x, t = wf.vector("x", ("n",), "float64"), wf.vector("t", ("n",), "float64")
    y = LOOPS[name](x)
    value, tangent = np.array([1.2, 0.7, 2.0]), np.array([0.3, -1.0, 0.5])
    f, forward = wf.function([x], y), wf.jvp(y, x, t)
    numeric = (f(value + 1e-6 * tangent) - f(value - 1e-6 * tangent)) / 2e-6
    np.testing.assert_allclose(wf.function([x, t], forward)(value, tangent), numeric, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(wf.evaluate(forward, {x: value, t: tangent}), numeric, rtol=1e-6, atol=1e-7)


def test_gradients_have_the_structure_of_what_they_are_of():
    """Lists, tuples, named tuples and dicts, one in another."""
    pair = collections.namedtuple("pair", "w b")
    w, b, v = (wf.shared(np.float64([1, 2, 3]) * k, name) for k, name in ((1, "w"), (2, "b"), (3, "v")))
    loss = (w * w * b).sum() + (v**3.0).sum()
    tree = {"first": pair(w, b), "rest": [(v,), []]}
    found = wf.grad(loss, tree)
    assert list(found) == ["first", "rest"]
    assert type(found["first"]) is pair
    assert found == {"first": pair(*wf.grad(loss, [w, b])), "rest": [(wf.grad(loss, v),), []]}
    assert wf.value_and_grad(loss, {"v": v})[1] == {"v": wf.grad(loss, v)}
    assert wf.vjp(loss, {"v": v}, 2.0) == {"v": wf.vjp(loss, v, 2.0)}
    assert wf.jvp(loss, {"w": w, "v": v}, {"w": w, "v": v}) is wf.jvp(loss, [w, v], [w, v])
    assert wf.hvp(loss, {"v": v}, {"v": v})["v"] is wf.hvp(loss, v, v)
    assert list(wf.hessian(loss, {"v": v})) == ["v"]
