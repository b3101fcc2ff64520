"""The main job of weft, end to end: handwritten digits on a PYNQ-Z2 that is not there.

For a small convolutional network and for an MLP: compress to fixed point, plan for the board, build the firmware,
compile it with g++, start a virtual PYNQ-Z2, and classify the held-back images through the real pynq package over
PYNQ.remote.

    python examples/digits_demo.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from digits_data import Images, Labels, flatten, load_split
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import weft
from weft.boards import WeftError, load_board
from weft.hls.firmware import compile_firmware
from weft.host.build import Build
from weft.sim import Report, VirtualBoard
from weft.sim.timeline import write_trace

BOARD = "pynq-z2"
HERE = Path(__file__).resolve().parent
ARTEFACTS = HERE.parent / "bitstreams"
NETWORKS: dict[str, Callable[[Images], Images]] = {"digits_cnn": lambda images: images, "digits_mlp": flatten}


@dataclass(frozen=True)
class Result:
    """What the table says about one network; accuracies are fractions of the test images."""

    network: str
    float32: float
    on_board: float
    in_c: float
    same: int
    values: int
    report: Report
    folder: Path
    timeline: Path


def main() -> int:
    """Run both networks and print the table; 1 if anything failed or board and C simulation differ."""
    console = Console(stderr=True)
    digits = load_split()
    with console.status("") as status:
        results = [run(name, shape, digits, status.update) for name, shape in NETWORKS.items()]
    out = Console()
    out.print(table(results))
    for result in results:
        out.print(f"{result.network}: artefacts in {shown(result.folder)}/", soft_wrap=True, highlight=False)
        out.print(f"  timeline for ui.perfetto.dev: {shown(result.timeline)}", soft_wrap=True, highlight=False)
    return int(any(result.same != result.values for result in results))


def run(
    name: str,
    shape: Callable[[Images], Images],
    digits: tuple[Images, Labels, Images, Labels],
    tell: Callable[[str], Any],
) -> Result:
    """Everything from the ONNX file to the answers of the board, the C simulation and ONNX Runtime."""
    train, _, test, labels = digits
    x = shape(test)
    source = HERE / f"{name}.onnx"

    tell(f"{name}: compressing to 8-bit fixed point, calibrated on {len(train):,} training images")
    model = weft.load(source)
    small = weft.compress(model, "fixed8", calibration=shape(train))
    tell(f"{name}: planning for {BOARD}")
    plan = weft.plan(small, board=BOARD)
    tell(f"{name}: building")
    folder = ARTEFACTS / f"{name}-{BOARD}"
    build = weft.build(plan, folder)
    tell(f"{name}: compiling the firmware with g++ (kept for the next time)")
    firmware = compile_firmware(folder / "fpga0" / "firmware")

    tell(f"{name}: classifying {len(x)} images on the virtual board, through pynq")
    answers = classify(build, x, folder / "timeline.json")

    tell(f"{name}: classifying them with hls4ml's C simulation")
    region = plan.fpga_region
    assert region is not None
    assert region.design is not None
    assert region.report is not None
    pixels = np.moveaxis(x, 1, -1) if x.ndim == 4 else x  # firmware takes channels last
    simulated = np.asarray(firmware.predict(pixels))
    result = region.design.tensors[region.design.outputs[0]].type
    same = [result.quantise(answers) == other for other in (firmware.run(pixels), result.quantise(simulated))]
    return Result(
        network=name,
        float32=accuracy(onnx_runtime(source, x), labels),
        on_board=accuracy(answers, labels),
        in_c=accuracy(simulated, labels),
        same=int(np.logical_and(*same).sum()),
        values=simulated.size,
        report=region.report,
        folder=folder,
        timeline=folder / "timeline.json",
    )


def classify(build: Build, x: Images, timeline: Path) -> NDArray[np.float32]:
    """The board's answers; what it did when is written to `timeline`."""
    with VirtualBoard(BOARD, port=0) as board:
        with weft.Session(build, devices=f"fpga@pynq://127.0.0.1:{board.port}") as session:
            (argument,) = session.get_inputs()
            (answers,) = session.run(None, {argument.name: x})
        write_trace(timeline, board.timeline)
    return np.asarray(answers, np.float32)


def onnx_runtime(source: Path, x: Images) -> NDArray[np.float32]:
    """The float32 network's answers."""
    session = ort.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def accuracy(scores: NDArray[Any], labels: Labels) -> float:
    """The fraction of rows whose largest score is at the label."""
    return float((scores.argmax(axis=1) == labels).mean())


def table(results: list[Result]) -> Table:
    """One column a network, one row a figure: it stays readable in 80 columns."""
    board = load_board(BOARD)
    made = Table(title=f"Handwritten digits on a virtual {board.title}", title_justify="left")
    made.add_column("", no_wrap=True)
    for result in results:
        made.add_column(result.network, justify="right", overflow="fold")

    def row(label: str, cell: Callable[[Result], str], end_section: bool = False) -> None:
        made.add_row(label, *(cell(result) for result in results), end_section=end_section)

    row("accuracy in float32", lambda r: f"{r.float32:.2%}")
    row("  8 bits, virtual board", lambda r: f"{r.on_board:.2%}")
    row("  8 bits, hls4ml C sim", lambda r: f"{r.in_c:.2%}")
    row("board = C sim, bit by bit", lambda r: f"{r.same:,} of {r.values:,}", end_section=True)
    row("latency", lambda r: f"{r.report.latency_cycles.worst:,} cycles = {r.report.latency_us:.2f} us")
    row("interval", lambda r: f"{r.report.interval_cycles.worst:,} cycles = {interval_us(r.report):.2f} us")
    row("inferences/s", lambda r: f"{r.report.inferences_per_s:,.0f}")
    row("energy/inference", lambda r: f"{r.report.energy_uj:.2f} uJ", end_section=True)
    for name in ("lut", "ff", "dsp", "bram18"):
        row(f"{name.upper()} of the board", lambda r, name=name: share(r.report, name))  # type: ignore[misc]
    return made


def interval_us(report: Report) -> float:
    """Microseconds from one sample to the next."""
    return report.interval_cycles.worst * report.clock_ns / 1000


def share(report: Report, name: str) -> str:
    """A resource's count against the board's."""
    return f"{report.resources.as_dict()[name]:,} ({report.utilisation[name]:.0%})"


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WeftError as error:
        sys.exit(f"digits_demo: {error}")
