"""New processes that come as far as the first loss of a training step, and say what that took."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_PROGRAM = """
import time
begun = time.perf_counter()
import sys
sys.path.insert(0, {folder!r})
from first_result import report
report(begun, *{arguments!r})
"""


def measure(
    framework: str, model: str, python: str, cache: str | None, seconds: float | None = None
) -> dict[str, Any] | None:
    """The figures of a new process; None where a peer fails or is missing, or it takes longer than so many seconds.

    cache : the folder that the framework keeps compiled code in; None: a peer keeps nothing, as it does by default
    """
    environment = os.environ | {"OMP_NUM_THREADS": str(os.cpu_count()), **_cache_settings(framework, cache)}
    command = [python, "-c", _PROGRAM.format(folder=str(HERE), arguments=(framework, model))]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        text = f"{framework} did not get as far as the first loss of {model}:\n{done.stderr[-4000:]}"
        if framework == "weft":
            raise RuntimeError(text)
        if "ModuleNotFoundError" not in done.stderr:
            print(text, file=sys.stderr)
        return None
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _cache_settings(framework: str, cache: str | None) -> dict[str, str]:
    """The environment in which a framework keeps compiled code in a folder."""
    if cache is None or framework not in ("weft", "jax"):
        return {}
    if framework == "weft":
        return {"WEFT_CACHE_DIR": cache}
    least = {"JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return {"JAX_COMPILATION_CACHE_DIR": cache, **least}
