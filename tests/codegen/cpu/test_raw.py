"""Memory from the system: aligned, and a process's own."""

import os

import pytest

from weft.codegen.cpu.run.raw import raw_memory
from weft.codegen.lowering.memory import ALIGNMENT_BYTES


@pytest.mark.parametrize("size", [0, 1, 100, 5 << 20])
def test_raw_memory_is_aligned_and_writable(size):
    memory = raw_memory(size)
    assert memory.size == size
    assert size == 0 or memory.ctypes.data % ALIGNMENT_BYTES == 0
    memory[:] = 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("size", [1000, 1 << 24])
def test_a_forked_process_writes_to_bytes_of_its_own(size):
    here = raw_memory(size)
    here[:] = 1
    child = os.fork()
    if not child:
        here[:] = 2
        os._exit(0)
    os.waitpid(child, 0)
    assert (here == 1).all()
