"""What a user waits for before the first result: import, and the LeNet and MLP steps compiled cold and warm.

    python -m benchmarks.startup

Every figure is from a fresh process; cold: with an empty cache folder, warm: with the one the cold run left.
"""

import json
import os
import subprocess
import sys
import tempfile

from .table import machine, show

PROGRAM = """
import json, sys, time
begun = time.perf_counter()
import weft
imported = time.perf_counter() - begun
sys.path.insert(0, {here!r})
import models
begun = time.perf_counter()
step = models.weft_step({model!r})
compiled = time.perf_counter() - begun
step()
print(json.dumps([imported, compiled, time.perf_counter() - begun - compiled]))
"""


def run(model: str, cache: str) -> list[float]:
    """Seconds: import, function(), first call."""
    environment = dict(os.environ, WEFT_CACHE_DIR=cache)
    program = PROGRAM.format(here=os.path.dirname(os.path.abspath(__file__)), model=model)
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    found: list[float] = json.loads(answer.stdout)
    return found


def main() -> None:
    """Print the table."""
    print(machine())
    rows = []
    for model in ("mlp", "lenet"):
        with tempfile.TemporaryDirectory() as cache:
            for state in ("cold", "warm", "warm"):
                imported, compiled, first = run(model, cache)
                rows.append([model, state, imported, compiled, first, compiled + first])
    show("seconds", ["step", "start", "import weft", "function()", "first call", "both"], rows)


if __name__ == "__main__":
    main()
