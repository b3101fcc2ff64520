"""Sessions against ONNX Runtime on the same quantised model, and what they refuse."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")

import onnxruntime as ort

import weft
from weft.boards.errors import DeviceError, InputError
from weft.host.devices.cpu import CpuDevice
from weft.host.plan import Plan
from weft.sim import VirtualBoard

Floats = NDArray[np.float32]


def reference(plan: Plan, feeds: dict[str, Floats]) -> list[Floats]:
    session = ort.InferenceSession(ir.to_proto(plan.model).SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, feeds)]


@pytest.fixture(scope="module")
def mlp_plan(mlp: Path, samples: Floats) -> Plan:
    return weft.plan(weft.compress(mlp, "fixed16", calibration=samples), board="pynq-z2")


@pytest.fixture(scope="module")
def mixed_plan(mixed: Path, samples: Floats) -> Plan:
    return weft.plan(weft.compress(mixed, "fixed16", calibration=samples), board="pynq-z2")


def test_two_regions_share_a_bitstream(mixed_plan: Plan, samples: Floats) -> None:
    with VirtualBoard(mixed_plan.board, port=0) as board:
        with weft.Session(mixed_plan, devices=("cpu", f"fpga@pynq://127.0.0.1:{board.port}")) as session:
            results = [session.run(None, {"x": samples[:size]})[0] for size in (40, 1, 40)]
            assert session.last_run is not None
            assert [run.device for run in session.last_run.regions] == ["fpga", "cpu", "fpga"]
            predicted = [run.cycles for run in session.last_run.regions if run.cycles is not None]
        designs = [event for event in board.timeline if event.track.startswith("design")]
    (expected,) = reference(mixed_plan, {"x": samples})
    for result in results:
        np.testing.assert_allclose(result, expected[: len(result)], atol=5e-3 * np.abs(expected).max())
    assert [event.track for event in designs] == ["design_0", "design_1"] * 3
    cycles = [round(event.duration_us / mixed_plan.configuration.clock_ns * 1000) for event in designs]
    assert cycles[:2] == cycles[4:] == predicted


def test_a_network_on_the_virtual_board(mlp_plan: Plan, samples: Floats) -> None:
    with weft.Session(mlp_plan) as session:
        (result,) = session.run(None, {"x": samples})
        assert session.last_run is not None
        (run,) = session.last_run.regions
        assert (run.device, run.samples) == ("fpga", len(samples))
        assert run.cycles is not None
        assert run.cycles > len(samples)
        assert run.bytes == len(samples) * 2 * (16 + 5)
        assert 0 < run.seconds <= session.last_run.seconds
    (expected,) = reference(mlp_plan, {"x": samples})
    assert result.dtype == np.float32
    # The FPGA rounds once where QuantizeLinear and float32 sums round differently: at most a step of the output's type.
    assert mlp_plan.fpga_region is not None
    assert mlp_plan.fpga_region.design is not None
    step = 2.0 ** -mlp_plan.fpga_region.design.tensors[mlp_plan.fpga_region.design.outputs[0]].type.fraction
    np.testing.assert_allclose(result, expected, atol=1.01 * step)


def test_images_keep_their_layout(cnn: Path) -> None:
    images = np.random.default_rng(3).normal(0, 1, (9, 2, 6, 6)).astype(np.float32)
    plan = weft.plan(weft.compress(cnn, "fixed16", calibration=images), board="pynq-z2")
    with weft.Session(plan) as session:
        (result,) = session.run(None, {"x": images})
    (expected,) = reference(plan, {"x": images})
    np.testing.assert_allclose(result, expected, atol=5e-3 * np.abs(expected).max())


def test_a_split_network(mixed_plan: Plan, samples: Floats) -> None:
    with weft.Session(mixed_plan, threads=1) as session:
        (result,) = session.run(None, {"x": samples})
        assert session.last_run is not None
        assert [run.device for run in session.last_run.regions] == ["fpga", "cpu", "fpga"]
    (expected,) = reference(mixed_plan, {"x": samples})
    np.testing.assert_allclose(result, expected, atol=5e-3 * np.abs(expected).max())


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_any_batch(mlp_plan: Plan, samples: Floats, batch: int) -> None:
    with weft.Session(mlp_plan) as session:
        name = session.get_outputs()[0].name
        (some,) = session.run([name], {"x": samples[:batch]})
        (all_of_them,) = session.run([name], {"x": samples})
    assert some.shape == (batch, 5)
    np.testing.assert_array_equal(some, all_of_them[:batch])


def test_batches_longer_than_a_dma_transfer_are_split(
    mlp_plan: Plan, samples: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    with weft.Session(mlp_plan) as session:
        (whole,) = session.run(None, {"x": samples})
    monkeypatch.setattr("weft.host.design_driver.MAXIMUM_TRANSFER", 7 * 32)  # seven samples of 16 int16
    with weft.Session(mlp_plan) as session:
        (pieces,) = session.run(None, {"x": samples})
    np.testing.assert_array_equal(whole, pieces)


def test_arguments_look_like_onnx_runtimes(mlp_plan: Plan) -> None:
    with weft.Session(mlp_plan, devices=("fpga", "cpu")) as session:
        (argument,) = session.get_inputs()
        (result,) = session.get_outputs()
        assert argument.shape is not None
        assert result.shape is not None
        assert (argument.name, argument.type, argument.shape[1:]) == ("x", "tensor(float)", (16,))
        assert result.shape[1:] == (5,)


def test_what_is_refused(mlp_plan: Plan, samples: Floats) -> None:
    with weft.Session(mlp_plan) as session:
        for feeds, message in (
            ({"y": samples}, "input 'y' does not exist: the inputs are x"),
            ({}, "input 'x' is missing"),
            ({"x": samples[0]}, r"shape \(16,\)"),
            ({"x": samples[:, :7]}, r"shape \(40, 7\)"),
            ({"x": samples.astype(np.float64)}, "dtype float64, and float32 is needed"),
            ({"x": np.where(samples > 2, np.nan, samples).astype(np.float32)}, "NaN"),
        ):
            with pytest.raises(InputError, match=message):
                session.run(None, feeds)
        with pytest.raises(InputError, match="output 'z' does not exist"):
            session.run(["z"], {"x": samples})
        session.run(None, {"x": samples})  # and it still works


def test_close_twice_then_run(mlp_plan: Plan, samples: Floats) -> None:
    session = weft.Session(mlp_plan)
    session.close()
    session.close()
    with pytest.raises(DeviceError, match="closed"):
        session.run(None, {"x": samples})


def test_devices_that_lack_one_the_plan_needs(mlp_plan: Plan) -> None:
    with pytest.raises(InputError, match="planned for fpga"):
        weft.Session(mlp_plan, devices="cpu")
    with pytest.raises(InputError, match="threads"):
        weft.Session(weft.plan(mlp_plan.model, board="pynq-z2", devices="cpu"), threads=0)


def test_a_board_that_is_not_there(mlp_plan: Plan) -> None:
    with pytest.raises(DeviceError, match=r"connecting to the PYNQ board at 127.0.0.1:9"):
        weft.Session(mlp_plan, devices="fpga@pynq://127.0.0.1:9")
    with pytest.raises(DeviceError, match="not a PYNQ board"):
        weft.Session(mlp_plan, devices="fpga@local")


def test_two_boards_in_one_process(mlp_plan: Plan, mixed_plan: Plan, samples: Floats) -> None:
    with weft.Session(mlp_plan) as first, weft.Session(mixed_plan) as second:
        (alone,) = first.run(None, {"x": samples})
        second.run(None, {"x": samples})
        (again,) = first.run(None, {"x": samples})
    np.testing.assert_array_equal(alone, again)


def test_batches_overlap_on_two_devices_and_stay_in_order(mixed_plan: Plan, samples: Floats) -> None:
    batches = [{"x": samples[start : start + 1 + start % 5]} for start in range(0, 30, 3)]
    with weft.Session(mixed_plan, threads=1) as session:
        expected = [session.run(None, feeds)[0] for feeds in batches]
        for (ours,), theirs in zip(session.map(batches), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert session.last_run is not None
        assert [run.device for run in session.last_run.regions] == ["fpga", "cpu", "fpga"]
        results = session.map([batches[0], {"x": batches[1]["x"][:, :3]}, batches[2]])
        np.testing.assert_array_equal(next(results)[0], expected[0])
        with pytest.raises(InputError, match="shape"):
            next(results)
        session.run(None, batches[0])


def test_threads_share_a_board(mixed_plan: Plan, samples: Floats) -> None:
    with weft.Session(mixed_plan, threads=1) as session, ThreadPoolExecutor(8) as pool:
        expected = [session.run(None, {"x": samples[:rows]})[0] for rows in range(1, 9)]
        futures = [session.run_async(None, {"x": samples[:rows]}) for rows in range(1, 9)]
        found = list(pool.map(lambda rows: session.run(None, {"x": samples[:rows]})[0], range(1, 9)))
        for ours, later, theirs in zip(found, futures, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(later.result(60)[0], theirs)


def test_the_cpu_takes_over_from_a_board_that_goes_away(mixed_plan: Plan, samples: Floats) -> None:
    with VirtualBoard("pynq-z2", port=0) as board:
        there = f"fpga@pynq://127.0.0.1:{board.port},cpu"
        with weft.Session(mixed_plan, devices=there, fallback="cpu", threads=1) as session:
            (before,) = session.run(None, {"x": samples})
            board.stop()
            with pytest.warns(UserWarning, match="on the CPU from now on") as told:
                (after,) = session.run(None, {"x": samples})
            assert "region 'fpga0' runs on the CPU from now on, as fpga failed: running" in str(told[0].message)
            assert session.last_run is not None
            assert [run.device for run in session.last_run.regions] == ["cpu", "cpu", "cpu"]
            first, _, last = session.last_run.regions
            assert "running on the FPGA failed" in first.fallback
            assert last.fallback
            (again,) = session.run(None, {"x": samples})
    (expected,) = reference(mixed_plan, {"x": samples})
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after, again)
    np.testing.assert_allclose(before, after, atol=5e-3 * np.abs(expected).max())


def test_the_cpu_takes_over_from_a_board_that_was_never_there(mlp_plan: Plan, samples: Floats) -> None:
    with (
        pytest.warns(UserWarning, match="as fpga failed: this machine is not a PYNQ board"),
        weft.Session(mlp_plan, devices="fpga@local", fallback="cpu", threads=1) as session,
    ):
        (result,) = session.run(None, {"x": samples})
    (expected,) = reference(mlp_plan, {"x": samples})
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match="fallback 'gpu'"):
        weft.Session(mlp_plan, fallback="gpu")  # type: ignore[arg-type]


def test_sessions_on_boards_leave_nothing(mixed_plan: Plan, samples: Floats) -> None:
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    def come_and_go() -> None:
        with weft.Session(mixed_plan, threads=1) as session:
            list(session.map([{"x": samples[:2]}] * 3))

    come_and_go()
    before = held()
    for _ in range(4):
        come_and_go()
    deadline = time.monotonic() + 30  # gRPC's threads end a moment after their server
    while time.monotonic() < deadline and any(now > then for now, then in zip(held(), before, strict=True)):
        time.sleep(0.05)
    assert all(now <= then for now, then in zip(held(), before, strict=True))


def test_operators_that_onnx_runtime_has(mixed_plan: Plan) -> None:
    device = CpuDevice(mixed_plan.board)
    assert all(device.supports(node) == "" for node in mixed_plan.model.graph)
    assert device.supports(ir.Node("com.microsoft", "Gelu", [])) == ""
    assert device.supports(ir.Node("ai.onnx.ml", "Scaler", [])) == ""
    for domain, kind in (("my.company", "Frobnicate"), ("", "Frobnicate"), ("ai.onnx.ml", "Conv")):
        assert f"no operator '{kind}'" in device.supports(ir.Node(domain, kind, []))
