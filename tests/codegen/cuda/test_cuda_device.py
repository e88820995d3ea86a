"""A device over a fake driver: memory, copies, order, and what is said when the driver refuses."""

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from weft.codegen.cuda.driver import cuda_device, libcuda, staging, structures
from weft.codegen.cuda.driver.cuda_device import CUDADevice, device_of
from weft.codegen.cuda.driver.device import KernelNode, Span
from weft.codegen.cuda.launch import Processor
from weft.symbolic.errors import ArgumentError, LoweringError, OutOfMemoryError, VerifyError, WeftError

from .cuda_header import KERNEL_NODE, MEMCPY, MEMSET, POOL, SIGNATURES, TYPES
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


# ---- what is called -------------------------------------------------------------------------------------------------


def test_the_driver_is_called_with_the_arguments_of_its_header():
    named = {name.removesuffix("_v2"): letters for name, letters in SIGNATURES.items()}
    assert set(named) == set(libcuda.ARGUMENTS)
    for name, kinds in libcuda.ARGUMENTS.items():
        assert [ctypes.sizeof(kind) for kind in kinds] == [ctypes.sizeof(TYPES[letter]) for letter in named[name]], name


def test_structures_have_the_sizes_of_the_header():
    sizes = {
        structures.KernelNodeParams: KERNEL_NODE,
        structures.MemcpyParams: MEMCPY,
        structures.MemsetNodeParams: MEMSET,
        structures.PoolProperties: POOL,
    }
    assert {kind: ctypes.sizeof(kind) for kind in sizes} == {kind: known.size for kind, known in sizes.items()}


def test_a_driver_before_cuda_12_is_used_by_the_first_form_of_its_functions():
    fake = FakeLibcuda(missing=["cuGraphAddKernelNode_v2", "cuGraphExecKernelNodeSetParams_v2"])
    with pytest.raises(LoweringError, match="no cuGraphAddKernelNode: it is older than CUDA 11"):
        libcuda.start(fake)
    SIGNATURES["cuGraphAddKernelNode"], SIGNATURES["cuGraphExecKernelNodeSetParams"] = "pppzp", "ppp"
    try:
        device = open_device(fake)
        simulate_launches(fake, SCALE)
        x = place(device, np.arange(5, dtype=np.float32))
        device.graph([KernelNode(SCALE, (1,), (x, x, 2.0, 5))], [()]).launch()
        np.testing.assert_array_equal(fetch(device, x), [0, 2, 4, 6, 8])
    finally:
        del SIGNATURES["cuGraphAddKernelNode"], SIGNATURES["cuGraphExecKernelNodeSetParams"]


# ---- which devices there are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capability", "architecture"), [((9, 0), "sm_90"), ((8, 6), "sm_86"), ((8, 8), "sm_87"), ((12, 1), "sm_121")]
)
def test_a_device_says_what_it_is(capability, architecture):
    device = open_device(FakeLibcuda(devices=2, capability=capability), 1)
    assert (device.name, device.architecture, device.dlpack_device) == ("cuda:1", architecture, (2, 1))
    assert device.processor == Processor(int(architecture[3:]), 132)
    assert repr(device) == f"<cuda:1, {architecture}, 132 multiprocessors>"


def test_a_device_that_is_too_old_is_refused():
    with pytest.raises(ArgumentError, match=r"capability 7\.0 is older"):
        open_device(FakeLibcuda(capability=(7, 0)))


@pytest.mark.parametrize("ordinal", [-1, 2])
def test_a_number_that_no_device_has(ordinal):
    with pytest.raises(ArgumentError, match=f"no device cuda:{ordinal}: the driver knows 2"):
        open_device(FakeLibcuda(devices=2), ordinal)


