"""What parts of torch, Keras and Optax are called in weft, and which of their names are no parts.

Names are plain: in small letters with underscores, without the number of axes at their end.
"""

# the same part by another name, or the function of which it is an option
COUNTERPARTS = {
    # activations
    "exponential": "exp",
    "hard_silu": "hard_swish",
    "hardshrink": "hard_shrink",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "hardtanh": "hard_tanh",
    "leaky_re_lu": "leaky_relu",
    "multihead_attention": "multi_head_attention",
    "p_re_lu": "prelu",
    "r_re_lu": "rrelu",
    "re_lu": "relu",
    "re_lu6": "relu6",
    "si_lu": "silu",
    "softshrink": "soft_shrink",
    "tanhshrink": "tanh_shrink",
    # layers
    "activation": "relu",  # any function
    "activity_regularization": "sparsity",  # or any function of what a layer gives, added to the loss
    "adaptive_average_pooling": "adaptive_avg_pool",
    "adaptive_max_pooling": "adaptive_max_pool",
    "attention": "dot_product_attention",
    "average_pooling": "avg_pool",
    "batch_normalization": "batch_norm",
    "category_encoding": "one_hot",
    "circular_pad": "pad",  # mode="wrap"
    "constant_pad": "pad",
    "convolution": "conv",
    "convolution_transpose": "conv_transpose",
    "cropping": "x[...]",
    "cross_map_lrn": "local_response_norm",
    "einsum_dense": "einsum",
    "feature_alpha_dropout": "alpha_dropout",  # axis=1
    "global_average_pooling": "global_avg_pool",
    "global_max_pooling": "global_max_pool",
    "group_normalization": "group_norm",
    "group_query_attention": "multi_head_attention",  # kv_heads=
    "identity": "x",
    "layer_normalization": "layer_norm",
    "linear": "dense",
    "masking": "lstm",  # mask=, which layers over time take
    "max_pooling": "max_pool",
    "permute": "permute_dims",
    "reflection_pad": "pad",  # mode="reflect"
    "repeat_vector": "repeat",
    "replication_pad": "pad",  # mode="edge"
    "rescaling": "mul",
    "resizing": "resize",
    "reversible_embedding": "embedding",  # whose weights an expression uses again
    "rms_normalization": "rms_norm",
    "separable_convolution": "separable_conv",
    "simple_rnn": "rnn",
    "simple_rnn_cell": "rnn_cell",
    "spectral_normalization": "spectral_norm",
    "stacked_rnn_cells": "rnn_cell",  # one after the other
    "time_distributed": "reshape",  # (batch * time, ...) and back; dense has flatten=False
    "transformer": "transformer_decoder_layer",  # of encoder layers, in loops
    "transformer_decoder": "transformer_decoder_layer",  # in a loop
    "transformer_encoder": "transformer_encoder_layer",
    "unfold": "patches",
    "unit_normalization": "unit_norm",
    "up_sampling": "resize",
    "upsample": "resize",
    "upsampling_bilinear": "resize",
    "upsampling_nearest": "resize",
    "zero_pad": "pad",
    "zero_padding": "pad",
    # losses
    "bce_loss": "bernoulli_nll",
    "bce_with_logits_loss": "binary_crossentropy",
    "binary_dice_loss": "dice",
    "binary_focal_crossentropy": "binary_focal",
    "categorical_crossentropy": "crossentropy",
    "categorical_focal_crossentropy": "focal",
    "categorical_generalized_cross_entropy": "generalized_crossentropy",
    "convex_kl_divergence": "generalized_kl",
    "cosine_distance": "cosine_similarity",
    "cosine_embedding_loss": "cosine_embedding",
    "cross_entropy_loss": "crossentropy",
    "ctc_loss": "ctc",
    "dice_loss": "dice",
    "gaussian_nll_loss": "gaussian_nll",
    "generalized_kl_divergence": "generalized_kl",
    "hinge_embedding_loss": "hinge_embedding",
    "hinge_loss": "hinge",
    "huber_loss": "huber",
    "kl_div_loss": "kl_div",
    "kl_divergence": "kl_div",
    "kl_divergence_with_log_targets": "kl_div",  # log_targets=True
    "l1_loss": "absolute_error",
    "l2_loss": "squared_error",
    "linear_cross_entropy_loss": "crossentropy",  # of a dense layer
    "log_cosh_error": "log_cosh",
    "margin_ranking_loss": "margin_ranking",
    "mean_absolute_error": "absolute_error",
    "mean_absolute_percentage_error": "absolute_percentage_error",
    "mean_squared_error": "squared_error",
    "mean_squared_logarithmic_error": "squared_logarithmic_error",
    "mse_loss": "squared_error",
    "multi_label_margin_loss": "multilabel_margin",
    "multi_label_soft_margin_loss": "multilabel_soft_margin",
    "multi_margin_loss": "multiclass_hinge",
    "multiclass_generalized_dice_loss": "generalized_dice",
    "multiclass_hinge_loss": "categorical_hinge",
    "multiclass_perceptron_loss": "categorical_hinge",  # margin=0
    "multiclass_sparsemax_loss": "sparsemax",
    "nll_loss": "nll",
    "pairwise_distance": "distance",
    "perceptron_loss": "hinge",  # margin=0
    "poisson": "poisson_nll",
    "poisson_nll_loss": "poisson_nll",
    "poly_loss_cross_entropy": "poly_crossentropy",
    "ranking_softmax_loss": "crossentropy",  # of relevances in place of probabilities
    "sigmoid_binary_cross_entropy": "binary_crossentropy",
    "sigmoid_focal_loss": "binary_focal",
    "smooth_l1_loss": "smooth_l1",
    "smooth_labels": "crossentropy",  # label_smoothing=
    "soft_margin_loss": "soft_margin",
    "softmax_cross_entropy": "crossentropy",
    "softmax_cross_entropy_with_integer_labels": "crossentropy",
    "sparse_categorical_crossentropy": "crossentropy",
    "triplet_margin_loss": "triplet_margin",
    "triplet_margin_with_distance_loss": "relu",  # of the distances' difference and the margin
    # optimisers
    "adam_w": "adamw",
    "adamaxw": "decay",  # of adamax
    "amsgrad": "adam",  # amsgrad=True
    "asgd": "mean",  # of sgd
    "loss_scale_optimizer": "scale_loss",
    "multi_optimizer": "updates",  # the updates of two optimisers are joined by |
    "n_adam": "nadam",
    "noisy_sgd": "add_noise",
    "optimistic_adam": "apply_optimism",
    "optimistic_adam_v2": "apply_optimism",
    "optimistic_gradient_descent": "apply_optimism",
    "polyak_sgd": "polyak",
    "r_adam": "radam",
    "rm_sprop": "rmsprop",
    "schedule_free_adam_w": "schedule_free",
    "sign_sgd": "signum",  # momentum=0
    # schedules
    "chained_scheduler": "updates",  # any function of the step is a schedule, such as a product of two
    "constant_lr": "piecewise_constant",
    "constant_schedule": "constant",
    "cosine_annealing_lr": "cosine",
    "cosine_annealing_warm_restarts": "cosine_restarts",
    "cosine_decay": "cosine",
    "cosine_decay_restarts": "cosine_restarts",
    "cosine_decay_schedule": "cosine",
    "cosine_onecycle_schedule": "one_cycle",
    "cyclic_lr": "cyclic",
    "exponential_decay": "exponential",
    "exponential_lr": "exponential",
    "inverse_time_decay": "inverse_time",
    "join_schedules": "join",
    "lambda_lr": "updates",
    "linear_lr": "linear",
    "linear_onecycle_schedule": "join",  # of three that are linear
    "linear_schedule": "linear",
    "multi_step_lr": "multi_step",
    "multiplicative_lr": "updates",
    "one_cycle_lr": "one_cycle",
    "piecewise_constant_decay": "piecewise_constant",
    "piecewise_constant_schedule": "multi_step",
    "piecewise_interpolate_schedule": "join",
    "polynomial_decay": "polynomial",
    "polynomial_lr": "polynomial",
    "polynomial_schedule": "polynomial",
    "reduce_lr_on_plateau": "plateau",
    "sequential_lr": "join",
    "sgdr_schedule": "join",
    "step_lr": "step",
    "warmup_constant_schedule": "warmup",
    "warmup_cosine_decay_schedule": "warmup",
    "warmup_exponential_decay_schedule": "warmup",
    # initialisers
    "calculate_gain": "gain",
    "dirac": "identity",
    "eye": "identity",
    "identity_initializer": "identity",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "orthogonal_initializer": "orthogonal",
    "random_normal": "normal",
    "random_uniform": "uniform",
    "trunc_normal": "truncated_normal",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
    # regularisers, constraints
    "l1_l2": "elastic_net",
    "non_neg": "non_negative",
    "orthogonal_regularizer": "orthogonality",
    # metrics
    "auc": "roc_auc",
    "binary_accuracy": "accuracy",
    "binary_io_u": "iou",
    "categorical_accuracy": "accuracy",
    "concordance_correlation": "concordance",
    "f1_score": "f1",
    "f_beta_score": "f_beta",
    "false_negatives": "confusion",
    "false_positives": "confusion",
    "io_u": "iou",
    "mean_io_u": "iou",
    "one_hot_io_u": "iou",
    "one_hot_mean_io_u": "iou",
    "pearson_correlation": "pearson",
    "precision_at_recall": "precision_recall",
    "r2_score": "r2",
    "recall_at_precision": "precision_recall",
    "root_mean_squared_error": "squared_error",
    "sensitivity_at_specificity": "roc",
    "sparse_categorical_accuracy": "accuracy",
    "sparse_top_k_categorical_accuracy": "top_k",
    "specificity_at_sensitivity": "roc",
    "top_k_categorical_accuracy": "top_k",
    "true_negatives": "confusion",
    "true_positives": "confusion",
}

