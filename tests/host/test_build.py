"""Build folders: complete, content-addressed, verified, and replaced as a whole."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")

import weft
from weft.boards.errors import ArtefactError, InputError
from weft.hls.files import hash_file
from weft.hls.firmware import compile_firmware
from weft.host.build import Build, open_build
from weft.host.plan import Plan
from weft.sim.image import is_virtual, unpack

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def plan(mixed: Path, samples: Floats) -> Plan:
    return weft.plan(weft.compress(mixed, "fixed8", calibration=samples), board="pynq-z2")


@pytest.fixture(scope="module")
def made(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Build:
    return weft.build(plan, tmp_path_factory.mktemp("build") / "mixed-pynq-z2")


@pytest.fixture
def copy(made: Build, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.folder, tmp_path / "copy"))


def test_what_a_build_contains(made: Build, plan: Plan) -> None:
    manifest = tomllib.loads((made.folder / "manifest.toml").read_text())
    stem = made.bitstream.stem
    assert stem == f"mixed-{manifest['key'][:12]}"
    assert made.virtual
    assert is_virtual(made.bitstream.read_bytes())
    assert made.bitstream.with_suffix(".hwh").is_file()
    assert set(manifest["hashes"]) == {"model", "board", "configuration", "versions"}
    present = {p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == present - {"manifest.toml"}
    assert all(hash_file(made.folder / name) == digest for name, digest in manifest["files"].items())


def test_the_manifest_says_how_to_pack_the_streams(made: Build, plan: Plan) -> None:
    manifest = tomllib.loads((made.folder / "manifest.toml").read_text())
    designs = unpack(made.bitstream.read_bytes()).overlay.designs
    assert [each["ip"] for each in manifest["designs"].values()] == ["design_0", "design_1"]
    for number, (region, design) in enumerate(zip(plan.fpga_regions, designs, strict=True)):
        (port,) = manifest["designs"][region.name]["inputs"]
        tensor = design.tensors[design.inputs[0]]
        assert (port["name"], port["dma"]) == (region.inputs[0], f"axi_dma_{number}")
        assert (port["shape"], port["dtype"]) == (list(tensor.shape), tensor.type.storage.name)
        assert port["fraction_bits"] == tensor.type.fraction
    (port,) = manifest["designs"]["fpga1"]["outputs"]
    assert port["shape"] == [5]


def test_the_firmware_in_a_build_computes_what_its_image_does(made: Build, samples: Floats) -> None:
    for number, design in enumerate(unpack(made.bitstream.read_bytes()).overlay.designs):
        firmware = compile_firmware(made.folder / f"fpga{number}" / "firmware")
        values = np.resize(samples, (40, *design.tensors[design.inputs[0]].shape))
        np.testing.assert_array_equal(firmware.run(values), design.run(values))


def test_an_unchanged_build_is_left_alone(made: Build, plan: Plan) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.folder.rglob("*")}
    told: list[str] = []
    again = weft.build(plan, made.folder, progress=told.append)
    assert again.reused
    assert "up to date" in told[0]
    assert before == {path: path.stat().st_mtime_ns for path in made.folder.rglob("*")}


def test_another_configuration_replaces_it(copy: Path, mixed: Path, samples: Floats, made: Build) -> None:
    small = weft.compress(mixed, "fixed8", calibration=samples)
    other = weft.build(weft.plan(small, board="pynq-z2", clock_ns=12.0), copy)
    assert not other.reused
    assert other.bitstream.name != made.bitstream.name
    assert not (copy / made.bitstream.name).exists()
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_damaged_build_is_refused_and_made_anew(copy: Path, plan: Plan, made: Build) -> None:
    image = copy / made.bitstream.name
    data = bytearray(image.read_bytes())
    data[len(data) // 2] ^= 1
    image.write_bytes(data)
    with pytest.raises(ArtefactError, match=rf"{made.bitstream.stem}.*damaged"):
        open_build(copy)
    assert not weft.build(plan, copy).reused
    assert open_build(copy).plan.regions[0].nodes == plan.regions[0].nodes


@pytest.mark.parametrize("suffix", [".bin", ".hwh"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_with_fallback_a_session_does_without_its_bitstream(
    suffix: str, how: str, copy: Path, made: Build, samples: Floats
) -> None:
    file = copy / made.bitstream.with_suffix(suffix).name
    file.unlink() if how == "missing" else file.write_bytes(b"junk")
    says = rf"{file.name}.* is {how}.*: build it again"
    with pytest.raises(ArtefactError, match=says):
        weft.Session(copy)
    with pytest.warns(UserWarning, match=f"on the CPU from now on, as fpga failed: .*{says}"):
        session = weft.Session(copy, fallback="cpu")
    with session:
        (found,) = session.run(None, {"x": samples})
        assert session.last_run is not None
        assert {run.device for run in session.last_run.regions} == {"cpu"}
    with weft.Session(made) as whole:
        np.testing.assert_allclose(found, whole.run(None, {"x": samples})[0], atol=0.1)
    (copy / "plan.json").unlink()
    with pytest.raises(ArtefactError, match=r"plan.json.*missing"):
        weft.Session(copy, fallback="cpu")


def test_what_is_no_build(tmp_path: Path, copy: Path, plan: Plan, made: Build) -> None:
    with pytest.raises(ArtefactError, match=r"no manifest.toml"):
        open_build(tmp_path)
    (copy / "plan.json").unlink()
    with pytest.raises(ArtefactError, match=r"plan.json.*missing"):
        open_build(copy)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="not a weft build"):
        weft.build(plan, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"plan.json" = "', '"../plan.json" = "', "lists no file"),
        ("weft-build/2", "weft-build/9", "schema"),
        ("[files]", "[flies]", "no proper 'files'"),
        ("virtual = true", "virtual = [", "cannot be read"),
    ],
)
def test_a_manifest_that_was_changed(copy: Path, old: str, new: str, message: str) -> None:
    path = copy / "manifest.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ArtefactError, match=message):
        open_build(copy)


def test_a_file_outside_the_build_is_never_read(copy: Path) -> None:
    path = copy / "manifest.toml"
    path.write_text(path.read_text() + f'"../../etc/passwd" = "{"0" * 64}"\n')
    with pytest.raises(ArtefactError, match="outside the build"):
        open_build(copy)


def test_nothing_for_the_fpga_is_nothing_to_build(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to build"):
        weft.build(weft.plan(mixed, board="pynq-z2", devices="cpu"), tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr("weft.sim.virtual_image.write_hwh", full)
    with pytest.raises(OSError, match="no space"):
        weft.build(plan, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_build_runs_without_hls4ml(made: Build, plan: Plan, samples: Floats) -> None:
    pytest.importorskip("pynq")
    with weft.Session(plan) as session:
        (expected,) = session.run(None, {"x": samples})
    with weft.Session(made.folder) as session:
        (result,) = session.run(None, {"x": samples})
    np.testing.assert_array_equal(result, expected)
