"""A CUDA device: first whether its results are right, then how fast it is, beside PyTorch where that is installed.

    python benchmarks/cuda.py [--quick] [--target cuda:1] [--only matrices,steps]

`device, us` is what the device takes for the launches of one call, asked for many times in a row, PyTorch's captured as
a graph; the median of several rounds.  `--quick` has small shapes and few rounds, to see that all works; with
`--target cuda:simulator` the figures say nothing, since NumPy plays the device.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

# the folder stands behind all others: this file is called as a package of NVIDIA's is
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).resolve().parent))
import device_kernels
import device_models
import numpy as np
from device_timing import Peer, Timer, find_peer
from table import machine, show

import weft as wf
from weft.testing.cuda.check import DeviceSetting
from weft.testing.cuda.checks import choose
from weft.testing.cuda.machine import describe_device
from weft.testing.cuda.process import run_check

CHECKS = "infinities and NaN,structured: conv1d,structured: pool,structured: reductions,training: MLP"
WARNING = "NumPy plays the device: these figures say nothing about any device."
HERE = Path(__file__).resolve().parent


def brief(error: Exception) -> str:
    """The first line of an error, as a cell of a table."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].replace("|", "/")


def timed(timer: Timer, title: list[object], measure: Callable[[], list[object]]) -> list[object]:
    """A row, or what went wrong in its place: the others are timed all the same."""
    try:
        return [*title, *measure()]
    except Exception as error:
        timer.failures += 1
        traceback.print_exc()
        return [*title, f"failed: {brief(error)}"]


# ---- kernels -------------------------------------------------------------------------------------------------------


def compare_kernels(title: str, unit: str, kernels: Iterable[device_kernels.Kernel], timer: Timer, peer: Any) -> None:
    """A table of kernels; `unit`: "GB/s" or "TFLOP/s"."""
    factor = 1e-3 if unit == "GB/s" else 1e-6
    rows = [timed(timer, [k.name, k.precision], partial(_kernel_row, k, factor, timer, peer)) for k in kernels]
    show(title, ["what", "precision", "device, us", unit, "torch, us", "torch / weft", "apart"], rows)


def _kernel_row(kernel: device_kernels.Kernel, factor: float, timer: Timer, peer: Peer | None) -> list[object]:
    arrays = kernel.arrays()
    inputs = [wf.tensor(None, shape) for shape in kernel.shapes]
    f = timer.function(inputs, kernel.weft(*inputs), precision=kernel.precision)
    held = [timer.put(array) for array in arrays]
    mine, result = timer.graph(f, *held), f(*held)
    row: list[object] = [mine, kernel.amount / mine * factor]
    if peer is None:
        return [*row, "", "", ""]
    try:
        peer.set_precision(kernel.precision)
        tensors = [peer.put(array) for array in arrays]
        theirs, other = peer.graph(lambda: kernel.torch(peer.torch, *tensors)), kernel.torch(peer.torch, *tensors)
    except Exception as error:  # PyTorch's own; the others are timed
        return [*row, brief(error), "", ""]
    return [*row, theirs, theirs / mine, f"{_apart(result, other):.0e}"]


def _apart(mine: Any, other: Any) -> float:
    """The largest difference over the largest value; of several results, of the one that is nearest its peer."""
    found = [np.asarray(m) for m in (mine if isinstance(mine, list | tuple) else [mine])]
    peers = [o.detach().cpu().numpy() for o in (other if isinstance(other, list | tuple) else [other])]
    pairs = [(m, o) for m in found for o in peers if m.shape == o.shape]
    return min((float(np.abs(m - o).max() / max(np.abs(o).max(), 1e-30)) for m, o in pairs), default=float("nan"))


# ---- steps of training ---------------------------------------------------------------------------------------------


def compare_steps(timer: Timer, peer: Peer | None) -> None:
    """Steps of training: data on the device, the loss fetched never or each time."""
    rows = []
    for name, (make, batch) in device_models.MODELS.items():
        model = make(2, True) if timer.quick else make(batch, False)
        for precision in ("float32",) if timer.quick else ("float32", "tf32"):
            title = [f"{name}, small" if timer.quick else name, model.images[0], precision]
            rows.append(timed(timer, title, partial(_step_row, model, precision, timer, peer)))
    header = ["step", "batch", "precision", "device, us", "not waiting, us", "loss fetched, us"]
    show("steps of training, momentum", [*header, "torch graph, us", "torch / weft", "losses apart"], rows)


def _step_row(model: device_models.Model, precision: str, timer: Timer, peer: Peer | None) -> list[object]:
    options = {"target": timer.target, "results": "device", "precision": precision}
    step, _ = device_models.weft_step(model, **options)
    data = [timer.put(array) for array in model.data()]
    losses = [float(step(*data)) for _ in range(3)]
    device = timer.microseconds(step.bindings[-1].run, timer.device.synchronize)
    call = timer.microseconds(lambda: step(*data), timer.device.synchronize)
    fetched = timer.microseconds(lambda: float(step(*data)), timer.device.synchronize)
    row: list[object] = [device, call, fetched]
    if peer is None:
        return [*row, "", "", ""]
    try:
        peer.set_precision(precision)
        eager = device_models.torch_step(model, peer.torch, peer.put)
        other = [float(eager()) for _ in range(3)]
        theirs = peer.graph(device_models.torch_step(model, peer.torch, peer.put))
    except Exception as error:  # PyTorch's own; the others are timed
        return [*row, brief(error), "", ""]
    apart = max(abs(a - b) / abs(b) for a, b in zip(losses, other, strict=True))
    return [*row, theirs, theirs / call, f"{apart:.0e}"]


