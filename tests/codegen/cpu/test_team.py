"""Threads that share steps: every part is done once, by whoever; late ones, other callers, forks and the end."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.launch import KernelRef
from weft.codegen.cpu.run import team, walker
from weft.codegen.cpu.run.table import STEP
from weft.codegen.cpu.run.team_state import BRIEF_NS, LONG_NS, TeamField
from weft.symbolic import cores

from ...sampling import every

X = wf.matrix("x", ("n", "m"))
Y = wf.tanh(X) * 2 + wf.exp(-X * X)
DATA = np.random.default_rng(0).normal(size=(300, 500)).astype("float32")


@pytest.fixture
def rested():
    """A team that has never been late, before and after."""

    def rest():
        team.prepare()
        for field, value in ((TeamField.AWAKE, team._read(TeamField.THREADS)), (TeamField.PAUSE, BRIEF_NS)):
            team._write(field, value)
        for field in (TeamField.LATE, TeamField.UNTIL, TeamField.CREDIT):
            team._write(field, 0)

    rest()
    yield
    rest()


def test_results_are_the_same_bits_whoever_does_the_parts(rested):
    alone = wf.function([X], Y, threads=1)(DATA)
    f = wf.function([X], Y, threads=4)
    for _ in range(300):
        np.testing.assert_array_equal(f(DATA), alone)


def test_whoever_is_employed_is_awake(rested):
    for more in (1, 2):
        wanted = team._read(TeamField.THREADS) + more
        team.employ(wanted)
        assert team._read(TeamField.THREADS) == team._read(TeamField.AWAKE) == wanted
        team.employ(1)  # nobody is sent away
        assert team._read(TeamField.THREADS) == wanted


def make_meeting():
    """Each part waits, for 20 seconds at most, until another one has begun: params[0] gets how many have met."""
    from weft.codegen.cpu.run.atomics import add, load, system
    from weft.codegen.cpu.tiles.intrinsics import address_of

    def kernel(buffers, params, lo, hi):
        begun = address_of(params, 0)
        add(begun, 1)
        for _ in range(200_000):
            if load(begun) > 1:
                return 0
            system("usleep", (100,))
        return 1

    return kernel


def test_several_threads_take_parts(rested):
    params, rows = np.zeros(1, np.int64), np.zeros((1, STEP), np.int64)
    rows[0, :6] = KernelRef(make_meeting).address(), params.ctypes.data, params.ctypes.data, 2, 2, 1
    header = np.array([0, 0, 0, 1, rows.ctypes.data, 0, 1])
    team.employ(1)  # all that there are may help: one that was just told to sleep would not come
    assert walker.walk_parallel(1)(int(header.ctypes.data)) == -1
    assert params[0] == 2


def test_a_step_that_fails_in_one_part_fails(rested):
    i = wf.vector("i", ("k",), "int64")
    f = wf.function([X, i], X[i] * 2, threads=4)
    places = np.arange(200_000) % 300
    assert f(DATA, places).shape == (200_000, 500)
    for bad in (0, 99_999, 199_999):
        with pytest.raises(wf.IndexRangeError, match="300"):
            f(DATA, np.where(np.arange(200_000) == bad, 300, places))


def test_callers_beside_each_other(rested):
    f = wf.function([X], Y, threads=3)
    wanted, wrong = f(DATA), []

    def call():
        for _ in range(200):
            if not np.array_equal(f(DATA), wanted):
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert not wrong


def test_a_thread_that_is_late_costs_a_pause_and_then_comes_back(rested):
    f = wf.function([X], Y, threads=2)
    f(DATA)
    team._write(TeamField.LATE, 10**9)
    f(DATA)
    assert team._read(TeamField.AWAKE) <= team._read(TeamField.THREADS) // 2
    assert team._read(TeamField.PAUSE) >= 2 * BRIEF_NS
    end = time.monotonic() + 20
    while team._read(TeamField.AWAKE) < 1 and time.monotonic() < end:
        time.sleep(0.05)
        team._write(TeamField.LATE, 0)
        f(DATA)
    assert team._read(TeamField.AWAKE) >= 1


def test_pauses_get_longer_up_to_a_second(rested):
    f = wf.function([X], Y, threads=2)
    f(DATA)
    for _ in range(12):
        team._write(TeamField.AWAKE, 1)
        team._write(TeamField.LATE, 10**9)
        f(DATA)
    assert team._read(TeamField.PAUSE) == LONG_NS
    assert team._read(TeamField.AWAKE) == 0
    np.testing.assert_array_equal(f(DATA), wf.function([X], Y, threads=1)(DATA))


def test_threads_sleep_when_there_is_nothing_to_do(rested):
    wf.function([X], Y, threads=3)(DATA)
    end = time.monotonic() + 10
    while team._read(TeamField.ASLEEP) < team._read(TeamField.THREADS) and time.monotonic() < end:
        time.sleep(0.01)
    assert team._read(TeamField.ASLEEP) == team._read(TeamField.THREADS) >= 2
    spent = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - spent < 0.1


def test_a_child_of_a_fork_has_a_team_of_its_own(rested):
    f = wf.function([X], Y, threads=3)
    wanted = f(DATA)
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            before = team._read(TeamField.THREADS)
            same = np.array_equal(f(DATA), wanted)
            os.write(writes, bytes([before, same, team._read(TeamField.THREADS)]))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert list(os.read(reads, 9)) == [0, 1, 2]
    np.testing.assert_array_equal(f(DATA), wanted)


PROGRAM = """
import sys, numpy as np, weft as wf
x = wf.matrix("x", ("n", "m"))
f = wf.function([x], wf.tanh(x), threads=4)
f(np.zeros((1000, 1000), "float32"))
{end}
"""


@pytest.mark.parametrize(
    "end",
    every(
        3, ["", "sys.exit(0)", "import threading; threading.Thread(target=f, args=(np.zeros((9, 9), 'f'),)).start()"]
    ),
)
def test_a_process_ends_at_once_with_threads_awake_and_asleep(end):
    for wait in ("", "import time; time.sleep(0.05)"):
        program = PROGRAM.format(end=f"{wait}\n{end}")
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stderr) == (0, "")


def test_where_the_system_has_no_threads_to_give_the_caller_does_all(rested, monkeypatch):
    monkeypatch.setattr(team, "_start", lambda work: False)
    f = wf.function([X], Y, threads=200)
    np.testing.assert_array_equal(f(DATA), wf.function([X], Y, threads=1)(DATA))


# ---- how many -----------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch):
    for name in ("WEFT_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    cores.default_threads.cache_clear()
    yield monkeypatch
    cores.default_threads.cache_clear()


def test_the_environment_says_how_many(counted):
    counted.setenv("OMP_NUM_THREADS", "3")
    assert cores.default_threads() == 3
    cores.default_threads.cache_clear()
    counted.setenv("WEFT_NUM_THREADS", "5")
    assert wf.config.threads == 5
    cores.default_threads.cache_clear()
    counted.setenv("WEFT_NUM_THREADS", "none")
    with pytest.raises(wf.ArgumentError, match="WEFT_NUM_THREADS is 'none': it must be a number from 1 to 1024"):
        cores.default_threads()


@pytest.mark.parametrize(("text", "wanted"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 4), ("", 4)])
def test_no_more_than_the_cores_that_the_process_may_use(counted, tmp_path, text, wanted):
    (tmp_path / "cpu.max").write_text(text)
    counted.setattr(cores, "_QUOTAS", ((str(tmp_path / "cpu.max"),), (str(tmp_path / "nothing"),)))
    counted.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 5}, raising=False)
    assert cores.default_threads() == wanted


def test_config_and_function_say_how_many(counted):
    with wf.config(threads=3):
        f = wf.function([X], Y)
        assert wf.config.threads == 3
    assert (f.threads, wf.function([X], Y, threads=2).threads) == (3, 2)
    assert wf.function([X], Y).threads == cores.default_threads()
    for wrong in (0, -1, 1.5, True, "2", 1025):
        with pytest.raises(wf.ArgumentError, match="threads"):
            wf.function([X], Y, threads=wrong)
        with (
            pytest.raises(wf.ArgumentError, match=r"config\.threads must be a number from 1 to 1024"),
            wf.config(threads=wrong),
        ):
            pass
