"""A layer list to an hls4ml ModelGraph: the configuration hls4ml wants, and its conversion."""

from __future__ import annotations

import contextlib
import io as text_io
import warnings
from collections.abc import Mapping
from typing import Any

from weft.boards.errors import ToolError
from weft.hls.design import Io
from weft.hls.lowering.builder import Builder, hls4ml_type
from weft.hls.precision import FixedType
from weft.hls.strategies import Choice

# Types that hls4ml reads under a layer's "Precision"; others, such as exp_table_t, are keys of the layer itself.
_PRECISION_KEYS = {"result", "weight", "bias", "accum", "scale", "param"}


def hls4ml_config(
    builder: Builder,
    project: str,
    part: str,
    clock_ns: float,
    io: Io,
    choices: Mapping[str, Choice] | Choice | None,
) -> dict[str, Any]:
    """hls4ml's configuration of the builder's layers: a precision, strategy and reuse factor for each."""
    per_layer: dict[str, Any] = {}
    for name, precision in builder.precisions.items():
        choice = choices.get(name, Choice()) if isinstance(choices, Mapping) else choices or Choice()
        per_layer[name] = {
            "Precision": {key: kind for key, kind in precision.items() if key in _PRECISION_KEYS},
            "Strategy": choice.strategy.capitalize(),
            "ReuseFactor": choice.reuse_factor,
            **{f"{key}_t": kind for key, kind in precision.items() if key not in _PRECISION_KEYS},
        }
    default = hls4ml_type(builder.uniform or FixedType(16, 6))
    return {
        "Backend": "Vitis",
        "ProjectName": project,
        "OutputDir": project,  # set anew where the project is written
        "Part": part,
        "ClockPeriod": clock_ns,
        "ClockUncertainty": "27%",
        "IOType": io,
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": True,
            "WriteTar": False,
            "TBOutputStream": "stdout",
        },
        "HLSConfig": {
            "Model": {"Precision": default, "ReuseFactor": 1, "Strategy": "Latency"},
            "LayerName": per_layer,
        },
    }


def convert(config: dict[str, Any], layers: list[dict[str, Any]], inputs: list[str], outputs: list[str]) -> Any:
    """The ModelGraph (hls4ml.model.graph) of a layer list. Raises ToolError without hls4ml.

    Nothing is printed: hls4ml's notes on standard output would spoil a caller's JSON.
    """
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(text_io.StringIO()):
            warnings.simplefilter("ignore")
            from hls4ml.model.graph import ModelGraph

            return ModelGraph.from_layer_list(config, layers, inputs, outputs)
    except ImportError as error:
        raise ToolError(f"hls4ml cannot be imported ({error}): pip install 'weft[hls]'") from None
