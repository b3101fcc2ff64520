"""A design's JSON document: all of it comes back, old ones are read, and each wrong place is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from small_designs import dense_design

from weft.boards.errors import WeftError
from weft.hls.design import Design
from weft.hls.design_json import design_json, read_design_json

DESIGN = replace(dense_design(), pipeline_style="pipeline", pipeline_interval=3)
ARRAYS = {f"{layer.name}.{name}": weight.raw for layer in DESIGN.layers for name, weight in layer.weights.items()}


def read(**changes: Any) -> Design:
    return read_design_json(json.dumps({**json.loads(design_json(DESIGN)), **changes}).encode(), ARRAYS)


def test_all_of_a_design_comes_back() -> None:
    back = read()
    assert (back.pipeline_style, back.pipeline_interval) == ("pipeline", 3)
    assert back.tensors == DESIGN.tensors
    assert [replace(layer, weights={}) for layer in back.layers] == [
        replace(layer, weights={}) for layer in DESIGN.layers
    ]
    assert design_json(back) == design_json(DESIGN)


def test_a_design_written_before_it_had_a_style_leaves_it_to_hls4ml() -> None:
    document = json.loads(design_json(DESIGN))
    del document["pipeline_style"], document["pipeline_interval"]
    old = read_design_json(json.dumps(document).encode(), ARRAYS)
    assert (old.pipeline_style, old.pipeline_interval) == ("auto", None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": "weft-design/99"}, "schema 'weft-design/99'"),
        ({"io": "io_magic"}, "io 'io_magic' is neither"),
        ({"clock_ns": -1}, "clock_ns is -1"),
        ({"pipeline_style": "Pipeline"}, "pipeline_style 'Pipeline'"),
        ({"pipeline_interval": 0}, "pipeline_interval is 0"),
        ({"pipeline_interval": True}, "pipeline_interval is True"),
        ({"name": "../../x"}, "'../../x' is not a name"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, WeftError), match=said):
        read(**changes)
