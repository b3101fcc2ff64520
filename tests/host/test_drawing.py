"""Drawings of plans."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip("hls4ml")

import weft
from weft.host.cli import run_command
from weft.host.drawing import plan_dot, plan_svg


def test_svg_has_a_box_for_each_region_and_an_arrow_for_each_border(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2")
    drawing = ElementTree.fromstring(plan_svg(plan))
    space = {"s": "http://www.w3.org/2000/svg"}
    assert len(drawing.findall(".//s:rect", space)) == len(plan.regions) == 3
    assert len(drawing.findall("s:line", space)) == 2
    texts = [text.text for text in drawing.findall(".//s:text", space)]
    assert "48 bytes" in texts  # 12 float32
    assert any(text and text.startswith("fpga0 on fpga") for text in texts)


def test_dot_has_every_node_once_and_quotes_what_strangers_wrote(mixed: Path) -> None:
    plan = weft.plan(mixed, board="pynq-z2")
    lines = plan_dot(plan).splitlines()
    nodes = [line for line in lines if line.startswith("    n")]
    assert len(nodes) == len(list(plan.model.graph))
    assert sum("subgraph cluster_" in line for line in lines) == 3
    assert any(r"a \"quoted\" name" in line for line in nodes)
    assert any(" -> " in line for line in lines)


def test_the_command_draws_and_explains(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ("--dot", str(tmp_path / "p.dot"), "--svg", str(tmp_path / "p.svg"))
    steering = ("--pin", "class=cpu", "--forbid", "fpga:Softmax", "--objective", "throughput")
    assert run_command(["plan", str(mixed), "--board", "pynq-z2", *files, *steering, "--explain", "class"]) == 0
    said = capsys.readouterr()
    assert "class runs in cpu" in said.err
    assert "throughput" in said.out
    assert (tmp_path / "p.dot").read_text().startswith("digraph")
    assert (tmp_path / "p.svg").read_text().startswith("<svg")
    assert run_command(["plan", str(mixed), "--board", "pynq-z2", "--pin", "x=cpu"]) == 1
    assert "is of no node's name" in capsys.readouterr().err