# ---- calls and starts ----------------------------------------------------------------------------------------------


def time_calls(timer: Timer) -> None:
    """What a call costs the host when there is little to compute."""
    x, w = wf.vector("x", ("n",)), wf.shared(np.zeros(10, "float32"), "w")
    small, large = (np.zeros(n, "float32") for n in (10, 1000 if timer.quick else 100_000))
    here, there = timer.put(small), timer.function([x], x * 2.0 + 1.0)
    to_numpy = timer.function([x], x * 2.0 + 1.0, results="numpy")
    update = timer.function([x], None, {w: w + x}, results="numpy")
    wait = timer.device.synchronize

    def waiting(argument: Any) -> Callable[[], None]:
        def call() -> None:
            there(argument)
            wait()

        return call

    ways: dict[str, Callable[[], Any]] = {
        "array on the device to array on the device, not waiting": lambda: there(here),
        "the same, waiting each time": waiting(here),
        "NumPy to array on the device, not waiting": lambda: there(small),
        "NumPy to NumPy": lambda: to_numpy(small),
        f"NumPy to NumPy, {large.nbytes} bytes": lambda: to_numpy(large),
        "an update of a variable, no result": lambda: update(here),
    }
    show("microseconds a call", ["what", "us"], [[name, timer.microseconds(way, wait)] for name, way in ways.items()])


PROGRAM = """
import json, sys, time
begun = time.perf_counter()
import weft
imported = time.perf_counter()
sys.path.append({here!r})
import device_models
make, batch = device_models.MODELS[{name!r}]
model = make(2, True) if {quick} else make(batch, False)
prepared = time.perf_counter()
step, _ = device_models.weft_step(model, target={target!r})
compiled = time.perf_counter()
float(step(*model.data()))
done = time.perf_counter()
print(json.dumps([imported - begun, compiled - prepared, done - compiled, done - prepared]))
"""


def time_starts(timer: Timer) -> None:
    """What a user waits for before the first result, in a process of its own."""
    rows = []
    for name in list(device_models.MODELS)[: 1 if timer.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            for state in ("empty cache", "second process"):
                environment = dict(os.environ, WEFT_CACHE_DIR=folder)
                program = PROGRAM.format(here=str(HERE), name=name, quick=timer.quick, target=timer.target)
                command = [sys.executable, "-c", program]
                answer = subprocess.run(command, env=environment, capture_output=True, text=True)
                last = answer.stderr.strip().splitlines()[-1:] or ["it says nothing"]
                times = json.loads(answer.stdout) if answer.returncode == 0 else [*last, "", "", ""]
                rows.append([name, state, *times])
    show("seconds to the first loss", ["step", "start", "import weft", "function()", "first call", "both"], rows)


# ---- the program ---------------------------------------------------------------------------------------------------


def check_results(target: str) -> int:
    """Whether the device is right, at small shapes; how many checks fail."""
    failed, rows = 0, []
    for check in choose(CHECKS):
        result = run_check(check, DeviceSetting(target, True))
        failed += bool(result.error)
        rows.append([check, "failed" if result.error else "ok", result.seconds, result.error])
    show("whether results are right", ["check", "state", "seconds", "error"], rows)
    return failed


def tables(timer: Timer, peer: Peer | None) -> dict[str, Callable[[], None]]:
    """What is shown, by name."""
    kernels = {
        "elementwise": ("elementwise, bytes read and written", "GB/s", device_kernels.elementwise),
        "reductions": ("reductions, bytes read", "GB/s", device_kernels.reductions),
        "matrices": ("products of matrices", "TFLOP/s", device_kernels.products),
        "convolutions": ("convolutions, N x C x H x W to O maps", "TFLOP/s", device_kernels.convolutions),
        "pools": ("pooling, bytes read and written", "GB/s", device_kernels.pools),
    }
    found: dict[str, Callable[[], None]] = {
        name: partial(compare_kernels, title, unit, make(timer.quick), timer, peer)
        for name, (title, unit, make) in kernels.items()
    }
    found["steps"] = lambda: compare_steps(timer, peer)
    found["calls"] = lambda: time_calls(timer)
    found["starts"] = lambda: time_starts(timer)
    return found


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small shapes, few rounds")
    parser.add_argument("--only", default="", help="tables, separated by commas")
    given = parser.parse_args()
    setting = DeviceSetting(given.target, True)
    try:
        description = describe_device(setting)
    except wf.LoweringError as error:
        print(error)
        return 1
    simulated = given.target.endswith("simulator")
    print(machine(), description, *([WARNING] if simulated else []), sep="\n")
    failed, timer = check_results(given.target), Timer(given.target, given.quick)
    peer, chosen = find_peer(timer), [name for name in given.only.split(",") if name]
    if peer is not None:
        print(f"\nbeside {peer.name}")
    for name, table in tables(timer, peer).items():
        if not chosen or name in chosen:
            begun = time.perf_counter()
            table()
            print(f"\n({name}: {time.perf_counter() - begun:.1f} s)", flush=True)
    if simulated:
        print(f"\n{WARNING}")
    return int(failed + timer.failures > 0)


if __name__ == "__main__":
    sys.exit(main())
