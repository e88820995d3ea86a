"""Optimisers."""

import weft as wf

from ...calls import BIAS, GRADS, LOSS, STREAM, W, call

updates = wf.nn.updates
PARAMS = [W, BIAS]
FIRST = {W: W + 1}
BETAS = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
DECAY = {"weight_decay": 0.1, "decayed": [W]}

CALLS = {
    "updates.sgd": call(updates.sgd, LOSS, PARAMS, learning_rate=0.1, weight_decay=0.1),
    "updates.momentum": call(updates.momentum, GRADS, PARAMS, learning_rate=0.1, momentum=0.9, weight_decay=0.1),
    "updates.nesterov": call(updates.nesterov, LOSS, PARAMS, learning_rate=0.1, momentum=0.9, weight_decay=0.1),
    "updates.apply_momentum": call(updates.apply_momentum, FIRST, [W], momentum=0.9),
    "updates.apply_nesterov": call(updates.apply_nesterov, FIRST, [W], momentum=0.9),
    "updates.adagrad": call(updates.adagrad, LOSS, PARAMS, learning_rate=0.1, epsilon=1e-6),
    "updates.rmsprop": call(
        updates.rmsprop, LOSS, PARAMS, learning_rate=0.1, rho=0.9, epsilon=1e-6, centered=True, momentum=0.5
    ),
    "updates.adadelta": call(updates.adadelta, LOSS, PARAMS, learning_rate=0.1, rho=0.9, epsilon=1e-6),
    "updates.adam": call(updates.adam, LOSS, PARAMS, **BETAS, amsgrad=True),
    "updates.adamw": call(updates.adamw, LOSS, PARAMS, **BETAS, **DECAY, amsgrad=False),
    "updates.nadam": call(updates.nadam, LOSS, PARAMS, **BETAS, momentum_decay=0.004),
    "updates.radam": call(updates.radam, LOSS, PARAMS, **BETAS),
    "updates.adamax": call(updates.adamax, LOSS, PARAMS, **BETAS),
    "updates.adabelief": call(updates.adabelief, LOSS, PARAMS, **BETAS),
    "updates.lion": call(updates.lion, LOSS, PARAMS, learning_rate=0.1, beta1=0.9, beta2=0.99, **DECAY),
    "updates.lars": call(
        updates.lars, LOSS, PARAMS, 0.1, momentum=0.9, weight_decay=0.1, trust=0.1, epsilon=0.1, adapted=[W]
    ),
    "updates.lamb": call(updates.lamb, LOSS, PARAMS, **BETAS, weight_decay=0.1, adapted=lambda p: p.ndim > 1),
    "updates.rprop": call(updates.rprop, LOSS, PARAMS, learning_rate=0.1, shrink=0.5, grow=1.2, least=1e-6, most=50.0),
    "updates.adafactor": call(
        updates.adafactor, LOSS, PARAMS, 0.1, exponent=0.8, least=0.1, limit=1.0, epsilon=0.1, weight_decay=0.1
    ),
    "updates.muon": call(
        updates.muon,
        LOSS,
        PARAMS,
        0.1,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.1,
        iterations=2,
        epsilon=1e-7,
        others=updates.sgd,
    ),
    "updates.lbfgs": call(updates.lbfgs, LOSS, PARAMS, learning_rate=0.1, history=2),
    "updates.clip_by_norm": call(updates.clip_by_norm, GRADS, 1.0, epsilon=1e-7),
    "updates.clip_each_by_norm": call(updates.clip_each_by_norm, GRADS, 1.0, epsilon=1e-7),
    "updates.clip_by_value": call(updates.clip_by_value, GRADS, 1.0),
    "updates.clip_adaptively": call(updates.clip_adaptively, LOSS, PARAMS, limit=0.1, least=0.1, axes=0),
    "updates.add_noise": call(updates.add_noise, GRADS, STREAM, std=0.1),
    "updates.add_decay": call(updates.add_decay, LOSS, PARAMS, **DECAY),
    "updates.ema": call(updates.ema, FIRST, 0.9, params=[W], debias=True),
    "updates.mean": call(updates.mean, FIRST, start=1, every=2, params=[W]),
    "updates.lookahead": call(updates.lookahead, FIRST, steps=2, part=0.5, params=[W]),
    "updates.accumulate": call(updates.accumulate, LOSS, PARAMS, 2, updates.sgd),
    "updates.scale": call(updates.scale, FIRST, {W: 0.5}),
    "updates.decay": call(updates.decay, FIRST, 0.1, params=[W]),
    "updates.yogi": call(updates.yogi, LOSS, PARAMS, **BETAS, start=0.1),
    "updates.adan": call(updates.adan, LOSS, PARAMS, **BETAS, beta3=0.9, weight_decay=0.1),
    "updates.novograd": call(updates.novograd, LOSS, PARAMS, **BETAS, weight_decay=0.1),
    "updates.signum": call(updates.signum, LOSS, PARAMS, learning_rate=0.1, momentum=0.9, weight_decay=0.1),
    "updates.fromage": call(updates.fromage, LOSS, PARAMS, learning_rate=0.1, least=0.1),
    "updates.polyak": call(updates.polyak, LOSS, PARAMS, least=0.1, most=0.1),
    "updates.ftrl": call(updates.ftrl, LOSS, PARAMS, learning_rate=0.1, beta=1.0, l1=0.1, l2=0.1, start=0.1),
    "updates.sm3": call(updates.sm3, LOSS, PARAMS, learning_rate=0.1, momentum=0.9),
    "updates.apply_optimism": call(updates.apply_optimism, FIRST, [W], part=0.5),
    "updates.schedule_free": call(updates.schedule_free, FIRST, beta=0.9, weight=0.5, params=[W]),
    "updates.scale_loss": call(updates.scale_loss, LOSS, PARAMS, updates.sgd, factor=8.0, every=2),
}
