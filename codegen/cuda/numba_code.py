"""PTX of functions that are written for numba-cuda, by its own compiler: an optional package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from numba import cuda, types
from numba.core.errors import NumbaError
from numba.np.numpy_support import from_dtype

from ...symbolic.errors import LoweringError, blame, user_site
from .trace.ptx import number_of


def compile_ptx(function: Any, layouts: Sequence[Any], numbers: Sequence[type], architecture: str, name: str) -> str:
    """The PTX of a kernel of that name.  Raises LoweringError, with Numba's text, where Numba does not compile it."""
    arrays = [types.Array(from_dtype(x.dtype), len(x.shape), "A", readonly=not writes) for x, writes in layouts]
    scalars = [types.float64 if kind is float else types.int64 for kind in numbers]
    arch = number_of(architecture)
    try:
        text, _ = cuda.compile(  # type: ignore[attr-defined]
            function.py_func, types.void(*arrays, *scalars), cc=divmod(arch, 10), device=False, abi="numba"
        )
    except (NumbaError, ImportError, OSError) as error:
        told = f"Numba does not compile the kernel {function.py_func.__name__} for {architecture}: {error}"
        raise blame(LoweringError(told), user_site()) from error
    entry = re.search(r"\.entry (\w+)\(", text)
    assert entry is not None, text
    return re.sub(rf"\b{entry[1]}\b", name, text)
