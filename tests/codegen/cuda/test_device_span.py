"""Arrays of other libraries, in a device's memory, over a fake driver."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda.driver.device_array import DeviceArray, put_on_device
from weft.codegen.cuda.driver.device_span import as_device_span
from weft.codegen.cuda.driver.simulated import SimulatedDevice
from weft.symbolic.errors import ArgumentError, WeftError

from .fake_device import open_device
from .fake_libcuda import FakeLibcuda


@pytest.fixture
def fake():
    made = FakeLibcuda()
    yield made
    assert made.problems == []


@pytest.fixture
def device(fake):
    return open_device(fake)


class WithDLPack:
    """An array of a library that has DLPack, over one of weft's."""

    def __init__(self, array, place=None):
        self.array, self.place, self.streams = array, place, []

    def __dlpack_device__(self):
        return self.place or self.array.__dlpack_device__()

    def __dlpack__(self, stream=None, **options):
        self.streams.append(stream)
        return self.array.__dlpack__(stream=stream, **options)


class WithInterface:
    """An array of a library that has `__cuda_array_interface__`."""

    def __init__(self, **said):
        self.__cuda_array_interface__ = said


def described(array, **changes):
    return WithInterface(**{**array.__cuda_array_interface__, "stream": None, **changes})


@pytest.mark.parametrize(
    "value",
    [None, 1, 2.5, True, np.float32(1), np.zeros(3), [1, 2], (1.0,), "text", {}, WithDLPack(None, (1, 0)), object()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_array_of_a_device(device, value):
    assert as_device_span(value, device) is None


def test_pinned_memory_of_the_host_is_the_hosts(device):
    assert as_device_span(WithDLPack(None, (3, 0)), device) is None


def test_wefts_own_arrays(fake, device):
    array = put_on_device(device, np.zeros((3, 4), np.float32))
    turned = DeviceArray(array.memory, (4, 3), np.float32, (4, 16), 0)
    fake.calls.clear()
    found = as_device_span(turned, device)
    assert found == (array.address, (4, 3), np.float32, (4, 16), array.memory, None)
    assert fake.calls == []  # they are in order
    with pytest.raises(ArgumentError, match="A DeviceArray lies on cuda:0, and the function runs on cuda:simulator"):
        as_device_span(turned, SimulatedDevice())


@pytest.mark.parametrize("kind", [2, 13])
def test_an_array_in_a_capsule(fake, device, kind):
    array = put_on_device(device, np.zeros((3, 4), np.float16))
    memory = array.memory.address
    theirs = WithDLPack(DeviceArray(array.memory, (2, 4), np.float16, (-8, 2), 16), (kind, 0))
    found = as_device_span(theirs, device)
    assert found[:4] == (memory + 16, (2, 4), np.float16, (-8, 2))
    assert theirs.streams == [device.stream]  # which waits for the array
    assert found.stream == 1
    theirs.array = None
    del array
    device.synchronize_all()
    assert memory in fake.memory
    del found
    device.synchronize_all()
    assert fake.memory == {}


def test_the_interface(fake, device):
    array = put_on_device(device, np.zeros((3, 4), np.int32))
    theirs = described(array)
    fake.calls.clear()
    assert as_device_span(theirs, device) == (array.address, (3, 4), np.int32, (16, 4), theirs, 1)
    assert fake.called("cuStreamWaitEvent") == []  # who says None has computed it
    turned = described(array, shape=(4, 3), strides=(4, 16), data=(array.address, True))
    assert as_device_span(turned, device)[:4] == (array.address, (4, 3), np.int32, (4, 16))


@pytest.mark.parametrize(("changes", "stream"), [({"stream": 2}, 2), ({"stream": 1}, 1), ({"version": 2}, 1)])
def test_the_device_waits_for_the_stream_of_the_interface(fake, device, changes, stream):
    array = put_on_device(device, np.zeros(3))
    theirs = described(array, **changes)
    device.synchronize()
    ran = []
    fake.enqueue(stream, lambda: ran.append(1))
    assert as_device_span(theirs, device).stream == stream
    device.synchronize()
    assert ran == [1]


@pytest.mark.parametrize("version", [2, 3])
def test_arrays_without_elements_lie_nowhere(device, version):
    theirs = WithInterface(shape=(0, 4), typestr="<f4", data=(0, False), strides=None, version=version)
    assert as_device_span(theirs, device)[:4] == (0, (0, 4), np.float32, (16, 4))
    found = as_device_span(WithDLPack(put_on_device(device, np.zeros((0, 2)))), device)
    assert found[:3] == (0, (0, 2), np.float64)


def test_what_cannot_be_read(fake, device):
    array = put_on_device(device, np.zeros(3))
    for theirs, says in [
        (described(array, stream=0), "names stream 0"),
        (described(array, mask=array), "has a mask"),
        (described(array, data=(4096, False)), "lies on another device, or on none"),
        (WithDLPack(array, (2, 1)), "lies on cuda:1, and the function runs on cuda:0: copy it there"),
    ]:
        with pytest.raises(ArgumentError, match=says):
            as_device_span(theirs, device)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"strides": (8, 8)}, "describes no array of numbers: shape .3,., strides .8, 8."),
        ({"shape": (-1,)}, "describes no array of numbers: shape .-1,."),
        ({"shape": None}, "describes no array: 'NoneType' object is not iterable"),
        ({"typestr": "|O"}, "describes no array of numbers"),
        ({"typestr": "nonsense"}, "describes no array: data type 'nonsense' not understood"),
        ({"data": ()}, "describes no array: tuple index out of range"),
        ({"data": ("somewhere", False)}, "describes no array: invalid literal for int"),
    ],
)
def test_an_interface_that_describes_no_array(device, changes, says):
    theirs = described(put_on_device(device, np.zeros(3)), **changes)
    with pytest.raises(ArgumentError, match=f"The __cuda_array_interface__ of a WithInterface {says}"):
        as_device_span(theirs, device)


