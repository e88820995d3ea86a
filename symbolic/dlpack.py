"""DLPack: how libraries hand arrays to each other, as a capsule around a C structure with a deleter.

The form before version 1.0, which all libraries read and write.  Arrays of the host are read and written by NumPy,
which knows the later form too; here is what NumPy does not do: arrays of devices, and bfloat16.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .errors import ArgumentError

CPU, CUDA, CUDA_HOST, ROCM_HOST, CUDA_MANAGED = 1, 2, 3, 11, 13  # DLDeviceType
ON_HOST = (CPU, CUDA_HOST, ROCM_HOST, CUDA_MANAGED)  # the processor reads them by their addresses
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}  # DLDataTypeCode, by NumPy's kind
_KINDS = {code: kind for kind, code in _CODES.items()}
_BFLOAT = 4
_NAME = b"dltensor"  # a capsule keeps the address of these bytes


class DLTensor(ctypes.Structure):
    """An array: strides count elements, and there may be none, in C order."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class DLManagedTensor(ctypes.Structure):
    """An array whose reader calls `deleter` with the structure's address when it needs it no more."""

    _fields_ = (("dl_tensor", DLTensor), ("manager_ctx", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class TensorFacts(NamedTuple):
    """What a capsule says; the array is there as long as the capsule is."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...] | None  # in bytes; None: in C order
    device: tuple[int, int]
    capsule: object


# With types of their own: those of ctypes.pythonapi's attributes are set by whoever uses them.
_is_capsule = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class _Exported(np.ndarray):
    """An array of NumPy's in whose capsule another one is described.

    NumPy's deleter, which is machine code, gives it back: Python could not run where a reader that has failed drops its
    capsule, with the error on its way.
    """

    kept: tuple[object, ...]


def make_capsule(
    address: int,
    shape: Sequence[int],
    dtype: np.dtype,
    strides: Sequence[int],
    device: tuple[int, int],
    owner: object,
) -> object:
    """A capsule around an array, which keeps `owner` until its reader is done.  Strides are in bytes.

    Raises BufferError for what DLPack has no words for.
    """
    size = dtype.itemsize
    if dtype.kind not in _CODES or any(stride % size for stride in strides):
        raise BufferError(f"DLPack cannot describe an array of {dtype} with strides of {tuple(strides)} bytes.")
    steps = (ctypes.c_int64 * max(1, len(shape)))(*[stride // size for stride in strides])
    exported = _Exported(tuple(shape), dtype, bytearray(size), strides=(0,) * len(shape))
    exported.kept = owner, steps
    capsule: object = exported.__dlpack__()
    tensor = read_tensor(capsule)
    tensor.data, tensor.byte_offset, tensor.strides = address, 0, steps
    tensor.device_type, tensor.device_id = device
    return capsule


def device_of(value: Any) -> tuple[int, int] | None:
    """The kind and the number of the device that an array says it is on; None for what does not say."""
    try:
        kind, number = value.__dlpack_device__()
        return int(kind), int(number)
    except Exception:  # of any library, for any reason: of an array without memory, or on many devices
        return None


def cuda_interface_of(value: Any) -> dict[str, Any] | None:
    """What an array in the memory of a CUDA device says of itself; None for what is none."""
    try:
        described = value.__cuda_array_interface__
    except Exception:  # PyTorch's, of tensors that require a gradient
        return None
    return described if isinstance(described, dict) else None


def check_sign(value: Any) -> None:
    """Raise BufferError for a tensor of PyTorch's that is the negative of what stands in its memory.

    DLPack has no word for that, and PyTorch exports it all the same.
    """
    if getattr(value, "is_neg", bool)():
        raise BufferError("It is the negative of what stands in its memory, give value.resolve_neg()")


def read_capsule(capsule: object) -> TensorFacts:
    """The array in a capsule, which goes on to own it.  Raises ArgumentError for what weft cannot read."""
    tensor = read_tensor(capsule)
    shape = tuple(tensor.shape[: tensor.ndim])
    dtype = _dtype(tensor.code, tensor.bits, tensor.lanes)
    strides = tuple(s * dtype.itemsize for s in tensor.strides[: tensor.ndim]) if tensor.strides else None
    address = (tensor.data or 0) + tensor.byte_offset
    return TensorFacts(address, shape, dtype, strides, (tensor.device_type, tensor.device_id), capsule)


def read_bfloat16(capsule: object) -> np.ndarray | None:
    """A copy of the host's bfloat16 array in a capsule, as float32, which holds all of its numbers; None for others."""
    tensor = read_tensor(capsule)
    if (tensor.code, tensor.bits, tensor.lanes) != (_BFLOAT, 16, 1) or tensor.device_type not in ON_HOST:
        return None
    shape = tuple(tensor.shape[: tensor.ndim])
    if 0 in shape:
        return np.zeros(shape, np.float32)
    strides = tuple(2 * s for s in tensor.strides[: tensor.ndim]) if tensor.strides else None
    place = {"data": (tensor.data + tensor.byte_offset, True), "shape": shape, "strides": strides}
    bits = np.asarray(SimpleNamespace(__array_interface__={**place, "typestr": np.dtype(np.uint16).str, "version": 3}))
    found = np.empty(shape, np.float32)
    np.left_shift(bits, 16, dtype=np.uint32, out=found.view(np.uint32))
    return found


def read_tensor(capsule: object) -> DLTensor:
    """What a capsule has in memory, for as long as it is there.  Raises ArgumentError where it has nothing to read."""
    if not _is_capsule(id(capsule), _NAME):
        raise ArgumentError("What __dlpack__ returns is no DLPack capsule, or one that somebody has taken.")
    tensor: DLTensor = DLManagedTensor.from_address(_pointer_of(id(capsule), _NAME)).dl_tensor
    return tensor


def _dtype(code: int, bits: int, lanes: int) -> np.dtype:
    if lanes != 1 or code not in _KINDS or bits % 8 or (_KINDS[code] == "b" and bits != 8):
        name = f"bfloat{bits}" if code == _BFLOAT else f"type {code} of {bits} bits in {lanes} lanes"
        raise ArgumentError(f"An array of DLPack's {name} has no dtype in weft: convert it, to float32 for example.")
    return np.dtype(f"{_KINDS[code]}{bits // 8}")
