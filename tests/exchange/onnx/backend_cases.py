"""The standard's own tests of backends, run through `wf.onnx.load`."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

import weft as wf

KINDS = ("node", "simple", "real", "pytorch-converted", "pytorch-operator")

# Numbers of dtypes in the standard: bools, integers, floats, and bfloat16, which becomes float32.
DTYPES = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16}

# Inputs that say how a node computes, which a model has as constants; what the tests have as inputs is given to load.
SETTINGS = {"axes", "axis", "trip_count", "steps", "block_shape", "image_shape"}
ANTIALIAS = [f"{given}_{mode}" for given in ("scales", "sizes") for mode in ("linear", "cubic")]
MORE_SETTINGS = {
    "test_loop13_seq": ("cond",),
    "test_loop16_seq_none": ("cond",),
    "test_if_opt": ("cond",),
    "test_affine_grid_3d_align_corners_expanded": ("size",),
    **{f"test_resize_downsample_{how}_antialias": ("scales", "sizes") for how in ANTIALIAS},
    "test_sequence_insert_at_front": ("position",),
    "test_split_to_sequence_1": ("split",),
}


@cache
def cases(kind):
    """{name: case} of a kind; those whose net is to be fetched are none."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the references of the standard divide by 0, and overflow
        found = load_model_tests(kind=kind)
    return {case.name: case for case in found if case.url is None}


@cache
def node_cases(*modules):
    """{name: case} of the files of node cases: to make all of them takes long."""
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            import_module(f"{node.__name__}.{module}")
    return {case.name: case for case in node._NodeTestCases}


def read_model(case):
    import onnx

    return case.model if case.model is not None else onnx.load(Path(case.model_dir) / "model.onnx")


def data_sets(case, model):
    """[(inputs, outputs)], each a list of arrays, of lists of arrays, and of None."""
    if case.model is not None:
        return [tuple([_as_array(v) for v in values] for values in pair) for pair in case.data_sets]
    folders = sorted(Path(case.model_dir).glob("test_data_set_*"))
    return [(_values(f, "input", model.graph.input), _values(f, "output", model.graph.output)) for f in folders]


def _values(folder, what, infos):
    paths = [folder / f"{what}_{i}.pb" for i in range(len(list(folder.glob(f"{what}_*.pb"))))]
    return [_value(path.read_bytes(), info.type) for path, info in zip(paths, infos, strict=False)]


def _value(data, kind):
    import onnx

    if kind.HasField("sequence_type"):
        return onnx.numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind.HasField("optional_type"):
        return onnx.numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return onnx.numpy_helper.to_array(onnx.TensorProto.FromString(data))


def _as_array(value):
    import onnx

    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _is_setting(info, name):
    return not info.type.HasField("tensor_type") or name in SETTINGS


def has_foreign_dtype(case):
    """Whether an input or an output of a case has a dtype that weft has not: text, complex numbers, float8."""
    model = read_model(case)
    return not all(_element_type(v.type) in DTYPES for v in [*model.graph.input, *model.graph.output])


def _element_type(kind):
    for inner in ("sequence_type", "optional_type"):
        if kind.HasField(inner):
            return _element_type(getattr(kind, inner).elem_type)
    return kind.tensor_type.elem_type


def run_case(case, run=None):
    """Read a case's model, and compare what it computes with what the standard says.

    run : function(outputs, {input: array}) -> arrays
    """
    model, more = read_model(case), MORE_SETTINGS.get(case.name, ())
    for given, expected in data_sets(case, model):
        named = dict(zip([i.name for i in model.graph.input], given, strict=False))
        fixed = {i.name for i in model.graph.input if _is_setting(i, i.name) or i.name in more}
        net = wf.onnx.load(model, inputs={name: named[name] for name in named if name in fixed})
        free = {net.inputs[name]: value for name, value in named.items() if name not in fixed and name in net.inputs}
        compare(case, list(net.outputs.values()), free, expected, run or evaluate)


def evaluate(outputs, given):
    return wf.evaluate(outputs, given)


def compile_and_run(outputs, given, **options):
    """As `evaluate` does, by a compiled function."""
    function = wf.function(list(given), outputs, on_unused_input="ignore", **options)
    return function(*given.values())


def compare(case, outputs, given, expected, run):
    flat = [y for value in outputs for y in (value if isinstance(value, list) else [value]) if y is not None]
    found = iter(run(flat, given))
    for value, wanted in zip(outputs, expected, strict=True):
        if isinstance(value, list):
            assert len(value) == len(wanted)
            for each in wanted:
                check(case, next(found), each)
        elif value is None:
            assert wanted is None
        else:
            check(case, next(found), wanted)


def check(case, found, wanted):
    wanted = np.asarray(wanted)
    if wanted.dtype.name == "bfloat16":  # which weft computes as float32, and has not rounded
        np.testing.assert_allclose(found, wanted.astype(np.float32), rtol=2e-2, atol=2e-2)
        return
    assert found.shape == wanted.shape, f"{found.shape}, not {wanted.shape}"
    assert found.dtype == wanted.dtype, f"{found.dtype}, not {wanted.dtype}"
    np.testing.assert_allclose(found, wanted, rtol=max(case.rtol, 1e-3), atol=max(case.atol, 1e-6))
