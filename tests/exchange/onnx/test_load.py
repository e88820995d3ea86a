"""Models that are read: names, sizes, parameters, training, control flow, and what is wrong with them."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft import nn
from weft.symbolic.expr import toposort
from weft.symbolic.sizes import all_sources

from .models import make

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")

RNG = np.random.default_rng(0)
MLP = """
mlp (float[batch, 4] x) => (float[batch, 3] y) {
  h = MatMul(x, w)
  hb = Add(h, b)
  a = Clip(hb, low, high)
  y = MatMul(a, v)
}"""


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def mlp():
    bounds = {"low": np.float32(0), "high": np.float32(6)}
    return make(MLP, w=normal(4, 5), b=normal(5), v=normal(5, 3), **bounds)


def run(net, *arrays):
    return wf.evaluate(list(net.outputs.values()), dict(zip(net.inputs.values(), arrays, strict=True)))


def notes(error):
    return "\n".join(getattr(error, "__notes__", ()))


# ---- what comes back -------------------------------------------------------------------------------------------------


def test_inputs_outputs_and_parameters_have_their_names_and_sizes():
    net = wf.onnx.load(mlp())
    assert list(net.inputs) == ["x"]
    assert str(net.inputs["x"].type) == "float32(batch, 4)"
    assert str(net.outputs["y"].type) == "float32(batch, 3)"
    assert {name: p.name for name, p in net.parameters.items()} == {"w": "w", "b": "b", "v": "v"}


def test_the_value_is_that_of_the_formula():
    net = wf.onnx.load(mlp())
    w, b, v = (net.parameters[name].get_value() for name in "wbv")
    x = normal(7, 4)
    np.testing.assert_allclose(run(net, x)[0], np.clip(x @ w + b, 0, 6) @ v, rtol=1e-5, atol=1e-6)


def test_bounds_are_constants_and_what_nothing_reads_is_no_parameter():
    model = mlp()
    model.graph.initializer.append(onnx.numpy_helper.from_array(normal(3), "unused"))
    assert set(wf.onnx.load(model).parameters) == {"w", "b", "v"}


def test_numbers_are_constants_unless_they_are_given():
    model = make(
        "g (float[n] x) => (float[n] y) { a = Mul (x, scale) y = Mul (a, v) }", scale=np.float32(2), v=normal(1)
    )
    assert list(wf.onnx.load(model).parameters) == ["v"]
    scale = wf.shared(np.float32(3), "scale")
    net = wf.onnx.load(model, inputs={"scale": scale})
    assert set(net.parameters) == {"v", "scale"}
    assert list(net.inputs) == ["x"]
    x = normal(4)
    np.testing.assert_allclose(run(net, x)[0], x * 3 * net.parameters["v"].get_value(), rtol=1e-6)


def test_averages_of_a_batch_normalisation_are_no_parameters():
    arrays = {name: np.ones(3, "float32") for name in ("s", "b", "m", "v")}
    model = make("g (float[n, 3, h] x) => (float[n, 3, h] y) { y = BatchNormalization (x, s, b, m, v) }", **arrays)
    assert set(wf.onnx.load(model).parameters) == {"s", "b"}


def test_a_model_is_trained():
    net = wf.onnx.load(mlp())
    (x,), (y,) = net.inputs.values(), net.outputs.values()
    t = wf.matrix("t", ("batch", 3))
    loss = ((y - t) ** 2).mean()
    parameters = list(net.parameters.values())
    updates = {p: p - 0.05 * g for p, g in zip(parameters, wf.grad(loss, parameters), strict=True)}
    step = wf.function([x, t], loss, updates=updates)
    given = normal(16, 4), normal(16, 3)
    losses = [float(step(*given)) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_files_bytes_and_models_are_read(tmp_path):
    model, x = mlp(), normal(2, 4)
    onnx.save(model, tmp_path / "mlp.onnx")
    onnx.save(
        copy.deepcopy(model),
        tmp_path / "large.onnx",
        save_as_external_data=True,
        location="large.bin",
        size_threshold=0,
    )
    sources = [tmp_path / "mlp.onnx", str(tmp_path / "large.onnx"), model.SerializeToString(), model]
    found = [run(wf.onnx.load(source), x)[0] for source in sources]
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


def test_a_model_is_what_torch_returns_or_onnx_ir_reads():
    import onnx_ir

    class Program:
        model_proto = mlp()

    for source in (Program(), onnx_ir.from_proto(mlp())):
        assert list(wf.onnx.load(source).outputs) == ["y"]


def test_what_is_written_is_read_again():
    x = wf.matrix("x", ("n", 4))
    w = wf.shared(normal(4, 3), "w")
    y = wf.softmax(wf.relu(x @ w), axis=1).sum(axis=0)
    net = wf.onnx.load(wf.onnx.to_model({"y": y}, inputs={"x": x}))
    given = normal(5, 4)
    np.testing.assert_allclose(run(net, given)[0], wf.evaluate(y, {x: given}), rtol=1e-6)
    assert list(net.parameters) == ["w"]


# ---- sizes -----------------------------------------------------------------------------------------------------------


def sizes_that_are_values(net):
    return all_sources(toposort(net.outputs.values()))


def test_arithmetic_on_shapes_stays_symbolic():
    text = """
    g (float[batch, seq, 12] x) => (float[batch, 4, seq, 3] y) {
      first = Shape <start: int = 0, end: int = 1> (x)
      second = Shape <start: int = 1, end: int = 2> (x)
      heads = Constant <value_ints: ints = [4]> ()
      rest = Constant <value_ints: ints = [-1]> ()
      shape = Concat <axis: int = 0> (first, second, heads, rest)
      apart = Reshape (x, shape)
      y = Transpose <perm: ints = [0, 2, 1, 3]> (apart)
    }"""
    net = wf.onnx.load(make(text))
    assert str(net.outputs["y"].type) == "float32(batch, 4, seq, 3)"
    assert not sizes_that_are_values(net)
    x = normal(2, 5, 12)
    np.testing.assert_array_equal(run(net, x)[0], x.reshape(2, 5, 4, 3).transpose(0, 2, 1, 3))


def test_half_of_a_size_and_choices_among_sizes_are_sizes():
    text = """
    g (float[n, 6] x) => (float[m, 6] y) {
      n = Shape <start: int = 0, end: int = 1> (x)
      two = Constant <value_ints: ints = [2]> ()
      minus = Constant <value_ints: ints = [-1]> ()
      half = Div (n, two)
      unknown = Equal (half, minus)
      end = Where (unknown, two, half)
      start = Constant <value_ints: ints = [0]> ()
      y = Slice (x, start, end)
    }"""
    net = wf.onnx.load(make(text))
    assert not sizes_that_are_values(net)
    x = normal(7, 6)
    np.testing.assert_array_equal(run(net, x)[0], x[:3])


def test_a_size_may_be_a_value():
    net = wf.onnx.load(make("g (float[n] x, int64[2] s) => (float[a, b] y) { y = Reshape (x, s) }"))
    x = normal(6)
    f = wf.function(list(net.inputs.values()), net.outputs["y"])
    for shape in ([2, 3], [-1, 2], [0, 1]):
        expected = x.reshape([6 if s == 0 else s for s in shape])
        np.testing.assert_array_equal(run(net, x, np.array(shape))[0], expected)
        np.testing.assert_array_equal(f(x, np.array(shape)), expected)


def test_words_for_sizes_become_symbols_that_differ_as_they_do():
    model = make("g (float[aa, a_b, c] x, float[past] p) => (float[n, m, k] y) { y = Neg (x) }")
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_param, dims[2].dim_param = "a b", "past + 1"
    first, second, third = wf.onnx.load(model).inputs["x"].shape
    assert first != second
    assert third == wf.SymDim("past") + 1


def test_a_value_of_a_deeper_axis_is_known_through_integers_and_casts():
    text = """
    g (float[n, 6] x) => (float[6, n] y) {
      s = Shape (x)
      narrow = Cast <to: int = 6> (s)
      wide = Cast <to: int = 7> (narrow)
      total = ReduceProd <keepdims: int = 1> (wide)
      six = Constant <value_ints: ints = [6]> ()
      n = Div (total, six)
      shape = Concat <axis: int = 0> (six, n)
      y = Reshape (x, shape)
    }"""
    net = wf.onnx.load(make(text))
    assert not sizes_that_are_values(net)
    assert run(net, normal(5, 6))[0].shape == (6, 5)


# ---- inputs that are given -------------------------------------------------------------------------------------------


def test_an_input_may_be_given_as_an_expression_an_array_or_a_list():
    model = make("g (float[n] x, int64[1] axes) => (float[k] y) { y = ReduceSum <keepdims: int = 1> (x, axes) }")
    z = wf.vector("z", ("n",))
    net = wf.onnx.load(model, inputs={"x": z * 2, "axes": [0]})
    np.testing.assert_allclose(wf.evaluate(net.outputs["y"], {z: np.float32([1, 2, 4])}), [14])


def test_an_input_that_must_be_known_is_named():
    model = make("g (float[n] x, int64[1] axes) => (float[k] y) { y = ReduceSum (x, axes) }")
    with pytest.raises(wf.LoweringError, match=r"The node y \(ReduceSum, opset 18\) needs its axes, axes, to be known"):
        wf.onnx.load(model)


def test_sequences_and_optionals_are_given():
    model = make(
        "g (seq(float[n]) s, optional(float[n]) o) => (float[m] y, bool there)"
        " { y = ConcatFromSequence <axis: int = 0> (s) there = OptionalHasElement (o) }"
    )
    with pytest.raises(wf.LoweringError, match=r"The input s is a sequence.* The input o is an optional"):
        wf.onnx.load(model)
    a, b = wf.vector("a"), wf.vector("b")
    net = wf.onnx.load(model, inputs={"s": [a, b], "o": None})
    y, there = wf.evaluate(list(net.outputs.values()), {a: np.float32([1]), b: np.float32([2, 3])})
    np.testing.assert_array_equal(y, [1, 2, 3])
    assert not there


# ---- functions, branches and loops -----------------------------------------------------------------------------------


def test_functions_of_the_model_are_inlined_with_their_attributes():
    functions = """
    <domain: "l", opset_import: ["" : 18]>
    affine <by: float = 2.0> (x) => (y) { by = Constant <value_float: float = @by> () z = Mul (x, by) y = Abs (z) }"""
    text = "g (float[n] x) => (float[n] y) { a = l.affine <by: float = 3.0> (x) y = l.affine (a) }"
    x = np.float32([-1, 2])
    np.testing.assert_allclose(run(wf.onnx.load(make(text, functions)), x)[0], [6, 12])


def test_a_branch_that_is_known_is_taken_and_another_becomes_a_cond():
    branches = (
        "<then_branch = t () => (float[n] a) { a = Neg (x) }, else_branch = e () => (float[n] b) { b = Exp (x) }>"
    )
    free = wf.onnx.load(make(f"g (float[n] x, bool p) => (float[n] y) {{ y = If (p) {branches} }}"))
    assert any(n.op.bodies for n in toposort(free.outputs.values()))
    x = normal(3)
    for p, expected in ((True, -x), (False, np.exp(x))):
        np.testing.assert_allclose(run(free, x, np.array(p))[0], expected, rtol=1e-6)
        fixed = wf.onnx.load(
            make(f"g (float[n] x, bool p) => (float[n] y) {{ y = If (p) {branches} }}"), inputs={"p": np.array(p)}
        )
        assert not any(n.op.bodies for n in toposort(fixed.outputs.values()))
    y, p = free.outputs["y"], free.inputs["p"]
    g = wf.grad(y.sum(), free.inputs["x"])
    np.testing.assert_allclose(wf.evaluate(g, {free.inputs["x"]: x, p: np.array(False)}), np.exp(x), rtol=1e-6)


LOOP = """
g (int64 m, bool go, float[n] x) => (float[n] y, float[k, n] all) {
  y, all = Loop (m, go, x) <body = b (int64 i, bool c, float[n] v) => (bool d, float[n] w, float[n] s) {
    half = Constant <value_float: float = 0.5> ()
    w = Mul (v, half)
    s = Identity (w)
    limit = Constant <value_float: float = 1.0> ()
    largest = ReduceMax <keepdims: int = 0> (w)
    d = GreaterOrEqual (largest, limit)
  }>
}"""


@pytest.mark.parametrize(("trips", "go", "steps"), [(10, True, 4), (2, True, 2), (0, True, 0), (5, False, 0)])
def test_a_loop_ends_by_its_count_or_by_its_condition(trips, go, steps):
    net = wf.onnx.load(make(LOOP))
    x = np.float32([8, 1])
    y, every = run(net, np.array(trips), np.array(go), x)
    np.testing.assert_allclose(y, x / 2**steps)
    assert every.shape == (steps, 2)
    np.testing.assert_allclose(every, [x / 2 ** (i + 1) for i in range(steps)] or np.zeros((0, 2)))


def test_a_loop_that_only_its_condition_ends():
    text = """
    g (float x) => (float y) {
      yes = Constant <value = bool {1}> ()
      y = Loop ("", yes, x) <body = b (int64 i, bool c, float v) => (bool d, float w) {
        w = Add (v, v)
        limit = Constant <value_float: float = 100.0> ()
        d = Less (w, limit)
      }>
    }"""
    assert run(wf.onnx.load(make(text)), np.float32(3))[0] == 192


def test_loops_that_stack_without_a_bound_and_carries_that_grow_are_refused():
    endless = LOOP.replace("Loop (m, go, x)", 'Loop ("", go, x)')
    with pytest.raises(wf.LoweringError, match=r"The node y \(Loop, opset 18\) stacks the values of a loop"):
        wf.onnx.load(make(endless))
    grows = LOOP.replace("s = Identity (w)", "s = Identity (v)").replace(
        "w = Mul (v, half)", "w = Concat <axis: int = 0> (v, v)"
    )
    with pytest.raises(wf.LoweringError, match=r"The node y \(Loop, opset 18\) carries an array of the shape"):
        wf.onnx.load(make(grows))


def test_a_scan_has_a_derivative():
    text = """
    g (float[d] h, float[n, d] x) => (float[d] last, float[n, d] all) {
      last, all = Scan <num_scan_inputs: int = 1, body = b (float[d] c, float[d] e) => (float[d] f, float[d] s) {
        z = Mul (c, e)
        f = Tanh (z)
        s = Identity (f)
      }> (h, x)
    }"""
    net = wf.onnx.load(make(text))
    h, x = net.inputs.values()
    last, every = net.outputs.values()
    given = {h: np.float64([0.5, -1]).astype("float32"), x: normal(4, 2)}
    state, states = given[h], []
    for row in given[x]:
        state = np.tanh(state * row)
        states.append(state)
    np.testing.assert_allclose(wf.evaluate(every, given), states, rtol=1e-5)
    wf.check_grad(last, [h, x], given)


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def test_all_that_cannot_be_said_is_told_at_once():
    text = """
    g (float[n] x, string[n] s) => (float[n] y, string[n] t) {
      [split] a, b = StringSplit (s)
      [image] i = ImageDecoder (u)
      [cast] c = Cast <to: int = 14> (x)
      y = Neg (x)
      j = Cast <to: int = 1> (i)
      y2 = ReduceSum (j)
      y3 = Add (y, y2)
      t = Identity (a)
    }"""
    model = make(text.replace("float[n] y,", "float[n] y3, complex64[n] c,"), opset=20, u=np.uint8([1]))
    with pytest.raises(wf.LoweringError) as caught:
        wf.onnx.load(model)
    told = str(caught.value)
    for each in (
        "The input s has text",
        r"The node split (StringSplit, opset 20)",
        r"The node image (ImageDecoder, opset 20)",
        r"The node cast (Cast, opset 20) has the dtype complex64",
    ):
        assert each in told
    assert "Neg" not in told
    assert re.search(r"<g \d+>:1 +a, b = StringSplit\(s\)  # split    <- here", notes(caught.value))


def test_errors_name_the_node_and_its_line(tmp_path):
    model = mlp()
    model.graph.node[0].name = "first"
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(normal(3, 5), "w"))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(
        wf.ShapeError, match=r"The node first \(MatMul, opset 18\): matmul: inner dimensions differ"
    ) as e:
        wf.onnx.load(tmp_path / "net.onnx")
    assert "net.onnx:1" in notes(e.value)
    assert "h = MatMul(x, w)  # first    <- here" in notes(e.value)
    assert "test_load.py" in notes(e.value)


def test_errors_of_a_call_name_the_node_too():
    model = make("g (float[n] x, int64[k] i) => (float[k] y) { a = Neg (x) y = OneHot (i, d, v) }", d=3, v=[0.0, 1.0])
    model = make("g (float[n] x, float[m] z) => (float[n] y) { a = Neg (x) y = Add (a, z) }")
    net = wf.onnx.load(model)
    f = wf.function(list(net.inputs.values()), net.outputs["y"])
    with pytest.raises(wf.GuardError) as caught:
        f(normal(2), normal(3))
    assert "y = Add(a, z)" in notes(caught.value)


@pytest.mark.parametrize(
    ("node", "what"),
    [
        ("y = Softmax <axis: int = 3> (x)", "axis 3 does not exist"),
        ("y = Transpose <perm: ints = [0, 0]> (x)", "not a permutation"),
        ("y = Einsum <equation: string = 'ij,jk'> (x)".replace("'", '"'), "Einsum, opset 18"),
        ("y = Unsqueeze (x, w)", "Unsqueeze, opset 18"),
    ],
)
def test_nodes_that_break_the_standard_are_told(node, what):
    model = make(f"g (float[n, m] x) => (float[n, m] y) {{ {node} }}", w=[7])
    with pytest.raises((wf.ArgumentError, wf.ShapeError), match=what) as caught:
        wf.onnx.load(model)
    assert "The node y" in str(caught.value)


def test_what_is_no_model_is_told(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(mlp().SerializeToString()[:-40])
    (tmp_path / "empty.onnx").write_bytes(b"")
    for source in (tmp_path / "broken.onnx", tmp_path / "empty.onnx", b"no model", onnx.ModelProto()):
        with pytest.raises(wf.ArgumentError, match="is no model in ONNX"):
            wf.onnx.load(source)
    no_text = make("g (float[n] x) => (float[n] yy) { yy = Neg (x) }").SerializeToString().replace(b"yy", b"\xff\xfe")
    with pytest.raises(wf.ArgumentError, match=r"no model in ONNX|no UTF-8"):
        wf.onnx.load(no_text)
    with pytest.raises(wf.ArgumentError, match="there is no file"):
        wf.onnx.load(tmp_path / "missing.onnx")
    with pytest.raises(wf.ArgumentError, match="load takes a path, bytes or a model, not int"):
        wf.onnx.load(3)
    with pytest.raises(wf.ArgumentError, match="the model has no input 'z'; it has x"):
        wf.onnx.load(mlp(), inputs={"z": 1})
    with pytest.raises(wf.ArgumentError, match="inputs is a dict"):
        wf.onnx.load(mlp(), inputs=[1])


def test_the_page_on_moving_runs(tmp_path, monkeypatch):
    page = (Path(__file__).parents[3] / "docs" / "moving.md").read_text()
    section = page.split("## Models from ONNX\n")[1].split("\n## ")[0]
    monkeypatch.chdir(tmp_path)
    x, w = wf.matrix("x", ("batch", 4)), wf.shared(normal(4, 3), "w")
    wf.onnx.save({"logits": x @ w}, "resnet50.onnx")
    names = {"wf": wf, "nn": nn}
    for code in re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        exec(code, names)
    images, labels = normal(5, 4), np.arange(5) % 3
    assert names["predict"](images).shape == (5, 3)
    before = float(names["tune"](images, labels))
    assert float(names["tune"](images, labels)) < before
