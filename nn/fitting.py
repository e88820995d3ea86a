"""Training: epochs of shuffled batches, validation, early stopping, checkpoints; small, and no need to use it.

What it does is no more than a loop over `batches` that calls a compiled function: write your own where it does not fit.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..codegen.function import function
from ..symbolic.arguments import check_count, check_flag, check_function, check_mapping, check_sequence
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.trees import flatten
from .data import Examples, average, batches, call
from .history import History, line_of
from .state import parameters
from .training import Training
from .updates import adam


def fit(
    inputs: Sequence[Expr],
    loss: Expr,
    data: Any,
    *,
    updates: Any = adam,
    epochs: int = 10,
    batch: int = 32,
    seed: int = 0,
    validation: Any = None,
    metrics: Mapping[str, Expr] | None = None,
    training: Expr | None = None,
    augment: Callable[..., Any] | None = None,
    patience: int | None = None,
    monitor: str | None = None,
    highest: bool = False,
    keep_best: bool = True,
    callbacks: Iterable[Callable[[Training], Any]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    picture: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **options: Any,
) -> History:
    """Train: `history = nn.fit([x, t], loss, (images, labels), validation=(more, their_labels), patience=5)`.

    Parameters
    ----------
    inputs : the inputs of the graph, in the order of the arrays in `data`
    loss : the scalar that is made smaller, the mean over a batch
    data : the arrays of examples, as `nn.batches` takes them; floats are cast to config.float_dtype
    updates : an optimiser, called as updates(loss, params); or its updates {shared variable: new value}
    epochs, batch : passes over the data, and examples in a step
    seed : of the order of the examples, and of `augment`
    validation : arrays as `data`, on which loss and metrics are measured after each epoch
    metrics : {name: scalar expression}, means over a batch, measured on `validation`
    training : the scalar bool input of the graph that says whether it trains; it is True here, and False in validation
    augment : makes another batch of each, augment(batch, rng), with a numpy.random.Generator; a batch has the
        structure of `data`
    patience : stop after so many epochs without a better value of `monitor`
    monitor : a name of the history; None: "validation loss", or "loss" without validation
    highest : whether the highest value of `monitor` is the best, not the lowest
    keep_best : whether the variables have the values of the best epoch at the end, where there is validation
    callbacks : each is called with the `Training` after each epoch; `training.stop = True` ends it
    checkpoint : a file that is written after each epoch; where it is there, training goes on from it.  A run that was
        cut off anywhere ends with the same bits as one that was not
    every : write the checkpoint after so many steps, too
    picture : where the learning curve is drawn after each epoch
    progress : whether progress is shown: by tqdm where it is installed, else a line for each epoch
    options : of `weft.function`, such as target="cuda"

    Returns
    -------
    History
        of all epochs

    Raises ArgumentError for names that nothing records, and for a checkpoint of another training.
    """
    callbacks = _check_arguments(epochs, patience, every, highest, keep_best, progress, augment, callbacks)
    settings = {"seed": check_count("fit", "seed", seed), "batch": check_count("fit", "batch", batch, least=1)}
    settings["examples"] = Examples("fit", data).length
    more = check_mapping("fit: metrics", metrics, "name: expression", str)
    watched = monitor if monitor is not None else "loss" if validation is None else "validation loss"
    _check_names(list(more), validation is not None, watched)
    measured = None if validation is None else {"loss": loss, **more}
    train, test = _functions(inputs, loss, measured, updates, training, options)
    run = Training(train, test, watched, highest)
    if checkpoint is not None and Path(checkpoint).exists():
        run.resume(checkpoint, settings)
    save = _saver(run, checkpoint, settings)
    steps = math.ceil(settings["examples"] / batch)
    with _Bar(epochs * steps, run.epoch * steps + run.step, progress) as bar:
        while run.epoch < epochs and not _is_over(run, patience):
            _epoch(run, data, settings, _same if augment is None else augment, bar, every, save)
            if validation is not None:
                means = average(run.test, validation)
                run.history.records[-1] |= {"validation loss": means.pop("loss"), **means}
            run.judge()
            bar.say(run.epoch, run.history.records[-1])
            for callback in callbacks:
                callback(run)
            if picture is not None:
                run.history.picture(picture)
            save()
    if keep_best:
        run.restore_best()
    return run.history


def _check_arguments(
    epochs: Any, patience: Any, every: Any, highest: Any, keep_best: Any, progress: Any, augment: Any, callbacks: Any
) -> list[Callable[[Training], Any]]:
    """The callbacks, once all of these were looked at."""
    check_count("fit", "epochs", epochs)
    check_count("fit", "patience", 1 if patience is None else patience, least=1)
    check_count("fit", "every", 1 if every is None else every, least=1)
    check_flag("fit", "highest", highest)
    check_flag("fit", "keep_best", keep_best)
    check_flag("fit", "progress", progress)
    check_function("fit: augment", _same if augment is None else augment, ["a batch", "rng"])
    listed = check_sequence("fit: callbacks", callbacks)
    for callback in listed:
        check_function("fit: a callback", callback, ["the training"])
    return listed


def _check_names(metrics: Sequence[str], validated: bool, watched: Any) -> None:
    own = ("loss", "seconds", "validation loss")
    names = [*(own if validated else own[:2]), *metrics]
    text = None
    if metrics and not validated:
        text = "fit: metrics are measured on validation, and there is none."
    elif taken := [name for name in metrics if name in own]:
        text = f"fit: {taken[0]!r} is a name of the history's own; call the metric something else."
    elif not (isinstance(watched, str) and watched in names):
        text = f"fit: monitor is one of {', '.join(map(repr, names))}, not {watched!r}."
    if text is not None:
        raise blame(ArgumentError(text), user_site())


def _functions(
    inputs: Sequence[Expr], loss: Expr, measured: Any, updates: Any, training: Expr | None, options: Any
) -> tuple[Any, Any]:
    """(train, test), compiled; test is None where there is nothing to measure."""
    if taken := sorted({"givens", "name", "outputs"} & set(options)):
        raise blame(ArgumentError(f"fit says itself what `{taken[0]}` is of the functions that it makes."), user_site())
    new = updates
    if callable(updates) and not isinstance(updates, Mapping):
        check_function("fit: updates", updates, ["the loss", "the parameters"])
        new = updates(loss, list(parameters(loss).values()))
    if training is not None and not (isinstance(training, Expr) and training.dtype.kind == "b"):
        text = f"fit: training is the scalar bool input that says whether the network trains, not {training!r}."
        raise blame(ArgumentError(text), user_site())
    if measured is not None and "seconds" in measured:
        raise blame(
            ArgumentError("fit: the history's `seconds` are those of an epoch; name the metric else."), user_site()
        )
    on = None if training is None else {training: True}
    train = function(inputs, loss, updates=new, givens=on, name="train", **options)
    if measured is None:
        return train, None
    off = None if training is None else {training: False}
    return train, function(inputs, measured, givens=off, name="test", **{**options, "on_unused_input": "ignore"})


def _epoch(
    run: Training, data: Any, settings: Any, augment: Callable[..., Any], bar: _Bar, every: int | None, save: Any
) -> None:
    """The steps that are left of an epoch.  All that is random in it follows from the seed and the epoch's number."""
    start, done = time.perf_counter(), run.step
    order = np.random.default_rng((settings["seed"], run.epoch))
    for number, examples in enumerate(batches(data, settings["batch"], order)):
        if number < done:
            continue
        given = augment(examples, np.random.default_rng((settings["seed"], run.epoch, number)))
        value = float(call(run.train, given))
        run.step, run.total = number + 1, run.total + value * len(flatten(examples)[0][0])
        bar.step(value)
        if every is not None and run.step % every == 0:
            save()
    record = {"loss": run.total / max(1, settings["examples"]), "seconds": time.perf_counter() - start}
    run.history.records.append(record)
    run.epoch, run.step, run.total = run.epoch + 1, 0, 0.0


def _is_over(run: Training, patience: int | None) -> bool:
    return run.stop or (patience is not None and run.waited >= patience)


def _saver(run: Training, path: Any, settings: Mapping[str, Any]) -> Callable[[], None]:
    return (lambda: None) if path is None else lambda: run.save(path, settings)


def _same(batch: Any, rng: np.random.Generator) -> Any:
    return batch


class _Bar:
    """Progress: tqdm's bar over all steps, or a line for each epoch."""

    def __init__(self, steps: int, done: int, shown: bool):
        self.shown, self.bar = shown, None
        if shown:
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self.bar = tqdm(total=steps, initial=done, desc="fit", unit="step")

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def step(self, loss: float) -> None:
        if self.bar is not None:
            self.bar.update()

    def say(self, epoch: int, record: dict[str, float]) -> None:
        if self.bar is not None:
            self.bar.set_postfix({k: f"{v:.4g}" for k, v in record.items() if k != "seconds"}, refresh=False)
        elif self.shown:
            print(line_of(epoch, record), file=sys.stderr)
