"""A bidirectional network puts vowels back into words: what a hole holds depends on what follows, too.

Schuster, Paliwal 1997, Bidirectional recurrent neural networks.  Words of unequal lengths are padded; each says how
long it is, the layer's backward half begins at its last letter, and the loss counts its holes alone.

    python -m examples.sequences.bidirectional                    # words of Python's own manual pages
    python -m examples.sequences.bidirectional --data input.txt   # of any text file
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, options, picture, plots, text

LETTERS = "_abcdefghijklmnopqrstuvwxyz"  # the first one is the hole, and what words are padded with
VOWELS = "aeiouy"


def network(layer: Callable[..., Any], time: int, units: int) -> tuple[list[wf.Expr], *tuple[wf.Expr, ...]]:
    """([words, (batch, time), and their lengths], crossentropy, share of wrong vowels, the vowels that seem best)."""
    word, lengths = wf.matrix("word", ("batch", time), dtype="int64"), wf.vector("lengths", ("batch",), dtype="int64")
    vowel = wf.take(wf.constant(np.array([VOWELS.find(letter) for letter in LETTERS])), word)  # -1: none
    shown = wf.where(vowel < 0, word, 0)
    with nn.scope("net"):
        letters = nn.layers.embedding(shown, len(LETTERS), 16)
        h, _ = layer(letters, units, lengths=lengths)
        logits = nn.layers.dense(h, len(VOWELS), nn.init.glorot_uniform, flatten=False, name="out")
    losses = nn.losses.crossentropy(logits, wf.maximum(vowel, 0))
    best, mean = wf.argmax(logits, axis=-1), nn.losses.masked_mean
    return [word, lengths], mean(losses, vowel >= 0), mean(wf.ne(best, vowel), vowel >= 0), best


def both(x: wf.Expr, units: int, **options: Any) -> tuple[wf.Expr, Any]:
    """An lstm in each direction."""
    return nn.layers.bidirectional(nn.layers.lstm, x, units, **options)


def encoded(words: Sequence[str], time: int) -> tuple[np.ndarray, np.ndarray]:
    """(letters (words, time), lengths)."""
    table = np.array([[LETTERS.index(letter) for letter in word.ljust(time, "_")] for word in words])
    return table, np.array([len(word) for word in words])


def filled(word: str, vowels: Sequence[int]) -> str:
    """The word with other vowels."""
    return "".join(VOWELS[k] if letter in VOWELS else letter for letter, k in zip(word, vowels, strict=False))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train in one direction and in both, print errors, draw learning curves, and words as they are filled."""
    args = options(__doc__, argv, epochs=20, batch=32, rate=(0.003, "learning rate"), units=128)
    units = 16 if args.quick else args.units
    found = sorted(set(re.findall("[a-z]{3,16}", text(args).lower())))
    words = [word for word in np.random.default_rng(args.seed).permutation(found) if set(word) & set(VOWELS)]
    time, cut = max(map(len, words)), len(words) * 4 // 5
    known, held_back = encoded(words[:cut], time), encoded(words[cut:], time)
    some, figures = words[cut:][:16], {}
    columns = {"read": [re.sub(f"[{VOWELS}]", "_", word) for word in some]}
    figure, (left, right) = plots(2, 8)
    for name, layer, each in (("forward", nn.layers.lstm, units), ("both", both, units // 2)):
        nn.init.seed(args.seed)
        inputs, loss, error, best = network(layer, time, each)
        history = nn.fit(
            inputs,
            loss,
            known,
            updates=nn.updates.adam(loss, nn.parameters(loss), args.rate),
            validation=held_back,
            metrics={"error": error},
            **how(args),
        )
        figures[f"wrong vowels, {name}, %"] = 100 * history["error"][-1]
        by_epoch(left, history["error"], name)
        vowels = nn.predict(wf.function(inputs, best, target=args.target), held_back)
        columns[name] = [filled(*pair) for pair in zip(some, vowels, strict=False)]
    left.set(ylim=(0, None))
    left.set_title("wrong vowels in words held back", fontsize=10)
    left.grid(alpha=0.3)
    left.legend()
    for place, (name, column) in enumerate(columns.items()):
        right.text(place / 3, 1, name, fontsize=8, weight="bold")
        for row, (line, word) in enumerate(zip(column, some, strict=True), 1):
            color = "tab:red" if name != "read" and line != word else "black"
            right.text(place / 3, 1 - row / 16, line, family="monospace", fontsize=8, color=color)
    right.axis("off")
    picture(args, "bidirectional", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
