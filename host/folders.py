"""Folders that hold a design: a build, an hls4ml project, or what `Design.save` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weft.boards.errors import ArtefactError
from weft.hls.archive import is_saved_design
from weft.hls.design import Design
from weft.hls.project.cpp import Call
from weft.hls.project.files import is_project
from weft.hls.project.reader import read_calls
from weft.host.build import open_build
from weft.host.manifest import is_build
from weft.host.plan import Plan


def holds_design(folder: Path) -> bool:
    """Whether a folder looks like one of the three."""
    return is_build(folder) or is_project(folder) or is_saved_design(folder)


def open_folder(folder: Path) -> Plan | Design:
    """A build's plan, checked file by file, or the design in any other folder. Raises ArtefactError for a folder that
    holds none, or a damaged one."""
    if is_build(folder):
        return open_build(folder).plan
    if is_project(folder):
        return Design.from_project(folder)
    if is_saved_design(folder):
        return Design.load(folder)
    raise ArtefactError(
        f"{str(folder)!r} is not a weft build (manifest.toml), an hls4ml project (hls4ml_config.yml) or a saved design "
        "(design.json): give a folder that is"
    )


def design_with_calls(folder: Path) -> tuple[Design, Mapping[str, Call]]:
    """The design in a folder, and its layers' calls in C++; a saved design has none."""
    found = open_folder(folder)
    if isinstance(found, Design):
        return found, read_calls(folder) if is_project(folder) else {}
    projects = [folder / region.name / "firmware" for region in found.fpga_regions]
    if len(projects) > 1:
        raise ArtefactError(f"the build in {str(folder)!r} has several designs: give {' or '.join(map(str, projects))}")
    region = found.fpga_region
    if region is None or region.design is None:
        raise ArtefactError(f"the build in {str(folder)!r} has no design for an FPGA: give one that has")
    return region.design, read_calls(projects[0])
