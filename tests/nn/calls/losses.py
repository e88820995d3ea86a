"""Losses."""

import weft as wf

from ...calls import CUBE, FLAGS, LABELS, V, X, call

f = wf.nn.losses

ROW = X[:, 0]
ALIKE = FLAGS[:, 0]
CLASSES = {"axis": -1, "class_weights": V, "ignore_index": 2}
OVERLAP = {"axis": 1, "smooth": 0.5}
SEQUENCES = wf.vector("steps", (3,), "int64")

CALLS = {
    "losses.squared_error": call(f.squared_error, X, X),
    "losses.absolute_error": call(f.absolute_error, X, X),
    "losses.huber": call(f.huber, X, X, delta=0.5),
    "losses.smooth_l1": call(f.smooth_l1, X, X, beta=0.5),
    "losses.log_cosh": call(f.log_cosh, X, X),
    "losses.quantile_error": call(f.quantile_error, X, X, quantile=0.3),
    "losses.absolute_percentage_error": call(f.absolute_percentage_error, X, X, eps=1e-3),
    "losses.squared_logarithmic_error": call(f.squared_logarithmic_error, X, X),
    "losses.bernoulli_nll": call(f.bernoulli_nll, X, X),
    "losses.kl_div": call(f.kl_div, X, X, log_targets=True),
    "losses.poisson_nll": call(f.poisson_nll, X, X, log_input=False, full=True, eps=1e-3),
    "losses.gaussian_nll": call(f.gaussian_nll, X, X, X, full=True, eps=1e-3),
    "losses.crossentropy": call(f.crossentropy, X, LABELS, **CLASSES, label_smoothing=0.1),
    "losses.nll": call(f.nll, X, LABELS, **CLASSES),
    "losses.focal": call(f.focal, X, LABELS, gamma=1.5, **CLASSES),
    "losses.binary_crossentropy": call(f.binary_crossentropy, X, X, pos_weight=V, label_smoothing=0.1),
    "losses.binary_focal": call(f.binary_focal, X, X, gamma=1.5, alpha=0.3),
    "losses.hinge": call(f.hinge, X, FLAGS, margin=0.5),
    "losses.squared_hinge": call(f.squared_hinge, X, X, margin=0.5),
    "losses.soft_margin": call(f.soft_margin, X, FLAGS),
    "losses.multiclass_hinge": call(f.multiclass_hinge, X, LABELS, delta=1.0, p=2),
    "losses.categorical_hinge": call(f.categorical_hinge, X, LABELS, margin=0.5),
    "losses.multilabel_margin": call(f.multilabel_margin, X, FLAGS, margin=0.5),
    "losses.multilabel_soft_margin": call(f.multilabel_soft_margin, X, FLAGS, class_weights=V),
    "losses.margin_ranking": call(f.margin_ranking, X, X, FLAGS, margin=0.5),
    "losses.hinge_embedding": call(f.hinge_embedding, X, FLAGS, margin=0.5),
    "losses.distance": call(f.distance, X, X, p=3, axis=1),
    "losses.cosine_similarity": call(f.cosine_similarity, X, X, axis=1, eps=1e-3),
    "losses.cosine_embedding": call(f.cosine_embedding, X, X, ALIKE, margin=0.5, axis=1),
    "losses.triplet_margin": call(f.triplet_margin, X, X, X, margin=0.5, p=2, swap=True),
    "losses.contrastive": call(f.contrastive, X, X, ALIKE, margin=0.5),
    "losses.info_nce": call(f.info_nce, X, X, temperature=0.5),
    "losses.ntxent": call(f.ntxent, X, X, temperature=0.5),
    "losses.dice": call(f.dice, X, FLAGS, **OVERLAP),
    "losses.jaccard": call(f.jaccard, X, FLAGS, **OVERLAP),
    "losses.tversky": call(f.tversky, X, FLAGS, alpha=0.3, beta=0.7, **OVERLAP),
    "losses.weighted_mean": call(f.weighted_mean, ROW, LABELS, axis=0),
    "losses.masked_mean": call(f.masked_mean, X, FLAGS, axis=0),
    "losses.ctc": call(f.ctc, CUBE, wf.ones((3, 2), dtype="int64"), SEQUENCES, SEQUENCES, blank=0, zero_infinity=True),
    "losses.poly_crossentropy": call(f.poly_crossentropy, X, LABELS, epsilon=0.5, **CLASSES),
    "losses.generalized_crossentropy": call(f.generalized_crossentropy, X, LABELS, q=0.5, **CLASSES),
    "losses.sparsemax": call(f.sparsemax, X, LABELS),
    "losses.generalized_kl": call(f.generalized_kl, X, X),
    "losses.generalized_dice": call(f.generalized_dice, CUBE, CUBE, axis=1),
    "losses.circle": call(f.circle, X, LABELS, margin=0.5, gamma=2.0),
}
