"""Initial weights of the gallery."""

import numpy as np
import pytest

from .programs import run


@pytest.mark.parametrize("name", ["ten_layers", "training_curves"])
def test_program_runs(name, tmp_path):
    run(f"initialisation.{name}", tmp_path, "--quick")


def test_spreads_are_those_of_the_papers():
    from examples.initialisation.ten_layers import INITIAL

    wanted = {"N(0, 0.01)": 0.01, "Glorot": np.sqrt(2 / 500), "He": np.sqrt(2 / 400)}
    for name, how in INITIAL.items():
        np.testing.assert_allclose(how((400, 100), np.random.default_rng(0)).std(), wanted[name], rtol=0.02)


def test_signals_and_gradients_come_through_by_he_alone(tmp_path):
    found = run("initialisation.ten_layers", tmp_path, "--units=100")
    of = {name: found[f"relu, {name}: spread of layer 10"] for name in ("N(0, 0.01)", "Glorot", "He")}
    assert of["N(0, 0.01)"] < 1e-6 < of["Glorot"] < 0.3 * of["He"]
    assert found["relu, He: gradient of layer 1"] > 3 * found["relu, Glorot: gradient of layer 1"]
