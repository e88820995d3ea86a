"""Spans: the stages of compiling, each without those within it, for whoever records."""

import threading

import numpy as np
import pytest

import weft as wf
from weft.codegen import spans
from weft.codegen.passes.pipeline import PASSES
from weft.codegen.spans import SpanTime, record_spans, span


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by itself at no time: `clock[0]` is what it shows."""
    shown = [0.0]
    monkeypatch.setattr(spans, "perf_counter", lambda: shown[0])
    return shown


def test_a_span_leaves_out_what_others_took_within_it(clock):
    with record_spans() as found, span("outer"):
        clock[0] += 1
        with span("middle", 3):
            clock[0] += 10
            with span("inner"):
                clock[0] += 100
        clock[0] += 1000
        with span("inner"):
            clock[0] += 10000
    assert found == [
        SpanTime("inner", 100, 1),
        SpanTime("middle", 10, 3),
        SpanTime("inner", 10000, 1),
        SpanTime("outer", 1001, 1),
    ]


def test_a_span_that_fails_is_recorded_and_those_behind_it_are_right(clock):
    @span("fails")
    def fail():
        clock[0] += 2
        raise ValueError("no")

    with record_spans() as found, span("outer"):
        with pytest.raises(ValueError, match="no"):
            fail()
        clock[0] += 5
    assert found == [SpanTime("fails", 2, 1), SpanTime("outer", 5, 1)]


def test_threads_take_nothing_from_each_other(clock):
    def run():
        with span("other"):
            clock[0] += 4

    with record_spans() as found, span("waits"):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert found == [SpanTime("other", 4, 1), SpanTime("waits", 4, 1)]


def test_only_who_records_gets_them():
    with record_spans() as first, record_spans() as second, span("both"):
        pass
    with record_spans() as third, span("third"):
        pass
    with span("nobody"):
        pass
    assert [[one.name for one in found] for found in (first, second, third)] == [["both"], ["both"], ["third"]]


def test_stages_of_a_function_come_in_their_order():
    x = wf.matrix("x", (3, 4))
    with record_spans() as found:
        f = wf.function([x], wf.exp(x).sum(), target="cpu")
        compiled = [one.name for one in found]
        f(np.ones((3, 4), np.float32))
    passes = [one.name for one in PASSES]
    assert [name for name in compiled if name in (*passes, "build")] == [*passes, "build"]
    assert compiled[-1] == "load nests"
    assert found[-1].name == "encode"
