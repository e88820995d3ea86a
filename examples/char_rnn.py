"""An LSTM learns to write, character by character (Hochreiter, Schmidhuber 1997; Karpathy 2015).

    python examples/char_rnn.py                     # Python's own manual pages, a few minutes
    python examples/char_rnn.py --data input.txt    # any text file, such as the plays of Shakespeare

Prints the loss on text that was held back, in nats per character, and a sample after training.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

import weft as wf


def read(path: Path | None) -> str:
    """The text to learn."""
    if path is not None:
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n".join(str(text) for text in topics.values())


class CharRNN:
    """Parameters, and the expressions made of them: characters in, the logits of the next ones out."""

    def __init__(self, classes: int, hidden: int, rng: np.random.Generator):
        def uniform(*shape: int, fan: int) -> np.ndarray:
            return rng.uniform(-1, 1, shape).astype("float32") / np.float32(math.sqrt(fan))

        bias = np.zeros(4 * hidden, "float32")
        bias[hidden : 2 * hidden] = 1  # remember, at first (Jozefowicz et al. 2015)
        self.hidden = hidden
        self.from_char = wf.shared(uniform(classes, 4 * hidden, fan=hidden), "from_char")
        self.from_hidden = wf.shared(uniform(hidden, 4 * hidden, fan=hidden), "from_hidden")
        self.bias = wf.shared(bias, "bias")
        self.to_char = wf.shared(uniform(hidden, classes, fan=hidden), "to_char")
        self.char_bias = wf.shared(np.zeros(classes, "float32"), "char_bias")
        self.params = [self.from_char, self.from_hidden, self.bias, self.to_char, self.char_bias]

    def step(self, state: tuple[wf.Expr, wf.Expr], pushed: wf.Expr) -> tuple[wf.Expr, wf.Expr]:
        """(h, c) after one character, whose part of the gates' arguments is `pushed`."""
        h, c = state
        gates = pushed + h @ self.from_hidden + self.bias
        i, f, o, new = (gates[:, k * self.hidden : (k + 1) * self.hidden] for k in range(4))
        c = wf.sigmoid(f) * c + wf.sigmoid(i) * wf.tanh(new)
        return wf.sigmoid(o) * wf.tanh(c), c

    def logits(self, h: wf.Expr) -> wf.Expr:
        """Of the next character."""
        return h @ self.to_char + self.char_bias

    def loss(
        self, state: tuple[wf.Expr, wf.Expr], text: wf.Expr, kept: wf.Expr | float = 1.0
    ) -> tuple[wf.Expr, wf.Expr]:
        """(nats per character, states) of (time + 1, batch) characters, each predicted from those before."""

        def step(state: tuple[wf.Expr, wf.Expr], pushed: wf.Expr) -> tuple[tuple[wf.Expr, wf.Expr], wf.Expr]:
            state = self.step(state, pushed)
            return state, state[0]

        state, states = wf.scan(step, state, self.from_char[text[:-1]])
        return wf.crossentropy(self.logits(states * kept), text[1:]).mean(), state


def compiled(net: CharRNN, batch: int, args: argparse.Namespace, rate: wf.Expr) -> tuple[wf.Function, ...]:
    """(train(text), score(text), forget()): each batch goes on where the one before ended."""
    text = wf.matrix("text", ("time", batch), dtype="int64")
    memory = [wf.shared(np.zeros((batch, net.hidden), "float32"), name) for name in ("h", "c")]
    kept = wf.random.Stream(args.seed).bernoulli(1 - args.dropout, (batch, net.hidden), "float32") / (1 - args.dropout)
    loss, state = net.loss((memory[0], memory[1]), text, kept)
    grads = wf.grad(loss, net.params)
    norm = wf.sqrt(sum(wf.sum(g * g) for g in grads))
    grads = [g * wf.minimum(1.0, 1.0 / norm) for g in grads]
    updates = wf.nn.updates.adam(grads, net.params, learning_rate=rate)
    updates.update(dict(zip(memory, state, strict=True)))
    score, after = net.loss((memory[0], memory[1]), text)
    carried = dict(zip(memory, after, strict=True))
    return (
        wf.function([text], loss, updates=updates, name="train"),
        wf.function([text], score, updates=carried, name="score"),
        wf.function([], None, updates={m: wf.zeros_like(m) for m in memory}, name="forget"),
    )


