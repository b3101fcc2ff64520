"""Reports of Vivado HLS, Vitis HLS and Vivado: <module>_csynth.xml, <module>_csynth.rpt, <top>_cosim.rpt and
vivado_synth.rpt.

hls4ml's `parse_vivado_report` reads the top's figures out of a whole project that the tool has opened, and hands XML as
it comes to a parser; here single files are read, each module's as well as the top's, and with bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from weft.boards.errors import ArtefactError
from weft.hls.xml_text import parse_xml

Stage = Literal["csynth", "cosim", "synth"]

#: What is reported and foretold: cycles of the worst case, and primitives.
FIGURES = ("latency", "interval", "lut", "ff", "dsp", "bram18", "uram")

_LARGEST = 64 << 20  # bytes of one report
_SUFFIXES = ("_csynth.xml", "_csynth.rpt", "_cosim.rpt")
_NAMES = ("csynth.xml", "vivado_synth.rpt")
_RESOURCES = {"LUT": "lut", "FF": "ff", "DSP": "dsp", "DSP48E": "dsp", "BRAM_18K": "bram18", "URAM": "uram"}
# vivado_synth.rpt, as report_utilization of Vivado prints it: before 2020 "CLB", for 7 series "Slice".
_USED = {
    "CLB LUTs": "lut",
    "Slice LUTs": "lut",
    "CLB Registers": "ff",
    "Slice Registers": "ff",
    "DSPs": "dsp",
    "URAM": "uram",
}


@dataclass(frozen=True)
class ToolReport:
    """One module's figures in one report. `tool` ("vitis-2023.2"), `part` and `clock_ns` are "" and 0.0 where the
    report does not say; `whole` says that the report is of this module and not of one that contains it."""

    source: str  # the file's name
    digest: str  # of the file
    stage: Stage
    module: str
    figures: Mapping[str, float]
    tool: str = ""
    part: str = ""
    clock_ns: float = 0.0
    whole: bool = True


def is_report(path: Path) -> bool:
    """Whether a file is named as the tools name a report."""
    return path.name in _NAMES or path.name.endswith(_SUFFIXES)


def read_reports(path: Path) -> list[ToolReport]:
    """The figures in one report file, the file's own module first; none where the report has none, as a co-simulation
    that was not run.

    Raises ArtefactError for a file that is no report, is damaged or is larger than 64 MiB.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ArtefactError(f"{str(path)!r} is larger than 64 MiB, which no report is")
        data = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    digest = sha256(data).hexdigest()[:16]
    if path.suffix == ".xml":
        found = _from_xml(parse_xml(data, f"{path.name}"), path.name, digest)
    else:
        text = data.decode("utf-8", "replace")
        found = _from_text(text, path.name, digest)
    if not found:
        raise ArtefactError(
            f"{str(path)!r} is no report: give csynth.xml, a module's _csynth.xml or _csynth.rpt, a _cosim.rpt or "
            "vivado_synth.rpt"
        )
    return [report for report in found if report.figures]


# ---------------------------------------------------------------- XML


def _from_xml(root: Element, source: str, digest: str) -> list[ToolReport]:
    if root.tag != "profile":
        return []
    tool = _tool(root.findtext("ReportVersion/Version", ""), root.find("UserAssignments/FlowTarget") is not None)
    part = root.findtext("UserAssignments/Part", "").strip()
    clock = _number(root.findtext("UserAssignments/TargetClockPeriod", "")) or 0.0

    def report(node: Element, module: str, whole: bool) -> ToolReport:
        return ToolReport(source, digest, "csynth", module, _xml_figures(node, whole), tool, part, clock, whole)

    top = root.findtext("UserAssignments/TopModelName", "").strip() or source.removesuffix("_csynth.xml")
    # A module's own report is named after it; UserAssignments of it names the top of the project.
    own = source.removesuffix("_csynth.xml") if source.endswith("_csynth.xml") else top
    found = [report(root, own, True)]
    for module in root.iterfind("ModuleInformation/Module"):
        name = module.findtext("Name", "").strip()
        if name and name != own:
            found.append(report(module, name, False))
    return found


