"""Learning rates that change: each function gives a schedule, a function of the number of the step, from 0.

    rate = schedules.warmup(schedules.cosine(0.1, steps=9000), steps=1000)
    train = wf.function([x, t], loss, updates=wf.nn.updates.adam(loss, params, rate))

A schedule of a number is a float, and of an array of them an array; of an expression it is one, so that an optimiser
computes it in the graph, of a counter that it keeps among its updates.  All is computed in float64.  Any function that
does so is a schedule too, such as `lambda n: 0.1 * 10 ** (-n / 2000)`.
"""

from .composed import join, plateau, warmup
from .cycles import cosine_restarts, cyclic, one_cycle
from .decays import (
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    inverse_time,
    linear,
    multi_step,
    piecewise_constant,
    polynomial,
    step,
)

__all__ = [
    "constant",
    "cosine",
    "cosine_restarts",
    "cyclic",
    "exponential",
    "inverse_sqrt",
    "inverse_time",
    "join",
    "linear",
    "multi_step",
    "one_cycle",
    "piecewise_constant",
    "plateau",
    "polynomial",
    "step",
    "warmup",
]
