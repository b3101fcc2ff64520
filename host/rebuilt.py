"""A plan read back from a build folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from weft.boards import load_board
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
from weft.sim import Report, simulate
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
    design = Design.load(folder / "design")
    network = read_network(load(folder / "model.onnx"))
    asked = manifest["configuration"]
    tool = str(asked.get("tool", NEWEST_TOOL))  # builds of weft 0.1 before `--tool` do not say
    report = simulate(design, board, tool=tool)
    return Plan(
        name=str(manifest["name"]),
        board=board,
        devices=tuple(str(name) for name in asked["devices"]),
        model=network.model,
        regions=tuple(_region(network, entry, design, report) for entry in data["regions"]),
        transfers=tuple(
            Transfer(str(move["from"]), str(move["to"]), int(move["bytes"]), float(move["predicted_s"]))
            for move in data["transfers"]
        ),
        predicted_s=float(data["predicted_s"]),
        objective=str(data.get("objective", "preference")),  # builds of weft 0.1 before objectives do not say
        value=float(data.get("value", 0.0)),
        bound=float(data.get("bound", 0.0)),
        accuracy=Accuracy.from_json(data["accuracy"]) if "accuracy" in data else None,
        configuration=Configuration(
            io=design.io,
            clock_ns=design.clock_ns,
            precision=FixedType.parse(asked["precision"]) if asked["precision"] else None,
            tool=tool,
        ),
    )


def _region(network: Network, entry: dict[str, Any], design: Design, report: Report) -> Region:
    number = {node.name: index for index, node in enumerate(network.nodes)}
    nodes = tuple(str(name) for name in entry["nodes"])
    missing = [name for name in nodes if name not in number]
    if missing:
        raise ArtefactError(f"region {entry['name']!r} has a node {missing[0]!r} that model.onnx lacks: build it again")
    on_fpga = takes_designs(entry["device"])
    if on_fpga:
        inputs, outputs = (tuple(tensor.onnx_name for tensor in end) for end in ends(design))
    else:
        inputs, outputs = network.ends([number[name] for name in nodes])
    return Region(
        name=str(entry["name"]),
        device=str(entry["device"]),
        nodes=nodes,
        inputs=inputs,
        outputs=outputs,
        model=network.model,
        reason=str(entry["reason"]),
        predicted_s=float(entry["predicted_s"]),
        design=design if on_fpga else None,
        report=report if on_fpga else None,
    )
