"""Layers: shapes, values, running averages, parameters."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft.nn import count, init, layers, parameters, scope, variables
from weft.ops.updating import updates_of
from weft.symbolic.evaluate import evaluate
from weft.symbolic.expr import toposort
from weft.symbolic.grad import grad
from weft.symbolic.variables import matrix, scalar, shared, tensor, tensor4

RNG = np.random.default_rng(0)


def test_dense_takes_images_as_rows():
    x = tensor4("x", ("n", 2, 3, 3))
    w, b = layers.dense_params(18, 5, RNG, "fc")
    assert (w.name, b.name) == ("fc_w", "fc_b")
    value = RNG.normal(size=(4, 2, 3, 3)).astype(np.float32)
    b.set_value(np.arange(5.0))
    found = evaluate(layers.dense(x, 5, w, b), {x: value})
    np.testing.assert_allclose(found, value.reshape(4, 18) @ w.get_value() + np.arange(5), rtol=1e-5, atol=1e-5)
    assert layers.dense(x, 5, w, None).shape[1] == 5


def test_conv_params():
    w, b = layers.conv_params(3, 20, 5, RNG)
    assert w.shape == (20, 3, 5, 5)
    assert b.shape == (20,)
    assert layers.conv_params(3, 8, (1, 3), RNG)[0].shape == (8, 3, 1, 3)


def test_what_layers_begin_with():
    fresh = lambda: np.random.default_rng(5)  # noqa: E731
    for weights in (init.he_normal, init.glorot_uniform):
        options = {} if weights is init.he_normal else {"weights": weights}
        made = [layers.dense_params(7, 3, fresh(), **options), layers.conv_params(2, 5, (3, 1), fresh(), **options)]
        for (w, b), shape in zip(made, ((7, 3), (5, 2, 3, 1)), strict=True):
            np.testing.assert_array_equal(w.get_value(), weights(shape, fresh()))
            np.testing.assert_array_equal(b.get_value(), np.zeros(3 if shape == (7, 3) else 5, "float32"))


def test_dense_of_a_row_of_rows_and_without_biases():
    w = np.arange(6.0).reshape(3, 2)
    for shape in ((3,), (4, 3), (0, 3)):
        value = RNG.normal(size=shape)
        x = tensor("x", shape, "float64")
        np.testing.assert_allclose(evaluate(layers.dense(x, 2, w, None), {x: value}), value @ w)
        np.testing.assert_allclose(evaluate(layers.dense(x, 2, w, [1.0, -1.0]), {x: value}), value @ w + [1, -1])


def averaged(features):
    """Scale, shift, mean and variance as they begin, of a batch normalisation."""
    begin = {"scale": 1, "shift": 0, "mean": 0, "var": 1}
    return [shared(np.full(features, value, np.float32), name) for name, value in begin.items()]


def new_averages(y, state):
    """What functions that compute y make of the mean and the variance."""
    found = updates_of(toposort([y]))
    assert list(found) == state[2:]
    return list(found.values())


def test_batch_norm_is_what_its_defaults_say():
    x, state = tensor("x", (4, 3, 2), "float64"), averaged(3)
    value = RNG.normal(2, 3, (4, 3, 2))
    for training in (True, False):
        options = {"momentum": 0.9, "eps": 1e-5, "axis": 1}
        assert layers.batch_norm(x, training, *state) is layers.batch_norm(x, training, *state, **options)
    mean, var = evaluate(new_averages(layers.batch_norm(x, True, *state), state), {x: value})
    np.testing.assert_allclose(mean, 0.1 * value.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(var, 0.9 + 0.1 * value.var((0, 2), ddof=1), rtol=1e-5)
    begin = variables(layers.batch_norm(x, name="bn")).items()
    assert {name: v.get_value().tolist() for name, v in begin} == {
        "bn_scale": [1] * 3,
        "bn_shift": [0] * 3,
        "bn_mean": [0] * 3,
        "bn_var": [1] * 3,
    }


def test_batch_norm_learns_the_statistics():
    x, state = matrix("x", ("n", 3)), averaged(3)
    y = layers.batch_norm(x, True, *state, momentum=0.75)
    value = RNG.normal([1, 2, 3], [1, 2, 0.5], (50, 3)).astype(np.float32)
    found = wf.function([x], y)(value)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(0), 1, rtol=1e-4)
    np.testing.assert_allclose(state[2].get_value(), 0.25 * value.mean(0), rtol=1e-5)
    np.testing.assert_allclose(state[3].get_value(), 0.75 + 0.25 * value.var(0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("axis", [1, 2, -1, -3])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_along_any_axis(axis, training):
    value = RNG.normal(2, 3, (4, 3, 2))
    features = value.shape[axis]
    state = averaged(features)
    settings = [RNG.uniform(0.5, 2, features).astype("float32") for _ in state]
    for cell, setting in zip(state, settings, strict=True):
        cell.set_value(setting)
    scale, shift, mean, var = (np.moveaxis(v.reshape(-1, 1, 1), 0, axis) for v in settings)
    if training:
        others = tuple(i for i in range(3) if i != axis % 3)
        mean, var = value.mean(others, keepdims=True), value.var(others, keepdims=True)
    x = tensor("x", (None, None, None), "float64")
    y = layers.batch_norm(x, training, *state, eps=0.5, axis=axis)
    np.testing.assert_allclose(evaluate(y, {x: value}), (value - mean) / np.sqrt(var + 0.5) * scale + shift, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, "n"])
def test_batch_norm_of_one_example_keeps_its_averages_finite(rows):
    x, state = matrix("x", (rows, 3)), averaged(3)
    found = evaluate(new_averages(layers.batch_norm(x, True, *state), state), {x: np.full((1, 3), 5.0)})
    np.testing.assert_allclose(found, [[0.5] * 3, [0.9] * 3], rtol=1e-6)


def test_batch_norm_at_test_time_uses_them():
    x, state = tensor4("x", ("n", 2, 2, 2)), averaged(2)
    for cell, value in zip(state, ([2, 3], [0.5, -1], [1, -1], [4, 0.25]), strict=True):
        cell.set_value(np.array(value, np.float32))
    y = layers.batch_norm(x, False, *state, eps=0.0)
    value = RNG.normal(size=(3, 2, 2, 2)).astype(np.float32)
    assert updates_of(toposort([y])) == {}
    wanted = np.stack([(value[:, 0] - 1) / 2 * 2 + 0.5, (value[:, 1] + 1) / 0.5 * 3 - 1], 1)
    np.testing.assert_allclose(evaluate(y, {x: value}), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("optimize", [0, 2])
def test_one_graph_serves_training_and_test(optimize):
    """`training` as an input, as what givens say, and as a flag: the same values, averages and gradients."""
    x, state, flag = matrix("x", ("n", 3)), averaged(3), scalar("training", dtype="bool")
    value = RNG.normal(2, 3, (6, 3)).astype(np.float32)
    results = {True: [], False: []}
    for training in (True, False):
        for way in ("input", "givens", "flag"):
            state[2].set_value(np.float32([1, 2, 3]))
            state[3].set_value(np.float32([4, 5, 6]))
            y = layers.batch_norm(x, training if way == "flag" else flag, *state)
            outputs = [y, *grad((y * y * x).sum(), [x, state[0], state[1]])]
            inputs, givens = [x, flag] if way == "input" else [x], {flag: training} if way == "givens" else None
            f = wf.function(inputs, outputs, givens=givens, optimize=optimize)
            found = f(value, training) if way == "input" else f(value)
            results[training].append([*found, state[2].get_value(), state[3].get_value()])
            if not training:
                assert state[2].get_value().tolist() == [1, 2, 3]
                if way != "input":
                    assert f.asked.graph.updates == ()
    for one, *others in results.values():
        for other in others:
            for a, b in zip(one, other, strict=True):
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def test_only_floats_that_nothing_updates_are_parameters():
    x, stream = matrix("x", ("n", 4)), wf.random.Stream(1)
    for training in (True, False, scalar("training", dtype="bool")):
        with scope("net"):
            h = layers.dropout(layers.batch_norm(layers.dense(x, 5), training), 0.5, stream, training)
            y = layers.dense(h, 2) + shared(np.zeros(2, np.float32))
        names = ["net.dense_w", "net.dense_b", "net.norm_scale", "net.norm_shift", "net.dense2_w", "net.dense2_b"]
        assert list(parameters(y)) == [*names, "parameter"]
        assert count(y) == 4 * 5 + 5 + 5 + 5 + 5 * 2 + 2 + 2
    assert set(parameters({"a": [y], "b": h})) == set(parameters(y))


def test_several_values_may_bring_one_variable():
    """Each goes on from what the one before made of it; the function's own updates come first of all."""
    x, mean = wf.vector("x", (3,)), shared(np.zeros(3, np.float32), "mean")
    first = wf.with_updates(x, {mean: mean + x})
    second = wf.with_updates(first * 2, {mean: 10 * mean + x})
    wf.function([x], second)([1, 2, 3])
    assert mean.get_value().tolist() == [11, 22, 33]
    wf.function([x], second, updates={mean: x})([1, 2, 3])
    assert mean.get_value().tolist() == [1, 2, 3]
    wf.function([x], second, givens={mean: np.ones(3, np.float32)})([1, 2, 3])
    assert mean.get_value().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("key", "new", "error", "text"),
    [
        (wf.vector("v", (3,)), 1.0, wf.ArgumentError, "only shared variables get new values"),
        (shared(np.zeros(3, np.float32), "mean"), np.zeros(3), wf.DTypeError, "mean is float32, and its new value"),
        (shared(np.zeros(3, np.float32), "mean"), np.zeros(4, np.float32), wf.ShapeError, "mean has shape"),
    ],
)
def test_updates_that_do_not_fit(key, new, error, text):
    with pytest.raises(error, match=text):
        wf.with_updates(wf.vector("x", (3,)), {key: new})


