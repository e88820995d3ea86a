"""Tables as an image: which of its words are addresses, and that nothing else depends on where things are."""

import numpy as np

import weft as wf
from weft.codegen.compiled import Compiled
from weft.codegen.cpu import CPU
from weft.codegen.cpu.run.compile import compile_nests
from weft.codegen.cpu.run.encode import Encoder, Setting, encode
from weft.codegen.cpu.run.image import link
from weft.codegen.target import Options, Source
from weft.symbolic.graph import Graph


def program(*outputs, inputs):
    compiled = Compiled(Source(Graph(tuple(inputs), outputs), None, list, Options("f")), CPU)
    return compiled.bind_sizes({}), compile_nests(compiled.program.nests, False)


def loops():
    """A program with constants, a variable, temporaries, kernels, a loop within a branch."""
    x = wf.matrix("x", (5, 4))
    w = wf.shared(np.ones((4, 3), np.float32), "w")
    last, ys = wf.scan(lambda c, row: (wf.tanh(c + row @ w), c.sum()), wf.zeros((3,)), x)
    chosen = wf.cond(last.sum() > 0, lambda: ys * 2, lambda: wf.cumsum(ys))
    return program(chosen, x @ w + np.arange(3, dtype=np.float32), inputs=[x])


def linked(links):
    """The numbers of the words that get an address."""
    kinds = (links.inside, links.code, links.fixed, links.arrays, links.arena)
    return {link[0] for kind in kinds for link in kind}


def test_only_links_depend_on_where_things_are():
    bound, nests = loops()
    one, other = (encode(bound, nests, Setting(2, ())) for _ in range(2))  # both are there at once
    differing = set(np.flatnonzero(one.words != other.words))
    assert differing <= linked(one.links)
    inside = {word for word, _ in one.links.inside}
    assert inside <= differing
    assert linked(one.links) == linked(other.links)


def test_an_image_may_be_linked_anywhere_and_again():
    bound, nests = loops()
    encoder = Encoder(bound, nests, Setting(1, ()))
    encoder.plan()
    image = encoder.image()
    for words in (link(image), link(image)):
        first = words.ctypes.data
        assert all(words[word] == first + 8 * target for word, target in image.links.inside)
        assert all(words[word] == fixed.address + offset for word, fixed, offset in image.links.fixed)
        assert all(0 <= target < len(words) for _, target in image.links.inside)


def test_every_word_is_linked_once():
    bound, nests = loops()
    links = encode(bound, nests, Setting(1, ())).links
    kinds = (links.inside, links.code, links.fixed, links.arrays, links.arena)
    words = [link[0] for kind in kinds for link in kind]
    assert len(words) == len(set(words))
    assert all(kinds)  # the program has some of each