# fmt: off
BASES = [
    "constraint", "initializer", "layer", "learning_rate_schedule", "loss", "lr_scheduler", "mean_metric_wrapper",
    "metric", "optimizer", "regularizer", "rnn_base", "rnn_cell_base", "wrapper",
]
CONTAINERS = [
    "input", "input_layer", "input_spec", "lambda", "pipeline",
]
MACHINERY = [
    "deserialize", "flax_layer", "get", "inject_hyperparams", "inject_hyperparams_state",
    "inject_stateful_hyperparams", "inject_stateful_hyperparams_state", "jax_layer", "optimizer_map", "serialize",
    "stateful_schedule", "swap_in_optimizer_params_and_state", "tfsm_layer", "torch_module_wrapper",
    "wrapped_schedule",
]
LAZY = [  # that learn sizes from what they are given, as all layers here do
    "lazy_batch_norm", "lazy_conv", "lazy_conv_transpose", "lazy_instance_norm", "lazy_linear",
]
PREPROCESSING = [  # of pictures, sounds, texts and tables, before a network sees them
    "aug_mix", "auto_contrast", "center_crop", "contrast_limited_adaptive_histogram_equalization", "cut_mix",
    "discretization", "equalization", "hashed_crossing", "hashing", "integer_lookup", "max_num_bounding_boxes",
    "mel_spectrogram", "mix_up", "normalization", "rand_augment", "random_brightness", "random_color_degeneration",
    "random_color_jitter", "random_contrast", "random_crop", "random_elastic_transform", "random_erasing",
    "random_flip", "random_gaussian_blur", "random_grayscale", "random_hue", "random_invert", "random_perspective",
    "random_posterization", "random_rotation", "random_saturation", "random_sharpness", "random_shear",
    "random_translation", "random_zoom", "solarization", "stft_spectrogram", "string_lookup", "text_vectorization",
]
# fmt: on

NO_PARTS = {*BASES, *CONTAINERS, *MACHINERY, *LAZY, *PREPROCESSING}
