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


@pytest.mark.parametrize("name", sorted(SAYS))
def test_example_runs(name, tmp_path):
    if name == "lenet":
        for package in ("sklearn", "matplotlib", "tqdm"):
            pytest.importorskip(package)
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout
    if name == "lenet":
        assert (tmp_path / "out" / "lenet.png").stat().st_size > 10_000
