"""How good predictions are: expressions of a batch, and functions of the arrays of a whole set."""

from .curves import average_precision, precision_recall, roc, roc_auc
from .predictions import (
    accuracy,
    concordance,
    confusion,
    f1,
    f_beta,
    iou,
    kappa,
    matthews,
    pearson,
    precision,
    r2,
    recall,
    specificity,
    top_k,
)

__all__ = [
    "accuracy",
    "average_precision",
    "concordance",
    "confusion",
    "f1",
    "f_beta",
    "iou",
    "kappa",
    "matthews",
    "pearson",
    "precision",
    "precision_recall",
    "r2",
    "recall",
    "roc",
    "roc_auc",
    "specificity",
    "top_k",
]
