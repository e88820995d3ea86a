"""Operators as older opsets have them, and with options that the standard's own cases leave out: a runtime agrees."""

from __future__ import annotations

import numpy as np
import pytest

import weft as wf

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")
ort = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


X, IMAGE, VECTOR = normal(2, 3, 4), normal(2, 4, 6, 5), normal(5)
INT = RNG.integers(-5, 6, (3, 4)).astype("int64")
POSITIVE = np.abs(X) + 0.1
SPECIAL = np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 0.5])

# operator, opset, inputs, constants, attributes
CASES = [
    ("Add", 7, [X, normal(4)], {}, {}),
    ("Clip", 6, [X], {}, {"min": -0.5, "max": 0.5}),
    ("Clip", 12, [X], {"low": np.float32(-0.5)}, {}),
    ("Softmax", 11, [X], {}, {"axis": 1}),
    ("LogSoftmax", 11, [X], {}, {}),
    ("Hardmax", 11, [X], {}, {"axis": 0}),
    ("Slice", 9, [X], {}, {"starts": [1, -3], "ends": [1000, -1], "axes": [0, 2]}),
    ("Slice", 13, [X], {"s": [-1, 3], "e": [-1000, -(2**62)], "a": [1, 2], "t": [-1, -2]}, {}),
    ("Pad", 10, [X], {}, {"pads": [0, 1, 2, 0, 0, 1], "value": 1.5}),
    ("Pad", 10, [X], {}, {"pads": [0, 1, -1, 0, 0, 1], "mode": "edge"}),
    ("Pad", 13, [X], {"p": [0, 2, 2, 0, 1, 3]}, {"mode": "reflect"}),
    ("Pad", 19, [X], {"p": [0, 2, 2, 0, 1, 3]}, {"mode": "wrap"}),
    ("Squeeze", 11, [normal(1, 3, 1)], {}, {"axes": [0]}),
    ("Squeeze", 11, [normal(1, 3, 1)], {}, {}),
    ("Unsqueeze", 11, [X], {}, {"axes": [0, 4]}),
    ("Split", 11, [X], {}, {"axis": 2, "split": [1, 3]}),
    ("Split", 11, [X], {}, {"axis": 0}),
    ("ReduceSum", 11, [X], {}, {"axes": [-1], "keepdims": 0}),
    ("ReduceMax", 11, [X], {}, {}),
    ("ReduceMean", 17, [INT.astype("int32")], {}, {"axes": [1]}),
    ("ReduceLogSumExp", 13, [X * 100], {}, {"axes": [0, 2]}),
    ("ReduceL2", 13, [X], {}, {"axes": [1], "keepdims": 1}),
    ("ReduceProd", 13, [INT.astype("int32")], {}, {"axes": [0]}),
    ("ArgMax", 11, [X], {}, {"axis": -1, "keepdims": 0}),
    ("ArgMin", 13, [np.float32([[1, 0, 0, 2]])], {}, {"axis": 1, "select_last_index": 1}),
    ("TopK", 9, [X], {}, {"k": 2}),
    ("TopK", 10, [X], {"k": [2]}, {"axis": 1}),
    ("TopK", 11, [np.float32([[3, 1, 3, 1, 2]])], {"k": [4]}, {"largest": 0}),
    ("CumSum", 11, [X], {"axis": np.int32(-1)}, {"exclusive": 1, "reverse": 1}),
    ("Gemm", 9, [normal(3, 2), normal(4, 3), normal(1, 4)], {}, {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("MatMul", 9, [normal(2, 1, 3, 4), normal(5, 4, 2)], {}, {}),
    ("MatMul", 13, [normal(4), normal(4)], {}, {}),
    ("Einsum", 12, [normal(2, 3), normal(3, 4), normal(4)], {}, {"equation": "ij, jk, k -> i"}),
    ("Flatten", 9, [X], {}, {"axis": 0}),
    ("Flatten", 13, [X], {}, {"axis": -1}),
    ("Expand", 8, [normal(3, 1)], {"s": [2, 1, 4]}, {}),
    ("Tile", 6, [X], {"r": [1, 2, 0]}, {}),
    ("Tile", 13, [X], {"r": [2, 1, 3]}, {}),
    ("OneHot", 11, [np.int64([1, -1, 5, -6])], {"d": 5, "v": np.float32([2, 7])}, {"axis": 0}),
    ("ConstantOfShape", 9, [], {"s": [2, 0, 3]}, {}),
    ("Range", 11, [], {"a": np.float32(3), "b": np.float32(-1), "c": np.float32(-0.75)}, {}),
    ("EyeLike", 9, [normal(3, 5)], {}, {"k": -1, "dtype": 7}),
    ("DepthToSpace", 9, [IMAGE], {}, {"blocksize": 2}),
    ("SpaceToDepth", 13, [normal(1, 2, 4, 6)], {}, {"blocksize": 2}),
    ("Trilu", 14, [normal(3, 4)], {"k": 1}, {"upper": 0}),
    ("Mod", 13, [INT, np.full((4,), 3)], {}, {}),
    ("Mod", 13, [X, normal(4)], {}, {"fmod": 1}),
    ("Div", 14, [INT, np.int64([3, -2, 4, -3])], {}, {}),
    ("Pow", 15, [INT, np.float32([2.0])], {}, {}),
    ("Pow", 7, [POSITIVE, normal(4)], {}, {}),
    ("Round", 11, [SPECIAL], {}, {}),
    ("Sign", 13, [SPECIAL], {}, {}),
    ("IsInf", 10, [SPECIAL], {}, {"detect_positive": 0}),
    ("Max", 13, [SPECIAL, np.array(1.0, "float32")], {}, {}),
    ("Relu", 14, [SPECIAL], {}, {}),
    ("Cast", 13, [np.float32([-1.7, 1.7, 0.2, 300.0])], {}, {"to": 6}),
    ("Cast", 13, [X], {}, {"to": 9}),
    ("LeakyRelu", 6, [X], {}, {"alpha": 0.2}),
    ("PRelu", 9, [normal(2, 3, 4), normal(3, 1)], {}, {}),
    ("Selu", 6, [X], {}, {}),
    ("HardSigmoid", 6, [X * 5], {}, {}),
    ("Shrink", 9, [X], {}, {"lambd": 0.4, "bias": 0.1}),
    ("ThresholdedRelu", 10, [X], {}, {"alpha": 0.3}),
    ("Mean", 8, [X, normal(4), normal(3, 1)], {}, {}),
    ("BitShift", 11, [np.uint8([1, 129]), np.uint8([3, 1])], {}, {"direction": "LEFT"}),
    (
        "Conv",
        11,
        [IMAGE],
        {"w": normal(6, 2, 3, 2), "b": normal(6)},
        {"group": 2, "pads": [1, 0, 0, 2], "strides": [2, 1]},
    ),
    ("Conv", 11, [IMAGE], {"w": normal(3, 4, 3, 2)}, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ("Conv", 11, [normal(1, 2, 9)], {"w": normal(3, 2, 3)}, {"auto_pad": "SAME_UPPER", "strides": [2]}),
    ("Conv", 11, [normal(1, 2, 4, 4, 4)], {"w": normal(3, 2, 2, 2, 2)}, {}),
    ("ConvTranspose", 11, [IMAGE], {"w": normal(4, 3, 3, 2)}, {"group": 2, "strides": [2, 3], "pads": [1, 0, 0, 1]}),
    ("ConvTranspose", 11, [IMAGE], {"w": normal(4, 2, 3, 3)}, {"strides": [2, 2], "output_padding": [1, 0]}),
    ("ConvTranspose", 11, [IMAGE], {"w": normal(4, 2, 3, 3)}, {"strides": [2, 2], "output_shape": [12, 11]}),
    ("ConvTranspose", 11, [IMAGE], {"w": normal(4, 2, 3, 3)}, {"strides": [3, 2], "auto_pad": "SAME_UPPER"}),
    ("MaxPool", 8, [IMAGE], {}, {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 2]}),
    ("MaxPool", 12, [IMAGE], {}, {"kernel_shape": [2, 2], "dilations": [2, 1], "ceil_mode": 1, "strides": [2, 2]}),
    ("AveragePool", 10, [IMAGE], {}, {"kernel_shape": [3, 3], "pads": [1, 1, 0, 1], "strides": [2, 1]}),
    ("AveragePool", 10, [IMAGE], {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("AveragePool", 10, [IMAGE], {}, {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("AveragePool", 19, [IMAGE], {}, {"kernel_shape": [2, 2], "dilations": [2, 2], "pads": [1, 1, 1, 1]}),
    ("LpPool", 11, [IMAGE], {}, {"kernel_shape": [2, 3], "p": 3}),
    ("LpPool", 18, [IMAGE], {}, {"kernel_shape": [2, 2], "dilations": [2, 1], "p": 1}),
    ("GlobalLpPool", 2, [IMAGE], {}, {"p": 1}),
    ("GlobalMaxPool", 1, [IMAGE], {}, {}),
    ("MaxRoiPool", 1, [IMAGE], {"r": np.float32([[0, 0, 0, 3, 3], [1, 1, 2, 9, 4]])}, {"pooled_shape": [2, 3]}),
    ("RoiAlign", 10, [IMAGE], {"r": np.float32([[0, 0, 3, 3], [1, 1, 9, 4]]), "b": [1, 0]}, {"output_height": 2}),
    ("RoiAlign", 16, [IMAGE], {"r": np.float32([[0, 0, 3, 3], [1, 1, 9, 4]]), "b": [1, 0]}, {"sampling_ratio": 2}),
    ("LRN", 13, [IMAGE], {}, {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 1.5}),
    ("LpNormalization", 1, [X], {}, {"p": 1, "axis": 1}),
    ("InstanceNormalization", 6, [IMAGE, normal(4), normal(4)], {}, {"epsilon": 0.01}),
    ("BatchNormalization", 9, [IMAGE, normal(4), normal(4), normal(4)], {"v": np.float32([0.5, 1, 2, 3])}, {}),
    ("LayerNormalization", 17, [X, normal(3, 4), normal(3, 4)], {}, {"axis": 1}),
    ("LayerNormalization", 17, [X, normal(4)], {}, {"axis": -1, "epsilon": 0.1}),
]


def model_of(kind, opset, arrays, constants, attributes):
    names = [f"x{i}" for i in range(len(arrays))]
    helper = onnx.helper
    count = len(onnx.defs.get_schema(kind, opset).outputs) if kind in ("TopK", "Split") else 1
    outputs = [f"y{i}" for i in range(count)]
    node = helper.make_node(kind, [*names, *constants], outputs, name="node", **attributes)
    if kind == "Split":
        node.output.append("y1")
    kinds = [helper.np_dtype_to_tensor_dtype(a.dtype) for a in arrays]
    sizes = [[f"n{i}" if n > 1 and k == 0 else n for k, n in enumerate(a.shape)] for i, a in enumerate(arrays)]
    infos = [helper.make_tensor_value_info(*each) for each in zip(names, kinds, sizes, strict=True)]
    fixed = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = helper.make_graph([node], "g", infos, made, fixed)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c[0]}-{c[1]}-{i}" for i, c in enumerate(CASES)])
def test_a_runtime_agrees(number):
    kind, opset, arrays, constants, attributes = CASES[number]
    model = model_of(kind, opset, arrays, constants, attributes)
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    expected = session.run(None, {f"x{i}": a for i, a in enumerate(arrays)})
    net = wf.onnx.load(model)
    found = wf.evaluate(list(net.outputs.values()), dict(zip(net.inputs.values(), arrays, strict=True)))
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