def test_an_address_of_the_host_is_never_read_by_the_device(fake, device):
    host = np.zeros(3)
    theirs = WithInterface(shape=(3,), typestr="<f8", data=(host.ctypes.data, False), strides=None, version=3)
    capsule = WithDLPack(host, (2, 0))  # which says one thing, and its capsule another
    for given in (theirs, capsule):
        with pytest.raises(ArgumentError, match=r"lies on another device, or on none|does not give its array away"):
            as_device_span(given, device)
    for mine in (host, WithDLPack(host), memoryview(host)):
        assert as_device_span(mine, device) is None  # it is brought to the device


def test_a_tensor_that_is_the_negative_of_its_memory(device):
    theirs = WithDLPack(put_on_device(device, np.zeros(3)))
    theirs.is_neg = lambda: True
    with pytest.raises(ArgumentError, match=r"does not give its array away: .* give value\.resolve_neg\(\)\."):
        as_device_span(theirs, device)


def test_what_will_not_say_where_it_is_goes_by_way_of_the_host(device):
    class Lazy:
        def __dlpack_device__(self):
            raise ValueError("Unknown device type meta for Dlpack")

        @property
        def __cuda_array_interface__(self):
            raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")

    assert as_device_span(Lazy(), device) is None


class OfAnotherDevice:
    """An array that lies in a device's memory."""

    __cuda_array_interface__ = {"shape": (3,), "typestr": "<f4", "data": (4096, False), "version": 3}  # noqa: RUF012


@pytest.mark.parametrize("given", [OfAnotherDevice(), WithDLPack(np.zeros(3, "f4"), (2, 0))])
def test_the_simulated_device_has_no_memory_that_others_could_name(given):
    x = wf.vector("x", (3,), "float32")
    f = wf.function([x], x * 2, target="cuda:simulator")
    with pytest.raises(ArgumentError, match=r"x: A .* lies on .*, and the function runs on cuda:simulator") as caught:
        f(given)
    assert "test_device_span.py" in "".join(caught.value.__notes__)
    with pytest.raises(ArgumentError, match=r"The value of x lies in the memory of .* on the host"):
        wf.function([x], x * 2)(given)


def test_functions_on_a_device_take_arrays_of_the_host():
    x = wf.vector("x", ("n",), "float32")
    f = wf.function([x], x * 2, target="cuda:simulator")
    values = np.arange(6, dtype="f4")
    there = wf.function([x], x + 0, target="cuda:simulator", results="device")(values)
    assert np.from_dlpack(there).tolist() == values.tolist()
    for given in (WithDLPack(values), WithDLPack(values[::2]), memoryview(values), wf.shared(values), there):
        assert f(given).tolist() == wf.function([x], x * 2)(given).tolist()


def test_a_library_that_refuses(device):
    class Refusing(WithDLPack):
        def __dlpack__(self, stream=None):
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")

    class Taken(WithDLPack):
        def __dlpack__(self, stream=None):
            return 5

    refused = r"A Refusing does not give its array away: .* use tensor\.detach\(\)"
    for kind, says in [(Refusing, refused), (Taken, "no DLPack")]:
        with pytest.raises(ArgumentError, match=says):
            as_device_span(kind(None, (2, 0)), device)


def test_errors_of_the_driver_are_its_own(fake, device):
    theirs = WithDLPack(put_on_device(device, np.zeros(3)))
    fake.answers["cuEventRecord"] = 999
    with pytest.raises(WeftError, match="CUDA_ERROR_UNKNOWN, 999, to cuEventRecord"):
        as_device_span(theirs, device)
