"""What tests of the gallery are given: double precision, in which networks are compared with PyTorch's, and draws."""

import numpy as np
import pytest

import weft as wf


@pytest.fixture(autouse=True)
def _double():
    with wf.config(float_dtype="float64"):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def rows(rng):
    """Six rows of four numbers."""
    return rng.normal(size=(6, 4))


@pytest.fixture
def labels():
    """Six labels of ten classes."""
    return np.array([0, 3, 9, 2, 3, 1])
