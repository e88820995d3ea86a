"""The memory plan: lives that overlap never share bytes."""

import numpy as np
import pytest

from weft.codegen.lowering.memory import ALIGNMENT_BYTES, Life, peak, plan


@pytest.mark.parametrize("seed", range(20))
def test_overlapping_lives_get_separate_bytes(seed):
    rng = np.random.default_rng(seed)
    lives = []
    for _ in range(rng.integers(1, 60)):
        first = int(rng.integers(0, 30))
        lives.append(Life(int(rng.integers(0, 5000)), first, first + int(rng.integers(0, 12))))
    offsets, size = plan(lives)
    for i, (a, p) in enumerate(zip(lives, offsets, strict=True)):
        assert p % ALIGNMENT_BYTES == 0
        assert p + a.size <= size
        for b, q in list(zip(lives, offsets, strict=True))[i + 1 :]:
            if a.first <= b.last and b.first <= a.last:
                assert p + a.size <= q or q + b.size <= p


def test_a_chain_needs_two_buffers():
    lives = [Life(1024, k, k + 1) for k in range(50)]
    assert plan(lives)[1] <= 2 * 1024


def test_neighbours_that_are_free_make_one_gap():
    pieces = [Life(1024, 0, 0), Life(1024, 0, 2), Life(1024, 0, 1), Life(1024, 0, 3)]
    lives = [*pieces, Life(1024, 4, 4), Life(4096, 5, 5)]
    assert plan(lives)[1] == 4096


def test_where_an_order_by_time_leaves_gaps_the_order_by_size_has_none():
    """A small array that lives long stands in the way of a large one, if it comes first."""
    lives = [Life(4096, 0, 1), Life(1024, 1, 9), Life(6144, 2, 3), Life(8192, 4, 5)]
    assert plan(lives)[1] == peak(lives) == 9216


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_is_not_far_from_the_peak(seed):
    rng = np.random.default_rng(seed)
    firsts = rng.integers(0, 200, 150)
    lives = [Life(64 * int(rng.integers(1, 300)), int(f), int(f + rng.integers(0, 30))) for f in firsts]
    assert peak(lives) <= plan(lives)[1] <= 1.2 * peak(lives)


def test_time_grows_with_the_number_of_lives():
    lives = [Life(1024 + 64 * (k % 7), k // 3, 2 * 40_000 - k) for k in range(40_000)]
    offsets, size = plan(lives)
    assert len(set(offsets)) == len(lives)
    assert size >= sum(life.size for life in lives)


def test_nothing_to_plan():
    assert plan([]) == ([], 0)
