"""Indices, selections, quantized numbers, transforms, trees and draws of models, against the standard's reference."""

from __future__ import annotations

import numpy as np
import pytest

import weft as wf
from weft.exchange.onnx.reading.bits import view_bits
from weft.exchange.onnx.reading.fourier import Spectrum, transform

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")

RNG = np.random.default_rng(0)
ML, TRAINING = "ai.onnx.ml", "ai.onnx.preview.training"
NAN = np.nan
SLOW = pytest.mark.slow


def model_of(op, arrays, count=1, opset=22, domain="", symbolic=False, constants=(), ml=5, **attributes):
    """A model of one node, with inputs x0, x1, ...; `constants` are the places of those that are initializers."""
    from onnx import helper, numpy_helper

    names = [f"x{i}" if a is not None else "" for i, a in enumerate(arrays)]
    outputs = [f"y{i}" for i in range(count)]
    node = helper.make_node(op, names, outputs, domain=domain, **attributes)
    given = []
    for i, a in enumerate(arrays):
        if a is not None and i not in constants:
            sizes = [f"d{i}{axis}" for axis in range(a.ndim)] if symbolic else a.shape
            given.append(helper.make_tensor_value_info(names[i], helper.np_dtype_to_tensor_dtype(a.dtype), sizes))
    fixed = [numpy_helper.from_array(arrays[i], names[i]) for i in constants]
    results = [helper.make_tensor_value_info(name, 1, ()) for name in outputs]
    graph = helper.make_graph([node], "net", given, results, fixed)
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, ml if domain == ML else 1)] * bool(domain)
    return helper.make_model(graph, opset_imports=opsets)


def feed(arrays, constants=()):
    return {f"x{i}": a for i, a in enumerate(arrays) if a is not None and i not in constants}


def run(op, arrays, compiled=False, constants=(), **options):
    net = wf.onnx.load(model_of(op, arrays, constants=constants, **options))
    outputs, given = list(net.outputs.values()), feed(arrays, constants)
    if compiled:
        return wf.function([net.inputs[n] for n in given], outputs)(*given.values())
    return wf.evaluate(outputs, {net.inputs[n]: a for n, a in given.items()})


def check(op, arrays, rtol=1e-6, constants=(), compiled=False, **options):
    """Compare with the standard's reference."""
    from onnx.reference import ReferenceEvaluator

    reference = ReferenceEvaluator(model_of(op, arrays, constants=constants, **options))
    wanted = reference.run(None, feed(arrays, constants))
    for mine, its in zip(run(op, arrays, compiled, constants, **options), wanted, strict=True):
        assert mine.dtype == its.dtype
        assert mine.shape == its.shape
        np.testing.assert_allclose(mine, its, rtol=rtol, atol=1e-6)


def f32(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def i64(*values):
    return np.array(values, np.int64)


# ---- taken and written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(
    ("op", "arrays", "attributes"),
    [
        ("Gather", [f32(3, 5), i64([0, -1, -3], [2, 1, 1])], {"axis": 0}),
        ("Gather", [f32(3, 5), np.int64(-5)], {"axis": -1}),
        ("Gather", [f32(3, 0), np.zeros((0, 2), np.int32)], {"axis": 1}),
        ("ReverseSequence", [f32(5, 3, 2), i64(5, 1, 3)], {"time_axis": 0, "batch_axis": 1}),
        ("ReverseSequence", [f32(3, 1), i64(1, 1, 1)], {"time_axis": 1, "batch_axis": 0}),
        ("Compress", [f32(3, 4), np.array([False, True, True])], {"axis": 1}),
        ("Compress", [f32(3, 4), np.array([True, False, False, True, True])], {}),
        ("Compress", [f32(3, 4), np.zeros(3, bool)], {"axis": -2}),
        ("NonZero", [np.array([[0, 3, 0], [-1, 0, NAN]], np.float32)], {}),
        ("NonZero", [np.zeros((2, 0), np.int8)], {}),
    ],
)
def test_elements_are_taken(op, arrays, attributes, symbolic):
    check(op, arrays, symbolic=symbolic, **attributes)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((1, 3, 2), 0), ((2, 7, 1), 1), ((3, 5, 9), -1), ((3, 0, 2), 1)])
