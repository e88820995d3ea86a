"""A transformer learns to write, letter by letter: each letter attends to all before it.

Vaswani et al. 2017, Attention is all you need; its decoder alone: Radford et al. 2018, Improving language understanding
by generative pre-training.

    python -m examples.sequences.transformer                     # Python's own manual pages
    python -m examples.sequences.transformer --data input.txt    # any text file, such as the plays of Shakespeare
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, options, picture, plots, steps, tell, text


def network(letters: int, most: int, width: int = 64, heads: int = 4, depth: int = 2) -> tuple[list[wf.Expr], wf.Expr]:
    """([letters, those that follow them], logits of these); a text has `most` letters at most."""
    x, t = (wf.matrix(name, ("batch", "time"), dtype="int64") for name in "xt")
    with nn.scope("net"):
        h = nn.layers.learned_positions(nn.layers.embedding(x, letters, width), most)
        for _ in range(depth):
            h = nn.layers.transformer_encoder_layer(h, heads, 4 * width, causal=True)
        h = nn.layers.layer_norm(h)
        return [x, t], nn.layers.dense(h, letters, nn.init.glorot_uniform, flatten=False, name="out")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the loss on text held back and a sample, draw how the loss falls with what a letter sees."""
    args = options(
        __doc__,
        argv,
        epochs=3,
        batch=32,
        time=(64, "letters in a text"),
        width=(64, "features of a letter"),
        depth=(2, "layers"),
        rate=(0.003, "learning rate"),
        sample=(400, "letters to write"),
        temperature=0.7,
    )
    if args.quick:
        args.time, args.width, args.depth, args.sample = min(args.time, 16), 16, 1, 40
    letters, codes = np.unique(list(text(args)), return_inverse=True)
    length = args.time + 1
    texts = codes[: len(codes) // length * length].reshape(-1, length)
    cut = len(texts) * 9 // 10
    known, held_back = ((part[:, :-1], part[:, 1:]) for part in (texts[:cut], texts[cut:]))
    inputs, logits = network(len(letters), args.time, args.width, depth=args.depth)
    losses = nn.losses.crossentropy(logits, inputs[1])
    loss, params = losses.mean(), nn.parameters(logits)
    grads = nn.updates.clip_by_norm(wf.grad(loss, list(params.values())), 1.0)
    whole = steps(args, cut)
    rate = nn.schedules.warmup(nn.schedules.cosine(args.rate, whole), steps=min(100, whole))
    history = nn.fit(
        inputs,
        loss,
        known,
        updates=nn.updates.adamw(grads, params, rate, decayed=lambda p: p.ndim > 1),
        validation=held_back,
        **how(args),
    )
    scores = nn.average(wf.function(inputs, losses.mean(axis=0), target=args.target), held_back)
    chances = wf.function(inputs[:1], wf.softmax(logits[:, -1] / args.temperature), target=args.target)
    rng, written = np.random.default_rng(args.seed), list(codes[:1])
    for _ in range(args.sample):
        chance = chances(np.array([written[-args.time :]]))[0].astype(np.float64)
        written.append(rng.choice(len(letters), p=chance / chance.sum()))
    sample = "".join(letters[k] for k in written[1:])
    print(sample)
    figure, (left, right) = plots(2, 9)
    left.plot(np.arange(1, length), scores, marker=".")
    left.set(xlabel="letters that are seen", ylabel="nats per character")
    left.set_title("text held back", fontsize=10)
    left.grid(alpha=0.3)
    tell(right, "what it writes", sample)
    picture(args, "transformer", figure)
    figures = {"nats per character": history["validation loss"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
