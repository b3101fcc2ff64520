"""The command line: output, exit codes, and one sentence for whatever is wrong."""

from __future__ import annotations

import inspect
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import typer
from builder import Builder
from numpy.typing import NDArray
from onnx.external_data_helper import set_external_data

pytest.importorskip("hls4ml")

from weft.host.cli import app, run_command
from weft.host.planner import plan

Floats = NDArray[np.float32]
Capture = pytest.CaptureFixture[str]


def weft(*arguments: object) -> int:
    return run_command([str(argument) for argument in arguments])


def output(capsys: Capture, *arguments: object) -> str:
    assert weft(*arguments) == 0
    return capsys.readouterr().out


def test_boards(capsys: Capture) -> None:
    assert "pynq-z2" in output(capsys, "boards")
    assert "xc7z020" in output(capsys, "boards", "pynq-z2")
    assert {"pynq-z2", "kv260"} <= {board["name"] for board in json.loads(output(capsys, "boards", "--json"))}
    assert json.loads(output(capsys, "boards", "kv260", "--json"))["name"] == "kv260"


def test_doctor(capsys: Capture) -> None:
    found = {row["name"]: row for row in json.loads(output(capsys, "doctor", "--json"))["findings"]}
    assert found["hls4ml"]["present"]
    assert found["hls4ml"]["version"] == "1.3.0"
    assert all(row["advice"] for row in found.values() if not row["present"])
    assert "g++" in output(capsys, "doctor")


def test_plan(capsys: Capture, mixed: Path) -> None:
    assert json.loads(output(capsys, "plan", mixed, "--board", "pynq-z2", "--json"))["schema"] == "weft-plan/1"
    assert "fpga0" in output(capsys, "plan", mixed, "--board", "pynq-z2")


def test_simulate(capsys: Capture, mlp: Path) -> None:
    report = json.loads(output(capsys, "simulate", mlp, "--board", "pynq-z2", "--json"))
    assert {"schema", "board", "clock_ns", "layers", "latency_cycles", "interval_cycles", "latency_us"} <= set(report)
    assert {"inferences_per_s", "resources", "utilisation", "fits", "energy_uj"} <= set(report)
    assert report["schema"] == "weft-report/2"
    assert report["fits"] is True
    options = ("--strategy", "resource", "--reuse-factor", "4", "--io", "parallel", "--precision", "fixed<12,5>")
    text = output(capsys, "simulate", mlp, "--board", "kv260", "--clock-ns", "5", *options, "--json")
    other = json.loads(text)
    assert (other["board"], other["clock_ns"]) == ("kv260", 5.0)
    assert 4 in {layer["reuse_factor"] for layer in other["layers"]}
    assert "latency" in output(capsys, "simulate", mlp, "--board", "pynq-z2")