def test_elements_are_taken_along_an_axis(shape, axis, symbolic):
    x = f32(3, 5, 2)
    indices = RNG.integers(-x.shape[axis], x.shape[axis], shape)
    wanted = np.zeros(shape, np.float32)
    for place in np.ndindex(shape):
        at = list(place)
        at[axis] = indices[place]
        wanted[place] = x[tuple(at)]
    (found,) = run("GatherElements", [x, indices], axis=axis, symbolic=symbolic)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("shape", "batch"), [((2, 1), 0), ((2, 3, 2), 0), ((4, 3, 1), 1), ((4, 3, 2), 1), ((4, 5, 1), 2)]
)
def test_places_of_a_batch_are_taken(shape, batch):
    check("GatherND", [f32(4, 5, 3), RNG.integers(-3, 3, shape)], batch_dims=batch)


def scatter(x, axis, indices, updates, function):
    """By a plain loop: NumPy's ufunc.at over one element after the other."""
    found = x.copy()
    for place in np.ndindex(indices.shape):
        at = (*place[:axis], indices[place], *place[axis + 1 :])
        found[at] = updates[place] if function is None else function(found[at], updates[place])
    return found


REDUCTIONS = {"none": None, "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_updates_that_meet_are_joined(reduction, dtype):
    x = RNG.integers(1, 9, (5, 3)).astype(dtype)
    indices, updates = RNG.integers(-5, 5, (7, 2)), RNG.integers(1, 4, (7, 2)).astype(dtype)
    if dtype == "float32" and reduction in ("max", "min"):
        updates[2, 1] = NAN
    (found,) = run("ScatterElements", [x, indices, updates], axis=0, reduction=reduction)
    np.testing.assert_array_equal(found, scatter(x, 0, indices, updates, REDUCTIONS[reduction]))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_rows_that_meet_are_joined(reduction):
    x, updates, places = f32(4, 3, 2), f32(5, 2), i64([0, -1], [3, 2], [-4, 2], [1, 0], [0, 2])
    wanted = x.copy()
    for place, update in zip(places, updates, strict=True):
        function = REDUCTIONS[reduction]
        wanted[tuple(place)] = update if function is None else function(wanted[tuple(place)], update)
    (found,) = run("ScatterND", [x, places, updates], reduction=reduction, symbolic=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("symbolic", [False, True])
def test_the_product_of_any_number_of_updates(count, symbolic):
    x, updates = f32(3), f32(count)
    places = RNG.integers(-3, 3, count)
    wanted = scatter(x, 0, places, updates, np.multiply)
    (found,) = run("ScatterElements", [x, places, updates], symbolic=symbolic, reduction="mul")
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_gradients_of_updates_that_are_joined():
    arrays = [np.array([1.0, 2, 3], np.float32), i64(0, 2, 0), np.array([5.0, 1, 7], np.float32)]
    for reduction, of_x, of_updates in (("mul", [35, 1, 1], [7, 3, 5]), ("max", [0, 1, 1], [0, 0, 1])):
        net = wf.onnx.load(model_of("ScatterElements", arrays, reduction=reduction))
        x, _, updates = net.inputs.values()
        found = wf.evaluate(
            wf.grad(net.outputs["y0"].sum(), [x, updates]), dict(zip(net.inputs.values(), arrays, strict=True))
        )
        np.testing.assert_allclose(found[0], of_x)
        np.testing.assert_allclose(found[1], of_updates)


@pytest.mark.parametrize("mode", ["linear", "circular"])
def test_a_cache_is_written_from_places_of_its_own(mode):
    check(
        "TensorScatter", [f32(2, 3, 5, 2), f32(2, 3, 2, 2), i64(3, 4 if mode == "circular" else 1)], opset=24, mode=mode
    )


@pytest.mark.parametrize("bad", [3, -4])
def test_an_index_out_of_range_is_an_error(bad):
    x, index = f32(3, 2), i64([0, bad])
    cases = [("Gather", [x, index]), ("GatherElements", [x, index]), ("GatherND", [x, index.T])]
    cases += [("ScatterElements", [x, index, f32(1, 2)]), ("ScatterND", [x, index.T, f32(2, 2)])]
    for op, arrays in cases:
        with pytest.raises(wf.IndexRangeError, match="out of range"):
            run(op, arrays)
    for reduction in ("add", "mul", "max"):
        with pytest.raises(wf.IndexRangeError, match="out of range"):
            run("ScatterElements", [x, index, f32(1, 2)], reduction=reduction)


@pytest.mark.parametrize("reduction", ["none", pytest.param("max", marks=SLOW), pytest.param("mul", marks=SLOW)])
def test_compiled_code_writes_nothing_outside(reduction):
    arrays = [f32(4), i64(1, -3, 9), f32(3)]
    with pytest.raises(wf.IndexRangeError, match="9"):
        run("ScatterElements", arrays, compiled=True, reduction=reduction)
    arrays[1][2] = 3
    (found,) = run("ScatterElements", arrays, compiled=True, reduction=reduction)
    np.testing.assert_allclose(found, scatter(arrays[0], 0, *arrays[1:], REDUCTIONS[reduction]), rtol=1e-6)


def test_a_place_in_a_cache_does_not_count_from_the_end():
    with pytest.raises(wf.IndexRangeError):
        run("TensorScatter", [f32(1, 1, 4, 2), f32(1, 1, 1, 2), i64(-1)], opset=24)


@pytest.mark.parametrize(
    ("op", "arrays", "text"),
    [
        ("GatherElements", [f32(3, 5), i64(0, 1)], "the indices have 1 axes, and the data 2"),
        ("ScatterElements", [f32(3, 5), i64([0, 1]), f32(1, 3)], r"\(1, 3\), and \(1, 2\) is needed"),
        ("ScatterND", [f32(3, 5), i64([0], [1]), f32(2, 4)], r"\(2, 4\), and \(2, 5\) is needed"),
        ("GatherND", [f32(3, 5), i64([0, 1, 2])], "3 coordinates"),
        ("ReverseSequence", [f32(3, 5), i64(1, 2)], r"\(2,\), and \(5,\) is needed"),
    ],
)
def test_shapes_that_do_not_fit_are_errors(op, arrays, text):
    with pytest.raises(wf.ArgumentError, match=text):
        run(op, arrays)


# ---- selected --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("is_sorted", [0, 1])
@pytest.mark.parametrize("shape", [(7,), (6, 2), (1, 3)])
def test_what_is_different(axis, is_sorted, shape):
    x = RNG.integers(-1, 2, shape).astype(np.float32)
    options = {"sorted": is_sorted} | ({} if axis is None else {"axis": axis})
    lines = x.reshape(-1, 1) if axis is None else np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    rows = [tuple(line) for line in lines.tolist()]
    different = list(dict.fromkeys(rows))  # in the order in which they come
    if is_sorted:
        different.sort()
    y, first, inverse, counts = run("Unique", [x], count=4, opset=11, **options)
    np.testing.assert_array_equal(first, [rows.index(row) for row in different])
    np.testing.assert_array_equal(inverse, [different.index(row) for row in rows])
    np.testing.assert_array_equal(counts, [rows.count(row) for row in different])
    np.testing.assert_array_equal(y, x.ravel()[first] if axis is None else np.take(x, first, axis))


def test_what_is_different_of_nothing_and_of_nan():
    found = run("Unique", [np.zeros(0, np.int32)], count=4, opset=11)
    assert [a.shape for a in found] == [(0,)] * 4
    found = run("Unique", [np.array([NAN, 1, NAN], np.float32)], count=4, opset=11)
    np.testing.assert_array_equal(found[0], [1, NAN])
    np.testing.assert_array_equal(found[3], [1, 2])


def suppress(boxes, scores, most, overlap, threshold):
    """By a plain loop."""
    found = []
    for n, kind in np.ndindex(scores.shape[:2]):
        taken = []
        for i in np.argsort(-scores[n, kind], kind="stable"):
            apart = all(iou(boxes[n, i], boxes[n, j]) <= overlap for j in taken)
            if len(taken) < most and scores[n, kind, i] > threshold and apart:
                taken.append(i)
        found += [[n, kind, i] for i in taken]
    return np.array(found, np.int64).reshape(-1, 3)


def iou(a, b):
    a, b = (np.array([np.minimum(c[:2], c[2:]), np.maximum(c[:2], c[2:])], float) for c in (a, b))
    common = np.prod(np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None))
    return common / (np.prod(a[1] - a[0]) + np.prod(b[1] - b[0]) - common)


@pytest.mark.parametrize(("count", "most", "overlap"), [(9, 3, 0.3), (1, 5, 0.5), (9, 9, 0.0), (5, 0, 0.5)])
def test_boxes_that_stand_apart(count, most, overlap):
    boxes, scores = RNG.random((2, count, 4)).astype(np.float32), RNG.random((2, 3, count)).astype(np.float32)
    limits = [i64(most), np.array([overlap], np.float32), np.array([0.2], np.float32)]
    (found,) = run("NonMaxSuppression", [boxes, scores, *limits])
    np.testing.assert_array_equal(found, suppress(boxes, scores, most, np.float32(overlap), 0.2))


# ---- draws -----------------------------------------------------------------------------------------------------------


def test_dropout_keeps_or_drops():
    x, training = np.ones((40, 50), np.float32), np.array(True)
    ratio = np.array(0.25, np.float32)
    y, kept = run("Dropout", [x, ratio, training], count=2, constants=(1,), seed=3)
    np.testing.assert_allclose(y, np.where(kept, 1 / 0.75, 0), rtol=1e-6)
    assert abs(kept.mean() - 0.75) < 0.05
    y, kept = run("Dropout", [x, ratio, np.array(False)], count=2, constants=(1,))
    np.testing.assert_array_equal(y, x)
    assert kept.all()
    (y,) = run("Dropout", [x, np.array(1.0, np.float32), training])
    np.testing.assert_array_equal(y, 0 * x)


def test_draws_follow_their_distribution_and_their_seed():
    for op, mean, std in (("RandomNormal", 2.0, 0.5), ("RandomUniform", 2.0, 3**-0.5)):
        options = {"mean": 2.0, "scale": 0.5} if op == "RandomNormal" else {"low": 1.0, "high": 3.0}
        first, again, other = (run(op, [], shape=[50, 40], seed=s, **options)[0] for s in (1.5, 1.5, 2.0))
        assert abs(first.mean() - mean) < 0.06
        assert abs(first.std() - std) < 0.06
        np.testing.assert_array_equal(first, again)
        assert (first != other).mean() > 0.9
    (drawn,) = run("RandomUniformLike", [np.zeros((3, 1), np.int32)], dtype=11)
    assert (drawn.shape, drawn.dtype) == ((3, 1), np.float64)
    with pytest.raises(wf.LoweringError, match="draws int32"):
        run("RandomUniformLike", [np.zeros(3, np.int32)])


def test_classes_are_drawn_as_often_as_they_are_likely():
    logs = np.log(np.array([[1, 3, 0, 4], [0, 0, 8, 0]], np.float32) + 1e-38)
    logs[logs < -80] = -np.inf
    (drawn,) = run("Multinomial", [logs], sample_size=2000, seed=1.0)
    assert (drawn.dtype, drawn.shape) == (np.int32, (2, 2000))
    np.testing.assert_allclose(np.bincount(drawn[0], minlength=4) / 2000, [1 / 8, 3 / 8, 0, 1 / 2], atol=0.05)
    assert (drawn[1] == 2).all()
    (drawn,) = run("Bernoulli", [np.full((50, 40), 0.3, np.float64)], seed=1.0, dtype=6)
    assert drawn.dtype == np.int32
    assert abs(drawn.mean() - 0.3) < 0.05


# ---- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("ignored", [None, 1, -7])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_classes(reduction, ignored, weighted):
    x, labels = f32(3, 4, 5), RNG.integers(0, 4, (3, 5))
    if ignored is not None:
        labels[0, 1:3] = ignored
    options = {"reduction": reduction} | ({} if ignored is None else {"ignore_index": ignored})
    arrays = [x, labels, *[RNG.random(4).astype(np.float32)] * weighted]
    check("SoftmaxCrossEntropyLoss", arrays, rtol=1e-5, count=2, **options)
    check("NegativeLogLikelihoodLoss", arrays, rtol=1e-5, **options)


def test_a_label_out_of_range_is_an_error():
    with pytest.raises(wf.IndexRangeError, match="4"):
        run("SoftmaxCrossEntropyLoss", [f32(2, 4), i64(0, 4)])


# ---- quantized -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16"])
def test_numbers_are_quantized_and_back(kind):
    x = np.array([[-1e5, -2.5, -1.5, 0, 0.5], [1.5, 2.5, 300, 1e5, 3.5]], np.float32)
    zero = np.array([0, 7], kind)
    check("QuantizeLinear", [x, np.array([1, 0.25], np.float32), zero], axis=0)
    check("QuantizeLinear", [x, np.array(0.5, np.float32), zero[1]])
    (found,) = run("QuantizeLinear", [np.array([1e30, np.inf, -np.inf], np.float32), np.array(1, np.float32), zero[1]])
    np.testing.assert_array_equal(found, [np.iinfo(kind).max, np.iinfo(kind).max, np.iinfo(kind).min])
    check(
        "DequantizeLinear", [RNG.integers(0, 99, (2, 5)).astype(kind), np.array([1, 0.25], np.float32), zero], axis=-2
    )


def test_blocks_have_scales_of_their_own():
    x, scale = f32(3, 7) * 40, RNG.random((3, 3)).astype(np.float32) + 0.1
    check("QuantizeLinear", [x, scale, RNG.integers(-5, 5, (3, 3)).astype(np.int8)], axis=1, block_size=3)
    check("DequantizeLinear", [RNG.integers(-9, 9, (3, 7)).astype(np.int8), scale], axis=1, block_size=3)
    with pytest.raises(wf.ArgumentError, match="do not fit"):
        run("DequantizeLinear", [np.zeros((3, 7), np.int8), f32(3, 2)], axis=1, block_size=3)


def test_products_of_integers():
    a, b = RNG.integers(0, 255, (3, 5)).astype(np.uint8), RNG.integers(-128, 127, (5, 2)).astype(np.int8)
    rows, columns = np.array([3, 200, 0], np.uint8), np.array([-4, 90], np.int8)
    wanted = (a.astype(int) - rows[:, None]) @ (b.astype(int) - columns)
    (found,) = run("MatMulInteger", [a, b, rows, columns])
    np.testing.assert_array_equal(found, wanted)
    scales = [np.array([0.1, 0.2, 0.3], np.float32), np.array([0.5, 0.25], np.float32), np.array(2, np.float32)]
    operands = [a, scales[0], rows, b, scales[1], columns, scales[2], np.array(-3, np.int8)]
    (found,) = run("QLinearMatMul", operands)
    exact = np.rint(wanted * (scales[0][:, None].astype(float) * scales[1] / 2)) - 3
    np.testing.assert_array_equal(found, np.clip(exact, -128, 127))


def test_what_weft_has_no_dtype_for_is_said():
    for kind in (onnx.TensorProto.INT4, onnx.TensorProto.FLOAT8E4M3FN):
        with pytest.raises(wf.LoweringError, match="which weft has not"):
            run("QuantizeLinear", [f32(3), np.array(1, np.float32)], output_dtype=kind)


# ---- signals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 64, 65, 67, 120, 134, 1001])
@pytest.mark.parametrize("inverse", [False, True])
def test_a_transform_of_any_length(length, inverse):
    a, b = RNG.normal(size=(2, 2, length))
    wanted = np.fft.ifft(a + 1j * b) * length if inverse else np.fft.fft(a + 1j * b)
    x, y = wf.tensor("x", a.shape, "float64"), wf.tensor("y", a.shape, "float64")
    real, imaginary = wf.evaluate(list(transform(Spectrum(x, y), inverse)), {x: a, y: b})
    np.testing.assert_allclose(real + 1j * imaginary, wanted, rtol=0, atol=1e-11 * length**0.5)


TRANSFORMS = [(1, {}), (2, {}), (1, {"onesided": 1}), (1, {"inverse": 1}), (2, {"inverse": 1})]


@pytest.mark.parametrize("length", [None, 4, 9])
@pytest.mark.parametrize(("parts", "options"), TRANSFORMS)
def test_transforms_along_an_axis(parts, length, options):
    arrays = [RNG.normal(size=(2, 7, 3, parts)), None if length is None else np.int64(length), np.int64(1)]
    check("DFT", arrays, constants=(2,) if length is None else (1, 2), **options)


@pytest.mark.parametrize("length", [6, 7])
def test_the_inverse_of_half_a_transform(length):
    x = RNG.normal(size=(2, length))
    half = np.fft.rfft(x)
    arrays = [np.stack([half.real, half.imag], -1), np.int64(length), np.int64(1)]
    (found,) = run("DFT", arrays, constants=(1, 2), inverse=1, onesided=1)
    np.testing.assert_allclose(found[..., 0], x, atol=1e-12)


def test_a_transform_along_the_parts_is_an_error():
    with pytest.raises(wf.ArgumentError, match="real and imaginary parts"):
        run("DFT", [f32(2, 3, 2), None, np.int64(2)], constants=(2,))


@pytest.mark.parametrize("onesided", [0, 1])
def test_transforms_of_frames(onesided):
    x, window = f32(2, 23, 1), RNG.random(8).astype(np.float32)
    check("STFT", [x, np.int64(3), window, np.int64(8)], rtol=1e-4, constants=(1, 3), onesided=onesided)


def test_the_scale_of_pitch():
    arrays = [np.int64(8), np.int64(16), np.int64(8192), np.float32(0), np.float32(4096)]
    check("MelWeightMatrix", arrays, constants=(0, 1, 2, 3, 4))
    check("MelWeightMatrix", arrays)


# ---- bits, n-grams, optimisers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "number", "kind"),
    [
        (np.array([[1.5, -0.0, NAN], [np.inf, 1e-45, -3]], np.float32), 6, "int32"),
        (np.array([0x7FC12345, -1, 0], np.int32), 1, "float32"),
        (np.array([1.5, -2], np.float16), 4, "uint16"),
        (np.array([-1, 5], np.int64), 13, "uint64"),
    ],
)
def test_bits_stay(x, number, kind):
    (found,) = run("BitCast", [x], opset=26, to=number)
    np.testing.assert_array_equal(found.view(x.dtype.str.replace("f", "u")), x.view(x.dtype.str.replace("f", "u")))
    assert found.dtype == kind
    np.testing.assert_array_equal(view_bits(x[..., ::-1], kind), x[..., ::-1].copy().view(kind))
    with pytest.raises(wf.ArgumentError, match="as many bits"):
        run("BitCast", [x], opset=26, to=2)


