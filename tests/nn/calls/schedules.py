"""Schedules, which are swept over their arguments, and over the step that they are called with."""

import weft as wf

from ...calls import LOSS, call

schedules = wf.nn.schedules


def of_step(make, *args, **options):
    """The rate at a step: the first argument of the call."""

    def rate(step, *args, **options):
        return make(*args, **options)(step)

    return call(rate, 3, *args, **options)


MADE = {
    "constant": ((0.1,), {}),
    "step": ((0.1, 10), {"factor": 0.5}),
    "multi_step": ((0.1, [3, 5]), {"factor": 0.5}),
    "piecewise_constant": (([0.1, 0.2], [3]), {}),
    "exponential": ((0.1, 0.5), {"every": 3}),
    "polynomial": ((0.1, 10), {"end": 0.01, "power": 2.0}),
    "linear": ((0.1, 10), {"end": 0.01}),
    "cosine": ((0.1, 10), {"end": 0.01}),
    "cosine_restarts": ((0.1, 10), {"growth": 2, "end": 0.01, "factor": 0.5}),
    "one_cycle": ((0.1, 10), {"rise": 0.3, "start": 0.01, "end": 0.001}),
    "cyclic": ((0.1, 0.2), {"rise": 3, "fall": 4, "factor": 0.5}),
    "inverse_time": ((0.1,), {"decay": 0.5, "every": 3}),
    "inverse_sqrt": ((0.1,), {"warmup": 10}),
    "warmup": ((0.1, 10), {"start": 0.01}),
    "join": (([0.1, 0.2], [3]), {}),
}

CALLS = {f"schedules.{n}": of_step(getattr(schedules, n), *args, **options) for n, (args, options) in MADE.items()} | {
    "schedules.plateau": call(
        schedules.plateau,
        LOSS,
        0.1,
        factor=0.5,
        patience=3,
        threshold=0.01,
        mode="min",
        cooldown=2,
        least=0.001,
    ),
}
