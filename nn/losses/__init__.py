"""Losses, one value for each example or element: the user takes the mean, or any other.

loss = losses.crossentropy(logits, labels).mean()
loss = losses.masked_mean(losses.squared_error(y, t), mask)
"""

from .alignment import ctc
from .classification import binary_crossentropy, binary_focal, crossentropy, focal, nll
from .distributions import bernoulli_nll, gaussian_nll, generalized_kl, kl_div, poisson_nll
from .margin import (
    categorical_hinge,
    hinge,
    hinge_embedding,
    margin_ranking,
    multiclass_hinge,
    multilabel_margin,
    multilabel_soft_margin,
    soft_margin,
    squared_hinge,
)
from .metric import circle, contrastive, cosine_embedding, cosine_similarity, distance, info_nce, ntxent, triplet_margin
from .overlap import dice, generalized_dice, jaccard, tversky
from .reduction import masked_mean, weighted_mean
from .regression import (
    absolute_error,
    absolute_percentage_error,
    huber,
    log_cosh,
    quantile_error,
    smooth_l1,
    squared_error,
    squared_logarithmic_error,
)
from .variants import generalized_crossentropy, poly_crossentropy, sparsemax

__all__ = [
    "absolute_error",
    "absolute_percentage_error",
    "bernoulli_nll",
    "binary_crossentropy",
    "binary_focal",
    "categorical_hinge",
    "circle",
    "contrastive",
    "cosine_embedding",
    "cosine_similarity",
    "crossentropy",
    "ctc",
    "dice",
    "distance",
    "focal",
    "gaussian_nll",
    "generalized_crossentropy",
    "generalized_dice",
    "generalized_kl",
    "hinge",
    "hinge_embedding",
    "huber",
    "info_nce",
    "jaccard",
    "kl_div",
    "log_cosh",
    "margin_ranking",
    "masked_mean",
    "multiclass_hinge",
    "multilabel_margin",
    "multilabel_soft_margin",
    "nll",
    "ntxent",
    "poisson_nll",
    "poly_crossentropy",
    "quantile_error",
    "smooth_l1",
    "soft_margin",
    "sparsemax",
    "squared_error",
    "squared_hinge",
    "squared_logarithmic_error",
    "triplet_margin",
    "tversky",
    "weighted_mean",
]
