"""The examples run, each in a process of its own, as a user would start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SAYS = {
    "char_rnn": "nats per character",
    "custom_op": "cumsum agrees with NumPy",
    "lenet": "test accuracy ",
    "mlp_by_hand": "the first to depart is b1",
}


def run_example(name, folder, *options):
    """Run it, and see that it says what it should."""
    if name == "lenet":
        for package in ("sklearn", "matplotlib", "tqdm"):
            pytest.importorskip(package)
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout


@pytest.mark.parametrize("name", sorted(SAYS))
def test_example_runs(name, tmp_path):
    run_example(name, tmp_path, "--quick")
    if name == "lenet":
        assert (tmp_path / "out" / "lenet.png").stat().st_size > 10_000


def test_lenet_learns_on_a_simulated_device(tmp_path):
    run_example("lenet", tmp_path, "--target=cuda:simulator", "--quick", "--examples=2", "--batch=2")


@pytest.mark.slow
def test_an_lstm_learns_on_a_simulated_device(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog, and " * 2)
    sizes = ("--hidden=4", "--batch=4", "--time=2", "--epochs=1", "--sample=3")
    run_example("char_rnn", tmp_path, "--target=cuda:simulator", f"--data={text}", *sizes)
