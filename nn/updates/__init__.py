"""Optimisers: each gives the updates {shared variable: new value} for `weft.function(..., updates=...)`.

    train = wf.function([x, t], loss, updates=wf.nn.updates.adam(loss, nn.parameters(loss)))

The first argument is a scalar loss, or the list of its gradients; the second a list of shared variables, or the dict
{name: shared variable} of `nn.parameters`.  `learning_rate` is a number, a scalar expression, such as a shared variable
that is changed while training, or a schedule, a function of the number of the step (`nn.schedules`): it is computed in
the graph, of a counter that is among the updates.  What an optimiser remembers is in shared variables of its own, in
the dtype of the parameter, which are among the updates too.

Optimisers of several groups of parameters are joined: `adam(loss, some, 1e-3) | sgd(loss, others, 0.1)`.  What changes
updates takes those of any optimiser, and leaves what it remembers as it is, as in `lookahead(rmsprop(loss, params))`.
"""

from .adaptive import adadelta, adagrad, rmsprop
from .averaging import ema, lookahead, mean
from .clipping import add_decay, add_noise, clip_adaptively, clip_by_norm, clip_by_value, clip_each_by_norm
from .combining import accumulate, decay, scale
from .descent import apply_momentum, apply_nesterov, lion, momentum, nesterov, rprop, sgd
from .gradient import Updates
from .layerwise import lamb, lars
from .lengths import fromage, polyak, signum
from .matrices import adafactor, muon
from .moments import adabelief, adam, adamax, adamw, nadam, radam
from .online import apply_optimism, ftrl, sm3
from .precision import scale_loss
from .schedule_free import schedule_free
from .second_order import lbfgs
from .variants import adan, novograd, yogi

__all__ = [
    "Updates",
    "accumulate",
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "adan",
    "add_decay",
    "add_noise",
    "apply_momentum",
    "apply_nesterov",
    "apply_optimism",
    "clip_adaptively",
    "clip_by_norm",
    "clip_by_value",
    "clip_each_by_norm",
    "decay",
    "ema",
    "fromage",
    "ftrl",
    "lamb",
    "lars",
    "lbfgs",
    "lion",
    "lookahead",
    "mean",
    "momentum",
    "muon",
    "nadam",
    "nesterov",
    "novograd",
    "polyak",
    "radam",
    "rmsprop",
    "rprop",
    "scale",
    "scale_loss",
    "schedule_free",
    "sgd",
    "signum",
    "sm3",
    "yogi",
]
