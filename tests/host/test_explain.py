"""Why a node is where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("hls4ml")

import weft
from weft.boards.errors import InputError
from weft.host.explain import explain


def test_explain_says_why_and_what_next(mixed: Path) -> None:
    plan, options = weft.plan(mixed, board="pynq-z2"), {"board": "pynq-z2"}
    text = explain(mixed, plan, "int", **options)
    assert text.startswith("int runs in fpga1 on fpga: it fits pynq-z2")
    assert "The next best is cpu:" in text
    assert "in place of" in text
    assert "none of the devices" in explain(mixed, plan, "../erf\n", **options)
    with pytest.raises(InputError, match="no node 'nothing'"):
        explain(mixed, plan, "nothing", **options)
