"""Activations against published fabric."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cost_designs import WORD, cost_of, plain, single, stream, weight

from weft.hls.design import Design, Layer, Tensor
from weft.hls.precision import FixedType


# Channels, LUT: Keb-L/hls4ml-data@333aad62, 16 bits, Vivado HLS 2018.2, which registers the element, and 2019.2.
@pytest.mark.parametrize(("channels", "lut"), [(8, 484), (16, 860), (64, 3116), (128, 6120)])
def test_a_leaky_relu_takes_a_product_a_value(channels: int, lut: int) -> None:
    layer = plain("ParametrizedActivation", activation="leaky_relu", param_t=WORD)
    design = single(layer, "io_stream", stream("x", 8, 8, channels), stream("y", 8, 8, channels))
    older, newer = (cost_of(design, "xcvu9p", tool) for tool in ("vivado-2018.2", "vivado-2019.2"))
    assert older.resources.dsp == newer.resources.dsp == channels
    assert newer.resources.lut == pytest.approx(lut, rel=0.01)
    assert older.resources.ff == pytest.approx(16 * channels + 17, abs=2)
    assert newer.resources.ff == pytest.approx(17, abs=2)
    assert newer.worst.latency == 64 + 3


# Values, bits, clock, published FF: DNNonSilicon and AutoEncoder_hls4ml@dd6f3c2171, xc7z020.
@pytest.mark.parametrize(
    ("values", "bits", "clock_ns", "ff"), [(4, 16, 10.0, 84), (8, 16, 10.0, 143), (8, 32, 5.0, 597), (4, 32, 5.0, 337)]
)
def test_vivado_registers_a_streams_element_on_series_7(values: int, bits: int, clock_ns: float, ff: int) -> None:
    layer = plain("Activation", activation="relu")
    source, result = stream("x", 256, values, bits=bits), stream("y", 256, values, bits=bits)
    cost = cost_of(single(layer, "io_stream", source, result, clock_ns=clock_ns), "xc7z020", "vivado-2020.1")
    assert cost.resources.ff == pytest.approx(ff, rel=0.2)


def test_a_relu_is_registered_in_dataflow_and_not_in_a_pipeline() -> None:
    # PYNQ_IA@a881b6f6, Vivado HLS 2020.1: 962 FF and 2,379 LUT for 64 saturated values beside Resource layers.
    saturated = FixedType(16, 6, True, "RND", "SAT")
    relu = Layer("relu", "Activation", ("x",), ("y",), {"activation": "relu"})
    alone = single(relu, "io_parallel", Tensor("x", (64,), WORD), Tensor("y", (64,), saturated))
    constants = {"weight": weight(16, 64)}
    dense = Layer("dense", "Dense", ("w",), ("x",), {"n_in": 16, "n_out": 64}, constants, "resource", 8)
    tensors = {**alone.tensors, "w": Tensor("w", (16,), WORD)}
    beside: Design = replace(alone, layers=(dense, *alone.layers), tensors=tensors, inputs=("w",))
    assert cost_of(alone, "xc7z020", "vivado-2020.1").resources.ff == 0
    got = cost_of(beside, "xc7z020", "vivado-2020.1").resources
    assert got.ff == pytest.approx(962, abs=2)
    assert got.lut == pytest.approx(2379, rel=0.01)