def test_counts_of_n_grams():
    x = RNG.integers(1, 4, (3, 9)).astype(np.int32)
    pool = {"ngram_counts": [0, 2], "ngram_indexes": [3, 0, 2, 1, 4], "pool_int64s": [1, 2, 1, 1, 2, 3, 1, 3]}
    lengths = {"min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 2}
    for mode in ("TF", "IDF", "TFIDF"):
        check("TfIdfVectorizer", [x], mode=mode, weights=[0.5, 1.0, 2.0, 3.0, 4.0], **pool, **lengths)
    check("TfIdfVectorizer", [x[0, :1]], mode="TF", **pool, **lengths)


def test_a_step_of_an_optimiser_for_several_arrays():
    x, g, v = ([f32(2, 3), f32(4)] for _ in range(3))
    h = [np.abs(f32(2, 3)), np.abs(f32(4))]
    for count in (0, 3):
        first = [np.float32(0.1), np.int64(count)]
        options = {"norm_coefficient": 0.01, "alpha": 0.9, "beta": 0.8}
        for mode in ("standard", "nesterov"):
            check("Momentum", [*first, *x, *g, *v], rtol=1e-4, count=4, domain=TRAINING, mode=mode, **options)
        check("Adam", [*first, *x, *g, *v, *h], rtol=1e-4, count=6, domain=TRAINING, **options, epsilon=1e-3)
        decays = {"norm_coefficient": 0.01, "decay_factor": 0.1, "epsilon": 1e-3}
        check("Adagrad", [*first, *x, *g, *h], rtol=1e-4, count=4, domain=TRAINING, **decays)


# ---- ai.onnx.ml ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "arrays", "attributes"),
    [
        ("Scaler", [f32(3, 2)], {"offset": [1.0, -2.0], "scale": [0.5, 3.0]}),
        ("Normalizer", [np.abs(f32(3, 4))], {"norm": "L1"}),
        ("Normalizer", [f32(3, 4)], {"norm": "L2"}),
        ("Normalizer", [np.abs(f32(3, 4))], {"norm": "MAX"}),
        (
            "Imputer",
            [np.array([[1, NAN], [NAN, 2]], np.float32)],
            {"imputed_value_floats": [5.0, 6.0], "replaced_value_float": NAN},
        ),
        ("FeatureVectorizer", [f32(3, 2), f32(3, 1)], {"inputdimensions": [2, 1]}),
        ("ArrayFeatureExtractor", [f32(3, 4), i64([3, 0])], {}),
        ("LinearRegressor", [f32(3, 4)], {"coefficients": f32(8).tolist(), "intercepts": [1.0, 2.0], "targets": 2}),
        ("OneHotEncoder", [i64(3, 7, 5)], {"cats_int64s": [5, 3, 9], "zeros": 1}),
        ("LabelEncoder", [i64(3, 7, 5)], {"keys_int64s": [5, 3], "values_floats": [0.5, 1.5], "default_float": -1.0}),
    ],
)
def test_features(op, arrays, attributes):
    check(op, arrays, domain=ML, rtol=1e-5, **attributes)


