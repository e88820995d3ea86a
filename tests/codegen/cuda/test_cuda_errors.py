"""What is said when the driver refuses, and in forked processes."""

import ctypes
import os
import signal

import numpy as np
import pytest

from weft.codegen.cuda.driver import cuda_device, libcuda, staging
from weft.codegen.cuda.driver.cuda_device import CUDADevice, device_of
from weft.codegen.cuda.driver.device import CopyNode, FillNode, KernelNode, Span
from weft.symbolic.errors import OutOfMemoryError, VerifyError, WeftError

from .fake_device import SCALE, fetch, open_device, place, simulate_launches
from .fake_libcuda import FakeLibcuda


@pytest.fixture
def fake():
    made = FakeLibcuda()
    yield made
    assert made.problems == []


@pytest.fixture
def device(fake):
    return open_device(fake)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(staging, "PART_BYTES", 256)


@pytest.fixture
def opened(fake, monkeypatch):
    """`device_of` opens devices of the fake driver."""
    libcuda.open_driver.cache_clear()
    monkeypatch.setattr(libcuda, "open_library", lambda: fake)
    monkeypatch.setattr(cuda_device, "_devices", {})
    yield fake
    libcuda.open_driver.cache_clear()


def work(fake):
    """All that a device is asked for."""
    device = open_device(fake)
    simulate_launches(fake, SCALE)
    x, y = place(device, np.arange(70, dtype=np.float32)), Span(device.allocate(280), 280)
    nodes = [FillNode(y, 0), KernelNode(SCALE, (2,), (y, x, 2.0, 70)), CopyNode(x, y), CopyNode(Span(0, 0), Span(0, 0))]
    graph = device.graph(nodes, [(), (0,), (1,), ()])
    for number, node in enumerate(nodes):
        graph.replace(number, node)
    graph.launch()
    device.copy(y, x)
    device.order_behind(1)
    found = fetch(device, y)
    device.synchronize_all()
    assert device.holds(x.address)
    device.free(x.address)
    graph.close()
    return found


def functions_of(pools):
    fake = FakeLibcuda(devices=1, pools=pools)
    fake.stack[:] = [0x7777]
    np.testing.assert_array_equal(work(fake), 2 * np.arange(70, dtype=np.float32))
    assert fake.problems == []
    return {name.removesuffix("_v2") for name, *_ in fake.calls}


# What these answer is not looked at, or they say what an error is.
UNCHECKED = {"cuGetErrorName", "cuGetErrorString", "cuGraphDestroy", "cuGraphExecDestroy", "cuLinkDestroy"}
# Called in other tests: where a thread has no context, where memory is short, where parts are full, by `doctor`.
ELSEWHERE = {"cuCtxSetCurrent", "cuMemGetInfo", "cuMemPoolTrimTo", "cuFuncSetAttribute", "cuEventSynchronize"}
ELSEWHERE |= {"cuDeviceGetName", "cuDeviceTotalMem"}
USED = sorted(functions_of(True) | functions_of(False))


def test_all_functions_are_tried():
    assert set(USED) | UNCHECKED | ELSEWHERE == set(libcuda.ARGUMENTS)


@pytest.mark.parametrize("name", [name for name in USED if name not in UNCHECKED])
def test_whatever_fails_is_said(name):
    fake = FakeLibcuda(pools=name not in ("cuMemAlloc", "cuMemFree"))
    fake.stack[:] = [0x7777]
    fake.answers[name] = 999
    with pytest.raises(WeftError, match=rf"answers CUDA_ERROR_UNKNOWN, 999, to {name}\."):
        work(fake)
    assert fake.problems == []


def fill_parts(device):
    for _ in range(staging.PARTS + 1):
        device.upload(Span(device.allocate(256), 256), np.zeros(32))


def free_and_allocate(device):
    device.free(device.allocate(900))
    device.allocate(900)


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("cuCtxSetCurrent", CUDADevice.synchronize),
        ("cuEventSynchronize", fill_parts),
        ("cuEventRecord", fill_parts),
        ("cuMemPoolTrimTo", free_and_allocate),
        ("cuStreamSynchronize", free_and_allocate),
    ],
)
def test_what_fails_now_and_then_is_said(small_parts, name, use):
    fake = FakeLibcuda(room=1600)
    device = open_device(fake)
    fake.stack[:] = [0]
    fake.answers[name] = 999
    with pytest.raises(WeftError, match=rf"answers CUDA_ERROR_UNKNOWN, 999, to {name}\."):
        use(device)
    del fake.answers[name]
    span = place(device, np.arange(9.0))  # and what comes later works
    np.testing.assert_array_equal(fetch(device, span, np.float64), np.arange(9.0))
    assert fake.problems == []


def test_where_the_free_memory_is_not_known_that_is_left_out(fake, device):
    fake.room = 1000
    fake.answers["cuMemGetInfo"] = 999
    with pytest.raises(OutOfMemoryError, match=r"no room for 1001 bytes more\.$"):
        device.allocate(1001)


def test_an_error_says_what_it_means(fake, device):
    fake.answers["cuStreamSynchronize"] = 700
    with pytest.raises(VerifyError) as caught:
        device.synchronize()
    assert str(caught.value) == (
        "The CUDA driver answers CUDA_ERROR_ILLEGAL_ADDRESS, 700, to cuStreamSynchronize (an illegal memory access was "
        "encountered). This is a mistake in weft's kernel; the process has to start again before it can use the device."
    )
    fake.answers["cuStreamSynchronize"] = 4242
    with pytest.raises(WeftError, match="an error that it does not name, 4242, to cuStreamSynchronize"):
        device.synchronize()


def test_a_failed_graph_leaves_nothing_behind(fake, device):
    known = set(fake.objects)
    fake.answers["cuGraphInstantiateWithFlags"] = 999
    with pytest.raises(WeftError):
        device.graph([], [])
    assert set(fake.objects) - known == {
        handle for handle in fake.objects if isinstance(fake.objects[handle], ctypes.Array)
    }


def in_child(function):
    """What a function returns or raises in a forked process, as text."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(30)  # a lock that nobody opens is no reason to wait
        try:
            said = str(function())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writes, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writes)
    with os.fdopen(reads) as file:
        return file.read()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_that_it_cannot_use_the_device(opened):
    device = device_of(0)
    x = place(device, np.ones(3))
    graph = device.graph([FillNode(x, 0)], [()])
    tried = [
        lambda: device_of(0),
        graph.launch,
        device.synchronize,
        lambda: device.allocate(1),
        lambda: fetch(device, x),
        lambda: device.upload(x, np.zeros(3)),
        lambda: device.graph([], []),
    ]
    for function in tried:
        said = in_child(function)
        assert said.startswith(
            "WeftError: CUDA was used before this process was forked, and does not work in the child"
        )
    held = graph.lock, device._staging_lock
    for lock in held:
        lock.acquire()  # as another thread of the parent might
    assert in_child(graph.launch).startswith("WeftError: CUDA was used")
    for lock in held:
        lock.release()

    def give_back():
        before = len(opened.calls)
        device.free(x.address)
        graph.close()
        return len(opened.calls) - before

    assert in_child(give_back) == "0"  # it is the parent's
    np.testing.assert_array_equal(fetch(device, x, np.float64), 1)
