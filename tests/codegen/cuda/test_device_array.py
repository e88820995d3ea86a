"""Arrays on a device as others see them: NumPy, DLPack, `__cuda_array_interface__`, pickle."""

import copy
import ctypes
import gc
import pickle

import numpy as np
import pytest

from weft.codegen.cuda.driver.allocation import Allocation
from weft.codegen.cuda.driver.device_array import DeviceArray, put_on_device
from weft.codegen.cuda.driver.simulated import SimulatedDevice
from weft.symbolic import dlpack
from weft.symbolic.errors import ArgumentError, VerifyError

from .fake_device import open_device
from .fake_libcuda import FakeLibcuda

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


@pytest.fixture
def fake():
    made = FakeLibcuda()
    yield made
    assert made.problems == []


@pytest.fixture
def device(fake):
    return open_device(fake)


def strided(device, array):
    """A view of a device's memory with the same strides as a view of the host's, which does not go beyond its base."""
    base = array.base if array.base is not None else array
    whole = put_on_device(device, base)
    start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return DeviceArray(whole.memory, array.shape, array.dtype, array.strides, start)


def views():
    base = np.arange(60, dtype=np.float32).reshape(5, 12).copy()
    cube = np.arange(24, dtype=np.int16).reshape(2, 3, 4).copy()
    return {
        "whole": base,
        "transposed": base.T,
        "reversed": base[::-1, ::-1],
        "gaps": base[1::2, 2::3],
        "column": base[:, 3],
        "repeated": np.broadcast_to(base[1], (3, 12)),
        "empty": base[2:2],
        "number": base[4, 5:6].reshape(()),
        "cube": cube.transpose(2, 0, 1)[::-1],
        "thin": base[:, 4:5],
    }


VIEWS = list(views())


# ---- NumPy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (7, 5)])
def test_facts(fake, device, dtype, shape):
    data = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    array = put_on_device(device, data)
    assert (array.shape, array.dtype, array.ndim) == (shape, data.dtype, data.ndim)
    assert (array.size, array.nbytes) == (data.size, data.nbytes)
    assert array.device is device
    if data.size:
        assert array.strides == data.strides
    assert repr(array) == f"DeviceArray(shape={shape}, dtype={dtype}, device='cuda:0')"
    assert str(array) == str(data)
    assert array.tolist() == data.tolist()
    found = np.asarray(array)
    assert found.dtype == data.dtype
    np.testing.assert_array_equal(found, data, strict=True)


@pytest.mark.parametrize("name", VIEWS)
def test_strides(fake, device, name):
    view = views()[name]
    array = strided(device, view)
    for found in (array, array.copy(), copy.copy(array), copy.deepcopy(array)):
        np.testing.assert_array_equal(np.asarray(found), view, strict=True)
        assert found.strides == view.strides
    assert np.asarray(array).flags.writeable
    assert np.asarray(array).flags.c_contiguous


def test_memory_that_is_not_there_is_refused(device):
    memory = Allocation(device, 24)
    DeviceArray(memory, (3,), np.float64, (-8,), 16)
    for shape, strides, start in [
        ((4,), None, 0),
        ((3,), None, 8),
        ((3,), (-8,), 8),
        ((2, 2), (16, 16), 0),
    ]:
        with pytest.raises(VerifyError, match="takes the bytes"):
            DeviceArray(memory, shape, np.float64, strides, start)
    with pytest.raises(VerifyError, match="An array with 1 axes has as many strides, and not 0"):
        DeviceArray(memory, (2,), np.float64, (), 0)


def test_conversions(device):
    array = put_on_device(device, np.float32(2.5))
    assert (float(array), int(array), bool(array), array.item()) == (2.5, 2, True, 2.5)
    assert (f"{array:.3f}", f"{array}") == ("2.500", "2.5")
    assert np.exp(array) == np.exp(np.float32(2.5))
    assert np.asarray(array, np.int64).dtype == np.int64
    assert np.array(array, copy=True) == 2.5
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(array, copy=False)
    with pytest.raises(TypeError, match="has no length"):
        len(array)
    several = put_on_device(device, np.zeros((2, 3), np.float32))
    assert len(several) == 2
    for function in (float, int, bool, several.__class__.item):
        with pytest.raises(ValueError, match="size 1"):
            function(several)


@pytest.mark.parametrize("name", VIEWS)
def test_it_is_pickled_as_an_array_of_the_host(device, name):
    view = views()[name]
    found = pickle.loads(pickle.dumps(strided(device, view)))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, view, strict=True)


