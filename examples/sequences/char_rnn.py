"""An LSTM learns to write, character by character (Hochreiter, Schmidhuber 1997; Karpathy 2015).

    python examples/char_rnn.py                     # Python's own manual pages, some minutes
    python examples/char_rnn.py --data input.txt    # any text file, such as the plays of Shakespeare
    python examples/char_rnn.py --target cuda       # on a device of NVIDIA's

Prints the loss on text that was held back, in nats per character, after each epoch, and a sample after training.
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
            return (rng.uniform(-1, 1, shape) / math.sqrt(fan)).astype("float32")

        bias = np.zeros(4 * hidden, "float32")
        bias[hidden : 2 * hidden] = 1  # remember, at first (Jozefowicz et al. 2015)
        self.hidden = hidden
        self.from_char = wf.shared(uniform(classes, 4 * hidden, fan=1), "from_char")
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


def compiled(net: CharRNN, args: argparse.Namespace) -> tuple[wf.Function, ...]:
    """(train(text, rate), score(text), forget()): each text goes on where the one before ended."""
    shape = args.batch, net.hidden
    text, rate = wf.matrix("text", ("time", args.batch), dtype="int64"), wf.scalar("rate")
    memory = [wf.shared(np.zeros(shape, "float32"), name) for name in ("h", "c")]
    kept = wf.random.Stream(args.seed).bernoulli(1 - args.dropout, shape, "float32") / (1 - args.dropout)
    loss, state = net.loss((memory[0], memory[1]), text, kept)
    grads = wf.nn.updates.clip_by_norm(wf.grad(loss, net.params), 1.0)
    updates = wf.nn.updates.adam(grads, net.params, learning_rate=rate)
    goes_on = dict(zip(memory, state, strict=True))
    score, after = net.loss((memory[0], memory[1]), text)
    return (
        wf.function([text, rate], loss, updates=updates | goes_on, name="train", target=args.target),
        wf.function([text], score, updates=dict(zip(memory, after, strict=True)), name="score", target=args.target),
        wf.function([], None, updates={m: wf.zeros_like(m) for m in memory}, name="forget", target=args.target),
    )


def writer(net: CharRNN, length: int, seed: int, target: str) -> wf.Function:
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
    return wf.function([first, temperature], chars, name="write", target=target)


def batches(codes: np.ndarray, batch: int, time: int) -> list[np.ndarray]:
    """The text in `batch` columns, cut into pieces of time + 1 characters; the last of one is the first of the next."""
    rows = (len(codes) - 1) // batch
    table = np.stack([codes[k * rows : (k + 1) * rows + 1] for k in range(batch)], axis=1)
    return [table[i : i + time + 1] for i in range(0, rows - time + 1, time)]


def learn(net: CharRNN, codes: np.ndarray, args: argparse.Namespace) -> None:
    """Train on nine tenths of the text; tell after each epoch what the last tenth says."""
    train, score, forget = compiled(net, args)
    cut = len(codes) * 9 // 10
    pieces, held_back = batches(codes[:cut], args.batch, args.time), batches(codes[cut:], args.batch, args.time)
    if not held_back:
        raise SystemExit("The text is too short for this --batch and --time.")
    total = args.epochs * len(pieces)
    with tqdm(total=total, desc="batches") as bar:
        for epoch in range(1, args.epochs + 1):
            forget()
            for piece in pieces:
                rate = args.rate / 2 * (1 + math.cos(math.pi * bar.n / total))  # slower and slower
                bar.set_postfix(loss=f"{train(piece, rate):.3f}", refresh=False)
                bar.update()
            forget()
            tqdm.write(f"epoch {epoch}: {np.mean([score(piece) for piece in held_back]):.4f} nats per character")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a text file")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--time", type=int, default=64, help="characters through which derivatives go back")
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--sample", type=int, default=600, help="characters to write")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu", help='"cpu", "cuda", or another target (default cpu)')
    parser.add_argument("--quick", action="store_true", help="a small network for a moment, to see that all works")
    args = parser.parse_args()
    if args.quick:
        args.hidden, args.epochs, args.batch, args.time, args.sample = 32, 1, 8, 16, 80
    return args


def main() -> None:
    """Read, train, write."""
    args = arguments()
    text = read(args.data)[: 40_000 if args.quick else None]
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    net = CharRNN(len(letters), args.hidden, np.random.default_rng(args.seed))
    print(f"{len(text)} characters, {len(letters)} different; {sum(p.get_value().size for p in net.params)} parameters")
    learn(net, np.array([number[letter] for letter in text]), args)
    write = writer(net, args.sample, args.seed, args.target)
    print("".join(letters[i] for i in write(number.get("\n", 0), args.temperature)))


if __name__ == "__main__":
    main()