def test_simulate_streams(capsys: Capture, mlp: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    options = ("--fifo-depths", "minimal", "--samples", "7", "--trace", trace)
    text = output(capsys, "simulate", mlp, "--board", "pynq-z2", *options)
    assert "streams over 7 samples" in text
    assert "held at most" in text
    tracks = [row["args"]["name"] for row in json.loads(trace.read_text())["traceEvents"] if row["ph"] == "M"]
    assert tracks[0] == "axi_dma_0 send"
    assert tracks[-1] == "axi_dma_0 receive"


def test_compress(mlp: Path, tmp_path: Path, samples: Floats) -> None:
    np.savez(tmp_path / "data.npz", x=samples)
    out = tmp_path / "new" / "small.onnx"
    assert weft("compress", mlp, "-o", out, "--recipe", "int8", "--calibration", tmp_path / "data.npz") == 0
    kinds = {node.op_type for node in onnx.load(out).graph.node}
    assert "QuantizeLinear" in kinds


def test_build_then_simulate_and_run_it(capsys: Capture, mlp: Path, tmp_path: Path, samples: Floats) -> None:
    pytest.importorskip("pynq")
    folder = tmp_path / "mlp-pynq-z2"
    assert "virtual image" in output(capsys, "build", mlp, "--board", "pynq-z2", "-o", folder)
    assert "up to date" in output(capsys, "build", mlp, "--board", "pynq-z2", "-o", folder)
    made = json.loads(output(capsys, "build", mlp, "--board", "pynq-z2", "-o", folder, "--json"))
    assert made["reused"] is True
    assert json.loads(output(capsys, "simulate", folder, "--board", "pynq-z2", "--json"))["fits"] is True
    np.savez(tmp_path / "x.npz", x=samples)
    for source in (mlp, folder):
        target = tmp_path / "y.npz"
        run = ("run", source, "--board", "pynq-z2", "--input", tmp_path / "x.npz", "-o", target)
        assert output(capsys, *run) == ""
        with np.load(target) as data:
            (name,) = data.files
            assert data[name].shape == (40, 5)
        target.unlink()
    assert weft("run", folder, "--board", "kv260", "--input", tmp_path / "x.npz", "-o", target) == 1
    assert "was built for pynq-z2" in capsys.readouterr().err
    assert not target.exists()


PLANNING = ("plan", "build", "run", "simulate")


@pytest.mark.parametrize("command", PLANNING)
def test_commands_that_plan_take_every_option_of_a_plan(command: str) -> None:
    """What `weft.plan` takes, `without` apart, which is for `--explain`; pins and forbids are repeated one by one."""
    wanted = {name.replace("_", "-") for name in inspect.signature(plan).parameters} - {"model", "without"}
    wanted = {{"pins": "pin", "forbids": "forbid", "dimensions": "dimension"}.get(name, name) for name in wanted}
    flags = {flag for option in typer.main.get_command(app).commands[command].params for flag in option.opts}  # type: ignore[attr-defined]
    assert {f"--{name}" for name in wanted} <= flags


def test_accuracy_from_the_command_line(capsys: Capture, mlp: Path, tmp_path: Path, samples: Floats) -> None:
    np.savez(tmp_path / "x.npz", x=samples)
    np.savez(tmp_path / "c.npz", x=samples[::-1])
    shared: tuple[object, ...] = (mlp, "--board", "pynq-z2", "--min-accuracy", 0.9, "--evaluation", tmp_path / "x.npz")
    shared += ("--calibration", tmp_path / "c.npz", "--objective", "throughput", "--devices", "fpga")
    found = json.loads(output(capsys, "plan", *shared, "--json"))
    assert found["accuracy"]["metric"] == "agreement"
    assert found["accuracy"]["value"] >= 0.9
    assert json.loads(output(capsys, "simulate", *shared, "--json"))["fits"]
    assert weft("build", *shared, "-o", tmp_path / "mlp-pynq-z2", "--json") == 0
    assert "of 40 samples, as the network given has them" in capsys.readouterr().err
    assert weft("plan", *shared, "--min-accuracy", 1.5) == 1
    assert "min_accuracy is a share" in capsys.readouterr().err


def test_a_dimension_is_given_a_size(capsys: Capture, tmp_path: Path) -> None:
    proto = Builder((2, 6, 6)).conv(2, 3).node("Relu").proto(3)
    for value in (proto.graph.input[0], proto.graph.output[0]):
        del value.type.tensor_type.shape.dim[2:]
        for name in ("height", "width"):
            value.type.tensor_type.shape.dim.add().dim_param = name
    net, small = tmp_path / "net.onnx", tmp_path / "small.onnx"
    onnx.save(proto, net)
    sizes = ("--dimension", "height=4", "--dimension", "width=5")
    plan = ("plan", net, "--board", "pynq-z2", "--json")
    where = [json.loads(output(capsys, *plan, *options))["regions"][0]["device"] for options in ((), sizes)]
    assert where == ["cpu", "fpga"]
    assert weft("compress", net, "-o", small, *sizes) == 0
    assert [dim.dim_value for dim in onnx.load(small).graph.input[0].type.tensor_type.shape.dim] == [0, 2, 4, 5]
    capsys.readouterr()
    for text in ("height", "height=", "=4", "height=-1", "height=4.0"):
        assert weft(*plan, "--dimension", text) == 1
        assert "write NAME=SIZE" in capsys.readouterr().err


def test_steering_a_run(capsys: Capture, mixed: Path, tmp_path: Path, samples: Floats) -> None:
    np.savez(tmp_path / "x.npz", x=samples)
    run = ("run", mixed, "--board", "pynq-z2", "--input", tmp_path / "x.npz", "-o", tmp_path / "y.npz")
    assert weft(*run, "--max-latency-ms", 0.9, "--forbid", "fpga:Relu") == 0
    error = capsys.readouterr().err
    assert "cpu0 on cpu" in error
    assert "fpga" not in error


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("run", ("--objective", "latency")),
        ("run", ("--pin", ".*=cpu")),
        ("run", ("--clock-ns", "10")),
        ("simulate", ("--max-power-w", "3")),
        ("simulate", ("--reuse-factor", "4")),
    ],
)
def test_a_folder_keeps_the_plan_it_was_made_with(
    capsys: Capture, mlp: Path, tmp_path: Path, samples: Floats, command: str, option: tuple[str, str]
) -> None:
    np.savez(tmp_path / "x.npz", x=samples)
    files = ("--input", tmp_path / "x.npz", "-o", tmp_path / "y.npz") if command == "run" else ()
    assert weft(command, tmp_path, "--board", "pynq-z2", *files, *option) == 1
    assert f"has its design, so {option[0]} is for models only" in capsys.readouterr().err


