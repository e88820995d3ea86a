"""An array in a device's memory, as the world outside sees it: `wf.function(..., results="device")` returns such."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....symbolic import dlpack
from ....symbolic.errors import VerifyError
from .allocation import Allocation
from .device import Device, Span
from .layout import byte_extent, c_strides, download_array, is_c_contiguous
from .structures import LEGACY_STREAM


class DeviceArray:
    """An array of a device.  What computes it may still be under way; whoever reads it on the host waits.

    NumPy's functions copy it to the host; PyTorch, CuPy, JAX and Numba read it where it is (`torch.from_dlpack(array)`,
    `cupy.asarray(array)`).  It is pickled as a NumPy array.

    Parameters
    ----------
    memory : where it lies
    strides : in bytes; None: in C order
    start : of the first element, in bytes from the memory's start
    """

    __slots__ = ("__weakref__", "_start", "dtype", "memory", "shape", "strides")

    def __init__(
        self,
        memory: Allocation,
        shape: Sequence[int],
        dtype: Any,
        strides: Sequence[int] | None = None,
        start: int = 0,
    ):
        self.memory, self.shape, self.dtype = memory, tuple(shape), np.dtype(dtype)
        self.strides = c_strides(self.shape, self.dtype) if strides is None else tuple(strides)
        self._start = start
        if len(self.strides) != len(self.shape):
            raise VerifyError(f"An array with {len(self.shape)} axes has as many strides, and not {len(self.strides)}.")
        low, high = self._extent()
        if self.size and not 0 <= low <= high <= memory.size:
            raise VerifyError(f"An array takes the bytes from {low} to {high} of {memory.size} that there are.")

    def _extent(self) -> tuple[int, int]:
        """From which byte of the memory to before which one its elements lie."""
        low, high = byte_extent(self.shape, self.strides, self.dtype)
        return self._start + low, self._start + high

    # ---- facts ----------------------------------------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """Whose memory it is."""
        return self.memory.device

    @property
    def address(self) -> int:
        """Of the first element."""
        return self.memory.address + self._start

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of its elements."""
        return self.size * int(self.dtype.itemsize)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("An array without axes has no length.")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device.name!r})"

    # ---- on the host ----------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("An array of a device cannot be read on the host without a copy.")
        found = self.numpy()
        return found if dtype is None else found.astype(dtype, copy=False)

    def numpy(self) -> np.ndarray:
        """The same as an array of NumPy's.  Waits until it is computed."""
        found = download_array(self.device, self.address, self.shape, self.strides, self.dtype)
        self.device.check()
        return found

    def item(self) -> Any:
        """The only element, as a number of Python's."""
        return self.numpy().item()

    def tolist(self) -> Any:
        """Nested lists of Python's numbers."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __str__(self) -> str:
        return str(self.numpy())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not self.shape else format(str(self), spec)

    def __reduce__(self) -> Any:
        return self.numpy().__reduce__()

    # ---- on the device --------------------------------------------------------------------------------------------

    def copy(self) -> DeviceArray:
        """The same elements in memory of their own."""
        low, high = self._extent()
        memory = Allocation(self.device, high - low)
        if high > low:
            self.device.copy(memory.span, Span(self.memory.address + low, high - low))
        return DeviceArray(memory, self.shape, self.dtype, self.strides, self._start - low)

    def __copy__(self) -> DeviceArray:
        return self.copy()

    def __deepcopy__(self, memo: object) -> DeviceArray:
        return self.copy()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.device.dlpack_device is None:
            raise AttributeError("Memory of a simulated device has no address that others could use.")
        self.memory.note_export()
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address if self.size else 0, False),
            "strides": None if is_c_contiguous(self.shape, self.strides, self.dtype) else self.strides,
            "stream": self.device.stream or None,
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device.dlpack_device or (dlpack.CPU, 0)

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        here = self.device.dlpack_device
        wanted = tuple(dl_device) if dl_device is not None else here or (dlpack.CPU, 0)
        if wanted == (dlpack.CPU, 0):
            return self._export_to_host(copy)
        if wanted != here:
            raise BufferError(f"An array of {self.device.name} cannot be read on DLPack's device {wanted}.")
        if copy:
            return self.copy().__dlpack__(stream=stream)
        return self._export(here, stream)

    def _export_to_host(self, copy: bool | None) -> Any:
        if copy is False:
            raise BufferError("An array of a device cannot be read on the host without a copy.")
        return self.numpy().__dlpack__()

    def _export(self, device: tuple[int, int], stream: int | None) -> object:
        if stream == 0:
            raise BufferError("DLPack has no stream 0: the default stream is 1, that of the thread 2, and none -1.")
        capsule = dlpack.make_capsule(
            self.address if self.size else 0, self.shape, self.dtype, self.strides, device, self.memory
        )
        self.memory.note_export()
        if stream != -1:
            self.device.order_before(LEGACY_STREAM if stream is None else stream)
        return capsule


def put_on_device(device: Device, array: Any) -> DeviceArray:
    """An array of the host, copied to a device, in C order."""
    values = np.asarray(array)
    memory = Allocation(device, values.nbytes)
    device.upload(memory.span, values)
    return DeviceArray(memory, values.shape, values.dtype)
