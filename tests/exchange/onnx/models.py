"""Small models, written as text."""

from __future__ import annotations

import numpy as np


def make(body, functions="", opset=18, **arrays):
    """A model from the text of its graph, with the arrays as its initializers; `l` is a domain of its own functions."""
    from onnx import numpy_helper, parser

    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}, "l" : 1]>\n{body}\n{functions}')
    for name, array in arrays.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model
