"""Exported functions, loaded into this process: called with arrays of NumPy's, and what they say."""

import ctypes
import os

import numpy as np
import pytest

# in the checked mode calls in Python run other code, whose sums may be in another order
in_plain_mode = pytest.mark.skipif(os.environ.get("WEFT_CHECK", "0") not in ("", "0"), reason="calls are checked")
OK, ARGUMENT, SIZES, INPUT, MEMORY, BUSY, FILE, PROCESSOR, EMPTY = range(9)


class Library:
    """What `f.export(folder / name, ..., library=True)` wrote."""

    def __init__(self, folder, name, *functions, **options):
        functions[0].export(folder / name, *functions[1:], library=True, **options)
        self.path, self.name = folder / name, name
        self.code = ctypes.CDLL(str(self.path.with_suffix(".so")))
        for text in ("message", "describe"):
            self[text].restype = ctypes.c_char_p

    def __getitem__(self, name):
        return getattr(self.code, f"{self.name}_{name}")

    def state(self, threads=1):
        return State(self, threads)


class State:
    """A state: `state("step", x, 3, out)` calls a function, and returns the status."""

    def __init__(self, library, threads):
        self.library, self.pointer = library, ctypes.c_void_p()
        self.status = library["create"](ctypes.byref(self.pointer), threads)

    def __call__(self, name, *given):
        return self.library[name](self.pointer, *map(as_c, given))

    def __del__(self):
        self.library["destroy"](self.pointer)

    @property
    def message(self):
        return self.library["message"](self.pointer).decode()

    def run(self, name, *given):
        """A call that is to be well."""
        status = self(name, *given)
        assert (status, self.message) == (OK, "")

    def get(self, name, like):
        """A variable of the dtype and rank of an array."""
        shape = (ctypes.c_int64 * 8)()
        place = self.place(name, shape)
        sizes = tuple(shape[: like.ndim])
        return np.frombuffer(ctypes.string_at(place, like.itemsize * int(np.prod(sizes))), like.dtype).reshape(sizes)

    def place(self, name, shape=None):
        """Where a variable's value is."""
        call = self.library["get"]
        call.restype = ctypes.c_void_p
        return ctypes.c_void_p(call(self.pointer, name.encode(), shape))


def as_c(value):
    """An array as its address, an int as a size, a path as bytes."""
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return value if value is None or isinstance(value, bytes | ctypes.Array | ctypes.c_void_p) else str(value).encode()


def same(found, expected):
    """Whether two arrays are the same bits."""
    found, expected = np.asarray(found), np.asarray(expected)
    return (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def dirty(shape, dtype):
    """Memory for a result, full of what it is not."""
    made = np.empty(shape, dtype)
    made.reshape(-1).view(np.uint8)[:] = 0xA5
    return made