def test_a_machine_without_the_drivers_library(monkeypatch):
    def refuse(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(LoweringError, match=r"No CUDA device .* (libcuda|nvcuda).* is not there: install"):
        libcuda.open_library()


def test_a_machine_without_a_device():
    with pytest.raises(LoweringError, match=r"No CUDA device can be used\. Make one visible"):
        libcuda.start(FakeLibcuda(devices=0))
    fake = FakeLibcuda()
    fake.answers["cuInit"] = 100
    with pytest.raises(LoweringError, match=r"No CUDA device can be used\. .*CUDA_ERROR_NO_DEVICE, 100, to cuInit"):
        libcuda.start(fake)


@pytest.fixture
def opened(fake, monkeypatch):
    """`device_of` opens devices of the fake driver."""
    libcuda.open_driver.cache_clear()
    monkeypatch.setattr(libcuda, "open_library", lambda: fake)
    monkeypatch.setattr(cuda_device, "_devices", {})
    yield fake
    libcuda.open_driver.cache_clear()


def test_a_device_is_opened_once(opened):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: device_of(0), range(8)))
    assert len(set(map(id, found))) == 1
    assert len(opened.called("cuInit")) == len(opened.called("cuDevicePrimaryCtxRetain")) == 1
    with pytest.raises(ArgumentError, match="no device cuda:1"):
        device_of(1)


# ---- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pools", [True, False])
@pytest.mark.parametrize("size", [0, 1, 255, 257, 1 << 20])
def test_memory_starts_at_multiples_of_256_and_goes_back(pools, size):
    fake = FakeLibcuda(pools=pools)
    device = open_device(fake)
    first, second = device.allocate(size), device.allocate(size)
    span = Span(first, size)
    device.copy(Span(second, size), span)
    assert first % 256 == second % 256 == 0
    assert first != second
    assert fake.memory[first].size >= size
    device.free(first)
    device.synchronize()
    assert set(fake.memory) == {second}
    assert fake.problems == []


def test_memory_is_given_back_behind_what_was_asked_for(fake, device):
    x, y = place(device, np.arange(9.0)), Span(device.allocate(72), 72)
    device.copy(y, x)
    device.free(x.address)
    np.testing.assert_array_equal(fetch(device, y, np.float64), np.arange(9.0))
    assert set(fake.memory) == {y.address}


@pytest.mark.parametrize("pools", [True, False])
def test_without_room_what_was_freed_is_used_and_then_it_is_said(pools):
    fake = FakeLibcuda(pools=pools, room=1000)
    device = open_device(fake)
    device.free(device.allocate(900))
    kept = device.allocate(800)  # once the driver has it back
    with pytest.raises(OutOfMemoryError, match=r"no room for 201 bytes more: 200 of its 1000 are free"):
        device.allocate(201)
    assert device.allocate(200) != kept
    assert fake.problems == []


def test_sizes_that_no_memory_has(device):
    with pytest.raises(OutOfMemoryError, match="larger than any memory"):
        device.allocate((1 << 64) + 5)  # would be 5 as a size_t
    with pytest.raises(VerifyError, match="no -1 bytes"):
        device.allocate(-1)


def test_which_memory_is_the_devices(fake, device):
    here = device.allocate(10)
    assert device.holds(here)
    assert not device.holds(12345)
    elsewhere, piece = fake.make_memory(8)
    fake.foreign[elsewhere] = piece
    assert not device.holds(elsewhere)
    fake.answers["cuPointerGetAttribute"] = 999
    with pytest.raises(WeftError, match="cuPointerGetAttribute"):
        device.holds(here)


# ---- copies ---------------------------------------------------------------------------------------------------------

