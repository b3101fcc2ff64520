"""What the top of a design is: one pipeline, or a process for each layer (hls4ml's PipelineStyle)."""

from __future__ import annotations

from weft.boards.errors import InputError
from weft.hls.design import Design, Layer
from weft.sim.cost.reading import partitions, reuse

# What hls4ml counts as Conv1D and Conv2D; a separable convolution is none.
_CONVOLUTIONS = ("Conv", "Pointwise", "Depthwise")


def is_dataflow(design: Design) -> bool:
    """Whether the layers are processes of their own (DATAFLOW) or all one pipeline.

    Where the design leaves it to hls4ml: dataflow for io_stream, for a convolution whose output has partitions and for
    any Resource layer, otherwise one pipeline (backends/vivado/passes/pipeline_style.py).
    """
    if design.pipeline_style != "auto":
        return design.pipeline_style == "dataflow"
    return design.io == "io_stream" or any(_is_resource(layer) or _is_parted(layer) for layer in design.layers)


def check_pipeline(design: Design) -> None:
    """Raise InputError for a pipeline whose schedule no published report tells.

    PIPELINE unrolls every loop below it (UG1399, "pragma HLS pipeline"): partitions and turns of multipliers, which the
    layers' rules count in cycles, are then gone. Where the top is asked for fewer samples than its layers could take,
    the tool shares operators over the cycles in between; an interval that the layers do not reach changes nothing.
    """
    if is_dataflow(design):
        return
    where = f"design {design.name} is one pipeline (hls4ml's PipelineStyle)"
    if design.io == "io_stream":
        raise InputError(f"{where} of streams, for which weft has no cycle model: convert it with PipelineStyle auto")
    for layer in design.layers:
        if _is_parted(layer) or (_is_resource(layer) and reuse(layer) > 1):
            raise InputError(
                f"{where}, which unrolls layer {layer.name} ({layer.kind}, {layer.strategy}) whole, and weft has no "
                "cycle model for that: convert it with PipelineStyle auto"
            )
    reached = max((reuse(layer) for layer in design.layers), default=1)
    if (design.pipeline_interval or 1) > reached:
        raise InputError(
            f"{where} of a sample every {design.pipeline_interval} cycles (PipelineInterval), and its layers take one "
            f"every {reached}: weft has no cycle model for operators shared over the rest: leave PipelineInterval out"
        )


def _is_resource(layer: Layer) -> bool:
    return bool(layer.weights) and layer.strategy.lower() == "resource"


def _is_parted(layer: Layer) -> bool:
    """Whether a convolution makes its output in several parts, one after another."""
    return bool(layer.weights) and layer.kind.startswith(_CONVOLUTIONS) and partitions(layer) != 1