def test_memory_goes_with_its_last_owner(fake, device):
    array = put_on_device(device, np.zeros(3))
    view = DeviceArray(array.memory, (1,), np.float64, None, 8)
    address = array.address
    del array
    device.synchronize()
    assert address in fake.memory
    del view
    device.synchronize()
    assert fake.memory == {}
    assert fake.called("cuCtxSynchronize") == []


def test_an_error_of_before_is_not_one_of_giving_back(fake, device):
    array = put_on_device(device, np.zeros(3))
    fake.answers["cuMemFreeAsync"] = 700
    del array
    gc.collect()
    assert len(fake.called("cuMemFreeAsync")) == 1


# ---- __cuda_array_interface__ ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VIEWS)
def test_the_interface_of_cuda_arrays(fake, device, name):
    view = views()[name]
    array = strided(device, view)
    said = array.__cuda_array_interface__
    assert said == {
        "shape": view.shape,
        "typestr": view.dtype.str,
        "data": (array.address if view.size else 0, False),
        "strides": None if view.flags.c_contiguous else view.strides,
        "stream": device.stream,
        "version": 3,
    }
    one = DeviceArray(array.memory, (1, 1), view.dtype, (3, 5)) if view.size else array
    assert one.__cuda_array_interface__["strides"] is None  # of single elements they do not matter
    if view.size:
        start = array.memory.address
        assert start <= said["data"][0] < start + array.memory.size


@pytest.mark.parametrize(
    "export", [lambda array: array.__cuda_array_interface__, lambda array: Consumer(array.__dlpack__(stream=-1)).done()]
)
def test_memory_that_others_may_use_is_given_back_once_all_is_done(fake, device, export):
    array = put_on_device(device, np.zeros(3))
    export(array)
    ran = []
    fake.enqueue(2, lambda: ran.append(dict(fake.memory)))
    del array
    assert len(ran[0]) == 1
    device.synchronize()
    assert fake.memory == {}


# ---- DLPack ---------------------------------------------------------------------------------------------------------


class Consumer:
    """What a library does with a capsule: takes it by its name, reads what it has, and calls the deleter when done."""

    def __init__(self, capsule):
        pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
        rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
        self.place = pointer(("PyCapsule_GetPointer", ctypes.pythonapi))(capsule, b"dltensor")
        self.used = b"used_dltensor"
        assert rename(("PyCapsule_SetName", ctypes.pythonapi))(capsule, self.used) == 0
        raw = ctypes.string_at(self.place, 64)
        numbers = np.frombuffer(raw, np.uint64)
        kinds = np.frombuffer(raw, np.int32)
        self.data, self.offset, self.context, self.deleter = (int(numbers[i]) for i in (0, 5, 6, 7))
        self.device, self.ndim = (int(kinds[2]), int(kinds[3])), int(kinds[4])
        self.type = (raw[20], raw[21], int(np.frombuffer(raw, np.uint16)[11]))
        listed = [ctypes.string_at(int(numbers[i]), 8 * self.ndim) if self.ndim else b"" for i in (3, 4)]
        self.shape, self.strides = (tuple(np.frombuffer(text, np.int64).tolist()) for text in listed)

    def done(self):
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.deleter)(self.place)


def test_structures_have_the_sizes_of_the_header():
    assert (ctypes.sizeof(dlpack.DLTensor), ctypes.sizeof(dlpack.DLManagedTensor)) == (48, 64)


