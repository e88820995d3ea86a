"""Losses."""

import weft as wf

from ...calls import LABELS, X, call

losses = wf.nn.losses

CALLS = {
    "losses.squared_error": call(losses.squared_error, X, X),
    "losses.absolute_error": call(losses.absolute_error, X, X),
    "losses.multiclass_hinge": call(losses.multiclass_hinge, X, LABELS, delta=1.0),
}
