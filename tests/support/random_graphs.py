"""Random hls4ml ModelGraphs: every layer with types, shapes, strategy and reuse factor of its own, and every layer's
output a design output, so that one compilation compares each of them."""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDINGS = ("TRN", "RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_INF", "RND_MIN_INF")


class RandomNetwork:
    """A layer list in the making. Each method adds a layer behind `behind` and returns its name."""

    def __init__(self, seed: int, io: str) -> None:
        self.random = np.random.default_rng(seed)
        self.io = io
        self.layers: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def type(self, low: int = 3, high: int = 16, *, wrap: bool = False) -> str:
        """Any ap_fixed or ap_ufixed; `wrap` for accumulators, where a saturating sum depends on the order."""
        width = self.integer(low, high)
        integer = self.integer(1, width)  # below 1, ap_fixed's own asserts fire where two ranges do not meet
        prefix = "fixed" if wrap or self.random.random() < 0.75 else "ufixed"
        overflow = "WRAP" if wrap else self.random.choice(["WRAP", "SAT", "SAT_ZERO"])
        rounding = "TRN" if wrap and self.random.random() < 0.5 else self.random.choice(ROUNDINGS)
        return f"{prefix}<{width},{integer},{rounding},{overflow}>"

    def add(self, kind: str, behind: list[str], shape: tuple[int, ...], types: dict[str, str], **rest: Any) -> str:
        name = f"layer_{len(self.layers)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": behind, "outputs": [name], **rest})
        self.config[name] = {"Precision": {"result": self.type(), **types}}
        self.shapes[name] = shape
        return name

    def input(self, *shape: int) -> str:
        name = self.add("InputLayer", [], shape, {}, input_shape=list(shape))
        self.config[name] = {"Precision": {"result": self.type(4, 12)}}
        return name

    def dense(self, behind: str, n_out: int) -> str:
        (n_in,) = self.shapes[behind]
        name = self.add(
            "Dense",
            [behind],
            (n_out,),
            {"weight": self.type(), "bias": self.type(), "accum": self.type(10, 40, wrap=True)},
            n_in=n_in,
            n_out=n_out,
            weight_data=self.random.normal(size=(n_in, n_out)),
            bias_data=self.random.normal(size=n_out),
            use_bias=True,
        )
        self.multiply(name, n_in, n_out)
        return name

    def multiply(self, name: str, n_in: int, n_out: int, *, window: bool = False) -> None:
        """Any strategy with a reuse factor that is valid for it."""
        resource = self.random.random() < 0.5
        valid = [
            factor
            for factor in range(1, n_in * n_out + 1)
            if (n_in * n_out) % factor == 0 and (factor % n_in == 0 or factor < n_in)
        ]
        valid = [f for f in valid if f >= n_in or -(-n_in * n_out // f) % n_out == 0]
        if window and self.io == "io_parallel":
            valid = [factor for factor in valid if factor <= n_in]  # beyond, hls4ml reads out of bounds
        self.config[name] |= {
            "Strategy": "Resource" if resource else "Latency",
            "ReuseFactor": int(self.random.choice(valid)) if resource else 1,
        }

    def conv(self, behind: str, filters: int, kernel: tuple[int, int], stride: int, pad: int) -> str:
        height, width, channels = self.shapes[behind]
        out_height = (height + 2 * pad - kernel[0]) // stride + 1
        out_width = (width + 2 * pad - kernel[1]) // stride + 1
        name = self.add(
            "Conv2D",
            [behind],
            (out_height, out_width, filters),
            {"weight": self.type(), "bias": self.type(), "accum": self.type(10, 40, wrap=True)},
            in_height=height,
            in_width=width,
            out_height=out_height,
            out_width=out_width,
            n_chan=channels,
            n_filt=filters,
            filt_height=kernel[0],
            filt_width=kernel[1],
            stride_height=stride,
            stride_width=stride,
            **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), pad),
            padding="same" if pad else "valid",
            data_format="channels_last",
            weight_data=self.random.normal(size=(*kernel, channels, filters)),
            bias_data=self.random.normal(size=filters),
            use_bias=True,
        )
        self.multiply(name, channels * kernel[0] * kernel[1], filters, window=True)
        return name

    def pool(self, behind: str, operation: str, size: int) -> str:
        height, width, channels = self.shapes[behind]
        accumulator = "fixed<36,20>"  # holds every sum, as hls4ml's own inference of it does
        return self.add(
            f"{operation}Pooling2D",
            [behind],
            (height // size, width // size, channels),
            {"accum": accumulator},
            in_height=height,
            in_width=width,
            out_height=height // size,
            out_width=width // size,
            n_filt=channels,
            **dict.fromkeys(("pool_height", "pool_width", "stride_height", "stride_width"), size),
            **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0),
            padding="valid",
            data_format="channels_last",
        )

    def global_pool(self, behind: str, operation: str) -> str:
        height, width, channels = self.shapes[behind]
        return self.add(
            f"Global{operation}Pooling2D",
            [behind],
            (channels,),
            {"accum": "fixed<36,20>"},
            in_height=height,
            in_width=width,
            n_filt=channels,
            data_format="channels_last",
        )

    def activation(self, behind: str, name: str) -> str:
        shape = self.shapes[behind]
        name = self.add("Activation", [behind], shape, {}, activation=name, n_in=int(np.prod(shape)))
        self.config[name]["table_t"] = self.type(8, 18)
        return name

    def leaky(self, behind: str, kind: str, name: str, parameter: float) -> str:
        shape = self.shapes[behind]
        types = {"param": "fixed<12,3>"}
        size = int(np.prod(shape))
        return self.add(kind, [behind], shape, types, activation=name, activ_param=parameter, n_in=size)

    def batch_normalization(self, behind: str) -> str:
        shape = self.shapes[behind]
        return self.add(
            "BatchNormalization",
            [behind],
            shape,
            {"scale": self.type(), "bias": self.type()},
            n_in=int(np.prod(shape)),
            n_filt=shape[-1],
            scale_data=self.random.normal(size=shape[-1]),
            bias_data=self.random.normal(size=shape[-1]),
            use_gamma=True,
            use_beta=True,
        )

    def softmax(self, behind: str, implementation: str) -> str:
        (size,) = self.shapes[behind]
        # hls4ml sizes its tables by the width of what comes before, but not behind a clone: widths differ from 10 up.
        self.config[behind]["Precision"]["result"] = self.type(11, 16)
        name = self.add("Softmax", [behind], (size,), {}, activation="softmax", axis=-1, n_in=size)
        self.layers[-1]["implementation"] = implementation
        if self.random.random() < 0.5:
            self.config[name] |= {"exp_table_t": "ufixed<17,1,RND,SAT>", "inv_inp_t": "ufixed<14,4,TRN,SAT>"}
        return name

    def softmax_legacy(self, behind: str) -> str:
        shape = self.shapes[behind]
        name = self.add("Softmax", [behind], shape, {}, activation="softmax", axis=-1, n_in=int(np.prod(shape)))
        self.layers[-1] |= {"implementation": "legacy", "n_outer": int(np.prod(shape[:-1])), "n_inner": 1}
        return name

    def softmax_over(self, behind: str, axis: int) -> str:
        """Of any axis of several, stable."""
        shape = self.shapes[behind]
        self.config[behind]["Precision"]["result"] = self.type(11, 16)
        name = self.add("Softmax", [behind], shape, {}, activation="softmax", axis=-1, n_in=int(np.prod(shape)))
        outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
        self.layers[-1] |= {"implementation": "stable", "n_outer": outer, "n_inner": inner}
        return name

    def hard_activation(self, behind: str, activation: str) -> str:
        shape = self.shapes[behind]
        return self.add(
            "HardActivation",
            [behind],
            shape,
            {},
            activation=activation,
            n_in=int(np.prod(shape)),
            slope=float(self.random.uniform(0.1, 0.5)),
            shift=0.5,
        )

    def crop(self, behind: str) -> str:
        """One row or column off each side."""
        *extents, channels = self.shapes[behind]
        sides = (("top", "bottom", "height"), ("left", "right", "width"))[2 - len(extents) :]
        rest: dict[str, Any] = {"n_chan": channels, "data_format": "channels_last"}
        for (low, high, name), extent in zip(sides, extents, strict=True):
            rest |= {f"crop_{low}": 1, f"crop_{high}": 1, f"in_{name}": extent, f"out_{name}": extent - 2}
        shape = (*(extent - 2 for extent in extents), channels)
        return self.add(f"Cropping{len(extents)}D", [behind], shape, {}, **rest)

    def embedding(self, behind: str, vocabulary: int, size: int) -> str:
        (count,) = self.shapes[behind]
        return self.add(
            "Embedding",
            [behind],
            (count, size),
            {"embeddings": self.type()},
            n_in=count,
            n_out=size,
            vocab_size=vocabulary,
            embeddings_data=self.random.normal(size=(vocabulary, size)),
        )

    def dot(self, first: str, second: str) -> str:
        return self.add("Dot", [first, second], (1,), {"accum": self.type(8, 30)}, op="dot1d", axes=1)

    def separable(self, behind: str, filters: int, kernel: tuple[int, int]) -> str:
        height, width, channels = self.shapes[behind]
        types = {name: self.type() for name in ("depthwise", "pointwise", "bias", "depthwise_result")}
        types |= {f"{name}_accum": self.type(10, 40, wrap=True) for name in ("depthwise", "pointwise")}
        out_height, out_width = height - kernel[0] + 1, width - kernel[1] + 1
        return self.add(
            "SeparableConv2D",
            [behind],
            (out_height, out_width, filters),
            types,
            in_height=height,
            in_width=width,
            out_height=out_height,
            out_width=out_width,
            n_chan=channels,
            n_filt=filters,
            depth_multiplier=1,
            filt_height=kernel[0],
            filt_width=kernel[1],
            stride_height=1,
            stride_width=1,
            dilation_height=1,
            dilation_width=1,
            **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0),
            padding="valid",
            data_format="channels_last",
            depthwise_data=self.random.normal(size=(*kernel, channels, 1)),
            pointwise_data=self.random.normal(size=(1, 1, channels, filters)),
            bias_data=self.random.normal(size=filters),
            use_bias=True,
        )

    def layer_normalization(self, behind: str) -> str:
        *outer, size = self.shapes[behind]
        accumulator = self.type(14, 20, wrap=bool(self.random.random() < 0.5)).replace("ufixed", "fixed")
        name = self.add(
            "LayerNormalization",
            [behind],
            (*outer, size),
            {"scale": self.type(), "bias": self.type(), "accum": accumulator},
            n_in=int(np.prod(outer)) * size,
            seq_len=int(np.prod(outer)),
            axis=2,
            epsilon_power_of_10=self.integer(2, 4),
            gamma_data=self.random.normal(size=size),
            beta_data=self.random.normal(size=size),
        )
        self.config[name] |= {"table_t": self.type(8, 18), "table_range_power2": self.integer(0, 2)}
        return name

    def recurrent(self, behind: str, kind: str, size: int, *, sequences: bool, activation: str = "tanh") -> str:
        steps, n_in = self.shapes[behind]
        gates = 4 if kind == "LSTM" else 3
        weights = ("weight", "recurrent_weight", "bias", "recurrent_bias")
        strategy = str(self.random.choice(["Resource", "Latency"]))
        modes = f"{self.random.choice(ROUNDINGS)},{'SAT' if strategy == 'Latency' else 'WRAP'}"
        accumulator = f"fixed<{self.integer(12, 28)},{self.integer(4, 8)},{modes}>"
        if kind == "LSTM":  # nnet::lstm compiles only where input, result and accumulator are one type
            behind = self.activation(behind, "linear")
            self.config[behind]["Precision"]["result"] = accumulator
        name = self.add(
            kind,
            [behind],
            (steps, size) if sequences else (size,),
            {key: self.type(4, 12) for key in weights} | {"accum": accumulator},
            n_in=n_in,
            n_out=size,
            n_timesteps=steps,
            activation=activation,
            recurrent_activation="sigmoid",
            return_sequences=sequences,
            return_state=False,
            time_major=False,
            weight_data=self.random.normal(size=(n_in, gates * size)),
            recurrent_weight_data=self.random.normal(size=(size, gates * size)),
            bias_data=self.random.normal(size=gates * size),
            recurrent_bias_data=self.random.normal(size=gates * size),
        )
        if kind == "GRU":
            self.layers[-1]["apply_reset_gate"] = "after"
        else:
            self.config[name]["Precision"]["result"] = accumulator
        self.config[name] |= {"Strategy": strategy, "table_t": self.type(8, 18)}
        return name

    def bidirectional(self, behind: str, kinds: tuple[str, str], size: int, *, sequences: bool) -> str:
        steps, n_in = self.shapes[behind]
        types = {"accum": f"fixed<{self.integer(12, 28)},{self.integer(4, 8)}>"}
        rest: dict[str, Any] = {}
        for way, kind in zip(("forward", "backward"), kinds, strict=True):
            gates = 4 if kind == "LSTM" else 3
            shapes = {"weight": (n_in, gates * size), "recurrent_weight": (size, gates * size)}
            for key in ("weight", "recurrent_weight", "bias", "recurrent_bias"):
                types[f"{way}_{key}"] = self.type(4, 12)
                rest[f"{way}_{key}_data"] = self.random.normal(size=shapes.get(key, (gates * size,)))
            rest |= {f"{way}_class_name": kind, f"{way}_n_states": size, f"{way}_activation": "tanh"}
            rest[f"{way}_recurrent_activation"] = "sigmoid"
        name = self.add(
            "Bidirectional",
            [behind],
            (steps, 2 * size) if sequences else (2 * size,),
            types,
            n_in=n_in,
            n_out=2 * size,
            n_timesteps=steps,
            merge_mode="concat",
            return_sequences=sequences,
            return_state=False,
            time_major=False,
            **rest,
        )
        self.config[name]["Strategy"] = "Resource" if sequences else "Latency"
        return name

    def einsum(self, first: str, second: str, equation: str, shape: tuple[int, ...]) -> str:
        return self.add(
            "Einsum",
            [first, second],
            shape,
            {"accum": self.type(10, 30)},
            equation=equation,
            inp0_shape=self.shapes[first],
            inp1_shape=self.shapes[second],
            out_shape=shape,
        )

    def einsum_dense(self, behind: str, equation: str, kernel: tuple[int, ...], shape: tuple[int, ...]) -> str:
        name = self.add(
            "EinsumDense",
            [behind],
            shape,
            {"weight": self.type(), "bias": self.type(), "accum": self.type(10, 40, wrap=True)},
            equation=equation,
            inp_shape=self.shapes[behind],
            out_shape=shape,
            weight_data=self.random.normal(size=kernel),
            bias_data=self.random.normal(size=shape),
        )
        self.config[name]["Strategy"] = "latency"
        return name

    def reshape(self, behind: str, *shape: int) -> str:
        name = self.add("Reshape", [behind], shape, {}, target_shape=list(shape))
        del self.config[name]
        return name

    def merge(self, first: str, second: str, operation: str) -> str:
        return self.add("Merge", [first, second], self.shapes[first], {}, op=operation)

    def graph(self, name: str) -> Any:
        from hls4ml.model.graph import ModelGraph

        inputs = [layer["name"] for layer in self.layers if layer["class_name"] == "InputLayer"]
        outputs = [layer["name"] for layer in self.layers if layer["class_name"] not in ("InputLayer", "Reshape")]
        config = {
            "Backend": "Vitis",
            "ProjectName": name,
            "OutputDir": name,
            "Part": "xc7z020clg400-1",
            "ClockPeriod": 10,
            "ClockUncertainty": "27%",
            "IOType": self.io,
            "WriterConfig": {
                "Namespace": None,
                "WriteWeightsTxt": True,
                "WriteTar": False,
                "TBOutputStream": "stdout",
            },
            "HLSConfig": {
                "Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"},
                "LayerName": self.config,
            },
        }
        return ModelGraph.from_layer_list(config, self.layers, inputs, outputs)


