"""Computes what formulas in LaTeX say: the algebra of arrays that nets are written in, and nothing more.

Side by side two arrays are a product of matrices, a number and an array a multiple; a transposed vector is a row.
"""

import re

import numpy as np
from scipy.special import expit
from scipy.special import softmax as softmax_of

_TOKENS = re.compile(
    r"\\(?:operatorname|mathrm|mathbf|mathbb|text)\{[^{}]*\}|\\[a-zA-Z]+|\\[,;\[\]{}]"
    r"|\d+\.?\d*|[A-Za-z]|[-+=<>()\[\]{}^_'&,:|]"
)
_NAME = re.compile(r"\\(?:mathrm\{\w+\}|alpha|beta|delta|gamma|partial|varepsilon)$|[A-Za-z]$")
FUNCTIONS = {
    r"\sigma": expit,
    r"\sigma'": lambda z: expit(z) * (1 - expit(z)),
    r"\tanh": np.tanh,
    r"\exp": np.exp,
    r"\log": np.log,
    r"\sin": np.sin,
    r"\cos": np.cos,
    r"\operatorname{ReLU}": lambda z: np.maximum(z, 0),
    r"\operatorname{softmax}": lambda z: softmax_of(z, -1),
}


def run(latex, values):
    """The values of all left sides, in their order; of one formula alone, its value under ''."""
    known, found = dict(values), {}
    body = latex.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
    for line in body.split(r" \\" + "\n"):
        left, aligned, right = line.partition(" &= ")
        text = (right if aligned else left).rpartition(" = ")[2]
        value = Parser(text, known).whole()
        known[left if aligned else ""] = found[left if aligned else ""] = value
    return found


class Parser:
    """One formula, from left to right."""

    def __init__(self, text, known):
        self.tokens = [t for t in _TOKENS.findall(text.replace(r"\left", "").replace(r"\right", "")) if t != r"\,"]
        self.place, self.known = 0, known

    def peek(self):
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted=None):
        token = self.peek()
        assert wanted is None or token == wanted, (wanted, token, self.tokens[self.place :], self.tokens)
        self.place += 1
        return token

    def whole(self):
        value = self.sum()
        assert not self.peek(), self.tokens[self.place :]
        return value

    def sum(self):
        value = -self.entrywise() if self.peek() == "-" and self.take() else self.entrywise()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = value + sign * self.entrywise()
        return value

    def entrywise(self):
        value = self.product()
        while self.peek() == r"\odot":
            self.take()
            value = value * self.product()
        return value

    def product(self):
        value = self.power()
        while self.peek() and not re.fullmatch(r"[-+=<>)\]},&]|\\odot|\\rVert|\\rvert", self.peek()):
            value = times(value, self.power())
        return value

    def power(self):
        value = self.atom()
        while self.peek() in ("^", "_"):
            is_index = self.take() == "_"
            value = self.elements(value, self.group_text()) if is_index else self.raise_to(value)
        return value

    def raise_to(self, value):
        self.take("{")
        if self.peek() == r"\top":
            self.take()
            self.take("}")
            if value is ONES:
                return ONES
            return value[None] if np.ndim(value) == 1 else np.swapaxes(value, -1, -2)
        if self.peek() == r"\odot":
            self.take()
        exponent = self.sum()
        self.take("}")
        return value**exponent

    def elements(self, value, index):
        picked = re.fullmatch(r"i,(\w)_\{i\}", index)
        if picked:
            return Elements(value[np.arange(len(value)), self.known[picked[1]]], [0])
        axes = [k for k, letter in enumerate(index.split(",")) if letter != ":"]
        return Elements(value, axes)

    def group_text(self):
        self.take("{")
        depth, text = 1, ""
        while True:
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not depth:
                return text
            text += token

    def atom(self):
        token = self.take()
        if token in ("(", r"\lvert", r"\lVert"):
            value = self.sum()
            self.take({"(": ")", r"\lvert": r"\rvert", r"\lVert": r"\rVert"}[token])
            if token == r"\lVert":
                if self.peek() == "_":
                    self.take()
                    assert self.group_text() == "F"
                return np.sqrt((value**2).sum())
            return np.abs(value) if token == r"\lvert" else value
        if token == r"\frac":
            return self.group() / self.group()
        if token == r"\sqrt":
            return np.sqrt(self.group())
        if token in (r"\sum", r"\max"):
            return self.reduced(np.sum if token == r"\sum" else np.max)
        if token == r"\mathbb{1}":
            return self.mask()
        if token == r"\mathbf{1}":
            return ONES
        if token == r"\operatorname{onehot}":
            self.take("(")
            labels = self.sum()
            self.take(")")
            return labels[..., None] == np.arange(self.known["classes"])
        if re.match(r"\d", token):
            return np.float64(token)
        return self.named(token)

    def named(self, token):
        if token == "e" and self.peek() == "^":
            self.take()
            return np.exp(self.group())
        while self.peek() == "'":
            token += self.take()
        if token in FUNCTIONS:
            value = self.atom() if self.peek() == "(" else self.power()
            if isinstance(value, Elements):
                return Elements(FUNCTIONS[token](value.array), value.axes)
            return FUNCTIONS[token](value)
        assert _NAME.match(token), token
        if self.peek() == "_":
            before = self.place
            self.take()
            longer = f"{token}_{{{self.group_text()}}}"
            if longer in self.known:
                return self.known[longer]
            self.place = before
        return self.known[token]

    def group(self):
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def mask(self):
        self.take("[")
        left, sign, right = self.sum(), self.take(), self.sum()
        self.take("]")
        return np.where({">": left > right, "<": left < right, "=": left == right}[sign], 1.0, 0.0)

    def reduced(self, function):
        while self.peek() in ("_", "^"):
            self.take()
            self.group_text()
        value = self.product()
        assert isinstance(value, Elements), value
        return function(value.array, axis=tuple(value.axes), keepdims=np.ndim(value.array) == 2 and value.axes == [1])


class Elements:
    """The elements of an array along some axes, which a sum goes over."""

    def __init__(self, array, axes):
        self.array, self.axes = array, axes


ONES = object()


def times(a, b):
    if b is ONES:
        return a[:, None] if np.ndim(a) == 1 else a
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(a) == 1 and np.ndim(b) == 2 and b.shape[0] == 1:
        return a[:, None] * b
    found = a @ b
    return found[0] if np.ndim(a) == 2 and a.shape[0] == 1 and np.ndim(b) == 2 else found