def writer(net: CharRNN, length: int, seed: int) -> wf.Function:
    """write(first character, temperature) -> so many characters, each drawn given those before: a loop."""
    first, temperature = wf.scalar("first", dtype="int64"), wf.scalar("temperature")
    draws = wf.random.Stream(seed)
    classes = net.char_bias.shape[0]

    def step(state: tuple[wf.Expr, ...], _: None) -> tuple[tuple[wf.Expr, ...], wf.Expr]:
        h, c, char = state
        h, c = net.step((h, c), net.from_char[char])
        noise = -wf.log(-wf.log(draws.uniform((1, classes), low=1e-7)))  # the largest is a draw (Gumbel 1954)
        char = wf.argmax(net.logits(h) / temperature + noise, axis=1)
        return (h, c, char), char[0]

    zeros = wf.zeros((1, net.hidden))
    _, chars = wf.scan(step, (zeros, zeros, wf.reshape(first, (1,))), length=length)
    return wf.function([first, temperature], chars, name="write")


def batches(codes: np.ndarray, batch: int, time: int) -> list[np.ndarray]:
    """The text in `batch` columns, cut into pieces of time + 1 characters; the last of one is the first of the next."""
    rows = (len(codes) - 1) // batch
    columns = codes[: rows * batch + 1]
    table = np.stack([columns[k * rows : (k + 1) * rows + 1] for k in range(batch)], axis=1)
    return [np.ascontiguousarray(table[i : i + time + 1]) for i in range(0, rows - time + 1, time)]


def nats(score: wf.Function, forget: wf.Function, pieces: list[np.ndarray]) -> float:
    """The mean loss over pieces of text, read from the beginning."""
    forget()
    found = float(np.mean([score(piece) for piece in pieces]))
    forget()
    return found


def main() -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a text file")
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--time", type=int, default=100, help="characters through which derivatives go back")
    parser.add_argument("--rate", type=float, default=0.003)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--sample", type=int, default=600, help="characters to write")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a small network for a moment, to see that all works")
    args = parser.parse_args()
    text = read(args.data)
    if args.quick:
        args.hidden, args.epochs, args.sample, text = 32, 1, 80, text[:40_000]
    letters = sorted(set(text))
    number = {c: i for i, c in enumerate(letters)}
    codes = np.array([number[c] for c in text], np.int64)
    cut = len(codes) * 9 // 10
    pieces, held_back = batches(codes[:cut], args.batch, args.time), batches(codes[cut:], args.batch, args.time)
    net, rate = CharRNN(len(letters), args.hidden, np.random.default_rng(args.seed)), wf.shared(args.rate, "rate")
    train, score, forget = compiled(net, args.batch, args, rate)
    print(f"{len(text)} characters, {len(letters)} different; {sum(p.get_value().size for p in net.params)} parameters")
    steps, step = args.epochs * len(pieces), 0
    with tqdm(total=steps, desc="batches") as bar:
        for _ in range(args.epochs):
            forget()
            for piece in pieces:
                rate.set_value(args.rate * 0.5 * (1 + math.cos(math.pi * step / steps)))
                bar.set_postfix(loss=f"{float(train(piece)):.3f}", refresh=False)
                bar.update()
                step += 1
            tqdm.write(f"validation {nats(score, forget, held_back):.4f} nats per character")
    write = writer(net, args.sample, args.seed)
    print("".join(letters[i] for i in write(np.int64(number["\n"]), np.float32(args.temperature))))


if __name__ == "__main__":
    main()
