"""Python's cycle collector is as the user left it, whatever ran in between."""

import gc
import os
import threading

import pytest

import weft as wf
from weft.symbolic.collector import gc_paused


@pytest.fixture(params=[True, False], ids=["on", "off"])
def before(request):
    was = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was else gc.disable)()


@gc_paused
def nested(depth):
    assert not gc.isenabled()
    if depth == 0:
        raise LookupError
    if depth < 0:
        return 0
    found = nested(depth - 2)
    assert not gc.isenabled(), "the outer one still runs"
    return found + 1


def test_it_comes_back_when_the_outermost_ends(before):
    for _ in range(2):
        assert nested(5) == 3
        assert gc.isenabled() is before


def test_it_comes_back_after_an_exception(before):
    with pytest.raises(LookupError):
        nested(4)
    assert gc.isenabled() is before
    assert nested(1) == 1
    assert gc.isenabled() is before


def test_compiling_leaves_it_as_it_was(before):
    x = wf.vector("x")
    wf.function([x], wf.grad((x * 2).sum(), x))
    assert gc.isenabled() is before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_does_not_wait_for_threads_that_it_has_not(before):
    inside, done = threading.Event(), threading.Event()

    @gc_paused
    def busy():
        inside.set()
        done.wait(60)

    @gc_paused
    def forked():
        child = os.fork()
        return child, gc.isenabled()

    thread = threading.Thread(target=busy)
    thread.start()
    inside.wait(60)
    outer = os.fork()
    if not outer:
        os._exit(gc.isenabled() is not before)
    inner, paused = forked()
    if not inner:
        os._exit(paused or gc.isenabled() is not before)
    assert not gc.isenabled(), "the thread still runs"
    done.set()
    thread.join()
    assert gc.isenabled() is before
    for child in (outer, inner):
        assert os.waitpid(child, 0)[1] == 0
