"""A plan read back from a build folder."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from weft.boards import Board, load_board
from weft.boards.errors import ArtefactError, WeftError
from weft.hls.design import Design
from weft.hls.load import load
from weft.hls.precision import FixedType
from weft.host.accuracy import Accuracy
from weft.host.device import Region
from weft.host.devices.names import takes_designs
from weft.host.graph import Network, read_network
from weft.host.plan import SCHEMA, Configuration, Plan, Transfer
from weft.host.streams import ends
from weft.sim import simulate
from weft.sim.cost.model import NEWEST_TOOL


def read_plan(folder: Path, manifest: dict[str, Any]) -> Plan:
    """The plan of a build whose files have been checked. Raises ArtefactError where they do not agree."""
    path = folder / "plan.json"
    try:
        return _plan(folder, manifest, json.loads(path.read_text(encoding="utf-8")))
    except WeftError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtefactError(f"{str(path)!r} is not a plan that weft wrote ({error}): build it again") from error


def _plan(folder: Path, manifest: dict[str, Any], data: dict[str, Any]) -> Plan:
    if data["schema"] != SCHEMA:
        raise ArtefactError(f"{str(folder / 'plan.json')!r} has schema {data['schema']!r}, and {SCHEMA!r} is needed")
    board = load_board(folder / "board.toml")
    network = read_network(load(folder / "model.onnx"))
    asked = manifest["configuration"]
    tool = str(asked.get("tool", NEWEST_TOOL))  # builds of weft 0.1 before `--tool` do not say
    configuration = Configuration(
        io=asked["io"],
        clock_ns=float(asked["clock_ns"]),
        precision=FixedType.parse(asked["precision"]) if asked["precision"] else None,
        tool=tool,
    )
    return Plan(
        name=str(manifest["name"]),
        board=board,
        devices=tuple(str(name) for name in asked["devices"]),
        model=network.model,
        regions=tuple(
            _on_fpga(network, entry, folder, board, tool)
            if takes_designs(entry["device"])
            else _region(network, entry, *network.ends(_numbers(network, entry)))
            for entry in data["regions"]
        ),
        transfers=tuple(
            Transfer(str(move["from"]), str(move["to"]), int(move["bytes"]), float(move["predicted_s"]))
            for move in data["transfers"]
        ),
        predicted_s=float(data["predicted_s"]),
        objective=str(data.get("objective", "preference")),  # builds of weft 0.1 before objectives do not say
        value=float(data.get("value", 0.0)),
        bound=float(data.get("bound", 0.0)),
        accuracy=Accuracy.from_json(data["accuracy"]) if "accuracy" in data else None,
        configuration=configuration,
    )


def _on_fpga(network: Network, entry: dict[str, Any], folder: Path, board: Board, tool: str) -> Region:
    name = str(entry["name"])
    if not re.fullmatch(r"(fpga|xrt)\d{1,3}", name):
        raise ArtefactError(
            f"{str(folder / 'plan.json')!r} has a region {name!r}, which weft did not name: build it again"
        )
    _numbers(network, entry)
    design = Design.load(folder / name / "design")
    sources, targets = (tuple(tensor.onnx_name for tensor in end) for end in ends(design))
    return replace(
        _region(network, entry, sources, targets),
        design=design,
        report=simulate(design, board, tool=tool),
        overlay=str(entry["overlay"]),
    )


def _numbers(network: Network, entry: dict[str, Any]) -> list[int]:
    """Numbers of a region's nodes. Raises ArtefactError for one that the network lacks."""
    number = {node.name: index for index, node in enumerate(network.nodes)}
    missing = [name for name in entry["nodes"] if name not in number]
    if missing:
        raise ArtefactError(f"region {entry['name']!r} has a node {missing[0]!r} that model.onnx lacks: build it again")
    return [number[name] for name in entry["nodes"]]


def _region(network: Network, entry: dict[str, Any], inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Region:
    return Region(
        name=str(entry["name"]),
        device=str(entry["device"]),
        nodes=tuple(str(name) for name in entry["nodes"]),
        inputs=inputs,
        outputs=outputs,
        model=network.model,
        reason=str(entry["reason"]),
        predicted_s=float(entry["predicted_s"]),
    )
