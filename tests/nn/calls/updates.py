"""Optimisers."""

import weft as wf

from ...calls import BIAS, GRADS, LOSS, W, call

updates = wf.nn.updates
PARAMS = [W, BIAS]
FIRST = {W: W + 1}

CALLS = {
    "updates.sgd": call(updates.sgd, LOSS, PARAMS, learning_rate=0.1),
    "updates.momentum": call(updates.momentum, GRADS, PARAMS, learning_rate=0.1, momentum=0.9),
    "updates.nesterov": call(updates.nesterov, LOSS, PARAMS, learning_rate=0.1, momentum=0.9),
    "updates.apply_momentum": call(updates.apply_momentum, FIRST, [W], momentum=0.9),
    "updates.apply_nesterov": call(updates.apply_nesterov, FIRST, [W], momentum=0.9),
    "updates.adagrad": call(updates.adagrad, LOSS, PARAMS, learning_rate=0.1, epsilon=1e-6),
    "updates.rmsprop": call(updates.rmsprop, LOSS, PARAMS, learning_rate=0.1, rho=0.9, epsilon=1e-6),
    "updates.adadelta": call(updates.adadelta, LOSS, PARAMS, learning_rate=0.1, rho=0.9, epsilon=1e-6),
    "updates.adam": call(updates.adam, LOSS, PARAMS, learning_rate=0.1, beta1=0.9, beta2=0.99, epsilon=1e-8),
    "updates.clip_by_norm": call(updates.clip_by_norm, GRADS, 1.0, epsilon=1e-7),
}