def test_profile_and_trace_of_a_run(capsys: Capture, mixed: Path, tmp_path: Path, samples: Floats) -> None:
    pytest.importorskip("pynq")
    np.savez(tmp_path / "x.npz", x=samples)
    run = ("run", mixed, "--board", "pynq-z2", "--input", tmp_path / "x.npz", "-o", tmp_path / "y.npz", "--threads", 1)
    table = output(capsys, *run, "--profile", "--trace", tmp_path / "trace.json")
    assert "predicted" in table
    assert "fpga0" in table
    rows = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    clocks = {row["pid"]: row["args"]["name"] for row in rows if row["name"] == "process_name"}
    devices = {(row["pid"], row["tid"]): row["args"]["name"] for row in rows if row["name"] == "thread_name"}
    slices = [(clocks[row["pid"]], devices[row["pid"], row["tid"]]) for row in rows if row["ph"] == "X"]
    real, simulated = ("real clock", "fpga"), ("simulated clock", "fpga")
    assert slices == [real, ("real clock", "cpu"), real, simulated, simulated]


def test_the_cpu_takes_over_where_that_is_asked_for(
    capsys: Capture, mixed: Path, tmp_path: Path, samples: Floats
) -> None:
    pytest.importorskip("pynq")
    np.savez(tmp_path / "x.npz", x=samples)
    run = ("run", mixed, "--board", "pynq-z2", "--input", tmp_path / "x.npz", "-o", tmp_path / "y.npz")
    assert weft(*run, "--devices", "fpga@local,cpu", "--fallback", "cpu") == 0
    assert "fpga0 on cpu: 40 samples in" in (error := capsys.readouterr().err)
    assert "because its device failed: this machine is not a PYNQ board" in error
    assert weft(*run, "--fallback", "gpu") == 2


