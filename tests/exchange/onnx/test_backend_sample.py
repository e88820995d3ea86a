"""Some of the standard's own cases, of every family; all of them stand in test_backend.py."""

from __future__ import annotations

import pytest

from . import backend_cases as backend

pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")

SAMPLE = {
    "add": ["test_add_bcast", "test_add_uint8"],
    "cast": ["test_cast_FLOAT_to_FLOAT16"],
    "celu": ["test_celu", "test_celu_expanded"],
    "clip": ["test_clip", "test_clip_default_int8_min"],
    "div": ["test_div_int32_trunc", "test_div_bcast"],
    "mod": ["test_mod_int64_fmod", "test_mod_mixed_sign_int8"],
    "pow": ["test_pow_types_int64_float32"],
    "isinf": ["test_isinf_positive"],
    "prelu": ["test_prelu_broadcast", "test_prelu_broadcast_expanded"],
    "gelu": ["test_gelu_tanh_1"],
    "bitshift": ["test_bitshift_left_uint8"],
    "where": ["test_where_long_example"],
    "mean": ["test_mean_example"],
    "reshape": ["test_reshape_zero_and_negative_dim", "test_reshape_allowzero_reordered"],
    "transpose": ["test_transpose_default"],
    "squeeze": ["test_squeeze_negative_axes"],
    "unsqueeze": ["test_unsqueeze_unsorted_axes"],
    "concat": ["test_concat_3d_axis_negative_3"],
    "split": ["test_split_variable_parts_2d_opset18", "test_split_1d_uneven_split_opset18"],
    "slice": ["test_slice_neg_steps", "test_slice_end_out_of_bounds", "test_slice_default_axes"],
    "expand": ["test_expand_dim_unchanged"],
    "tile": ["test_tile"],
    "pad": ["test_reflect_pad", "test_wrap_pad", "test_constant_pad_negative_axes"],
    "trilu": ["test_triu_neg", "test_tril_zero"],
    "depthtospace": ["test_depthtospace_crd_mode_example"],
    "shape": ["test_shape_start_1_end_negative_1"],
    "constantofshape": ["test_constantofshape_int_shape_zero"],
    "rangeop": ["test_range_int32_type_negative_delta", "test_range_float_type_positive_delta_expanded"],
    "onehot": ["test_onehot_negative_indices", "test_onehot_with_negative_axis"],
    "eyelike": ["test_eyelike_with_dtype"],
    "reducesum": ["test_reduce_sum_empty_axes_input_noop", "test_reduce_sum_negative_axes_keepdims_random"],
    "reducemax": ["test_reduce_max_empty_set", "test_reduce_max_bool_inputs"],
    "reduce_log_sum_exp": ["test_reduce_log_sum_exp_keepdims_random"],
    "argmax": ["test_argmax_default_axis_example_select_last_index"],
    "cumsum": ["test_cumsum_1d_reverse_exclusive"],
    "topk": ["test_top_k_smallest", "test_top_k_uint64"],
    "softmax": ["test_softmax_axis_1", "test_softmax_large_number_expanded"],
    "hardmax": ["test_hardmax_one_hot"],
    "matmul": ["test_matmul_3d", "test_matmul_1d_3d"],
    "gemm": ["test_gemm_all_attributes"],
    "einsum": ["test_einsum_batch_matmul"],
    "det": ["test_det_nd"],
    "if_": ["test_if", "test_if_seq"],
    "loop": ["test_loop11", "test_loop13_seq"],
    "scan": ["test_scan_sum", "test_scan9_multi_state"],
    "sequence_map": ["test_sequence_map_add_1_sequence_1_tensor", "test_sequence_map_extract_shapes_expanded"],
    "sequenceinsert": ["test_sequence_insert_at_front"],
    "splittosequence": ["test_split_to_sequence_nokeepdims"],
    "conv": ["test_conv_with_autopad_same", "test_conv_with_strides_and_asymmetric_padding"],
    "convtranspose": ["test_convtranspose_output_shape", "test_convtranspose_group_2"],
    "deformconv": ["test_deform_conv_with_multiple_offset_groups"],
    "col2im": ["test_col2im_5d"],
    "maxunpool": ["test_maxunpool_export_with_output_shape"],
    "roialign": ["test_roialign_mode_max"],
    "batch_normalization": ["test_batchnorm_example_training_mode"],
    "layernormalization": ["test_layer_normalization_3d_axis1_epsilon"],
    "lrn": ["test_lrn"],
    "gather": ["test_gather_negative_indices"],
    "gathernd": ["test_gathernd_example_int32_batch_dim1"],
    "scatternd": ["test_scatternd_max", "test_scatternd_multiply"],
    "unique": ["test_unique_not_sorted_without_axis", "test_unique_sorted_with_axis_3d"],
    "nonmaxsuppression": ["test_nonmaxsuppression_two_batches"],
    "reversesequence": ["test_reversesequence_batch"],
    "lstm": ["test_lstm_with_peepholes"],
    "gru": ["test_gru_batchwise"],
    "resize": ["test_resize_upsample_sizes_cubic", "test_resize_tf_crop_and_resize"],
    "gridsample": ["test_gridsample_bicubic"],
    "quantizelinear": ["test_quantizelinear_axis"],
    "qlinearconv": ["test_qlinearconv"],
    "dft": ["test_dft"],
    "stft": ["test_stft_with_window"],
    "negativeloglikelihoodloss": ["test_nllloss_NCd1d2_with_weight_reduction_mean"],
    "rotaryembedding": ["test_rotary_embedding_interleaved"],
    "momentum": ["test_nesterov_momentum"],
    "tfidfvectorizer": ["test_tfidfvectorizer_tf_batch_onlybigrams_skip0"],
    "optionalgetelement": ["test_optional_get_element_optional_sequence"],
}
CASES = [(module, name) for module, names in SAMPLE.items() for name in names]
COMPILED = ["test_reshape_zero_and_negative_dim", "test_gemm_all_attributes", "test_loop11", "test_softmax_axis_1"]


@pytest.mark.parametrize(("module", "name"), CASES)
def test_a_case_of_the_standard(module, name):
    backend.run_case(backend.node_cases(module)[name])


@pytest.mark.parametrize("name", COMPILED)
def test_a_case_of_the_standard_compiled(name):
    module = next(module for module, listed in CASES if listed == name)
    backend.run_case(backend.node_cases(module)[name], backend.compile_and_run)
