"""hls4ml projects on disk, as `ModelGraph.write` leaves them."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

from random_graphs import RandomNetwork


def write_project(graph: Any, folder: Path) -> Path:
    """Write an hls4ml ModelGraph to `folder`."""
    graph.config.config["OutputDir"] = str(folder)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        graph.write()
    return folder


def shape_network(seed: int, io: str) -> RandomNetwork:
    """Layers that move values, and those of one dimension."""
    network = RandomNetwork(seed, io)
    line = network.input(8, 3)
    first, second = network.activation(line, "relu"), network.activation(line, "linear")
    network.add("Concatenate", [first, second], (8, 6), {}, op="concatenate2d", axis=2)
    network.add(
        "ZeroPadding1D",
        [first],
        (11, 3),
        {},
        **{"in_width": 8, "out_width": 11, "n_chan": 3, "pad_left": 1, "pad_right": 2, "data_format": "channels_last"},
    )
    one = {"in_width": 8, "stride_width": 1, "pad_left": 0, "pad_right": 0, "data_format": "channels_last"}
    sizes = {"out_width": 6, "n_chan": 3, "n_filt": 2, "filt_width": 3, "padding": "valid", "use_bias": True}
    types = {"weight": network.type(), "bias": network.type(), "accum": network.type(10, 40, wrap=True)}
    values = {"weight_data": network.random.normal(size=(3, 3, 2)), "bias_data": network.random.normal(size=2)}
    network.multiply(network.add("Conv1D", [second], (6, 2), types, **one, **sizes, **values), 9, 2, window=True)
    pool = {"n_in": 8, "n_out": 4, "n_filt": 3, "pool_width": 2, "padding": "valid", **one, "stride_width": 2}
    network.add("MaxPooling1D", [first], (4, 3), {"accum": "fixed<36,20>"}, **pool)
    network.add("GlobalAveragePooling1D", [second], (3,), {"accum": "fixed<36,20>"}, n_in=8, n_filt=3, **one)
    if io == "io_parallel":
        network.add("Transpose", [first], (3, 8), {}, perm=[1, 0])
        network.layer_normalization(second)
    image = network.input(4, 4, 2)
    slope = {"param_data": network.random.normal(size=(4, 4, 2)), "activation": "prelu", "n_in": 32}
    network.add("PReLU", [image], (4, 4, 2), {"param": network.type()}, **slope)
    network.add(
        "Resize",
        [network.activation(image, "relu")],
        (8, 8, 2),
        {},
        **{"in_height": 4, "in_width": 4, "out_height": 8, "out_width": 8, "n_chan": 2, "algorithm": "nearest"},
        data_format="channels_last",
    )
    tokens = network.input(5)
    network.config[tokens] = {"Precision": {"result": "ufixed<4,4>"}}
    network.embedding(tokens, 16, 3)
    return network
