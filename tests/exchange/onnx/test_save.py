"""Models that are written: names, sizes, parameters, training steps, control flow, files."""

from __future__ import annotations

import numpy as np
import pytest

import weft as wf
from weft import nn

from .runtimes import run_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def agree(outputs, given, tolerance=1e-5, **options):
    """A runtime gives what the reference gives; the model."""
    model = wf.onnx.to_model(outputs, inputs=list(given), **options)
    listed = outputs if isinstance(outputs, list) else [outputs]
    for mine, theirs in zip(wf.evaluate(listed, given), run_model(model, list(given.values())), strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=tolerance, atol=tolerance)
    return model


def softmax_regression():
    x, t = wf.matrix("x", ("batch", 5)), wf.vector("t", ("batch",), dtype="int64")
    w, b = wf.shared(normal(5, 3), "w"), wf.shared(np.zeros(3, "float32"), "b")
    return x, t, w, b, x @ w + b


def test_inputs_outputs_and_parameters_have_their_names():
    x, t, w, b, logits = softmax_regression()
    loss = wf.crossentropy(logits, t).mean()
    model = wf.onnx.to_model({"scores": logits, "loss": loss}, inputs={"image": x, "label": t})
    graph = model.graph
    assert [i.name for i in graph.input] == ["image", "label"]
    assert [o.name for o in graph.output] == ["scores", "loss"]
    dims = graph.input[0].type.tensor_type.shape.dim
    assert (dims[0].dim_param, dims[1].dim_value) == ("batch", 5)
    assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    known = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    np.testing.assert_array_equal(known["w"], w.get_value())
    np.testing.assert_array_equal(known["b"], b.get_value())


def test_an_output_may_be_an_input_or_stand_twice():
    x = wf.vector("x", ("n",))
    model = wf.onnx.to_model([x, x, 2 * x], inputs=[x])
    for found, expected in zip(run_model(model, [normal(3)]), (1, 1, 2), strict=True):
        assert found.shape == (3,)
        assert expected
    assert len({o.name for o in model.graph.output}) == 3


def test_a_function_is_written_as_it_was_asked_for(tmp_path):
    x, _, _, _, logits = softmax_regression()
    f = wf.function({"image": x}, {"probabilities": wf.softmax(logits)})
    wf.onnx.save(f, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert [i.name for i in model.graph.input] == ["image"]
    assert [o.name for o in model.graph.output] == ["probabilities"]
    image = normal(4, 5)
    np.testing.assert_allclose(run_model(model, [image])[0], f(image=image)["probabilities"], rtol=1e-5)


def test_ten_training_steps_are_those_of_weft():
    x, t, w, b, logits = softmax_regression()
    loss = wf.crossentropy(logits, t).mean()
    step = wf.function([x, t], loss, updates=nn.updates.momentum(loss, [w, b], 0.1))
    model = wf.onnx.to_model(step)
    names = [i.name for i in model.graph.input]
    assert names[:2] == ["x", "t"]
    assert {"w", "b"} <= set(names)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    state = [values[name] for name in names[2:]]
    for _ in range(10):
        batch = normal(6, 5), RNG.integers(0, 3, 6)
        found, *news = run_model(model, [*batch, *state])
        by_name = dict(zip([o.name for o in model.graph.output][1:], news, strict=True))
        state = [by_name[f"{name}.new"] for name in names[2:]]
        np.testing.assert_allclose(found, step(*batch), rtol=1e-5)
    np.testing.assert_allclose(by_name["w.new"], w.get_value(), rtol=1e-4, atol=1e-6)


# ---- control flow ----------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_and_its_gradient(reverse):
    xs, w = wf.matrix("xs", ("time", 3)), wf.shared(normal(3, 3), "w")
    last, hs = wf.scan(lambda h, x: (wf.tanh(h @ w + x),) * 2, wf.zeros(3), xs, reverse=reverse)
    loss = (hs * hs).sum() + last.sum()
    for n in (1, 6):
        model = agree([last, hs, *wf.grad(loss, [xs, w])], {xs: normal(n, 3)}, 1e-4)
    assert "Scan" in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_that_ends_early_leaves_zeros(reverse):
    xs, count = wf.vector("xs", ("time",)), wf.scalar("count", dtype="int64")
    carry, ys = wf.scan(lambda c, x: (c + x, c * x), 1.0, xs, length=count, reverse=reverse)
    for steps in (0, 2, 5):
        agree([carry, ys], {xs: normal(5), count: np.array(steps)})


def test_while_loop():
    x = wf.scalar("x")
    steps, value = wf.while_loop(lambda c: c[1] < 100, lambda c: (c[0] + 1, c[1] * 2), (0, x))
    model = agree([steps, value], {x: np.array(1.5, "float32")})
    assert [node.op_type for node in model.graph.node].count("Loop") == 1


@pytest.mark.parametrize("value", [4.0, -3.0])
def test_cond_and_its_gradient(value):
    x = wf.scalar("x")
    y = wf.cond(x > 0, lambda: wf.sqrt(x), lambda: -2 * x)
    model = agree([y, wf.grad(y, x)], {x: np.array(value, "float32")})
    assert "If" in {node.op_type for node in model.graph.node}


# ---- networks ----------------------------------------


def test_a_convolutional_network_and_its_gradients():
    nn.init.seed(0)
    x = wf.tensor4("x", ("batch", 1, 14, 14))
    h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, 4, 5, padding=2)), 2)
    h = wf.max_pool2d(wf.relu(nn.layers.conv2d(h, 6, 3, stride=2, padding=1)), 3, stride=2, padding=1, ceil_mode=True)
    h = wf.avg_pool2d(h, 2, padding=1)
    logits = nn.layers.dense(h.reshape((h.shape[0], -1)), 10)
    loss = wf.logsumexp(logits, axis=1).mean()
    params = list(nn.parameters(loss).values())
    agree([logits, *wf.grad(loss, [x, *params])], {x: normal(3, 1, 14, 14)}, 1e-4)


