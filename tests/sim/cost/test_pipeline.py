"""What the top of a design is, what it costs, and which pipelines no report tells the schedule of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chained_designs import WIDE, chain, convolution, dense, mlp

from weft.boards.errors import InputError
from weft.hls.design import Design, Tensor
from weft.sim import estimate, simulate
from weft.sim.cost.pipeline import is_dataflow

LATENCY = mlp((16, 12, 8), (1, 1), "latency")
RESOURCE = mlp((16, 12, 8), (4, 4), "resource")
IMAGES = chain("io_parallel", Tensor("x", (6, 6, 2), WIDE), convolution("conv", (6, 6), 3, 2, 4))
STREAM = chain("io_stream", Tensor("x", (16,), WIDE), dense("dense", 16, 8, "latency", 1))


@pytest.mark.parametrize(("design", "dataflow"), [(LATENCY, False), (RESOURCE, True), (IMAGES, True), (STREAM, True)])
def test_hls4mls_own_choice(design: Design, dataflow: bool) -> None:
    assert is_dataflow(design) is dataflow
    assert is_dataflow(replace(design, pipeline_style="dataflow"))
    assert not is_dataflow(replace(design, pipeline_style="pipeline"))


def test_a_process_for_each_layer_hands_its_array_over() -> None:
    """One cycle for each boundary between layers (183 for layers of 179 and 4 boundaries, ECE226_CoDesign@bfc2fecf)."""
    layers = replace(LATENCY, pipeline_style="dataflow")
    one, each = (estimate(design, "alveo-u250", clock_ns=20, ends=False) for design in (LATENCY, layers))
    assert [row.latency_cycles.worst for row in one.layers] == [row.latency_cycles.worst for row in each.layers]
    assert each.latency_cycles.best == sum(row.latency_cycles.best for row in each.layers) + 1
    assert one.latency_cycles.best < each.latency_cycles.best


@pytest.mark.parametrize(
    ("design", "said"),
    [
        (RESOURCE, r"design test is one pipeline .* unrolls layer dense0 \(Dense, resource\) whole"),
        (IMAGES, r"unrolls layer conv \(Conv2D, latency\) whole.*PipelineStyle auto"),
        (STREAM, "one pipeline .* of streams"),
        (replace(LATENCY, pipeline_interval=8), r"every 8 cycles .* every 1: .*leave PipelineInterval out"),
    ],
)
def test_a_pipeline_without_a_model_is_refused(design: Design, said: str) -> None:
    asked = replace(design, pipeline_style="pipeline")
    for measure in (estimate, simulate):
        with pytest.raises(InputError, match=said):
            measure(asked, "pynq-z2")


def test_an_interval_that_the_layers_do_not_reach_changes_nothing() -> None:
    slow = mlp((16, 12, 8), (4, 2), "latency")
    assert estimate(replace(slow, pipeline_style="pipeline", pipeline_interval=4), "pynq-z2") == estimate(
        slow, "pynq-z2"
    )


def test_resource_without_reuse_is_as_latency_in_a_pipeline() -> None:
    unrolled = replace(mlp((16, 12, 8), (1, 1), "resource"), pipeline_style="pipeline")
    got, wanted = (estimate(design, "pynq-z2", ends=False) for design in (unrolled, LATENCY))
    assert (got.latency_cycles, got.interval_cycles) == (wanted.latency_cycles, wanted.interval_cycles)
