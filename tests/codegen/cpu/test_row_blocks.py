"""Row blocks: which nests share them, and that they compute what they did apart."""

from itertools import pairwise

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.nests.row_blocks import NestRows, RowAccess, may_share_rows
from weft.codegen.cpu.run import encode
from weft.codegen.cpu.run.control import Block

from ...sampling import every


def rows(*accesses, count=8):
    return NestRows(count, tuple(RowAccess(*a) for a in accesses))


WRITES = rows(("m", True, 0, 40, 40))


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        (rows(("m", False, 0, 40, 40)), True),  # the row that was written
        (rows(("m", False, 8, 40, 20)), True),  # a part of it
        (rows(("other", False, 0, 0, 320)), True),  # a buffer that nobody writes
        (rows(("m", False, 0, 0, 320)), False),  # all of it, in every row
        (rows(("m", False, 40, 40, 40)), False),  # the next row
        (rows(("m", False, -8, 40, 40)), False),  # from the end of the row before
        (rows(("m", False, 280, -40, 40)), False),  # the rows in reverse
        (rows(("m", False, 0, 40, 40), count=9), False),  # other rows
        (rows(("m", False, 0, 0, 40)), False),  # the first row, in every row
        (rows(("m", False, 0, 20, 20)), False),  # narrower rows
        (rows(("m", False, 0, 80, 40)), False),  # every other row
    ],
)
def test_what_is_written_is_met_row_by_row_only(more, allowed):
    assert may_share_rows([WRITES], more) is allowed
    reads = NestRows(more.count, tuple(a._replace(writes=True) for a in more.accesses))
    wanted = rows(("m", False, 0, 40, 40))
    assert may_share_rows([wanted], reads) is allowed


def test_one_row_is_no_block():
    assert not may_share_rows([rows(("m", True, 0, 4, 4), count=1)], rows(("m", False, 0, 4, 4), count=1))


def listed(result):
    return result if isinstance(result, list) else [result]


def layer_norm(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / wf.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)


FUNCTIONS = {
    "softmax": lambda x: wf.softmax(x, axis=-1),
    "layer norm": layer_norm,
    "its gradient": lambda x: wf.grad((layer_norm(x) ** 3).sum(), x),
    "flipped rows": lambda x: layer_norm(x)[::-1] + wf.softmax(x, axis=-1),
    "chained": lambda x: wf.softmax(layer_norm(wf.softmax(x * 2, axis=-1)).astype("float64"), axis=-1),
    "rows of sums": lambda x: [x.sum(axis=1), (x - x.sum(axis=1, keepdims=True)).max(axis=1), x.max(axis=0)],
}


@pytest.mark.parametrize("height", [1, 2, 37, 400])
@pytest.mark.parametrize("name", every(2, FUNCTIONS))
def test_row_blocks_change_no_bit(name, height, monkeypatch):
    x = wf.matrix("x", ("rows", "columns"))
    y = FUNCTIONS[name](x)
    a = np.random.default_rng(0).standard_normal((height, 301), np.float32)
    results = []
    for size, threads in ((encode.BLOCK_BYTES, 1), (1, 1), (4096, 3), (0, 1)):
        monkeypatch.setattr(encode, "BLOCK_BYTES", size)
        if not size:
            monkeypatch.setattr(encode, "may_share_rows", lambda nests, more: False)
        results.append(wf.function([x], y, threads=threads)(a))
    for result in results[:-1]:
        for found, apart in zip(listed(result), listed(results[-1]), strict=True):
            np.testing.assert_array_equal(found, apart)


def test_softmax_runs_in_row_blocks():
    x = wf.matrix("x")
    f = wf.function([x], wf.softmax(x, axis=-1))
    f(np.zeros((64, 500), np.float32))
    ((binding,),) = f._idle.values()
    assert binding.step_table[0, 5] == len(binding.rows) > 1


def groups_of(binding):
    """The rows of the table that share row blocks, as the walker runs them."""
    number = 0
    while number < len(binding.rows):
        length = max(1, int(binding.step_table[number, 5]))
        yield binding.rows[number : number + length]
        number += length


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_nests_touch_in_row_blocks_shares_no_bytes(name):
    # rows of one buffer would meet other rows of another, on another thread if not on this one
    x = wf.matrix("x", ("rows", "columns"))
    f = wf.function([x], FUNCTIONS[name](x))
    f(np.ones((37, 301), np.float32))
    ((binding,),) = f._idle.values()
    for group in groups_of(binding):
        blocks = {where for row in group for where, _ in row.buffers if isinstance(where, Block)}
        ordered = sorted(blocks, key=lambda block: block.offset)
        assert all(a.offset + a.size <= b.offset for a, b in pairwise(ordered))


def test_a_row_that_is_read_backwards_is_the_same_bytes():
    x = wf.matrix("x", ("rows", "columns"))
    found = []
    for y in (x[:, :7], x[:, :7][:, ::-1]):
        f = wf.function([x], y * 2)
        f(np.ones((4, 9), np.float32))
        ((binding,),) = f._idle.values()
        found.append(binding.rows[0].nest_rows)
    assert found[0] == found[1]
