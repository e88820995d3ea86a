"""Operators of networks at odd sizes, and with options that the standard's own cases leave out: a runtime agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft.ops.conv import Conv
from weft.ops.elementwise import Elementwise
from weft.ops.gather import Gather
from weft.ops.linalg import MatMul
from weft.ops.movement import Reshape, Slice
from weft.symbolic.expr import toposort
from weft.symbolic.leaves import Constant, Input, Shared, Size

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def build(kind, opset, arrays, constants=None, attributes=None, outputs=1, free=()):
    """A model of one node, of inputs x0, x1 ... and constants; `free`: the axes of inputs whose sizes are symbols."""
    helper, given = onnx.helper, constants or {}
    names = [f"x{i}" for i in range(len(arrays))]
    operands = [*names, *(name if value is not None else "" for name, value in given.items())]
    node = helper.make_node(kind, operands, [f"y{i}" for i in range(outputs)], name="node", **attributes or {})
    infos = []
    for name, array in zip(names, arrays, strict=True):
        sizes = [f"{name}_{k}" if k in free else n for k, n in enumerate(array.shape)]
        infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), sizes))
    tensors = [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in given.items() if v is not None]
    graph = helper.make_graph([node], "g", infos, [onnx.ValueInfoProto(name=name) for name in node.output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model)
    for info in model.graph.output:  # what it could not infer has no type
        if not info.type.HasField("tensor_type"):
            info.CopyFrom(helper.make_tensor_value_info(info.name, onnx.TensorProto.FLOAT, [None] * arrays[0].ndim))
    return model


def run(model, arrays, compute=wf.evaluate):
    net = wf.onnx.load(model)
    return compute(list(net.outputs.values()), dict(zip(net.inputs.values(), arrays, strict=True)))


def compute_compiled(outputs, given):
    return wf.function(list(given), outputs)(*given.values())


def run_elsewhere(model, arrays):
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{i}": a for i, a in enumerate(arrays)})


def check(found, expected, tolerance=1e-4):
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance / 2)


IMAGE, TALL, LINE = normal(2, 4, 7, 6), normal(2, 3, 9, 8), normal(2, 3, 9)
BYTES = RNG.integers(0, 255, (1, 2, 6, 5)).astype("uint8")
WINDOWS = {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 1, 1]}
REGIONS = np.float32([[0, 0, 5, 6], [1.5, 2, 3, 7.2], [-1, 0, 2, 2]])
ROUNDED = np.float32([[0, 0, 0, 5, 6], [1, 2, 2, 3, 7], [1, -1, 0, 2, 2], [0, 3, 3, 3, 3], [1, 6, 7, 1, 2]])
PATHS = {"auto_pad": "SAME_LOWER", "strides": [3, 2]}

# operator, opset, inputs, constants, attributes, outputs, axes of inputs that are symbols
WINDOWED = [
    (
        "Conv",
        22,
        [IMAGE],
        {"w": normal(6, 2, 3, 2), "b": normal(6)},
        {"group": 2, "strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2]},
        1,
        (0, 2, 3),
    ),
    ("Conv", 11, [LINE], {"w": normal(4, 3, 3)}, {"pads": [1, 2]}, 1, ()),
    (
        "Conv",
        11,
        [normal(1, 2, 5, 4, 6)],
        {"w": normal(4, 1, 3, 2, 2)},
        {"group": 2, "pads": [1, 0, 1, 1, 0, 0]},
        1,
        (),
    ),
    ("Conv", 22, [TALL], {"w": normal(4, 3, 2, 3)}, PATHS, 1, ()),
    ("Conv", 22, [TALL], {"w": normal(4, 3, 2, 3)}, PATHS, 1, (0, 2, 3)),
    ("Conv", 22, [TALL], {"w": normal(4, 3, 2, 3)}, {"auto_pad": "SAME_UPPER", "strides": [3, 2]}, 1, (0, 2, 3)),
    (
        "ConvTranspose",
        11,
        [normal(2, 4, 5, 6)],
        {"w": normal(4, 3, 3, 2), "b": normal(6)},
        {"group": 2, "strides": [2, 3], "pads": [1, 0, 1, 1], "output_padding": [1, 2], "dilations": [2, 1]},
        1,
        (0, 2, 3),
    ),
    ("ConvTranspose", 11, [normal(1, 2, 5)], {"w": normal(2, 3, 3)}, {"strides": [2], "output_shape": [10]}, 1, ()),
    ("ConvTranspose", 22, [TALL], {"w": normal(3, 4, 4, 3)}, {"auto_pad": "SAME_UPPER", "strides": [3, 2]}, 1, (2, 3)),
    (
        "ConvInteger",
        10,
        [BYTES],
        {"w": RNG.integers(0, 255, (3, 2, 2, 2)).astype("uint8"), "xz": np.uint8(7), "wz": np.uint8(9)},
        {"pads": [1, 0, 1, 1]},
        1,
        (),
    ),
    (
        "DeformConv",
        19,
        [IMAGE],
        {"w": normal(6, 2, 3, 2), "o": normal(2, 24, 3, 2), "b": normal(6), "m": normal(2, 12, 3, 2)},
        {"group": 2, "offset_group": 2, "strides": [2, 2], "pads": [0, 0, 0, 0], "dilations": [1, 2]},
        1,
        (),
    ),
    ("Col2Im", 18, [normal(1, 12, 9)], {"i": [5, 4], "k": [2, 2]}, {"strides": [2, 1], "pads": [0, 0, 1, 0]}, 1, ()),
    ("MaxPool", 22, [TALL], {}, {**WINDOWS, "ceil_mode": 1, "dilations": [2, 3]}, 2, (0, 2, 3)),
    ("MaxPool", 22, [TALL], {}, {**WINDOWS, "ceil_mode": 1, "storage_order": 1}, 2, ()),
    ("MaxPool", 22, [TALL], {}, {"kernel_shape": [4, 3], **PATHS}, 1, (2, 3)),
    ("MaxPool", 12, [BYTES.astype("int8")], {}, {"kernel_shape": [3, 2]}, 1, ()),
    *(
        (
            "AveragePool",
            22,
            [TALL],
            {},
            {**WINDOWS, "ceil_mode": ceil, "count_include_pad": padded, "dilations": d},
            1,
            free,
        )
        for ceil in (0, 1)
        for padded in (0, 1)
        for d, free in (([1, 1], ()), ([2, 3], ()), ([2, 3], (0, 2, 3)))
    ),
    ("AveragePool", 22, [TALL], {}, {"kernel_shape": [4, 3], **PATHS}, 1, (2, 3)),
    ("LpPool", 22, [TALL], {}, {**WINDOWS, "p": 3}, 1, ()),
    ("LpPool", 22, [TALL], {}, {**WINDOWS, "p": 1, "dilations": [2, 1]}, 1, (2,)),
    ("GlobalLpPool", 2, [TALL], {}, {"p": 3}, 1, (0, 2)),
    ("MaxRoiPool", 1, [TALL], {"r": ROUNDED}, {"pooled_shape": [2, 3], "spatial_scale": 0.8}, 1, (2, 3)),
    *(
        (
            "RoiAlign",
            16,
            [TALL],
            {"r": REGIONS, "i": np.int64([0, 1, 1])},
            {"sampling_ratio": r, "output_height": 2, "output_width": 3, "coordinate_transformation_mode": where},
            1,
            (),
        )
        for r, where in ((0, "half_pixel"), (2, "output_half_pixel"))
    ),
]
NORMS = {"s": normal(4), "b": normal(4)}
STATISTICS = {"m": normal(4), "v": np.abs(normal(4))}
NORMALISED = [
    ("BatchNormalization", 15, [normal(3, 4, 5)], {**NORMS, **STATISTICS}, {"epsilon": 1e-3}, 1, (0, 2)),
    ("BatchNormalization", 9, [normal(3, 4)], {**NORMS, **STATISTICS}, {}, 1, ()),
    ("BatchNormalization", 15, [IMAGE], {**NORMS, **STATISTICS}, {"training_mode": 1, "momentum": 0.7}, 3, (0, 2)),
    (
        "BatchNormalization",
        7,
        [normal(3, 4, 5)],
        {"s": normal(4, 5), "b": normal(4, 5), "m": normal(4, 5), "v": np.abs(normal(4, 5))},
        {"spatial": 0},
        1,
        (),
    ),
    ("InstanceNormalization", 6, [IMAGE], NORMS, {}, 1, (0, 2)),
    ("LRN", 13, [normal(3, 6, 5, 2)], {}, {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 1.5}, 1, (0, 2)),
    ("LpNormalization", 1, [IMAGE], {}, {"p": 1, "axis": 1}, 1, ()),
]


def resized(mode, where, free=(), sizes=None, scales=None, **more):
    constants = {"roi": None, "scales": None if scales is None else np.float32(scales)}
    if sizes is not None:
        constants["sizes"] = np.int64(sizes)
    attributes = {"mode": mode, "coordinate_transformation_mode": where, **more}
    return ("Resize", 19, [normal(2, 3, 6, 7)], constants, attributes, 1, free)


PLACES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric")
RESIZED = [
    *(resized(mode, w, sizes=[2, 3, 9, 5]) for mode in ("nearest", "linear", "cubic") for w in PLACES),
    *(resized(mode, w, (0, 2, 3), sizes=[2, 3, 3, 12]) for mode in ("nearest", "linear", "cubic") for w in PLACES[:4]),
    *(resized(mode, w, (2, 3), scales=[1, 1, 0.6, 1.3]) for mode in ("nearest", "linear") for w in PLACES[:3]),
    *(
        resized("nearest", "half_pixel", scales=[1, 1, 2, 0.6], nearest_mode=nearest)
        for nearest in ("round_prefer_ceil", "floor", "ceil")
    ),
    *(resized(mode, "half_pixel", sizes=[2, 3, 3, 2], antialias=1) for mode in ("linear", "cubic")),
    resized("cubic", "half_pixel", sizes=[2, 3, 9, 5], exclude_outside=1, cubic_coeff_a=-0.5),
    ("Resize", 10, [TALL], {"scales": np.float32([1, 1, 1.5, 0.7])}, {"mode": "nearest"}, 1, ()),
    ("Upsample", 9, [TALL], {"scales": np.float32([1, 1, 2, 3])}, {"mode": "linear"}, 1, (0, 2)),
    ("Upsample", 7, [TALL], {}, {"mode": "nearest", "scales": [1.0, 1.0, 2.0, 3.0]}, 1, ()),
    ("GridSample", 20, [TALL, np.tanh(normal(2, 4, 5, 2)) * 1.3], {}, {"mode": "cubic", "align_corners": 1}, 1, (1,)),
    ("GridSample", 16, [TALL, np.tanh(normal(2, 4, 5, 2)) * 1.3], {}, {"padding_mode": "reflection"}, 1, ()),
    ("AffineGrid", 20, [normal(2, 3, 4)], {"s": np.int64([2, 3, 5, 4, 3])}, {"align_corners": 1}, 1, ()),
]

STEPS, BATCH, FEATURES, UNITS = 5, 3, 4, 6
BOUNDED = {
    "LSTM": (["HardSigmoid", "LeakyRelu", "Tanh"], [0.3, 0.1], [0.4]),
    "GRU": (["HardSigmoid", "LeakyRelu"], [0.3, 0.1], [0.4]),
    "RNN": (["Affine"], [0.3], [0.1]),
}


def recurrent(kind, gates, direction, plain, lengths):
    """Without biases, states and options, or with all of them."""
    sides = 2 if direction == "bidirectional" else 1
    constants = {"w": normal(sides, gates * UNITS, FEATURES), "r": normal(sides, gates * UNITS, UNITS)}
    constants["b"] = None if plain else normal(sides, 2 * gates * UNITS)
    constants["l"] = None if lengths is None else np.int32(lengths)
    attributes = {"hidden_size": UNITS, "direction": direction}
    if not plain:
        constants["h"] = normal(sides, BATCH, UNITS)
        names, alpha, beta = (each * sides for each in BOUNDED[kind])
        attributes |= {"clip": 0.9, "activations": names, "activation_alpha": alpha, "activation_beta": beta}
        if kind == "LSTM":
            constants |= {"c": normal(sides, BATCH, UNITS), "p": normal(sides, 3 * UNITS)}
        if kind == "GRU":
            attributes["linear_before_reset"] = 1
    inputs = [normal(STEPS, BATCH, FEATURES)]
    return (kind, 14, inputs, constants, attributes, 3 if kind == "LSTM" else 2, (0, 1) if plain else ())


RECURRENT = [
    recurrent(kind, gates, direction, plain, lengths)
    for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1))
    for direction, plain, lengths in (
        ("forward", True, None),
        ("reverse", True, [3, 5, 0]),
        ("bidirectional", False, None),
        ("bidirectional", False, [3, 5, 1]),
    )
]
CASES = [*WINDOWED, *NORMALISED, *RESIZED, *RECURRENT]
NAMES = [f"{case[0]}-{case[1]}-{number}" for number, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_runtime_agrees(case):
    model, arrays = build(*case), case[2]
    check(run(model, arrays), run_elsewhere(model, arrays), 5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_compiled_form_agrees(case):
    model, arrays = build(*case), case[2]
    check(run(model, arrays, compute_compiled), run_elsewhere(model, arrays), 5e-4)


# ---- what the standard says, and runtimes do otherwise ---------------------------------------------------------------


def test_a_result_larger_than_its_windows_reach_has_zeros_behind():
    model = build("ConvTranspose", 22, [normal(1, 1, 3)], {"w": np.ones((1, 1, 2), "float32")}, {"output_shape": [9]})
    found = run(model, [np.ones((1, 1, 3), "float32")])[0]
    np.testing.assert_array_equal(found, [[[1, 2, 2, 1, 0, 0, 0, 0, 0]]])


@pytest.mark.parametrize(("policy", "sizes"), [("not_larger", (4, 4)), ("not_smaller", (8, 7))])
@pytest.mark.parametrize("free", [(), (2, 3)])
def test_an_image_keeps_its_aspect(policy, sizes, free):
    x = normal(1, 1, 6, 5)
    constants = {"roi": None, "scales": None, "sizes": np.int64([4, 7])}
    attributes = {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}
    found = run(build("Resize", 19, [x], constants, attributes, 1, free), [x])[0]
    factor = (min if policy == "not_larger" else max)(4 / 6, 7 / 5)
    assert found.shape[2:] == tuple(int(np.floor(n * factor + 0.5)) for n in (6, 5))
    assert policy == "not_smaller" or found.shape[2] == sizes[0]


def test_a_crop_of_an_image_has_a_value_outside():
    x = np.arange(15, dtype="float32").reshape(1, 1, 3, 5)
    constants = {"roi": np.float32([0, 0, 0.5, -0.25, 1, 1, 1, 1]), "scales": None, "sizes": np.int64([1, 1, 2, 6])}
    attributes = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.5}
    found = run(build("Resize", 19, [x], constants, attributes), [x])[0]
    np.testing.assert_allclose(found[0, 0], [[9.5, 5, 6, 7, 8, 9], [9.5, 10, 11, 12, 13, 14]], rtol=1e-6)


def test_integers_are_rounded_between_their_neighbours():
    x = np.uint8([[[[0, 255]]]])
    found = run(build("Resize", 19, [x], {"roi": None, "s": np.float32([1, 1, 1, 2])}, {"mode": "linear"}), [x])[0]
    np.testing.assert_array_equal(found, np.uint8([[[[0, 64, 191, 255]]]]))


@pytest.mark.parametrize(("empty", "name", "value"), [(1, "s", np.float32([1, 1, 0.5, 1.5])), (2, "z", [1, 1, 2, 9])])
def test_sizes_and_scales_that_are_computed(empty, name, value):
    x = normal(1, 1, 4, 6)
    node = onnx.helper.make_node("Resize", ["x0", *[""] * empty, "x1"], ["y0"], mode="linear", name="node")
    arrays = [x, np.asarray(value)]
    model = build("Resize", 19, arrays, {}, {"mode": "linear"})
    model.graph.node[0].CopyFrom(node)
    expected = run(build("Resize", 19, [x], {"r": None, "s": np.float32([1, 1, 0.5, 1.5])}, {"mode": "linear"}), [x])
    check(run(model, arrays), expected)


@pytest.mark.parametrize(("wanted", "free"), [((8, 3), ()), ((8, 3), (0, 2)), ((4, 9), (0, 2)), ((5, 7), (0, 2))])
def test_the_middle_of_an_array(wanted, free):
    x = normal(5, 2, 7)
    found = run(build("CenterCropPad", 18, [x], {"s": np.int64(wanted)}, {"axes": [0, 2]}, 1, free), [x])[0]
    expected = x
    for axis, size in zip((0, 2), wanted, strict=True):
        expected = middle(expected, axis, size)
    np.testing.assert_array_equal(found, expected)


def middle(x, axis, size):
    more = size - x.shape[axis]
    if more > 0:
        return np.pad(x, [(more // 2, more - more // 2) if i == axis else (0, 0) for i in range(x.ndim)])
    return x.take(range(-more // 2, -more // 2 + size), axis)


def test_a_window_with_nan_and_a_batch_of_nothing():
    model = build("MaxPool", 22, [normal(1, 1, 4)], {}, {"kernel_shape": [2], "strides": [2]}, 1, (0,))
    found = run(model, [np.float32([[[1, np.nan, -np.inf, -np.inf]]])])[0]
    np.testing.assert_array_equal(found, [[[np.nan, -np.inf]]])
    assert run(model, [np.zeros((0, 1, 4), "float32")])[0].shape == (0, 1, 2)


# ---- structure -------------------------------------------------------------------------------------------------------


def ops_of(*case):
    net = wf.onnx.load(build(*case))
    leaves = (Input, Shared, Constant, Size)
    return [n.op for n in toposort(list(net.outputs.values())) if not isinstance(n.op, leaves)]


def test_a_convolution_is_one_op():
    assert [type(op) for op in ops_of("Conv", 22, [IMAGE], {"w": normal(6, 4, 3, 3)}, {"pads": [1, 1, 1, 1]})] == [Conv]


def test_normalisation_by_known_statistics_has_no_sums():
    ops = ops_of("BatchNormalization", 15, [IMAGE], {**NORMS, **STATISTICS})
    assert all(isinstance(op, Elementwise | Reshape) for op in ops)


def test_whole_steps_move_elements_and_gather_none():
    for scales in ([1, 1, 2, 3], [1, 1, 0.5, 0.25]):
        ops = ops_of("Resize", 19, [normal(1, 1, 4, 8)], {"r": None, "s": np.float32(scales)}, {"mode": "nearest"})
        assert not any(isinstance(op, Gather | MatMul) for op in ops)
        assert any(isinstance(op, Slice) for op in ops) == (scales[2] < 1)


# ---- derivatives -----------------------------------------------------------------------------------------------------

DIFFERENTIABLE = [c for c in CASES if c[0] in ("Conv", "ConvTranspose", "DeformConv", "AveragePool", "RoiAlign")][::4]
DIFFERENTIABLE += [c for c in CASES if c[0] in ("BatchNormalization", "LRN", "LpPool", "GridSample")][::2]
DIFFERENTIABLE += [RESIZED[5], RESIZED[11], RECURRENT[1], RECURRENT[5], RECURRENT[9]]


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=[c[0] for c in DIFFERENTIABLE])
def test_gradients_are_those_of_numbers(case):
    net = wf.onnx.load(build(*case))
    given = dict(zip(net.inputs.values(), case[2], strict=True))
    y = next(iter(net.outputs.values())).astype("float64")
    weights = np.cos(np.arange(wf.evaluate(y, given).size)).reshape(wf.evaluate(y, given).shape)
    loss, x = (y * weights).sum(), next(iter(given))
    slope = wf.evaluate(wf.grad(loss, x), given)
    way = RNG.normal(size=slope.shape).astype("float32")
    step = 2e-3
    ends = [float(wf.evaluate(loss, {**given, x: given[x] + sign * step * way})) for sign in (1, -1)]
    np.testing.assert_allclose((slope * way).sum(), (ends[0] - ends[1]) / (2 * step), rtol=0.03, atol=0.03)


@pytest.mark.slow
def test_a_net_is_trained():
    """A step against the gradient lowers the loss; its weights are drawn, where the file has them all the same."""
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    model = onnx.load(folder / "light_squeezenet.onnx")
    draw_weights(model)
    net = wf.onnx.load(model)
    (x,), (y,) = net.inputs.values(), net.outputs.values()
    parameters = list(net.parameters.values())
    loss = -wf.log(y.reshape((1, -1))[0, 3])
    step = wf.function([x], loss, updates=wf.nn.updates.sgd(loss, parameters, 1e-4))
    image = normal(*x.shape)
    losses = [float(step(image)) for _ in range(3)]
    assert len(parameters) == 52
    assert losses[0] > losses[1] > losses[2]


def draw_weights(model):
    """Initializers in place of the nodes that fill arrays with a number."""
    shapes = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type != "ConstantOfShape"]
    for node in (n for n in model.graph.node if n.op_type == "ConstantOfShape"):
        shape = tuple(shapes[node.input[0]])
        drawn = normal(*shape) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        model.graph.initializer.append(onnx.numpy_helper.from_array(drawn, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.ir_version = 8


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_named():
    with pytest.raises(wf.ShapeError, match=r"node \(Conv, opset 22\).*5 channels, and w expects 4"):
        wf.onnx.load(build("Conv", 22, [normal(1, 5, 7, 6)], {"w": normal(6, 4, 3, 3)}))
    with pytest.raises(wf.ShapeError, match=r"node \(MaxPool, opset 22\).*window is larger"):
        wf.onnx.load(build("MaxPool", 22, [IMAGE], {}, {"kernel_shape": [9, 2]}))
    with pytest.raises(wf.LoweringError, match="4 spatial axes"):
        wf.onnx.load(build("Conv", 22, [normal(1, 1, 2, 2, 2, 2)], {"w": normal(1, 1, 1, 1, 1, 1)}))


def test_options_that_cannot_be_are_named():
    rnn, gru = ({"w": normal(1, g * 4, 3), "r": normal(1, g * 4, 4)} for g in (1, 3))
    cases = [
        (("Resize", 19, [TALL], {"r": None, "s": np.float32([1, 1, -2, 1])}, {"mode": "linear"}), "above 0, and -2"),
        (("Resize", 19, [TALL], {"r": None, "s": np.float32([1, 2])}, {"mode": "linear"}), "2 scales for 4 axes"),
        (("Resize", 19, [TALL], {"r": None, "s": np.float32([1] * 4)}, {"mode": "lanczos"}), "lanczos"),
        (("RNN", 14, [normal(2, 1, 3)], rnn, {"activations": ["Sine"]}), "'Sine' is none"),
        (("GRU", 14, [normal(2, 1, 3)], gru, {"direction": "bidirectional"}), "weights are of 1 directions"),
    ]
    for case, text in cases:
        with pytest.raises(wf.ArgumentError, match=text):
            wf.onnx.load(build(*case))


def test_antialias_needs_sizes():
    case = resized("linear", "half_pixel", (2, 3), sizes=[2, 3, 3, 2], antialias=1)
    with pytest.raises(wf.LoweringError, match="antialias over a size that only a call knows"):
        wf.onnx.load(build(*case))
