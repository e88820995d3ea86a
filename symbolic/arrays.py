"""Arrays of any library as NumPy's: what they say of themselves, in which order it is asked, and why it is refused.

    of NumPy, numbers, lists            np.asarray
    `__array__`, `__array_interface__`, buffers
                                        np.asarray: what the library itself takes for right, of its own memory
    DLPack alone                        np.from_dlpack, of memory of the host
    bfloat16, float8, int4              float32 and int8, which hold all of their numbers

What has no numbers, or would lose some (a mask, missing values), is refused in a sentence.
"""

from __future__ import annotations

import array as buffers
from numbers import Number
from typing import Any

import numpy as np

from . import dlpack
from .errors import ArgumentError, DTypeError, Site, WeftError, blame, sentence, user_site

_ADDED = 2  # dtype.isbuiltin of those that others have added to NumPy's: ml_dtypes
_NUMBERS = "biufc"  # the kinds of dtypes that are taken as they are
_PLAIN = (np.ndarray, np.generic, bool, int, float, complex, list, tuple)
_READ_BY_NUMPY = ("__array__", "__array_interface__", "__array_struct__")
_BUFFERS = (memoryview, bytearray, buffers.array)
_KINDS = {"O": "objects", "U": "text", "S": "text", "T": "text", "M": "dates", "m": "durations", "V": "records"}
_WAYS = {
    "O": "make it an array of numbers first: np.asarray(value, 'float64') does that for numbers that are objects.",
    "M": "make it numbers first: value.astype('int64').",
    "m": "make it numbers first: value.astype('int64').",
    "V": "give one field of it: value['name'].",
}
_MISSING = "fill them, with value.fillna(0) or value.fill_null(0), or leave their rows out; a NaN is a number."


def as_array(what: str, value: Any, *sites: Site) -> np.ndarray:
    """The value as an array of NumPy's, without a copy where its library gives its memory away.

    what : what it is called in errors

    Raises ArgumentError, with the library's reason, for what is no array of the host; DTypeError for arrays that hold
    no numbers, or not in all their places.
    """
    try:
        found = _read(value)
    except (WeftError, MemoryError):  # of an expression; of an array that the other library has to make
        raise
    except Exception as error:  # of any library, for any reason
        raise _unreadable(what, value, error, sites) from None
    if type(value) is np.ndarray and found.dtype.kind in _NUMBERS and found.dtype.isbuiltin != _ADDED:
        return found
    return _check(what, value, found, sites)


def _read(value: Any) -> np.ndarray:
    if isinstance(value, _PLAIN):
        return np.asarray(value)
    if not any(hasattr(value, name) for name in _READ_BY_NUMPY):
        if _device_name(value):
            raise TypeError("NumPy does not copy from devices")
        if hasattr(value, "__dlpack__"):
            return _read_dlpack(value)
    try:
        return np.asarray(value)
    except TypeError:  # of a dtype that NumPy lacks, or of a copy from a device that is to be asked for
        found = _read_bfloat16(value)
        if found is None:
            raise
        return found


def _device_name(value: Any) -> str:
    """In whose memory an array lies, as its address says nothing to the host; empty for all else."""
    place = dlpack.device_of(value)
    if place is None:
        return "a CUDA device" if dlpack.cuda_interface_of(value) is not None else ""
    kind, number = place
    if kind in dlpack.ON_HOST:
        return ""
    return f"CUDA device {number}" if kind == dlpack.CUDA else f"device {number} of DLPack's type {kind}"


def _unreadable(what: str, value: Any, error: Exception, sites: tuple[Site, ...]) -> WeftError:
    device, hint = _device_name(value), ""
    text = f"{what} is no array: {sentence(error)}"
    if device:
        text = f"{what} lies in the memory of {device}, and is needed on the host: {sentence(error)}"
        hint = 'copy it, with value.cpu() or value.get(), or compile for the device, with target="cuda".'
    if getattr(value, "requires_grad", False) is True:
        hint = "its gradients do not come through here: give value.detach()."
    return blame(ArgumentError(text), user_site(), *sites, hint=hint)


def _read_dlpack(value: Any) -> np.ndarray:
    dlpack.check_sign(value)
    try:
        return np.from_dlpack(value)
    except RuntimeError:  # NumPy's, of a dtype that it lacks
        found = _read_bfloat16(value)
        if found is None:
            raise
        return found


def _read_bfloat16(value: Any) -> np.ndarray | None:
    place = dlpack.device_of(value)
    if place is None or place[0] not in dlpack.ON_HOST:
        return None
    try:
        dlpack.check_sign(value)
        return dlpack.read_bfloat16(value.__dlpack__())
    except Exception:  # the first refusal says more
        return None


