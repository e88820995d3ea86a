"""Classes that are finished when their first instance is made: by whichever thread, copied, pickled, derived from."""

import copy
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace

import pytest

from weft.symbolic.expr import Op
from weft.symbolic.records import finish, record


@record
class Point:
    """Of two coordinates."""

    x: int
    y: int = 2
    name: str = field(default="p", compare=False)


@record
class Pickled:
    """Made by nobody but pickle."""

    values: tuple[int, ...]


@record(repr=False)
class Silent(Point):
    """With a field more."""

    z: float = 0.5

    def __repr__(self):
        return "silent"


@record
class Shift(Op):
    """An op."""

    by: int


def test_a_record_is_a_frozen_dataclass():
    point = Point(1)
    assert (point.x, point.y, point.name) == (1, 2, "p")
    assert point == Point(1, 2, name="other") != Point(1, 3)
    assert hash(point) == hash(Point(1, 2, "another"))
    assert repr(point) == "Point(x=1, y=2, name='p')"
    assert is_dataclass(Point)
    assert [f.name for f in fields(point)] == ["x", "y", "name"]
    assert replace(point, y=5) == Point(1, 5)
    with pytest.raises(FrozenInstanceError):
        point.x = 3
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()
    assert Point.__init__.__qualname__ == "Point.__init__"


def test_records_derive_from_records():
    silent = Silent(1, z=2.0)
    assert repr(silent) == "silent"
    assert [f.name for f in fields(silent)] == ["x", "y", "name", "z"]


def test_dataclasses_derive_from_ops_that_are_records():
    @dataclass(frozen=True)
    class Turned(Shift):
        turns: int = 0

    assert [f.name for f in fields(Turned)] == ["by", "turns"]
    assert Turned(1, 2) == Turned(1, 2) != Turned(1, 3)


def test_what_a_pickle_brings_first_is_whole():
    state = pickle.dumps(Point(4))
    assert pickle.loads(state) == copy.copy(Point(4)) == Point(4)
    first = Pickled.__new__(Pickled)  # as pickle makes it
    first.__setstate__({"values": (1, 2)})
    assert first == Pickled((1, 2))


def test_threads_may_make_the_first_at_once():
    """None of them sees a class that is finished in part: without fields, or equal by identity."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(40):

                @record
                class New:
                    a: int
                    b: tuple[int, ...] = ()

                start = threading.Barrier(8)

                def make(_, new=New, start=start):
                    start.wait()
                    found = new(1, (2,))
                    return hash(found), found

                made = list(pool.map(make, range(8)))
                assert len({number for number, _ in made}) == 1
                assert all(one == made[0][1] for _, one in made)
    finally:
        sys.setswitchinterval(interval)


def test_finishing_twice_does_nothing():
    finish(Point)
    before = Point.__init__
    finish(Point)
    assert Point.__init__ is before
