"""ModelGraphs from hls4ml's own layer lists."""

from __future__ import annotations

from typing import Any


def graph_of(
    name: str, io: str, layers: list[dict[str, Any]], config: dict[str, Any], outputs: list[str], backend: str = "Vitis"
) -> Any:
    """The hls4ml ModelGraph of `layers`, each configured by its name in `config`, or else fixed<16,6>."""
    from hls4ml.model.graph import ModelGraph

    inputs = [layer["name"] for layer in layers if layer["class_name"] == "InputLayer"]
    model = {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"}
    writer = {"Namespace": None, "WriteWeightsTxt": True, "WriteTar": False, "TBOutputStream": "stdout"}
    settings: dict[str, Any] = {"Backend": backend, "ProjectName": name, "OutputDir": name, "IOType": io}
    settings |= {"WriterConfig": writer, "Part": "xc7z020clg400-1", "ClockPeriod": 10, "ClockUncertainty": "27%"}
    settings["HLSConfig"] = {"Model": model, "LayerName": config}
    return ModelGraph.from_layer_list(settings, layers, inputs, outputs)
