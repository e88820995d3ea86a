"""DLPack: how libraries hand arrays of devices to each other, as a capsule around a C structure with a deleter.

The form before version 1.0, which all libraries read and write.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ....symbolic.errors import ArgumentError
from .layout import c_strides

CPU, CUDA, CUDA_MANAGED = 1, 2, 13  # DLDeviceType
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
    strides: tuple[int, ...]  # in bytes
    device: tuple[int, int]
    capsule: object


# With types of their own: those of ctypes.pythonapi's attributes are set by whoever uses them.
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_is_capsule = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)

_exported: dict[int, tuple[object, ...]] = {}  # what readers still use, by the structure's address


def _delete(managed: int) -> None:
    """The deleter: the array's memory loses an owner."""
    _exported.pop(managed, None)


def _destroy_capsule(capsule: int) -> None:
    """A capsule goes: if nobody has taken its array, whose name is changed then, the array goes as well."""
    if _is_capsule(capsule, _NAME):
        _delete(_pointer_of(capsule, _NAME))


_callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_DELETER, _DESTROYER = _callback(_delete), _callback(_destroy_capsule)  # C keeps their addresses


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
    sizes = (ctypes.c_int64 * max(1, len(shape)))(*shape)
    steps = (ctypes.c_int64 * max(1, len(shape)))(*[stride // size for stride in strides])
    tensor = DLTensor(address, *device, len(shape), _CODES[dtype.kind], 8 * size, 1, sizes, steps, 0)
    managed = DLManagedTensor(tensor, None, ctypes.cast(_DELETER, ctypes.c_void_p))
    place = ctypes.addressof(managed)
    _exported[place] = (managed, sizes, steps, owner)
    return _new_capsule(place, _NAME, ctypes.cast(_DESTROYER, ctypes.c_void_p))


def read_capsule(capsule: object) -> TensorFacts:
    """The array in a capsule, which goes on to own it.  Raises ArgumentError for what weft cannot read."""
    if not _is_capsule(id(capsule), _NAME):
        raise ArgumentError("What __dlpack__ returns is no DLPack capsule, or one that somebody has taken.")
    tensor = DLManagedTensor.from_address(_pointer_of(id(capsule), _NAME)).dl_tensor
    shape = tuple(tensor.shape[: tensor.ndim])
    dtype = _dtype(tensor.code, tensor.bits, tensor.lanes)
    strides = tuple(s * dtype.itemsize for s in tensor.strides[: tensor.ndim]) if tensor.strides else None
    address = (tensor.data or 0) + tensor.byte_offset
    device = (tensor.device_type, tensor.device_id)
    return TensorFacts(address, shape, dtype, c_strides(shape, dtype) if strides is None else strides, device, capsule)


def _dtype(code: int, bits: int, lanes: int) -> np.dtype:
    if lanes != 1 or code not in _KINDS or bits % 8 or (_KINDS[code] == "b" and bits != 8):
        name = f"bfloat{bits}" if code == _BFLOAT else f"type {code} of {bits} bits in {lanes} lanes"
        raise ArgumentError(f"An array of DLPack's {name} has no dtype in weft: convert it, to float32 for example.")
    return np.dtype(f"{_KINDS[code]}{bits // 8}")
