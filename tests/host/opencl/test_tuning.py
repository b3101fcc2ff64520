"""Tuning picks the fastest tile that works and keeps it; what was kept is read back, or nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError
from weft.host.cli import run_command
from weft.host.opencl import tuning
from weft.host.opencl.context import Context
from weft.host.opencl.profile import Profile, keep_profile, profile_of
from weft.host.opencl.tiles import SquareTile, StripTile, Tile
from weft.host.opencl.tuning import tune

FEW: tuple[Tile, ...] = (StripTile(4, 1, 128), SquareTile(2), StripTile(4, 2, 256))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "CANDIDATES", FEW)
    monkeypatch.setattr(tuning, "_SIDE", 64)
    monkeypatch.setattr(tuning, "_COPY", 1 << 16)


@pytest.mark.usefixtures("quick")
def test_the_fastest_is_kept(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {FEW[0]: 2.0, FEW[1]: 1.0, FEW[2]: 3.0}
    monkeypatch.setattr(tuning, "product_seconds", lambda context, tile, side: seconds[tile])
    profile = tune(context)
    assert profile.tile == FEW[1]
    assert profile.flops_per_s == 2 * 64**3
    assert profile.bytes_per_s > 0
    assert profile.link_bytes_per_s > 0
    assert profile.launch_s > 0
    assert profile.convolution_flops_per_s > 0
    assert profile.run_s > 0
    assert context.profile == profile == Context(context.device).profile


@pytest.mark.usefixtures("quick")
def test_tiles_that_do_not_work(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(context: Context, tile: Tile, side: int) -> float:
        if tile != FEW[0]:
            raise DeviceError("too many registers")
        return 1.0

    monkeypatch.setattr(tuning, "product_seconds", fail)
    lines: list[str] = []
    assert tune(context, lines.append).tile == FEW[0]
    assert sum("too many registers" in line for line in lines) == 2
    monkeypatch.setattr(tuning, "CANDIDATES", FEW[1:])
    with pytest.raises(DeviceError, match="no matrix product works"):
        tune(context)


@pytest.mark.usefixtures("quick")
def test_the_command(context: Context, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.host.opencl.context.open_context", lambda place: context)
    assert run_command(["tune", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "weft-tune/1"
    assert data["flops_per_s"] > 0
    assert run_command(["tune", "--device", "cpu"]) == 1
    assert "nothing to tune" in capsys.readouterr().err


@pytest.mark.parametrize("tile", [StripTile(4, 2, 256), SquareTile(4)])
def test_a_profile_comes_back(own_cache: Path, tile: Tile) -> None:
    profile = Profile(tile, 1e11, 2e10, 5e9, 1e-6, 8e10, 5e-5, tuned=True)
    path = keep_profile("a device", profile)
    assert path.is_relative_to(own_cache)
    assert profile_of("a device", is_cpu=True) == profile
    assert not profile_of("another device", is_cpu=True).tuned


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", "other"),
        ("device", "other"),
        ("launch_s", None),
        ("run_s", -1),
        ("bytes_per_s", 0),
        ("tile", {"kind": "square", "side": 10**9}),
    ],
)
@pytest.mark.usefixtures("own_cache")
def test_a_damaged_profile_is_none(key: str, value: object) -> None:
    path = keep_profile("a device", Profile(SquareTile(4), 1e11, 2e10, 5e9, 1e-6, 8e10, 5e-5, tuned=True))
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert not profile_of("a device", is_cpu=False).tuned
    path.write_text("[")
    assert not profile_of("a device", is_cpu=False).tuned
