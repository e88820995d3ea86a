"""Python's cycle collector is as the user left it, whatever ran in between."""

import gc

import pytest

import weft as wf
from weft.symbolic.collector import uncollected


@pytest.fixture(params=[True, False], ids=["on", "off"])
def before(request):
    was = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was else gc.disable)()


@uncollected
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