def bad_inputs(mlp: Path, folder: Path) -> dict[str, tuple[tuple[object, ...], str]]:
    """Everything of the issue's list that a command line can be given: arguments and a word of the answer."""
    (folder / "text.onnx").write_text("this is not ONNX")
    (folder / "short.onnx").write_bytes(mlp.read_bytes()[: mlp.stat().st_size // 2])
    old = onnx.load(mlp)
    old.opset_import[0].version = 999
    (folder / "opset.onnx").write_bytes(old.SerializeToString())
    outside = onnx.load(mlp)
    set_external_data(outside.graph.initializer[0], location="../secret.bin")
    outside.graph.initializer[0].ClearField("raw_data")
    (folder / "outside.onnx").write_bytes(outside.SerializeToString())
    rows = np.zeros((3, 16), np.float32)
    data: dict[str, dict[str, NDArray[Any]]] = {
        "name": {"q": rows},
        "shape": {"x": rows[:, :5]},
        "dtype": {"x": rows.astype(np.int32)},
        "nan": {"x": rows + np.float32("nan")},
    }
    for name, arrays in data.items():
        np.savez(folder / f"{name}.npz", **arrays)
    out = folder / "out.npz"
    onnx_out = folder / "out.onnx"

    def run(data: str) -> tuple[object, ...]:
        return ("run", mlp, "--board", "pynq-z2", "--input", folder / data, "-o", out)

    def plan(model: str) -> tuple[object, ...]:
        return ("plan", folder / model, "--board", "pynq-z2")

    return {
        "missing": (plan("missing.onnx"), "missing.onnx"),
        "not onnx": (plan("text.onnx"), "text.onnx"),
        "truncated": (plan("short.onnx"), "short.onnx"),
        "opset": (plan("opset.onnx"), "opset"),
        "outside": (plan("outside.onnx"), "outside"),
        "board": (("plan", mlp, "--board", "pink-z2"), "pynq-z2"),
        "device": ((*("plan", mlp, "--board", "pynq-z2"), "--devices", "gpu"), "'gpu'"),
        "input name": (run("name.npz"), "'q'"),
        "input shape": (run("shape.npz"), "(3, 5)"),
        "input dtype": (run("dtype.npz"), "int32"),
        "input file": (run("none.npz"), "none.npz"),
        "no archive": (run("text.onnx"), "text.onnx"),
        "calibration": (("compress", mlp, "-o", onnx_out, "--calibration", folder / "nan.npz"), "NaN"),
        "not a build": (("simulate", folder, "--board", "pynq-z2"), "manifest.toml"),
        "too large": (("simulate", mlp, "--board", "pynq-z2", "--reuse-factor", "1", "--precision", "fixed<32,16>",
                       "--strategy", "resource"), "too few"),
        "precision": (("simulate", mlp, "--board", "pynq-z2", "--precision", "float"), "'float'"),
        "clock": (("simulate", mlp, "--board", "pynq-z2", "--clock-ns", "0"), "clock"),
    }  # fmt: skip


CASES = (
    "missing", "not onnx", "truncated", "opset", "outside", "board", "device", "input name", "input shape",
    "input dtype", "input file", "no archive", "calibration", "not a build", "too large", "precision", "clock",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_sentence_and_exit_code_1(case: str, capsys: Capture, mlp: Path, tmp_path: Path) -> None:
    arguments, word = bad_inputs(mlp, tmp_path)[case]
    before = set(tmp_path.rglob("*"))
    assert weft(*arguments) == 1
    error = capsys.readouterr().err
    (line,) = [line for line in error.splitlines() if line.startswith("weft: ")]
    assert word in line
    assert error.rstrip().endswith(line)
    assert "Traceback" not in error
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments", [(), ("plan",), ("sing",), ("plan", "a.onnx"), ("board",), ("boards", "--colour"),
                  ("simulate", "a.onnx", "--board", "pynq-z2", "--reuse-factor", "0")],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], capsys: Capture) -> None:
    assert weft(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_board_that_does_not_answer_is_exit_code_3(
    capsys: Capture, mlp: Path, tmp_path: Path, samples: Floats
) -> None:
    pytest.importorskip("pynq")
    np.savez(tmp_path / "x.npz", x=samples)
    target = tmp_path / "y.npz"
    there = ("--board", "pynq-z2", "--devices", "fpga@pynq://127.0.0.1:9,cpu")
    assert weft("run", mlp, *there, "--input", tmp_path / "x.npz", "-o", target) == 3
    assert "127.0.0.1:9" in capsys.readouterr().err
    assert not target.exists()


def test_serve_until_interrupted() -> None:
    pytest.importorskip("pynq")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "weft.host", "board", "serve", "--board", "pynq-z2", "--port", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", int(port))) == 0:
                    break
            time.sleep(0.1)
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        server.send_signal(signal.SIGINT)
        _, error = server.communicate(timeout=30)
    assert second.returncode == 1
    assert port in second.stderr
    assert server.returncode in (0, 130)
    assert "Traceback" not in error + second.stderr


def test_interrupted_and_unexpected(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("weft.host.planner.plan", interrupted)
    assert weft("plan", mlp, "--board", "pynq-z2") == 130

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("weft.host.planner.plan", broken)
    with pytest.raises(ZeroDivisionError):  # a fault of weft's own is not passed off as the user's
        weft("plan", mlp, "--board", "pynq-z2")
