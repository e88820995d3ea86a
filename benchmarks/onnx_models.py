"""Networks of the ONNX standard beside ONNX Runtime: until the first result, and inference on 1 and 2 threads.

    python -m benchmarks.onnx_models                # the nine that the package onnx has
    python -m benchmarks.onnx_models resnet50 ...   # some of them

Batches of one image. Start: from the file to the first result, in a new process in which the libraries have been
used once; weft with nothing in its cache, then with what the first run has put there. Inference: the median of runs,
each library in processes of its own that take turns. Ratios are weft's time over ONNX Runtime's: below 1, weft is
faster.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.table import machine, show

NAMES = ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet")
NAMES += ("vgg19", "zfnet512")
SECONDS, ROUNDS = 2.0, 3  # of inference in a process; processes of each library
CALL = "import sys; from benchmarks import onnx_models; onnx_models.report(*sys.argv[1:])"


def path_of(name: str) -> Path:
    """The file of a network: its weights are all the same number, made by nodes."""
    import onnx.backend.test

    return Path(onnx.backend.test.__file__).parent / "data" / "light" / f"light_{name}.onnx"


def with_weft(path: Path, threads: int) -> Callable[[np.ndarray], Any]:
    """The first output, by weft; how many threads there are, the environment says."""
    import weft as wf

    net = wf.onnx.load(path)
    return wf.function(list(net.inputs.values()), next(iter(net.outputs.values())))


def with_onnxruntime(path: Path, threads: int) -> Callable[[np.ndarray], Any]:
    """The first output, by ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


WAYS = {"weft": with_weft, "onnxruntime": with_onnxruntime}


def image(path: Path) -> np.ndarray:
    """An input, whatever its shape."""
    import onnxruntime

    shape = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).get_inputs()[0].shape
    return np.random.default_rng(0).random(shape, np.float32)


def report(way: str, name: str, threads: str) -> None:
    """In a process of its own: print the seconds until the first result, and those of a run later on."""
    import onnx_ir  # noqa: F401  imported before the clock starts

    import weft as wf

    path = path_of(name)
    x = image(path)  # by ONNX Runtime: both have been used now
    wf.function([], wf.exp(wf.constant(0.0)))()
    begun = time.perf_counter()
    run = WAYS[way](path, int(threads))
    result = run(x)
    first = time.perf_counter() - begun
    taken: list[float] = []
    while len(taken) < 5 or sum(taken) < SECONDS:
        begun = time.perf_counter()
        run(x)
        taken.append(time.perf_counter() - begun)
    for make in WAYS.values():
        np.testing.assert_allclose(make(path, int(threads))(x), result, rtol=1e-3, atol=1e-6)
    print(json.dumps([first, statistics.median(taken)]))


def measure(way: str, name: str, threads: int, cache: str) -> tuple[float, float]:
    """What `report` says in a new process."""
    environment = {
        **os.environ,
        "WEFT_NUM_THREADS": str(threads),
        "WEFT_CACHE_DIR": cache,
        "PYTHONDONTWRITEBYTECODE": "",
    }
    command = [sys.executable, "-c", CALL, way, name, str(threads)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    first, later = json.loads(done.stdout.splitlines()[-1])
    return first, later


def compare(name: str, threads: int, cache: str) -> tuple[list[float], list[float]]:
    """(weft's, ONNX Runtime's, ratio) until the first result, and of a run: medians of processes that take turns."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            found[way].append(measure(way, name, threads, cache))
    rows = []
    for place in (0, 1):
        mine, theirs = (statistics.median(pair[place] for pair in found[way]) for way in WAYS)
        rows.append([mine, theirs, mine / theirs])
    return rows[0], rows[1]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the tables."""
    names = (sys.argv[1:] if argv is None else argv) or NAMES
    print(machine())
    starts, runs = [], []
    for name in names:
        with TemporaryDirectory() as cache:
            cold, _ = measure("weft", name, 2, cache)
            (_, one), (start, two) = (compare(name, threads, cache) for threads in (1, 2))
        starts.append((name, cold, *start))
        runs.append((name, *(1e3 * t for t in one[:2]), one[2], *(1e3 * t for t in two[:2]), two[2]))
    show("From the file to the first result, s", ("model", "weft, first", "weft", "onnxruntime", "ratio"), starts)
    each = [f"{what}, {threads}" for threads in ("1 thread", "2 threads") for what in ("weft", "onnxruntime", "ratio")]
    show("Inference, ms", ("model", *each), runs)


if __name__ == "__main__":
    main()
