"""Memory is dirty before every call in this suite: what is not written is NaN in floats and -1 in integers.

Fresh pages are zeros, so that a result or a temporary that a kernel forgets to clear, or to fill, often looks right.
"""

import ctypes
import signal

import _pytest._code.code
import _pytest.raises
import numpy as np
import pytest


def dirty(array):
    """The array, with every byte 0xFF."""
    array.reshape(-1).view(np.uint8)[:] = 0xFF
    return array


def dirty_walk(binding, walk):
    """The walk of a binding, which finds its temporaries dirty: once for each call, not after a pause."""

    def run(header):
        whole = ctypes.c_int64.from_address(header + 24).value == len(binding.rows)  # not one row, for a profile
        if binding.step[0] <= 0 and whole and binding.temporaries and binding.arena is not None:
            binding.arena.bytes[: binding.temporaries] = 0xFF
        return walk(header)

    return run


@pytest.fixture(scope="session", autouse=True)
def _dirty_memory():
    from weft.codegen.cpu.run import binding, function

    large, settled = function.large_array, binding.Binding.__post_init__

    def prepared(binding):
        settled(binding)
        binding.walk = dirty_walk(binding, binding.walk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(function, "empty", lambda shape, dtype: dirty(np.empty(shape, dtype)))
        patch.setattr(function, "large_array", lambda shape, dtype, size: dirty(large(shape, dtype, size)))
        patch.setattr(binding.Binding, "__post_init__", prepared)
        yield


def pytest_addoption(parser):
    parser.addoption("--target", default="cpu", help="the target for which functions of tests are compiled")
    parser.addoption("--unfused", action="store_true", help="for the reference: every value has memory of its own")
    parser.addoption("--update-golden", action="store_true", help="write the texts in tests/codegen/golden anew")


@pytest.fixture(scope="session")
def default_target(request):
    """The target for which functions of tests are compiled."""
    return request.config.getoption("--target")


@pytest.fixture(scope="session", autouse=True)
def _target(request, default_target):
    from weft.codegen import function, reference

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(function.function.__kwdefaults__, "target", default_target)
        if request.config.getoption("--unfused"):
            patch.setattr(reference.REFERENCE, "fusion", reference.FUSION._replace(buffers=0, recomputed=0))
        yield


def pytest_configure(config):
    """`match=` reads the message alone: an error's notes hold the line of the test, and what it expects with it."""
    for module in (_pytest._code.code, _pytest.raises):
        module.stringify_exception = lambda error, *_, **__: str(error)
    if config.getoption("--target").startswith("cuda"):
        config.addinivalue_line("filterwarnings", "ignore:On the host, while the device waits:RuntimeWarning")


@pytest.fixture
def interrupts():
    """Ctrl-C as it is in a terminal: processes that a shell starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