@pytest.mark.slow
def test_an_lstm_and_its_gradients():
    nn.init.seed(0)
    x = wf.tensor3("x", ("batch", "time", 4))
    hs, _ = nn.layers.lstm(x, 5)
    loss = (hs * hs).mean()
    agree([hs, *wf.grad(loss, list(nn.parameters(loss).values()))], {x: normal(2, 7, 4)}, 1e-4)


def test_draws_are_those_of_weft():
    stream = wf.random.Stream(3)
    f = wf.function([], stream.uniform((4, 5)), updates=stream.updates if hasattr(stream, "updates") else None)
    model = wf.onnx.to_model(f)
    np.testing.assert_array_equal(run_model(model, [])[0], f())


# ---- opsets, dtypes, sizes ----------------------------------------


@pytest.mark.parametrize("opset", [13, 15, 18, 21, 23])
def test_opsets(opset):
    x, t, w, b, logits = softmax_regression()
    loss = wf.crossentropy(logits, t).mean()
    given = {x: normal(4, 5), t: np.array([0, 2, 1, 1])}
    model = agree([loss, logits.max(axis=1), *wf.grad(loss, [w, b])], given, opset=opset)
    assert model.opset_import[0].version == opset


@pytest.mark.parametrize("opset", [12, 1000, "new", True, 17.0])
def test_an_opset_that_is_none_is_refused(opset):
    with pytest.raises(wf.ArgumentError, match="opset is a number from 13 to"):
        wf.onnx.to_model(wf.vector("x") + 1, opset=opset)


def test_an_operator_that_an_opset_has_not_is_named():
    x = wf.vector("x", dtype="int32")
    with pytest.raises(wf.LoweringError, match=r"needs the operator BitwiseAnd, which opset 13 has not .since 18."):
        wf.onnx.to_model(x & 3, opset=13)


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_whole_numbers_wrap_and_divide_as_numpys(kind):
    x, y = (wf.vector(name, ("n",), dtype=kind) for name in "xy")
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    values = np.array([low, high, high - 1, 7, 5], kind), np.array([1, 2, 3, 0, 4], kind)
    agree([x + y, x - y, x * y, x // y, x % y, wf.maximum(x, y), x < y, x == y], dict(zip((x, y), values, strict=True)))


def test_infinities_and_nan():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-30, 3.0, -2.0], "float32")
    a, b = (part.ravel() for part in np.meshgrid(special, special))
    outputs = [wf.isnan(x), wf.isfinite(x), wf.copysign(x, y), wf.logaddexp(x, y), wf.hypot(x, y), wf.arctan2(x, y)]
    outputs += [wf.log1p(wf.abs(x)), wf.expm1(x), wf.mul_no_nan(x, y), wf.where(x > y, x, y)]
    agree(outputs, {x: a, y: b}, 1e-6)


def test_sizes_that_are_arithmetic_and_values():
    x, n = wf.matrix("x", ("rows", "columns")), wf.scalar("n", dtype="int64")
    y = wf.concatenate([x, x[1:]], axis=0)
    outputs = [y, y.reshape((-1,)), x.mean(), x[::2, ::-1], wf.arange(n) + x.shape[0], x.T.reshape(x.shape)]
    for shape in ((1, 1), (5, 4)):
        agree(outputs, {x: normal(*shape), n: np.array(3)})


# ---- files and arguments ----------------------------------------


def test_large_parameters_stand_in_a_file_of_their_own(tmp_path, monkeypatch):
    from weft.exchange.onnx import saving

    monkeypatch.setattr(saving, "LARGE", 1000)
    x, w = wf.matrix("x", ("batch", 40)), wf.shared(normal(40, 30), "w")
    path = tmp_path / "model.onnx"
    wf.onnx.save(x @ w, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert path.stat().st_size < 1000
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    np.testing.assert_array_equal(tensors["w"], w.get_value())


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    once = wf.erfinv(wf.vector("x"))
    twice = wf.erfinv(once)
    with pytest.raises(wf.LoweringError, match=r"2 operations have no form.*erfinv.*test_save.py:\d+.*erfinv"):
        wf.onnx.save(twice, path)
    assert path.read_bytes() == b"before"


def test_wrong_arguments_are_sentences(tmp_path):
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    for given in (3, "x", [x, None], {"a": 1}, {1: x}):
        with pytest.raises(wf.ArgumentError, match=r"onnx.save takes a function, an expression"):
            wf.onnx.to_model(given)
    with pytest.raises(wf.ArgumentError, match="The outputs depend on 'y', which is not among the inputs"):
        wf.onnx.to_model(x + y, inputs=[x])
    with pytest.raises(wf.ArgumentError, match="x is listed twice among the inputs"):
        wf.onnx.to_model(x + y, inputs=[x, y, x])
    with pytest.raises(wf.ArgumentError, match=r"inputs\[2\] is the result of add, not an input"):
        wf.onnx.to_model(x + y, inputs=[x, y, x + y])
    with pytest.raises(wf.ArgumentError, match="inputs are those of the function"):
        wf.onnx.to_model(wf.function([x], x + 1), inputs=[x])
    with pytest.raises(FileNotFoundError):
        wf.onnx.save(x + y, tmp_path / "nowhere" / "model.onnx")
