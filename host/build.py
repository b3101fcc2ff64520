"""A plan as a folder that any machine can run: `bitstreams/<name>-<board>/`.

    <name>-<12 digits>.bin, .hwh   what pynq loads; without Vivado the .bin is a virtual image
    fpga0/                         of each region on the FPGA:
        firmware/                  the hls4ml project (Vitis HLS)
        design/, report.json       the design as weft simulates it, and what that said
    model.onnx, plan.json          the network and its split, for the parts that run on the CPU
    board.toml                     the board it was made for
    manifest.toml                  hashes, configuration, versions, and how to pack the streams

The 12 digits are of one hash over model, board, configuration and versions, so an unchanged build is recognised and
left alone. Regions that take turns have a bitstream each, `<name>-<12 digits>-<overlay>.bin` from the second.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import onnx_ir as ir
import tomli_w

from weft.boards.errors import ArtefactError, InputError
from weft.hls.block_design import placed
from weft.hls.design import Tensor
from weft.hls.files import folder_aside, hash_file
from weft.host.device import Region, number_in, sharing
from weft.host.manifest import FORMAT, open_manifest, read_manifest
from weft.host.plan import Plan
from weft.host.streams import ends
from weft.sim.virtual_image import virtual_image

_DIGITS = 12


@dataclass(frozen=True)
class Build:
    """A build folder that was just written or checked. `reused` says that nothing had changed since it was made."""

    folder: Path
    plan: Plan
    bitstreams: dict[str, Path]  # by the overlay that the plan's regions name
    virtual: bool
    reused: bool = False
    wrong: dict[str, ArtefactError] = field(default_factory=dict)  # by overlay: what its bitstream lacks

    @property
    def bitstream(self) -> Path:
        """The first one, and the only one unless regions take turns."""
        return next(iter(self.bitstreams.values()))


def build(plan: Plan, folder: str | Path, *, progress: Callable[[str], None] = lambda _: None) -> Build:
    """Write firmware, image and manifest of `plan` into `folder`, which is replaced as a whole or not at all.

    Where Vitis and Vivado are on PATH the .bin and .hwh are a real bitstream's. `progress` is told each long step.
    Raises InputError if no part of the network goes to the FPGA or `folder` holds something else.
    """
    target = Path(folder)
    if not plan.fpga_regions:
        reason = plan.regions[0].reason if plan.regions else "it has no nodes"
        raise InputError(f"no part of {plan.name} goes to the FPGA, so there is nothing to build: {reason}")
    plan, hashes = replace(plan, name=_name(plan, target)), build_hashes(plan)
    found = _existing(target, plan.name, hashes)
    if found is not None:
        progress(f"{target} is up to date")
        return found
    with folder_aside(target) as part:
        stem = f"{plan.name}-{_key(hashes)[:_DIGITS]}"
        _write_designs(plan, part, progress)
        bitstreams, virtual = _write_bitstreams(plan, part, stem, progress)
        _write_plan(plan, part)
        manifest = _manifest(plan, hashes, bitstreams, virtual)
        manifest["files"] = {
            path.relative_to(part).as_posix(): hash_file(path) for path in sorted(part.rglob("*")) if path.is_file()
        }
        (part / "manifest.toml").write_bytes(tomli_w.dumps(manifest).encode())
    return Build(target, plan, {overlay: target / name for overlay, name in bitstreams.items()}, virtual)


def open_build(folder: str | Path, whole: bool = True) -> Build:
    """A build folder, checked file by file. Raises ArtefactError that names the file which is missing or damaged.

    Where it need not be `whole`, bitstreams that are missing or damaged are in `wrong`.
    """
    from weft.host.rebuilt import read_plan

    target = Path(folder)
    manifest, wrong = open_manifest(target)
    if whole:
        for error in wrong.values():
            raise error
    plan = read_plan(target, manifest)
    bitstreams = {overlay: target / name for overlay, name in manifest["bitstreams"].items()}
    if {region.overlay for region in plan.fpga_regions} != set(bitstreams):
        raise ArtefactError(f"{str(target)!r} has other bitstreams than its plan needs: build it again")
    return Build(target, plan, bitstreams, bool(manifest["virtual"]), wrong=wrong)


def build_hashes(plan: Plan) -> dict[str, str]:
    """SHA-256 of the four things that decide what a build contains."""
    designs = [
        {
            "nodes": region.nodes,
            "overlay": region.overlay,
            "layers": [(layer.name, layer.strategy, layer.reuse_factor) for layer in region.design.layers],
            "fifos": {name: tensor.fifo_depth for name, tensor in region.design.tensors.items()},
        }
        for region in plan.fpga_regions
        if region.design is not None
    ]
    return {
        "model": sha256(_model_bytes(plan.model)).hexdigest(),
        "board": _hash_json(asdict(plan.board)),
        "configuration": _hash_json({**asdict(plan.configuration), "designs": designs}),
        "versions": _hash_json(versions()),
    }


def versions() -> dict[str, str]:
    """Versions of what shapes an artefact."""
    from weft import __version__

    found = {"weft": __version__, "format": FORMAT}
    for package in ("hls4ml", "numpy", "onnx"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _name(plan: Plan, target: Path) -> str:
    """The folder's name without the board's, where it is `<name>-<board>`; otherwise the plan's."""
    name = target.resolve().name.removesuffix(f"-{plan.board.name}")
    return name if name != target.resolve().name and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name) else plan.name


def _key(hashes: dict[str, str]) -> str:
    return _hash_json(hashes)


