"""An LSTM learns to write, letter by letter (Hochreiter, Schmidhuber 1997; Karpathy 2015).

The text is read in parallel rows; the state after a piece is that with which the next one begins, and derivatives go
back through one piece (truncated backpropagation through time).  With --resume it goes on where it was cut off.

    python -m examples.sequences.char_rnn                     # Python's own manual pages
    python -m examples.sequences.char_rnn --data input.txt    # any text file, such as the plays of Shakespeare
    python -m examples.sequences.char_rnn --target cuda       # on a device of NVIDIA's
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import weft as wf
from weft import nn

from ..common import by_epoch, options, picture, plots, refuse, tell, text


class Net(NamedTuple):
    """Letters and those that follow them (batch, time), whether it trains, logits, and the state that calls update."""

    x: wf.Expr
    t: wf.Expr
    training: wf.Expr
    logits: wf.Expr
    memory: list[wf.Expr]

    def forget(self, batch: int) -> None:
        """So many texts begin."""
        for variable in self.memory:
            variable.set_value(nn.init.zeros((batch, variable.shape[1])))


def network(letters: int, hidden: int, dropout: float = 0.0) -> Net:
    """An LSTM between an embedding of letters and a dense layer of logits."""
    x, t = (wf.matrix(name, ("batch", "time"), dtype="int64") for name in "xt")
    training = wf.scalar("training", dtype="bool")
    with nn.scope("net"):
        memory = [wf.shared(nn.init.zeros((1, hidden)), name, shape=("batch", hidden)) for name in "hc"]
        h, state = nn.layers.lstm(nn.layers.embedding(x, letters, 64), hidden, state=memory)
        h = wf.with_updates(h, dict(zip(memory, state, strict=True)))
        h = nn.layers.dropout(h, dropout, training=training)
        return Net(
            x, t, training, nn.layers.dense(h, letters, nn.init.glorot_uniform, flatten=False, name="out"), memory
        )


def pieces(codes: np.ndarray, batch: int, time: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The text in `batch` rows, in pieces of `time` letters and of those that follow them."""
    length = (len(codes) - 1) // batch
    rows = np.stack([codes[k * length : (k + 1) * length + 1] for k in range(batch)])
    return [(rows[:, i : i + time], rows[:, i + 1 : i + time + 1]) for i in range(0, length - time + 1, time)]


def learn(net: Net, codes: np.ndarray, args: argparse.Namespace) -> list[float]:
    """Train on nine tenths of the text; after each epoch, the loss on the last tenth."""
    cut = len(codes) * 9 // 10
    known, held_back = (pieces(part, args.batch, args.time) for part in (codes[:cut], codes[cut:]))
    if not held_back:
        refuse("The text is too short for this --batch and --time.")
    loss, params = nn.losses.crossentropy(net.logits, net.t).mean(), nn.parameters(net.logits)
    grads = nn.updates.clip_by_norm(wf.grad(loss, list(params.values())), 1.0)
    adam = nn.updates.adam(grads, params, nn.schedules.cosine(args.rate, args.epochs * len(known)))
    inputs = [net.x, net.t]
    train = wf.function(inputs, loss, updates=adam, givens={net.training: True}, name="train", target=args.target)
    score = wf.function(inputs, loss, givens={net.training: False}, name="score", target=args.target)
    curve, file = wf.shared(np.zeros(0), "curve", shape=("epochs",)), args.out / "char_rnn.npz"
    if args.resume and file.exists():
        nn.load(file, train, curve)
    for epoch in range(len(curve.get_value()), args.epochs):
        net.forget(args.batch)
        for piece in tqdm(known, desc=f"epoch {epoch + 1}"):
            train(*piece)
        net.forget(args.batch)
        curve.set_value(np.append(curve.get_value(), np.mean([score(*piece) for piece in held_back])))
        nn.save(file, train, curve)
        tqdm.write(f"epoch {epoch + 1}: {curve.get_value()[-1]:.4f} nats per character")
    return list(map(float, curve.get_value()))


def write(net: Net, first: int, args: argparse.Namespace) -> list[int]:
    """Letters, each drawn given those before: the largest of logits / temperature + noise is a draw (Gumbel 1954)."""
    logits, temperature = net.logits[:, -1], wf.scalar("temperature")
    noise = -wf.log(-wf.log(wf.random.Stream(args.seed).uniform(logits.shape, low=1e-7)))
    letter = wf.argmax(logits / temperature + noise, axis=1)
    draw = wf.function([net.x, temperature], letter, givens={net.training: False}, name="draw", target=args.target)
    net.forget(1)
    written = [first]
    for _ in range(args.sample):
        written.append(int(draw(np.array([written[-1:]]), args.temperature)[0]))
    return written[1:]


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the loss on text that was held back and a sample, draw both."""
    args = options(
        __doc__,
        argv,
        epochs=3,
        batch=32,
        hidden=(256, "units"),
        time=(64, "letters through which derivatives go back"),
        rate=(0.01, "learning rate"),
        dropout=0.3,
        sample=(600, "letters to write"),
        temperature=0.7,
        resume=(False, "go on from the file in the folder for pictures"),
    )
    if args.quick:
        args.hidden, args.batch, args.time, args.sample = (
            min(args.hidden, 32),
            min(args.batch, 8),
            min(args.time, 16),
            80,
        )
    letters, codes = np.unique(list(text(args)), return_inverse=True)
    net = network(len(letters), args.hidden, args.dropout)
    print(f"{len(codes)} characters, {len(letters)} different; {nn.count(net.logits)} parameters")
    curve = learn(net, codes, args)
    sample = "".join(letters[k] for k in write(net, int(codes[0]), args))
    print(sample)
    figure, (left, right) = plots(2, 9)
    by_epoch(left, curve, marker=".")
    left.set(ylabel="nats per character")
    left.set_title("text held back", fontsize=10)
    left.grid(alpha=0.3)
    tell(right, "what it writes", sample)
    picture(args, "char_rnn", figure)
    figures = {"nats per character": curve[-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
