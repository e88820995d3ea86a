"""What other libraries read of a shared variable: its array, as NumPy and DLPack ask for it.

The array API standard, 2023.12, `__dlpack__` and `__dlpack_device__`; DLPack 1.0 for what may not be written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dlpack
from .expr import Expr
from .leaves import Shared, storage_of
from .numpy_protocol import NumPyProtocol

_HOST = (dlpack.CPU, 0)
_SAYS_READ_ONLY = (1, 0)  # the first version of DLPack that can
_NUMPY_SAYS_READ_ONLY = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def to_numpy(node: Expr, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """The value of a shared variable as an array: a copy, since functions change the value in place.

    copy : False for an array that shows what the variable holds, now and after each call, and cannot be written

    Raises ArgumentError for all other expressions; ValueError where a copy is needed, for another dtype, and refused.
    """
    _check_variable(node)
    storage = storage_of(node)
    if copy is False and dtype is not None and np.dtype(dtype) != storage.of.dtype:
        raise ValueError(f"{_name(node)} is {storage.of.dtype.name}, and is no {np.dtype(dtype).name} without a copy.")
    with storage.reading():
        return storage.lend() if copy is False else np.array(storage.value, dtype)


def dlpack_device(node: Expr) -> tuple[int, int]:
    """The device of a shared variable's array, (1, 0): the host, where its value is brought when it is read."""
    _check_variable(node)
    return _HOST


def to_dlpack(
    node: Expr,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A capsule with the array of a shared variable, which shows what it holds, now and after each call: no copy.

    Functions on the CPU change it in place; after others it shows the value once somebody has read it on the host.  It
    says that it may not be written.  Who writes it all the same, as PyTorch lets its users, changes the variable.

    Readers that do not know DLPack 1.0 (`max_version`) cannot be told that, and get a copy: JAX does, whose arrays may
    not change.  What changes its sizes leaves its old array behind.

    Parameters
    ----------
    stream : None, as there are none on the host
    max_version : of DLPack, that the reader knows
    dl_device : where it is wanted: (1, 0), the host
    copy : True for a copy, which may be written; False for none

    Raises ArgumentError for all other expressions; BufferError for what cannot be had.
    """
    _check_variable(node)
    if stream is not None:
        raise BufferError(f"{_name(node)} is an array of the host, which has no streams: stream is None, not {stream}.")
    if dl_device is not None and tuple(dl_device) != _HOST:
        text = f"{_name(node)} is an array of the host, (1, 0), and is not on DLPack's device {tuple(dl_device)}"
        raise BufferError(f'{text}; a function with results="device" gives what is there.')
    storage = storage_of(node)
    with storage.reading():
        if copy or not _knows_read_only(max_version):
            if copy is False:
                text = f"{_name(node)} may only be read, which DLPack before 1.0 cannot say: without a copy it is not"
                raise BufferError(f"{text} given away; ask with max_version=(1, 0).")
            return _capsule(storage.value.copy(), max_version)
        return _capsule(storage.lend(), max_version)


def _capsule(array: np.ndarray, max_version: tuple[int, int] | None) -> Any:
    """NumPy's capsule of the newest form that the reader knows."""
    if _knows_read_only(max_version):
        return array.__dlpack__(max_version=max_version)
    return array.__dlpack__()


def _knows_read_only(max_version: tuple[int, int] | None) -> bool:
    return _NUMPY_SAYS_READ_ONLY and max_version is not None and tuple(max_version) >= _SAYS_READ_ONLY


def _check_variable(node: Expr) -> None:
    if not isinstance(node.op, Shared):
        NumPyProtocol.__array__(node)  # raises what is said of any expression


def _name(node: Expr) -> str:
    return node.name or "The shared variable"
