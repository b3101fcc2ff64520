"""What each of hls4ml's kernels (nnet_utils) computes, as kinds of layers. To read another one, name it in KERNELS; a
kernel that is not named is refused by name.

Shapes are given as the names of the config struct's constants, channels last and without the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weft.boards.errors import ArtefactError
from weft.hls.project.cpp import Struct

Shape = tuple[int, ...]
Extents = tuple[str | int, ...]


@dataclass(frozen=True)
class Kernel:
    """A kernel's layer kind; the shapes that it reads and writes, () where the config does not say; its weights in the
    order of the call, -1 being the extent that their number leaves open."""

    kind: str
    reads: Extents = ()
    writes: Extents = ()
    weights: Mapping[str, Extents] = field(default_factory=dict)
    inputs: int = 1


def _linear(kind: str, window: Extents, reads: Extents, writes: Extents, outputs: str | int = "n_filt") -> Kernel:
    return Kernel(kind, reads, writes, {"weight": (*window, outputs), "bias": (writes[-1],)})


_LINE, _IMAGE = ("in_width", "n_chan"), ("in_height", "in_width", "n_chan")
_LINE_OUT, _IMAGE_OUT = ("out_width", "n_filt"), ("out_height", "out_width", "n_filt")
_WINDOW_1D, _WINDOW_2D = ("filt_width", "n_chan"), ("filt_height", "filt_width", "n_chan")
_RECURRENT: dict[str, Extents] = {
    "weight": ("n_in", "gates"),
    "recurrent_weight": ("n_states", "gates"),
    "bias": ("gates",),
    "recurrent_bias": ("gates",),
}
_BOTH_WAYS: dict[str, Extents] = {
    f"{way}_{name}": tuple(extent if extent == "n_in" else f"{way}_{extent}" for extent in shape)
    for way in ("forward", "backward")
    for name, shape in _RECURRENT.items()
}
_ACTIVATIONS = ("binary_tanh", "linear", "relu", "selu", "sigmoid", "softplus", "softsign", "tanh", "ternary_tanh")
_MERGES = ("add", "average", "maximum", "minimum", "multiply", "subtract")

KERNELS: dict[str, Kernel] = {
    "bidirectional_stack": Kernel("Bidirectional", ("n_sequence", "n_in"), ("result",), _BOTH_WAYS),
    "clone_stream": Kernel("Clone"),
    "conv_1d_cl": _linear("Conv1D", _WINDOW_1D, _LINE, _LINE_OUT),
    "conv_2d_cl": _linear("Conv2D", _WINDOW_2D, _IMAGE, _IMAGE_OUT),
    "cropping1d_cl": Kernel("Cropping1D", _LINE, ("out_width", "n_chan")),
    "cropping2d_cl": Kernel("Cropping2D", _IMAGE, ("out_height", "out_width", "n_chan")),
    "dense": _linear("Dense", ("n_in",), ("n_in",), ("n_out",), "n_out"),
    "depthwise_conv_1d_cl": _linear("DepthwiseConv1D", _WINDOW_1D, _LINE, _LINE_OUT, -1),
    "depthwise_conv_2d_cl": _linear("DepthwiseConv2D", _WINDOW_2D, _IMAGE, _IMAGE_OUT, -1),
    "dot1d": Kernel("Dot", ("n_in",), ("n_out",), inputs=2),
    "einsum": Kernel("Einsum", writes=("result",), inputs=2),
    "einsum_dense": Kernel(
        "EinsumDense",
        ("inp_shape",),
        ("result",),
        {"weight": ("n_inplace", "n_contract", "n_free_kernel"), "bias": ("result",)},
    ),
    "elu": Kernel("ParametrizedActivation"),
    "embedding": Kernel("Embedding", ("n_in",), ("n_in", "n_out"), {"embeddings": ("vocab_size", "n_out")}),
    "global_pooling1d_cl": Kernel("GlobalPooling1D", ("n_in", "n_filt"), ("n_filt",)),
    "global_pooling2d_cl": Kernel("GlobalPooling2D", ("in_height", "in_width", "n_filt"), ("n_filt",)),
    "gru_stack": Kernel("GRU", ("n_sequence", "n_in"), ("result",), _RECURRENT),
    "hard_sigmoid": Kernel("HardActivation"),
    "hard_tanh": Kernel("HardActivation"),
    "layernormalize": Kernel("LayerNormalization", weights={"scale": (-1,), "bias": (-1,)}),
    "leaky_relu": Kernel("ParametrizedActivation"),
    "lstm_stack": Kernel("LSTM", ("n_sequence", "n_in"), ("result",), _RECURRENT),
    "normalize": Kernel("BatchNormalization", weights={"scale": (-1,), "bias": (-1,)}),
    "pointwise_conv_1d_cl": _linear("PointwiseConv1D", _WINDOW_1D, _LINE, _LINE_OUT),
    "pointwise_conv_2d_cl": _linear("PointwiseConv2D", _WINDOW_2D, _IMAGE, _IMAGE_OUT),
    "pooling1d_cl": Kernel("Pooling1D", ("n_in", "n_filt"), ("n_out", "n_filt")),
    "pooling2d_cl": Kernel("Pooling2D", ("in_height", "in_width", "n_filt"), _IMAGE_OUT),
    "prelu": Kernel("PReLU", weights={"param": ("n_in",)}),
    "repack_stream": Kernel("Repack"),
    "resize_nearest": Kernel("Resize", ("height", "width", "n_chan"), ("new_height", "new_width", "n_chan")),
    "softmax": Kernel("Softmax"),
    "softmax_multidim": Kernel("Softmax"),
    "thresholded_relu": Kernel("ParametrizedActivation"),
    "transpose": Kernel("Transpose", ("from_shape",), ("to_shape",)),
    "zeropad1d_cl": Kernel("ZeroPadding1D", _LINE, ("out_width", "n_chan")),
    "zeropad2d_cl": Kernel("ZeroPadding2D", _IMAGE, ("out_height", "out_width", "n_chan")),
    **dict.fromkeys(_ACTIVATIONS, Kernel("Activation")),
    **dict.fromkeys(_MERGES, Kernel("Merge", inputs=2)),
    **dict.fromkeys(("concatenate1d", "concatenate2d", "concatenate3d"), Kernel("Concatenate", inputs=2)),
}

_SIDES_1D, _SIDES_2D = ("left", "right"), ("top", "bottom", "left", "right")
_PADS_1D, _PADS_2D = ([f"pad_{side}" for side in sides] for sides in (_SIDES_1D, _SIDES_2D))
_SUM = ("accum_t", "reuse_factor")
_STEP_1D = (*_PADS_1D, "stride_width", *_SUM)
_STEP_2D = (*_PADS_2D, "stride_height", "stride_width", *_SUM)
_TABLE = ("table_size", "table_t")

#: What a config must say besides shapes, by kind: without it a default would be taken in silence.
NEEDED: dict[str, tuple[str, ...]] = {
    "Activation": _TABLE,
    "Bidirectional": (*_TABLE, *_SUM),
    "Concatenate": ("axis",),
    "Cropping1D": tuple(f"crop_{side}" for side in _SIDES_1D),
    "Cropping2D": tuple(f"crop_{side}" for side in _SIDES_2D),
    "Dense": ("strategy", *_SUM),
    "Dot": _SUM,
    "Einsum": ("n_inplace", "n_contract", *_SUM),
    "EinsumDense": ("n_free_data", "strategy", *_SUM),
    "GRU": (*_TABLE, *_SUM),
    "HardActivation": ("slope", "slope_t", "shift", "shift_t"),
    "LSTM": (*_TABLE, *_SUM),
    "LayerNormalization": ("seq_len", "axis", "epsilon_power_of_10", "table_range_power2", *_TABLE, *_SUM),
    "ParametrizedActivation": ("param_t", *_TABLE),
    "Pooling1D": ("pool_op", "pool_width", "count_pad", *_STEP_1D),
    "Pooling2D": ("pool_op", "pool_height", "pool_width", "count_pad", *_STEP_2D),
    "Softmax": (
        *("n_outer", "n_inner", "implementation", "exp_scale", "exp_table_size", "inv_table_size"),
        *("exp_table_t", "inv_table_t", "accum_t", "inv_inp_t", "inp_norm_t"),
    ),
    "Transpose": ("perm",),
    "ZeroPadding1D": tuple(_PADS_1D),
    "ZeroPadding2D": tuple(_PADS_2D),
    **dict.fromkeys(("Conv1D", "DepthwiseConv1D", "PointwiseConv1D"), ("strategy", *_STEP_1D)),
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "PointwiseConv2D"), ("strategy", *_STEP_2D)),
    **dict.fromkeys(("GlobalPooling1D", "GlobalPooling2D"), ("pool_op", *_SUM)),
}


def extents(struct: Struct, names: Extents, layer: str) -> Shape:
    """A shape by the constants' names. Raises ArtefactError for a constant that is missing or no extent."""
    shape: list[int] = []
    for name in names:
        value = struct.values.get(name) if isinstance(name, str) else name
        several = value if isinstance(value, tuple) else (value,)
        for extent in several:
            if isinstance(extent, bool) or not isinstance(extent, int) or (extent < 1 and name != -1):
                raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h has no extent {name}")
            shape.append(extent)
    return tuple(shape)
