"""What each kind of layer costs: one function a kind, one small file a family.

To add a kind, write its function in a file here and name it in `COSTS`.
"""

from __future__ import annotations

from collections.abc import Callable

from weft.boards.errors import WeftError
from weft.hls.design import Layer
from weft.sim.cost.activation import activation
from weft.sim.cost.convolution import convolution, depthwise, separable
from weft.sim.cost.correction import corrected, correction_key
from weft.sim.cost.dense import dense
from weft.sim.cost.einsum import dot, einsum, einsum_dense
from weft.sim.cost.embedding import embedding
from weft.sim.cost.merge import concatenate, merge
from weft.sim.cost.model import Context
from weft.sim.cost.normalisation import layer_normalisation, normalisation
from weft.sim.cost.pooling import global_pooling, pooling
from weft.sim.cost.recurrent import bidirectional, recurrent
from weft.sim.cost.shape import cropping, moved, resize, transpose, wires, zero_padding
from weft.sim.cost.softmax import softmax
from weft.sim.cost.timing import Cost

COSTS: dict[str, Callable[[Layer, Context], Cost]] = {
    "Input": wires,
    "Dense": dense,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Conv2DBatchnorm": convolution,
    "PointwiseConv1D": convolution,
    "PointwiseConv2D": convolution,
    "DepthwiseConv1D": depthwise,
    "DepthwiseConv2D": depthwise,
    "SeparableConv1D": separable,
    "SeparableConv2D": separable,
    "Pooling1D": pooling,
    "Pooling2D": pooling,
    "GlobalPooling1D": global_pooling,
    "GlobalPooling2D": global_pooling,
    "Activation": activation,
    "ParametrizedActivation": activation,
    "HardActivation": activation,
    "PReLU": activation,
    "TernaryTanh": activation,
    "Softmax": softmax,
    "BatchNormalization": normalisation,
    "BatchNormalizationQuantizedTanh": activation,
    "FixedPointQuantizer": activation,
    "TimeDistributed": wires,
    "Broadcast": moved,
    "ApplyAlpha": normalisation,
    "LayerNormalization": layer_normalisation,
    "LSTM": recurrent,
    "GRU": recurrent,
    "Bidirectional": bidirectional,
    "Dot": dot,
    "Einsum": einsum,
    "EinsumDense": einsum_dense,
    "Embedding": embedding,
    "Merge": merge,
    "Concatenate": concatenate,
    "Reshape": wires,
    "Repack": moved,
    "Clone": moved,
    "ZeroPadding1D": zero_padding,
    "ZeroPadding2D": zero_padding,
    "Resize": resize,
    "Cropping1D": cropping,
    "Cropping2D": cropping,
    "Transpose": transpose,
}


def layer_cost(layer: Layer, context: Context) -> Cost:
    """Cycles and fabric of one layer, corrected where the context says so.

    Raises WeftError for a kind without a model: nothing is guessed."""
    if layer.kind not in COSTS:
        raise WeftError(
            f"layer {layer.name} is a {layer.kind}, for which weft has no cost model: "
            "run it on the CPU, or add its kind in sim/cost"
        )
    cost = COSTS[layer.kind](layer, context)
    correction = context.corrections.get(correction_key(layer, context.design.io))
    return cost if correction is None else corrected(cost, correction)
