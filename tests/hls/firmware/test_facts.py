"""weft_firmware.json: what is written is read back, what is damaged is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weft.boards.errors import ArtefactError
from weft.hls.firmware import compile_firmware


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "weft-firmware/2"},
        {"project": "../../net"},
        {"project": 3},
        {"inputs": []},
        {"inputs": [{"name": "x", "shape": [1 << 40], "type": "fixed<8,3>"}]},
        {"inputs": [{"name": "x", "shape": [True], "type": "fixed<8,3>"}]},
        {"inputs": [{"name": "x", "shape": [3], "type": "double"}]},
        {"outputs": "no"},
    ],
)
def test_damaged_facts_are_refused(stream_folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    facts = json.loads((stream_folder / "weft_firmware.json").read_text())
    (tmp_path / "weft_firmware.json").write_text(json.dumps({**facts, **change}))
    with pytest.raises(ArtefactError, match=r"weft_firmware\.json"):
        compile_firmware(tmp_path)