def _check(what: str, value: Any, found: np.ndarray, sites: tuple[Site, ...]) -> np.ndarray:
    """The array, in a dtype of NumPy's own.  Raises DTypeError where it has no numbers, or they would not be all."""
    if isinstance(value, np.ma.MaskedArray) and value.mask is not np.ma.nomask:
        hint = "fill it, value.filled(0), or leave the masked elements out."
        raise blame(DTypeError(f"{what} has a mask, which an array cannot keep."), user_site(), *sites, hint=hint)
    if not isinstance(value, _PLAIN):
        missing = count_missing(value)
        if missing:
            text = f"{what} has {missing} missing {'value' if missing == 1 else 'values'}, which an array cannot keep."
            raise blame(DTypeError(text), user_site(), *sites, hint=_MISSING)
    if found.dtype.isbuiltin == _ADDED:
        found = _widen(found)
    if found.dtype.kind not in _NUMBERS:
        raise _not_numbers(what, value, found, sites)
    return found


def _widen(found: np.ndarray) -> np.ndarray:
    """An array of a dtype that ml_dtypes has added, in one of NumPy's that holds all of its numbers."""
    wider = next((kind for kind in (np.int8, np.float32) if np.can_cast(found.dtype, kind, "safe")), None)
    return found if wider is None else found.astype(wider)


def _not_numbers(what: str, value: Any, found: np.ndarray, sites: tuple[Site, ...]) -> WeftError:
    kind = found.dtype.kind
    if kind == "O" and not isinstance(value, _PLAIN) and found.ndim == 0:
        text = f"{what} is {'None' if value is None else 'a ' + type(value).__name__}, which is no array."
        return blame(ArgumentError(text), user_site(), *sites, hint="give an array, a number or a list of numbers.")
    such = f", such as {_no_number(found)!r:.40}" if kind == "O" and found.size else ""
    text = f"{what} holds {_KINDS.get(kind, found.dtype.name)}{such}, and weft has bools, integers and floats."
    hint = _WAYS.get(kind, "")
    if isinstance(value, bytes):
        hint = "np.frombuffer(value, dtype) reads numbers from bytes."
    return blame(DTypeError(text), user_site(), *sites, hint=hint)


def _no_number(found: np.ndarray) -> Any:
    """The first object that is no number, or the first of all."""
    objects = found.ravel()
    return next((one for one in objects if not isinstance(one, Number)), objects[0])


def is_foreign_array(value: Any) -> bool:
    """Whether it is an array by what it says of itself: one of another library, or a buffer."""
    if isinstance(value, type | np.ndarray | np.generic):
        return False
    return isinstance(value, _BUFFERS) or any(hasattr(value, name) for name in (*_READ_BY_NUMPY, "__dlpack__"))


def shared_memory(value: Any) -> np.ndarray | None:
    """An array over the memory of the host that a value gives away, in which each sees what the other writes.

    None for what gives none away: it has neither DLPack nor a buffer, or numbers that its memory alone does not say.
    """
    if isinstance(value, np.ndarray):
        return None if isinstance(value, np.ma.MaskedArray) else value
    try:
        if isinstance(value, _BUFFERS):
            return np.asarray(memoryview(value))
        dlpack.check_sign(value)
        return _without_copy(value)
    except Exception:  # of any library, for any reason
        return None


def _without_copy(value: Any) -> np.ndarray:
    try:
        return np.from_dlpack(value, copy=False)
    except TypeError:  # of a library, or of a NumPy, from before there was this option: they do not copy
        return np.from_dlpack(value)


def count_missing(value: Any) -> int:
    """How many values of a column or a table are missing: null in Arrow's and Polars', NA in pandas'.

    Where a library keeps them as NaN they are numbers.
    """
    try:
        return _count_missing(value)
    except Exception:  # of a library that does not count them for this
        return 0


def _count_missing(value: Any) -> int:
    counted = getattr(value, "null_count", None)
    if counted is not None:
        return int(np.sum(np.asarray(counted() if callable(counted) else counted)))
    if hasattr(value, "isna"):
        dtypes = value.dtypes if hasattr(value, "columns") else [value.dtype]
        keeps = [not isinstance(getattr(kind, "na_value", 0.0), float) for kind in dtypes]
        return int(np.sum(np.asarray(value.isna()).reshape(len(value), -1)[:, keeps]))
    columns = getattr(value, "columns", None)
    return sum(map(_count_missing, columns)) if isinstance(columns, list) else 0


def way_to_convert(value: Any, kind: str) -> str:
    """How a user casts it."""
    return f"value.astype({kind!r})" if hasattr(value, "astype") else f"np.asarray(value).astype({kind!r})"
