"""Layer kinds in floats, where ranges prove that to be exact. `weft.hls.layers` says what a layer means; what is here
gives the same integers faster, or raises Inexact."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weft.hls.design import Layer, Tensor
from weft.hls.fast.activation import activation
from weft.hls.fast.batch_normalization import batch_normalization
from weft.hls.fast.convolution import convolution, depthwise_convolution
from weft.hls.fast.dense import dense
from weft.hls.fast.einsum import einsum, einsum_dense
from weft.hls.fast.layer_normalization import layer_normalization
from weft.hls.fast.merge import concatenate, merge
from weft.hls.fast.pooling import global_pooling, pooling
from weft.hls.fast.shape import reshape, resize, transpose, zero_padding
from weft.hls.fast.softmax import softmax
from weft.hls.fast.span import Span, Step

FAST: dict[str, Callable[[Layer, Sequence[Span], Tensor], Step]] = {
    "Activation": activation,
    "ApplyAlpha": batch_normalization,
    "BatchNormalization": batch_normalization,
    "Clone": reshape,
    "Concatenate": concatenate,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Dense": dense,
    "DepthwiseConv1D": depthwise_convolution,
    "DepthwiseConv2D": depthwise_convolution,
    "Einsum": einsum,
    "EinsumDense": einsum_dense,
    "GlobalPooling1D": global_pooling,
    "GlobalPooling2D": global_pooling,
    "LayerNormalization": layer_normalization,
    "Merge": merge,
    "ParametrizedActivation": activation,
    "PointwiseConv1D": convolution,
    "PointwiseConv2D": convolution,
    "Pooling1D": pooling,
    "Pooling2D": pooling,
    "Repack": reshape,
    "Reshape": reshape,
    "Resize": resize,
    "Softmax": softmax,
    "Transpose": transpose,
    "ZeroPadding1D": zero_padding,
    "ZeroPadding2D": zero_padding,
}