def test_layers_without_a_name_have_names_of_their_own():
    x = tensor4("x", ("n", 1, 5, 5))
    with scope("net"):
        made = []
        for _ in range(3):
            made += layers.dense_params(2, 2, RNG), layers.conv_params(1, 1, 3, RNG)
            made.append(parameters(layers.batch_norm(x)).values())
        names = [p.name for params in made for p in params]
        assert len({*names}) == len(names) == 3 * (2 + 2 + 2)
        kinds = ("dense", "conv", "norm")
        assert {n.split("_")[0] for n in names} == {f"net.{k}{n}" for k in kinds for n in ("", "2", "3")}
    assert [p.name for p in layers.dense_params(2, 2, RNG, "first")] == ["first_w", "first_b"]
    assert [p.name for p in layers.conv_params(2, 2, 1, RNG, "first")] == ["first_w", "first_b"]


def test_parameters_given_and_drawn():
    """An initialiser, a number, an array and an expression; what does not fit says so."""
    x, w = matrix("x", ("n", 3)), shared(np.ones((3, 2), np.float32), "w")
    y = layers.dense(x, 2, init.orthogonal, 0.5, rng=np.random.default_rng(3), name="d")
    made = parameters(y)
    np.testing.assert_array_equal(made["d_w"].get_value(), init.orthogonal((3, 2), np.random.default_rng(3)))
    np.testing.assert_array_equal(made["d_b"].get_value(), np.full(2, 0.5, np.float32))
    assert list(parameters(layers.dense(layers.dense(x, 2, w, None), 3, w.T, None))) == ["w"]
    assert parameters(layers.dense(x, 2, np.eye(3, 2), name="d"))["d_w"].dtype == "float64"
    with scope("mine"):
        own = layers.new_parameter((2, 3), 0.5, "p")
        assert (own.name, own.get_value().tolist()) == ("mine.p", [[0.5] * 3] * 2)
        assert layers.new_parameter(4, 0.0).name == "mine.parameter"
    for wrong, error in (("he", wf.ArgumentError), (np.ones((2, 2)), wf.ShapeError), (lambda s, r: 1.0, wf.ShapeError)):
        with pytest.raises(error, match="dense: w"):
            layers.dense(x, 2, wrong)
    with pytest.raises(wf.ShapeError, match="parameters are made for a number"):
        layers.dense(matrix("x"), 2)