ARRAYS = {
    "vector": np.arange(1000, dtype=np.float32),
    "number": np.array(2.5),
    "empty": np.zeros((3, 0), np.int32),
    "transposed": np.arange(35, dtype=np.int16).reshape(5, 7).T,
    "reversed": np.arange(300, dtype=np.float64)[::-1],
    "gaps": np.arange(4000, dtype=np.uint8)[::3],
    "repeated": np.broadcast_to(np.float32(1.5), (20, 30)),
    "bools": np.arange(77) % 3 == 0,
    "halves": np.linspace(-1, 1, 33, dtype=np.float16),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("parts", [64, 256, 1 << 21])
def test_arrays_come_back_as_they_went(fake, device, monkeypatch, name, parts):
    monkeypatch.setattr(staging, "PART_BYTES", parts)
    array = ARRAYS[name]
    span = place(device, array)
    found = np.empty(array.shape, array.dtype)
    device.download(found, span)
    np.testing.assert_array_equal(found, array)
    turned = np.zeros(array.shape[::-1], array.dtype).T
    device.download(turned, span)
    np.testing.assert_array_equal(turned, array)


def test_an_array_may_change_as_soon_as_it_is_uploaded(fake, device, small_parts):
    arrays = [np.full(count, count, np.float32) for count in (1, 40, 64, 65, 3, 500, 7, 200)]
    spans = [Span(device.allocate(a.nbytes), a.nbytes) for a in arrays]
    for span, array in zip(spans, arrays, strict=True):
        changing = array.copy()
        device.upload(span, changing)
        changing[:] = np.nan
    for span, array in zip(spans, arrays, strict=True):
        np.testing.assert_array_equal(fetch(device, span), array)


def test_a_small_upload_waits_for_nothing(fake, device):
    span = Span(device.allocate(400), 400)
    fake.calls.clear()
    device.upload(span, np.zeros(100, np.float32))
    assert not [name for name, *_ in fake.calls if "Synchronize" in name]


def test_threads_upload_and_download_at_once(fake, device, small_parts):
    def trip(seed):
        array = np.random.default_rng(seed).random(300)
        return np.array_equal(fetch(device, place(device, array), np.float64), array)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(trip, range(24)))


def test_copies_of_other_sizes_than_their_places_are_refused(device):
    one, two = Span(device.allocate(4), 4), Span(device.allocate(8), 8)
    for copy in (
        lambda: device.copy(one, two),
        lambda: device.copy(two, one),
        lambda: device.upload(one, np.zeros(1)),
        lambda: device.upload(two, np.zeros(1, np.float32)),
        lambda: device.download(np.zeros(1), one),
        lambda: device.download(np.zeros(1, np.float32), two),
    ):
        with pytest.raises(VerifyError, match=r"bytes are copied to a place of"):
            copy()


@pytest.mark.parametrize("count", [1, 1000])
def test_an_array_that_may_not_be_written_is_not(device, small_parts, count):
    span, array = place(device, np.ones(count)), np.zeros(count)
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        device.download(array, span)
    assert not array.any()


def test_a_download_of_nothing_waits_all_the_same(fake, device):
    x = place(device, np.ones(3))
    device.download(np.zeros(0), Span(0, 0))
    assert (fake.memory[x.address].view(np.float64) == 1).all()


# ---- contexts and order ---------------------------------------------------------------------------------------------


def test_another_librarys_context_comes_back(fake, device):
    fake.stack[:] = [0x7777]
    device.synchronize()
    assert fake.stack == [0x7777]
    fake.answers["cuStreamSynchronize"] = 999
    with pytest.raises(WeftError):
        device.synchronize()
    assert fake.stack == [0x7777]


def test_the_first_devices_context_stays_where_there_was_none(fake):
    first, second = (CUDADevice(libcuda.start(FakeLibcuda(devices=2)), ordinal) for ordinal in (0, 1))
    for device, left in ((first, first.context.handle), (second, 0)):
        stack = device.driver.functions["cuCtxGetCurrent"]
        found = []

        def use(device=device, stack=stack, found=found):
            device.synchronize()
            current = ctypes.c_void_p()
            stack(ctypes.byref(current))
            found.append(current.value or 0)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        assert found == [left]


def test_streams_wait_for_each_other(fake, device):
    ran = []
    fake.enqueue(1, lambda: ran.append("theirs"))
    device.order_behind(1)
    fake.enqueue(device.stream, lambda: ran.append("ours"))
    fake.enqueue(1, lambda: ran.append("later"))
    device.synchronize()
    assert ran == ["theirs", "ours"]
    fake.enqueue(device.stream, lambda: ran.append("again"))
    device.order_before(2)
    fake.enqueue(2, lambda: ran.append("the thread's"))
    fake.run(2)
    assert ran == ["theirs", "ours", "again", "the thread's"]
    device.synchronize_all()
    assert ran[-1] == "later"
