"""Devices over the fake driver, and kernels to launch there, which the simulator runs."""

import numpy as np

from weft.codegen.cuda.driver import libcuda
from weft.codegen.cuda.driver.cuda_device import CUDADevice
from weft.codegen.cuda.driver.device import Span
from weft.codegen.cuda.trace.kernel import Pointer, TracedKernel, TraceRef
from weft.codegen.cuda.trace.simulator import simulate

from .fake_libcuda import FakeLibcuda

FLOAT32, INT32 = np.dtype(np.float32), np.dtype(np.int32)
THREADS = 64
# One parameter of each kind, ordered so that gaps are needed: (dtype, value), where None stands for a pointer
KINDS = [
    ("bool", True),
    ("float64", None),
    ("int8", -3),
    ("int32", -(1 << 31)),
    ("float16", 1.5),
    ("float32", 0.1),
    ("uint8", 255),
    ("int64", -(1 << 63)),
    ("bool", False),
    ("float64", -1e300),
    ("uint16", 65535),
    ("uint64", (1 << 64) - 1),
]


def make_scale(threads: int) -> TracedKernel:
    """y[i] = factor x[i]."""

    def body(k, y, x, factor, count):
        i = k.block[0] * threads + k.thread
        with k.when(i < count):
            y[i] = x[i] * factor

    return TracedKernel("scale", (Pointer(FLOAT32), Pointer(FLOAT32), FLOAT32, INT32), threads, body)


def make_every_kind() -> TracedKernel:
    """It does nothing, with parameters of all kinds."""
    kinds = tuple(Pointer(np.dtype(name)) if value is None else np.dtype(name) for name, value in KINDS)
    return TracedKernel("kinds", kinds, 32, lambda k, *parameters: None)


def make_reversal(count: int) -> TracedKernel:
    """x, a block's worth, in reverse, through shared memory."""

    def body(k, x):
        memory = k.shared_array(FLOAT32, count)
        for start in k.range(0, count, 32):
            memory[k.thread + start] = x[k.thread + start]
        k.barrier()
        for start in k.range(0, count, 32):
            x[k.thread + start] = memory[count - 1 - (k.thread + start)]

    return TracedKernel("reversal", (Pointer(FLOAT32),), 32, body)


def make_constant(value: bool | int | float) -> TracedKernel:
    """x[0] = value, of the dtype that Python's number has."""
    dtype = np.dtype(type(value))

    def body(k, x):
        x[0] = k.constant(dtype, value)

    return TracedKernel("constant", (Pointer(dtype),), 32, body)


def make_nothing() -> TracedKernel:
    """It has no parameters."""
    return TracedKernel("nothing", (), 32, lambda k: None)


SCALE, EVERY_KIND, NOTHING = TraceRef(make_scale, (THREADS,)), TraceRef(make_every_kind), TraceRef(make_nothing)


def open_device(fake: FakeLibcuda, ordinal: int = 0) -> CUDADevice:
    """A device of the fake driver."""
    return CUDADevice(libcuda.start(fake), ordinal)


def simulate_launches(fake: FakeLibcuda, *refs: TraceRef) -> None:
    """Have the fake driver run these kernels, which have names of their own, in the simulator, on its memory."""
    kernels = {kernel.name: kernel for kernel in (ref.trace() for ref in refs)}
    fake.run_kernel = lambda name, *launched: _run(fake, kernels[name], *launched)


def simulate_loaded(fake: FakeLibcuda, device: CUDADevice) -> None:
    """Have the fake driver run all that a device loads in the simulator."""

    def run(name, *launched):
        found = next(k for k in device.loader._loaded.values() if k.function == launched[-1])
        _run(fake, found.kernel, *launched)

    fake.run_kernel = run


def _run(fake, kernel, grid, block, shared, raw, function):
    assert block == (kernel.threads, 1, 1)
    arguments = [_argument(fake, parameter, data) for parameter, data in zip(kernel.parameters, raw, strict=True)]
    simulate(kernel, grid, arguments)


def _argument(fake, parameter, data):
    if not isinstance(parameter, Pointer):
        return np.frombuffer(data, parameter)[0]
    address, size = int.from_bytes(data, "little"), parameter.dtype.itemsize
    start, piece = next(
        ((start, piece) for start, piece in fake.memory.items() if start <= address < start + piece.size),
        (address, np.zeros(0, np.uint8)),
    )
    inside = piece[address - start :]
    return inside[: inside.size // size * size].view(parameter.dtype)


def place(device: CUDADevice, array: np.ndarray) -> Span:
    """An array on the device."""
    span = Span(device.allocate(array.nbytes), array.nbytes)
    device.upload(span, array)
    return span


def fetch(device: CUDADevice, span: Span, dtype=np.float32) -> np.ndarray:
    """What stands in a span, as a vector."""
    found = np.empty(span.size // np.dtype(dtype).itemsize, dtype)
    device.download(found, span)
    return found
