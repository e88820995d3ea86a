"""Microseconds of what a device does again and again, of weft's functions and of PyTorch's."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf
from weft.codegen.cuda.driver.device_array import put_on_device
from weft.codegen.cuda.driver.devices import find_device

ROUNDS, ROUND_S = 7, 0.05
QUICK_ROUNDS, QUICK_ROUND_S = 2, 0.0


class Timer:
    """Medians over rounds, each of many calls that one wait ends."""

    def __init__(self, target: str, quick: bool):
        self.target, self.quick = target, quick
        self.device = find_device(target.partition(":")[2])
        self.failures = 0
        self.rounds, self.seconds = (QUICK_ROUNDS, QUICK_ROUND_S) if quick else (ROUNDS, ROUND_S)

    def microseconds(self, call: Callable[[], Any], wait: Callable[[], Any]) -> float:
        """A call's share of a round."""
        call()
        wait()
        begun = time.perf_counter()
        call()
        wait()
        count = max(1, min(2000, int(self.seconds / (time.perf_counter() - begun))))
        found = []
        for _ in range(self.rounds):
            begun = time.perf_counter()
            for _ in range(count):
                call()
            wait()
            found.append((time.perf_counter() - begun) / count)
        return statistics.median(found) * 1e6

    def put(self, array: np.ndarray) -> wf.DeviceArray:
        """An array on the device."""
        return put_on_device(self.device, array)

    def function(self, inputs: Sequence[Any], outputs: Any, updates: Any = None, **options: Any) -> Any:
        """A function of weft's whose results stay on the device."""
        options = {"results": "device", **options}
        return wf.function(inputs, outputs, updates=updates, target=self.target, on_unused_input="ignore", **options)

    def graph(self, f: Any, *arrays: np.ndarray) -> float:
        """What the device takes for a call: its launches alone, for arguments that are there already."""
        f(*arrays)
        return self.microseconds(f.bindings[-1].run, self.device.synchronize)


class Peer:
    """PyTorch on the same device.  Its calls are captured as a graph, so that the host is in nobody's way."""

    def __init__(self, timer: Timer):
        import torch
        import torch.nn.grad  # what PyTorch itself imports when it is asked for

        if timer.target.endswith("simulator") or not torch.cuda.is_available():
            raise ImportError("PyTorch sees no device.")
        self.torch, self.timer = torch, timer
        torch.cuda.set_device(int(timer.target.partition(":")[2] or 0))
        torch.backends.cudnn.benchmark = True
        self.name = f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}"

    def set_precision(self, precision: str) -> None:
        """Whether factors may be rounded to TF32."""
        allowed = precision == "tf32"
        self.torch.backends.cuda.matmul.allow_tf32 = self.torch.backends.cudnn.allow_tf32 = allowed

    def put(self, array: np.ndarray) -> Any:
        """A tensor on the device."""
        return self.torch.from_numpy(np.array(array)).cuda()

    def graph(self, call: Callable[[], Any]) -> float:
        """Microseconds of a call."""
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            call()
        return self.timer.microseconds(captured.replay, torch.cuda.synchronize)


def find_peer(timer: Timer) -> Peer | None:
    """PyTorch, where it is installed and sees the device."""
    try:
        return Peer(timer)
    except (ImportError, OSError, RuntimeError) as error:
        print(f"PyTorch is left out: {error}")
        return None
