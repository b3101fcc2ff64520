"""Sessions against ONNX Runtime on the same quantised model, and what they refuse."""

from __future__ import annotations

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
        assert [run.device for run in session.last_run.regions] == ["cpu", "fpga"]
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
    monkeypatch.setattr("weft.host.overlay.MAXIMUM_TRANSFER", 7 * 32)  # seven samples of 16 int16
    with weft.Session(mlp_plan) as session:
        (pieces,) = session.run(None, {"x": samples})
    np.testing.assert_array_equal(whole, pieces)


def test_arguments_look_like_onnx_runtimes(mlp_plan: Plan) -> None:
    with weft.Session(mlp_plan, devices=("fpga", "cpu")) as session:
        (argument,) = session.get_inputs()
        assert (argument.name, argument.type, argument.shape[1:]) == ("x", "tensor(float)", (16,))
        assert session.get_outputs()[0].shape[1:] == (5,)


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


def test_operators_that_onnx_runtime_has(mixed_plan: Plan) -> None:
    device = CpuDevice(mixed_plan.board)
    assert all(device.supports(node) == "" for node in mixed_plan.model.graph)
    assert device.supports(ir.Node("com.microsoft", "Gelu", [])) == ""
    assert device.supports(ir.Node("ai.onnx.ml", "Scaler", [])) == ""
    for domain, kind in (("my.company", "Frobnicate"), ("", "Frobnicate"), ("ai.onnx.ml", "Conv")):
        assert f"no operator '{kind}'" in device.supports(ir.Node(domain, kind, []))