def _hash_json(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _model_bytes(model: ir.Model) -> bytes:
    return bytes(ir.to_proto(model).SerializeToString(deterministic=True))


def _existing(target: Path, name: str, hashes: dict[str, str]) -> Build | None:
    """The build that is there, if it is whole and of the same content."""
    if not target.exists():
        return None
    if not target.is_dir() or (any(target.iterdir()) and not (target / "manifest.toml").is_file()):
        raise InputError(f"{str(target)!r} holds something that is not a weft build: give another folder")
    try:
        manifest = read_manifest(target)
        if manifest["name"] != name or manifest["hashes"] != hashes:
            return None
        found = open_build(target)
    except InputError:
        return None  # damaged or of another version: it is written anew
    return replace(found, reused=True)


def _write_designs(plan: Plan, part: Path, progress: Callable[[str], None]) -> None:
    """Write what the FPGA's regions are: an hls4ml project, a design and a report each."""
    progress("writing the hls4ml projects" if len(plan.fpga_regions) > 1 else "writing the hls4ml project")
    for region in plan.fpga_regions:
        assert region.design is not None
        assert region.report is not None
        if region.design.graph is None:
            raise InputError(f"{plan.name} was read back from a build and has no hls4ml graph: plan the model again")
        region.design.write(part / region.name / "firmware")
        region.design.save(part / region.name / "design")
        report = json.dumps(region.report.to_json(), indent=1) + "\n"
        (part / region.name / "report.json").write_text(report, encoding="utf-8")


def _write_bitstreams(
    plan: Plan, part: Path, stem: str, progress: Callable[[str], None]
) -> tuple[dict[str, str], bool]:
    """Write a bitstream for each overlay; returns their files' names and whether they are virtual images."""
    overlays = {region.overlay: sharing(region, plan.fpga_regions) for region in plan.fpga_regions}
    found: dict[str, str] = {}
    virtual = False
    for overlay, regions in overlays.items():
        end = f"-{overlay}" if found else ""
        found[overlay], virtual = _write_bitstream(plan, regions, part, f"{stem}{end}", progress)
    return found, virtual


def _write_bitstream(
    plan: Plan, regions: Sequence[Region], part: Path, stem: str, progress: Callable[[str], None]
) -> tuple[str, bool]:
    """Write the bitstream that regions share, of a card their kernels."""
    from weft.hls import alveo, vitis

    projects = [part / region.name / "firmware" for region in regions]
    designs = [region.design for region in regions if region.design is not None]
    if plan.board.family == "alveo":
        alveo.write_kernels(projects, designs, plan.board)
        if alveo.missing_tools() == "":
            progress("building an xclbin with v++; this takes hours")
            alveo.build_xclbin(projects, designs, part / f"{stem}.xclbin")
            return f"{stem}.xclbin", False
    elif vitis.missing_tools() == "":
        progress("building a bitstream with Vitis and Vivado; this takes from minutes to hours")
        vitis.build_bitstream(projects, designs, plan.board, part / f"{stem}.bin")
        return f"{stem}.bin", False
    image, description = virtual_image(designs, plan.board)
    (part / f"{stem}.bin").write_bytes(image)
    (part / f"{stem}.hwh").write_text(description, encoding="utf-8")
    return f"{stem}.bin", True


def _write_plan(plan: Plan, part: Path) -> None:
    (part / "model.onnx").write_bytes(_model_bytes(plan.model))
    (part / "board.toml").write_bytes(tomli_w.dumps(asdict(plan.board)).encode())
    (part / "plan.json").write_text(json.dumps(plan.to_json(), indent=1) + "\n", encoding="utf-8")


def _manifest(plan: Plan, hashes: dict[str, str], bitstreams: dict[str, str], virtual: bool) -> dict[str, Any]:
    wanted = plan.configuration
    return {
        "schema": FORMAT,
        "name": plan.name,
        "board": plan.board.name,
        "bitstreams": bitstreams,
        "virtual": virtual,
        "key": _key(hashes),
        "hashes": hashes,
        "configuration": {
            "devices": list(plan.devices),
            "io": wanted.io,
            "clock_ns": wanted.clock_ns,
            "tool": wanted.tool,
            "precision": "" if wanted.precision is None else str(wanted.precision),
        },
        "versions": {**versions(), "python": platform.python_version()},
        "designs": {region.name: _described(region, plan.fpga_regions) for region in plan.fpga_regions},
    }


def _described(region: Region, regions: Sequence[Region]) -> dict[str, Any]:
    """Which design of which bitstream a region is, how its layers are built, and what its streams carry."""
    together = sharing(region, regions)
    place = placed([each.design for each in together if each.design is not None])[number_in(region, together)]
    sources, targets = ends(place.design)
    return {
        "overlay": region.overlay,
        "ip": place.name,
        "layers": {
            layer.name: {"strategy": layer.strategy, "reuse_factor": layer.reuse_factor}
            for layer in place.design.layers
        },
        "inputs": [_port(tensor, dma) for tensor, dma in zip(sources, place.dma_names, strict=False)],
        "outputs": [_port(tensor, dma) for tensor, dma in zip(targets, place.dma_names, strict=False)],
    }


def _port(tensor: Tensor, dma: str) -> dict[str, Any]:
    """How a program packs one stream: value = integer * 2**-fraction_bits, `shape` channels last; an integer
    outside `minimum` to `maximum` wraps."""
    return {
        "name": tensor.onnx_name or tensor.name,
        "dma": dma,
        "shape": list(tensor.shape),
        "dtype": tensor.type.storage.name,
        "fraction_bits": tensor.type.fraction,
        "minimum": tensor.type.minimum,
        "maximum": tensor.type.maximum,
        "type": str(tensor.type),
    }
