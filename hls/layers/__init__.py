"""What each layer kind computes, in exact integers. To add a layer kind, write its meaning in a file here and name it
below; a kind that is not listed is refused by name, never approximated."""

from __future__ import annotations

from weft.hls.layers.activation import activation, parametrized_activation, prelu
from weft.hls.layers.batch_normalization import batch_normalization, quantized_tanh
from weft.hls.layers.convolution import convolution, depthwise_convolution
from weft.hls.layers.cropping import cropping
from weft.hls.layers.dense import dense
from weft.hls.layers.dot import dot
from weft.hls.layers.einsum import einsum, einsum_dense
from weft.hls.layers.embedding import embedding
from weft.hls.layers.hard_activation import hard_activation
from weft.hls.layers.layer_normalization import layer_normalization
from weft.hls.layers.merge import broadcast, concatenate, merge
from weft.hls.layers.operand import Meaning, Operand
from weft.hls.layers.pooling import global_pooling, pooling
from weft.hls.layers.quantiser import fixed_point_quantizer
from weft.hls.layers.recurrent import bidirectional, gru, lstm
from weft.hls.layers.shape import reshape, resize, transpose, zero_padding
from weft.hls.layers.softmax import softmax

MEANINGS: dict[str, Meaning] = {
    "Activation": activation,
    "ApplyAlpha": batch_normalization,
    "BatchNormalization": batch_normalization,
    "BatchNormalizationQuantizedTanh": quantized_tanh,
    "Bidirectional": bidirectional,
    "Broadcast": broadcast,
    "Clone": reshape,
    "Concatenate": concatenate,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Cropping1D": cropping,
    "Cropping2D": cropping,
    "Dense": dense,
    "DepthwiseConv1D": depthwise_convolution,
    "DepthwiseConv2D": depthwise_convolution,
    "Dot": dot,
    "Einsum": einsum,
    "EinsumDense": einsum_dense,
    "Embedding": embedding,
    "FixedPointQuantizer": fixed_point_quantizer,
    "GRU": gru,
    "GlobalPooling1D": global_pooling,
    "GlobalPooling2D": global_pooling,
    "HardActivation": hard_activation,
    "LSTM": lstm,
    "LayerNormalization": layer_normalization,
    "Merge": merge,
    "PReLU": prelu,
    "ParametrizedActivation": parametrized_activation,
    "PointwiseConv1D": convolution,
    "PointwiseConv2D": convolution,
    "Pooling1D": pooling,
    "Pooling2D": pooling,
    "Repack": reshape,
    "Reshape": reshape,
    "Resize": resize,
    "Softmax": softmax,
    "TimeDistributed": reshape,
    "Transpose": transpose,
    "ZeroPadding1D": zero_padding,
    "ZeroPadding2D": zero_padding,
}

__all__ = ["MEANINGS", "Meaning", "Operand"]