TREES = {  # x[0] <= 0 ? (x[1] < 1 ? leaf : leaf) : leaf, and a tree x[1] > 0 ? leaf : leaf
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 1, 0, 0, 0, 1, 0, 0],
    "nodes_values": [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "nodes_modes": ["BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 3, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [2, 4, 0, 0, 0, 2, 0, 0],
    "target_treeids": [0, 0, 0, 0, 1, 1],
    "target_nodeids": [2, 3, 4, 4, 1, 2],
    "target_ids": [0, 1, 0, 1, 0, 1],
    "target_weights": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
}


def test_a_forest_of_opset_3():
    x = np.array([[-1, 0.5], [0, 2], [1, -1], [NAN, 0]], np.float32)
    first = np.array([[0, 2], [3, 4], [1, 0], [1, 0]])
    second = np.array([[5, 0], [5, 0], [0, 6], [0, 6]])
    (found,) = run("TreeEnsembleRegressor", [x], domain=ML, ml=3, n_targets=2, base_values=[10.0, 20.0], **TREES)
    np.testing.assert_array_equal(found, first + second + [10, 20])
    (found,) = run("TreeEnsembleRegressor", [x], domain=ML, ml=3, n_targets=2, aggregate_function="AVERAGE", **TREES)
    np.testing.assert_array_equal(found, (first + second) / 2)


def test_trees_that_lead_nowhere_are_errors():
    endless = TREES | {"nodes_truenodeids": [1, 1, 0, 0, 0, 1, 0, 0]}
    missing = TREES | {"nodes_falsenodeids": [9, 4, 0, 0, 0, 2, 0, 0]}
    for trees, text in ((endless, "leads back"), (missing, "there is no node")):
        with pytest.raises(wf.ArgumentError, match=text):
            run("TreeEnsembleRegressor", [f32(2, 2)], domain=ML, ml=3, n_targets=2, **trees)
