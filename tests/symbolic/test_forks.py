"""What a fork leaves behind: locks that are free on both sides, and cached properties that can be computed."""

import os
import threading
from functools import cached_property

import pytest

from weft.symbolic import forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_lock_that_a_fork_waits_for(make):
    lock, holding, whole = forks.hold_over_forks(make()), threading.Event(), []

    def hold():
        with lock:
            holding.set()
            threading.Event().wait(0.05)
            whole.append(True)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(60)
    child = os.fork()
    if not child:
        os._exit(not (whole and lock.acquire(timeout=5)))
    assert whole, "the fork came first"
    assert lock.acquire(timeout=5)
    lock.release()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_locks_of_cached_properties_are_new_in_a_child():
    """Those of Python 3.11; later ones have none."""

    class Computed:
        number = 3

        @cached_property
        def first(self):
            return 1

        @cached_property
        def second(self):
            return 2

    first, second = vars(Computed)["first"], vars(Computed)["second"]
    had = hasattr(second, "lock")
    before = first.lock = threading.RLock()
    assert forks.renew_after_forks(Computed) is Computed
    try:
        forks._renew()
    finally:
        forks._classes.remove(Computed)
    assert first.lock is not before
    assert hasattr(second, "lock") is had
    assert (Computed().first, Computed().second) == (1, 2)