def image_network(seed: int, io: str) -> RandomNetwork:
    """Convolution, batch normalisation, pooling of both kinds, dense and softmax in one."""
    network = RandomNetwork(seed, io)
    image = network.input(6, network.integer(5, 7) // 2 * 2, network.integer(1, 3))
    kernel = (network.integer(1, 3), network.integer(1, 3))
    first = network.conv(image, network.integer(2, 4), kernel, 1, network.integer(0, 1))
    normal = network.batch_normalization(network.activation(first, "relu"))
    height, width, _ = network.shapes[normal]
    pooled = network.pool(normal, "Max", 2) if height % 2 == width % 2 == 0 else normal
    mean = network.pool(normal, "Average", 2) if height % 2 == width % 2 == 0 else normal
    second = network.conv(pooled, 3, (2, 2), network.integer(1, 2), 0)
    network.global_pool(second, "Max")
    summary = network.global_pool(mean, "Average")
    network.softmax(network.dense(summary, 5), "stable")
    return network


def dense_network(seed: int, io: str) -> RandomNetwork:
    """Dense layers, every activation, merges and softmax."""
    network = RandomNetwork(seed, io)
    data = network.input(network.integer(4, 12))
    size = network.integer(3, 8)
    hidden = [network.dense(data, size) for _ in range(3)]  # hls4ml clones a stream seven times at most
    for name in ("relu", "sigmoid", "tanh", "softplus", "softsign"):
        network.activation(hidden[0], name)
    network.leaky(hidden[1], "LeakyReLU", "leakyrelu", 0.3)
    network.leaky(hidden[1], "ThresholdedReLU", "thresholdedrelu", 0.5)
    network.leaky(hidden[1], "ELU", "elu", 0.75)
    network.batch_normalization(hidden[1])
    for implementation in ("stable", "latency", "argmax"):
        network.softmax(hidden[2], implementation)
    first, second = network.dense(data, size), network.dense(data, size)
    for operation in ("add", "subtract", "multiply", "average", "maximum", "minimum"):
        network.merge(first, second, operation)
    return network


def activation_network(seed: int, io: str) -> RandomNetwork:
    """Activations beyond dense_network's, softmax over an axis of several, cropping and dot."""
    network = RandomNetwork(seed, io)
    data = network.input(network.integer(4, 8))
    first, second = network.dense(data, 6), network.dense(data, 6)
    for name in ("hard_sigmoid", "hard_tanh"):
        network.hard_activation(first, name)
    for name in ("ternary_tanh", "binary_tanh"):
        network.activation(first, name)
    network.config[network.activation(second, "selu")]["table_t"] = "fixed<14,3,RND,SAT>"
    network.softmax_legacy(second)
    if io == "io_parallel":
        network.dot(first, second)
    image = network.input(5, 4, network.integer(2, 3))
    sequence = network.reshape(network.crop(image), 6, network.shapes[image][-1])
    network.crop(network.activation(sequence, "relu"))
    plain = network.activation(sequence, "linear")
    network.softmax_over(plain, 1 if io == "io_stream" else network.integer(0, 1))
    network.separable(network.activation(image, "relu"), 3, (2, 3))
    return network


def sequence_network(seed: int, io: str) -> RandomNetwork:
    """LSTM and GRU, with and without their sequences, and an embedding."""
    network = RandomNetwork(seed, io)
    sequence = network.input(4, network.integer(2, 4))
    for kind in ("LSTM", "GRU"):
        for sequences in (False, True):
            network.recurrent(sequence, kind, network.integer(2, 4), sequences=sequences)
    network.recurrent(sequence, "LSTM", 2, sequences=False, activation="relu")
    tokens = network.input(5)
    network.config[tokens] = {"Precision": {"result": "ufixed<4,4>"}}
    network.embedding(tokens, 16, network.integer(2, 4))
    if io == "io_parallel":
        network.bidirectional(sequence, ("LSTM", "GRU"), 2, sequences=True)
        network.bidirectional(sequence, ("GRU", "LSTM"), 3, sequences=False)
    return network


def attention_network(seed: int, io: str) -> RandomNetwork:
    """LayerNormalization, Einsum and EinsumDense: what a transformer block is made of (io_parallel only)."""
    network = RandomNetwork(seed, io)
    sequence = network.input(4, 6)
    network.layer_normalization(network.activation(sequence, "linear"))
    network.layer_normalization(network.activation(sequence, "relu"))
    query = network.einsum_dense(sequence, "bc,cde->bde", (6, 2, 3), (4, 2, 3))
    key = network.einsum_dense(sequence, "bc,cde->bde", (6, 2, 3), (4, 2, 3))
    network.einsum(query, key, "ecd,bcd->cbe", (2, 4, 4))
    unrolled = network.dense(network.reshape(sequence, 24), 4)
    network.config[unrolled] |= {"Strategy": "Resource_unrolled", "ReuseFactor": 6}
    return network