@pytest.mark.parametrize("name", VIEWS)
def test_a_consumer_of_dlpack_reads_the_same(fake, device, name):
    view = views()[name]
    array = strided(device, view)
    assert array.__dlpack_device__() == (2, 0)
    memory, address = array.memory.address, array.address
    seen = Consumer(array.__dlpack__(stream=1))
    del array
    gc.collect()
    device.synchronize_all()
    assert memory in fake.memory  # the consumer has it
    assert seen.data == (address if view.size else 0)
    assert (seen.device, seen.ndim, seen.offset) == ((2, 0), view.ndim, 0)
    assert seen.shape == view.shape
    assert seen.strides == tuple(stride // view.itemsize for stride in view.strides)
    if view.size:
        raw = fake.memory[memory].view(view.dtype)
        start = (seen.data - memory) // view.itemsize
        reached = np.lib.stride_tricks.as_strided(raw[start:], view.shape, view.strides)
        np.testing.assert_array_equal(reached, view)
    seen.done()
    device.synchronize()
    assert fake.memory == {}


@pytest.mark.parametrize(("dtype", "code"), [("bool", 6), *[(d, {"i": 0, "u": 1, "f": 2}[d[0]]) for d in DTYPES[1:]]])
def test_dtypes_of_dlpack(device, dtype, code):
    seen = Consumer(put_on_device(device, np.zeros(2, dtype)).__dlpack__())
    assert seen.type == (code, 8 * np.dtype(dtype).itemsize, 1)
    seen.done()


def test_a_capsule_that_nobody_took_goes_with_its_array(fake, device):
    capsule = put_on_device(device, np.zeros(2)).__dlpack__()
    assert len(fake.memory) == 1
    del capsule
    device.synchronize()
    assert fake.memory == {}


def test_a_reader_that_fails_gives_the_array_back(fake, device):
    array = put_on_device(device, np.zeros(2))
    with pytest.raises(RuntimeError, match="Unsupported device"):  # NumPy drops the capsule with its error on the way
        np.from_dlpack(array)
    del array
    device.synchronize()
    assert fake.memory == {}


@pytest.mark.parametrize(("stream", "waits"), [(None, 1), (1, 1), (2, 2), (-1, None)])
def test_the_consumers_stream_waits_for_the_array(fake, device, stream, waits):
    array = put_on_device(device, np.arange(3.0))
    fake.calls.clear()
    capsule = array.__dlpack__(stream=stream)
    assert [arguments[0] for arguments in fake.called("cuStreamWaitEvent")] == ([] if waits is None else [waits])
    if waits is not None:
        read = []
        fake.enqueue(waits, lambda: read.append(fake.memory[array.address].view(np.float64).tolist()))
        fake.run(waits)
        assert read == [[0, 1, 2]]
    del capsule


def test_what_dlpack_cannot_do(device):
    array = put_on_device(device, np.arange(3.0))
    with pytest.raises(BufferError, match="no stream 0"):
        array.__dlpack__(stream=0)
    with pytest.raises(BufferError, match=r"cuda:0 cannot be read on DLPack's device \(2, 1\)"):
        array.__dlpack__(dl_device=(2, 1))
    with pytest.raises(BufferError, match="without a copy"):
        array.__dlpack__(dl_device=(1, 0), copy=False)
    odd = DeviceArray(array.memory, (2,), np.int32, (6,))
    with pytest.raises(BufferError, match="strides of"):
        odd.__dlpack__()


def test_copies_for_dlpack(fake, device):
    array = put_on_device(device, np.arange(3.0))
    np.testing.assert_array_equal(np.from_dlpack(array, device="cpu"), [0, 1, 2])
    seen = Consumer(array.__dlpack__(copy=True, max_version=(1, 0)))
    assert seen.data != array.address
    device.synchronize()
    np.testing.assert_array_equal(fake.memory[seen.data].view(np.float64), [0, 1, 2])
    seen.done()


def test_read_capsule_reads_what_was_made(device):
    for view in views().values():
        array = strided(device, view)
        found = dlpack.read_capsule(array.__dlpack__())
        assert (found.shape, found.dtype, found.strides, found.device) == (view.shape, view.dtype, view.strides, (2, 0))
        assert found.address == (array.address if view.size else 0)


def test_a_capsule_is_read_without_strides_and_with_an_offset(device):
    capsule = put_on_device(device, np.zeros((2, 3, 4), np.float32)).__dlpack__()
    address = dlpack.read_capsule(capsule).address
    tensor = dlpack.read_tensor(capsule)
    tensor.strides, tensor.byte_offset = None, 16
    found = dlpack.read_capsule(capsule)
    assert (found.address, found.strides) == (address + 16, None)
    for code, bits, lanes, says in [
        (4, 16, 1, "bfloat16"),
        (2, 32, 4, "4 lanes"),
        (0, 4, 1, "4 bits"),
        (6, 1, 1, "1 bits"),
    ]:
        tensor.code, tensor.bits, tensor.lanes = code, bits, lanes
        with pytest.raises(ArgumentError, match=says):
            dlpack.read_capsule(capsule)


# ---- a device that nobody else can read -----------------------------------------------------------------------------


def test_arrays_of_the_simulated_device():
    device = SimulatedDevice()
    array = put_on_device(device, np.arange(6.0).reshape(2, 3))
    assert not hasattr(array, "__cuda_array_interface__")
    assert array.__dlpack_device__() == (1, 0)
    np.testing.assert_array_equal(np.from_dlpack(array), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(np.asarray(array.copy()), np.arange(6.0).reshape(2, 3))
    del array
    assert device.pieces == {}
