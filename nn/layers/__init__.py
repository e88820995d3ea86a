"""Layers: plain functions of expressions, which make their parameters, or take what they are given.

h = wf.relu(layers.dense(x, 256))
loss = losses.crossentropy(layers.dense(h, 10), t).mean()
updates = nn.updates.adam(loss, nn.parameters(loss))
"""

from ...ops.movement import flatten
from ...ops.normalization import local_response_norm
from .activation import gumbel_softmax, prelu, rrelu
from .additive_attention import additive_attention
from .attention import dot_product_attention, multi_head_attention
from .conv_recurrent import conv_lstm1d, conv_lstm2d, conv_lstm3d
from .convolution import (
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    conv_params,
    depthwise_conv1d,
    depthwise_conv2d,
    separable_conv1d,
    separable_conv2d,
)
from .dense import bilinear, dense, dense_params
from .embedding import embedding, embedding_bag
from .fractional_pooling import fractional_max_pool2d, fractional_max_pool3d
from .gates import highway, squeeze_excite
from .locally import locally_connected1d, locally_connected2d
from .noise import (
    alpha_dropout,
    drop_connect,
    dropout,
    gaussian_dropout,
    gaussian_noise,
    shakeout,
    spatial_dropout,
    stochastic_depth,
)
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm, unit_norm
from .patches import fold, patches
from .pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    global_avg_pool,
    global_max_pool,
    spatial_pyramid_pool,
)
from .positions import alibi, learned_positions, rotary, sinusoidal_positions
from .recurrent import bidirectional, gru, lstm, rnn
from .recurrent_cells import gru_cell, lstm_cell, rnn_cell
from .reparametrization import spectral_norm, weight_norm
from .resize import resize
from .sampling import affine_grid, grid_sample
from .shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from .transformer import transformer_decoder_layer, transformer_encoder_layer
from .weights import new_parameter

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "additive_attention",
    "affine_grid",
    "alibi",
    "alpha_dropout",
    "batch_norm",
    "bidirectional",
    "bilinear",
    "channel_shuffle",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "conv_lstm1d",
    "conv_lstm2d",
    "conv_lstm3d",
    "conv_params",
    "dense",
    "dense_params",
    "depthwise_conv1d",
    "depthwise_conv2d",
    "dot_product_attention",
    "drop_connect",
    "dropout",
    "embedding",
    "embedding_bag",
    "flatten",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "gaussian_dropout",
    "gaussian_noise",
    "global_avg_pool",
    "global_max_pool",
    "grid_sample",
    "group_norm",
    "gru",
    "gru_cell",
    "gumbel_softmax",
    "highway",
    "instance_norm",
    "layer_norm",
    "learned_positions",
    "local_response_norm",
    "locally_connected1d",
    "locally_connected2d",
    "lstm",
    "lstm_cell",
    "multi_head_attention",
    "new_parameter",
    "patches",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "resize",
    "rms_norm",
    "rnn",
    "rnn_cell",
    "rotary",
    "rrelu",
    "separable_conv1d",
    "separable_conv2d",
    "shakeout",
    "sinusoidal_positions",
    "spatial_dropout",
    "spatial_pyramid_pool",
    "spectral_norm",
    "squeeze_excite",
    "stochastic_depth",
    "transformer_decoder_layer",
    "transformer_encoder_layer",
    "unit_norm",
    "weight_norm",
]
