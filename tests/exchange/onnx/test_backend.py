"""All of the standard's own cases for backends, but for those that are listed here with their reason."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import weft as wf

from . import backend_cases as backend

pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")

pytestmark = pytest.mark.slow

# {expression for names: reason}: what weft cannot say, and what the standard itself leaves open
EXCEPTIONS = {
    "test_image_decoder_.*": "weft reads no files of images",
    "test_training_dropout(_default)?(_mask)?": "the draws are those of another generator",
    "test_bernoulli.*": "the draws are those of another generator",
    "test_strnorm_model_.*": "weft has no text",
}

LEAST = {"node": 960, "simple": 15, "real": 0, "pytorch-converted": 80, "pytorch-operator": 30}  # cases there are


def failure(case, run):
    """What is wrong with a case; None where nothing is."""
    try:
        backend.run_case(case, run)
    except (wf.WeftError, AssertionError, ImportError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def reason_of(name):
    return next((reason for pattern, reason in EXCEPTIONS.items() if re.fullmatch(pattern, name)), None)


@pytest.mark.parametrize("run", [backend.evaluate, backend.compile_and_run])
@pytest.mark.parametrize("kind", backend.KINDS)
def test_all_cases_of_a_kind_but_the_exceptions(kind, run):
    cases = {name: case for name, case in backend.cases(kind).items() if not backend.has_foreign_dtype(case)}
    assert len(cases) >= LEAST[kind]
    found = {name: failure(case, run) for name, case in cases.items()}
    wrong = {name: text for name, text in found.items() if text is not None}
    assert {name: text for name, text in wrong.items() if reason_of(name) is None} == {}
    assert [name for name, text in found.items() if text is None and reason_of(name)] == []  # no more are excepted


LIGHT = ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19")
LIGHT += ("zfnet512",)


@pytest.mark.parametrize("name", LIGHT)
def test_a_net_of_the_standard(name):
    """Its weights are all the same number, and its input rises from 0 to 1."""
    import onnx.backend.test

    folder = Path(onnx.backend.test.__file__).parent / "data" / "light"
    net = wf.onnx.load(folder / f"light_{name}.onnx")
    (x,) = net.inputs.values()
    count = int(np.prod(x.shape))
    given = (np.arange(count).reshape(x.shape) / count).astype(np.float32)
    found = wf.function([x], list(net.outputs.values()))(given)
    for number, mine in enumerate(found):
        data = (folder / f"light_{name}_output_{number}.pb").read_bytes()
        expected = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(data))
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-6)