def _xml_figures(node: Element, whole: bool) -> dict[str, float]:
    """Latency, interval and primitives. A module inside csynth.xml has no interval that is its own: what stands there
    is of its inner loop."""
    latency = node.find("PerformanceEstimates/SummaryOfOverallLatency")
    named: dict[str, str] = {}
    if latency is not None:
        named["latency"] = latency.findtext("Worst-caseLatency", "")
        named["interval"] = latency.findtext("Interval-max", "") if whole else ""
    for child in node.iterfind("AreaEstimates/Resources/*"):
        if child.tag in _RESOURCES:
            named[_RESOURCES[child.tag]] = child.text or ""
    return _numbers(named)


# ---------------------------------------------------------------- text


def _from_text(text: str, source: str, digest: str) -> list[ToolReport]:
    head = re.search(r"== (Vitis|Vivado) HLS Report for '([^'\n]{1,512})'", text)
    if head is not None:
        return [_csynth_text(text, source, digest, head[1] == "Vitis", head[2])]
    if re.search(r"(?m)^\|\s*(?:Verilog|VHDL)\s*\|", text) and "Latency" in text:
        top = source.removesuffix("_cosim.rpt")
        return [ToolReport(source, digest, "cosim", top, _cosim_figures(text))]
    if "Utilization Design Information" in text:
        design = re.search(r"(?m)^\|\s*Design\s*:\s*(\w+)", text)
        return [ToolReport(source, digest, "synth", design[1] if design else "", _synth_figures(text))]
    return []


def _csynth_text(text: str, source: str, digest: str, vitis: bool, module: str) -> ToolReport:
    version = re.search(r"\* Version:\s*(\S+)", text)
    part = re.search(r"\* Target device:\s*(\S+)", text)
    clock = re.search(r"(?m)^\s*\|ap_clk\s*\|\s*([\d.]+)", text)
    named: dict[str, str] = {}
    performance, _, utilisation = text.partition("== Utilization Estimates")
    for cells in _rows(performance.partition("+ Latency:")[2]):
        # min and max latency in cycles, then in time, min and max interval, type
        if len(cells) == 7 and _number(cells[0]) is not None:
            named = {"latency": cells[1], "interval": cells[5]}
            break
    columns: list[str] = []
    for cells in _rows(utilisation):
        if cells[0] == "Name":
            columns = cells
        elif cells[0] == "Total" and len(cells) == len(columns):
            named |= {_RESOURCES[name]: cell for name, cell in zip(columns, cells, strict=True) if name in _RESOURCES}
            break
    tool = _tool(version[1] if version else "", vitis)
    return ToolReport(
        source,
        digest,
        "csynth",
        module,
        _numbers(named),
        tool,
        part[1] if part else "",
        float(clock[1]) if clock else 0.0,
    )


def _cosim_figures(text: str) -> dict[str, float]:
    """The longest latency and interval of the language that was simulated; the other one's row says NA."""
    for cells in _rows(text):
        if cells[0] in ("Verilog", "VHDL") and len(cells) >= 8 and cells[1] != "NA":
            return _numbers({"latency": cells[4], "interval": cells[7]})
    return {}


def _synth_figures(text: str) -> dict[str, float]:
    named: dict[str, str] = {}
    for cells in _rows(text):
        name = cells[0].rstrip("*")
        if len(cells) > 1 and name in _USED:
            named.setdefault(_USED[name], cells[1])
        elif len(cells) > 1 and name == "Block RAM Tile":
            tiles = _number(cells[1])
            named.setdefault("bram18", "" if tiles is None else str(2 * tiles))  # a tile is two 18 Kb blocks
    return _numbers(named)


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of tables drawn with bars."""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("|") and line.endswith("|") and len(line) > 1:
            yield [cell.strip() for cell in line[1:-1].split("|")]


# ---------------------------------------------------------------- values


def _tool(version: str, vitis: bool) -> str:
    """`vitis-2023.2`; "" for a version that is none. 2020.1 came as Vitis HLS and, for the last time, as Vivado HLS."""
    found = re.match(r"(20\d\d)\.(\d)", version.strip())
    if found is None:
        return ""
    late = (int(found[1]), int(found[2])) >= (2020, 2)
    return f"{'vitis' if vitis or late else 'vivado'}-{found[1]}.{found[2]}"


def _number(text: str) -> float | None:
    """A count; None for "?", "undef", "-" and ranges."""
    return float(text) if re.fullmatch(r"\d{1,15}(?:\.\d{1,6})?", text.strip()) else None


def _numbers(named: Mapping[str, str]) -> dict[str, float]:
    values = {name: _number(text) for name, text in named.items()}
    return {name: value for name, value in values.items() if value is not None}