def test_no_module_stands_in_the_place_of_a_function():
    """Python sets a package's attribute to a module of that name when it is imported, by whomever."""
    root = Path(wf.nn.__path__[0])
    modules = {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    functions = {name for name in wf.nn.__all__ if not inspect.ismodule(getattr(wf.nn, name))}
    assert {"fit", "parameters", "summary"} <= functions
    assert modules & functions == set()


def test_updates_inside_of_loops_and_branches_are_refused():
    """They would be lost: averages would stay as they began, and nobody would see it."""
    x = wf.tensor("x", (3, 5, 2))

    def step(carry, at):
        return carry, layers.batch_norm(at, name="bn")

    for y in (
        wf.scan(step, (), x)[1],
        wf.cond(x.sum() > 0, lambda: layers.batch_norm(x[0], name="bn"), lambda: x[0]),
        wf.scan(lambda c, at: (c, wf.scan(step, (), at[None])[1]), (), x)[1],
    ):
        with pytest.raises(wf.ArgumentError, match="inside of a loop or a branch brings new values"):
            wf.function([x], y)
    tested = wf.scan(lambda c, at: (c, layers.batch_norm(at, False, name="bn")), (), x)[1]
    assert wf.function([x], tested)(np.ones((3, 5, 2), np.float32)).shape == (3, 5, 2)


def test_no_variable_takes_the_name_of_another():
    """Saved under one name, one of the two would be lost."""
    cells = [shared(np.full(2, v, np.float32), n) for v, n in enumerate(("w", "w", "w_2", None, "parameter", "w"))]
    found = parameters(sum(cells[1:], cells[0]))
    assert all(a is b for a, b in zip(found.values(), cells, strict=True))
    assert list(found) == ["w", "w_2", "w_2_2", "parameter", "parameter_2", "w_3"]


def test_variables_of_updates_wherever_they_stand():
    counter, x = shared(0, "counter"), matrix("x", (2, 2))
    for given in ({counter: wf.constant(0)}, [x, {counter: wf.constant(0)}], ({"all": {counter: x.sum()}},)):
        assert list(variables(given)) == ["counter"]
