"""Networks of the ONNX standard beside ONNX Runtime: until the first result, and inference on 1 and 2 threads.

    python -m benchmarks.onnx_models                # the nine that the package onnx has
    python -m benchmarks.onnx_models resnet50 ...   # some of them

Batches of one image. Start: from the file to the first result, in a new process in which the libraries have been
imported; weft with nothing in its cache, then with what the first run has put there. Inference: the median of runs that
take turns in one process. Ratios are weft's time over ONNX Runtime's: below 1, weft is faster.
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
SECONDS = 6.0  # of inference, for each model and number of threads
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


def report(what: str, name: str, threads: str) -> None:
    """In a process of its own: print the seconds until the first result of one way, or of a run by each."""
    import onnx
    import onnxruntime  # noqa: F401  imported before the clock starts

    import weft as wf

    _ = wf.function, wf.onnx.load, onnx.load
    path = path_of(name)
    x = image(path)
    if what in WAYS:
        begun = time.perf_counter()
        WAYS[what](path, int(threads))(x)
        print(json.dumps(time.perf_counter() - begun))
    else:
        print(json.dumps(take_turns({way: make(path, int(threads)) for way, make in WAYS.items()}, x)))


def take_turns(ways: dict[str, Callable[[np.ndarray], Any]], x: np.ndarray) -> dict[str, float]:
    """The median of each one's seconds."""
    results = [run(x) for run in ways.values()]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-3, atol=1e-6)
    taken: dict[str, list[float]] = {way: [] for way in ways}
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(taken["weft"]) < 5:
        for way, run in ways.items():
            begun = time.perf_counter()
            run(x)
            taken[way].append(time.perf_counter() - begun)
    return {way: statistics.median(seconds) for way, seconds in taken.items()}


def measure(what: str, name: str, threads: int, cache: str) -> Any:
    """What `report` says in a new process."""
    environment = {**os.environ, "WEFT_NUM_THREADS": str(threads), "WEFT_CACHE_DIR": cache}
    command = [sys.executable, "-c", CALL, what, name, str(threads)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the tables."""
    names = (sys.argv[1:] if argv is None else argv) or NAMES
    print(machine())
    cores, starts, runs = os.cpu_count() or 1, [], []
    for name in names:
        with TemporaryDirectory() as cache:
            cold, warm, theirs = (measure(what, name, cores, cache) for what in ("weft", "weft", "onnxruntime"))
            starts.append((name, cold, warm, theirs, warm / theirs))
            row: list[object] = [name]
            for threads in (1, 2):
                taken = measure("turns", name, threads, cache)
                row += [1e3 * taken["weft"], 1e3 * taken["onnxruntime"], taken["weft"] / taken["onnxruntime"]]
            runs.append(row)
    show("From the file to the first result, s", ("model", "weft, first", "weft", "onnxruntime", "ratio"), starts)
    each = [f"{what}, {threads}" for threads in ("1 thread", "2 threads") for what in ("weft", "onnxruntime", "ratio")]
    show("Inference, ms", ("model", *each), runs)


if __name__ == "__main__":
    main()
