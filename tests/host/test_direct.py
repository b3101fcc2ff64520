"""The short way of a network on the CPU alone: the same answers and errors as the long one, and what it writes down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from small_networks import erf, network, two_ends

import weft
from weft.boards.errors import DeviceError, InputError

Arrays = dict[str, NDArray[Any]]


def session_of(model: onnx.ModelProto, **options: Any) -> weft.Session:
    return weft.Session(weft.plan(model, board="zcu104", devices="cpu"), **{"threads": 1, **options})


def some(rows: int = 4) -> Arrays:
    random = np.random.default_rng(2)
    return {name: random.normal(size=(rows, 3)).astype(np.float32) for name in ("a", "b")}


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_outputs_in_the_order_asked_for(rows: int) -> None:
    feeds = some(rows)
    with session_of(two_ends()) as session:
        assert session._direct is not None
        total, apart = session.run(None, feeds)
        np.testing.assert_array_equal(total, feeds["a"] + feeds["b"])
        again, first = session.run(("apart", "total"), feeds)
        np.testing.assert_array_equal(again, apart)
        np.testing.assert_array_equal(first, total)
        assert session.last_run is not None
        (run,) = session.last_run.regions
        assert (run.device, run.samples, run.bytes, run.copies) == ("cpu", rows, 0, 0)
        assert 0 < run.seconds == session.last_run.seconds


def test_other_mappings_lists_and_strides() -> None:
    from types import MappingProxyType

    feeds = some()
    with session_of(two_ends()) as session:
        expected = session.run(None, feeds)
        for same in (MappingProxyType(feeds), {name: np.asfortranarray(value) for name, value in feeds.items()}):
            for ours, theirs in zip(session.run(None, same), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        assert session.last_run is not None
        assert (session.last_run.regions[0].copies, session.last_run.regions[0].copied_bytes) == (2, 96)


def test_errors_are_those_of_the_long_way() -> None:
    feeds = some()
    with session_of(two_ends()) as session:
        for wrong, message in (
            ({"a": feeds["a"]}, "input 'b' is missing: the inputs are a, b"),
            ({**feeds, "c": feeds["a"]}, "input 'c' does not exist"),
            ({**feeds, "b": feeds["b"][:, :2]}, r"shape \(4, 2\), and \(N, 3\) is needed"),
            ({**feeds, "b": feeds["b"].astype(np.float64)}, "dtype float64, and float32 is needed"),
            ({**feeds, "b": feeds["b"][:2]}, "inputs 'a' and 'b' differ in axis 'N': 4 and 2"),
        ):
            with pytest.raises(InputError, match=message):
                session.run(None, wrong)
        with pytest.raises(InputError, match="output 'z' does not exist: the outputs are total, apart"):
            session.run(["z"], feeds)
    with pytest.raises(DeviceError, match="closed"):
        session.run(None, feeds)
    assert session.last_run is None


def test_what_onnx_runtime_fails_at_is_a_device_error() -> None:
    """Rows that cannot be gathered, which no shape tells."""
    nodes = [
        helper.make_node("Cast", ["i"], ["n"], to=TensorProto.INT64),
        helper.make_node("Gather", ["x", "n"], ["y"]),
    ]
    model = network(nodes, {"x": (3,), "i": ("N",)}, {"y": ("N",)})
    with session_of(model) as session:
        with pytest.raises(DeviceError, match="ONNX Runtime failed in region 'cpu0'"):
            session.run(None, {"x": np.zeros(3, np.float32), "i": np.array([7], np.float32)})
        session.run(None, {"x": np.zeros(3, np.float32), "i": np.array([2], np.float32)})


def test_strings_and_sequences_take_the_long_way() -> None:
    kinds = {"x": helper.make_tensor_type_proto(TensorProto.STRING, ["N"])}
    kinds["y"] = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.STRING, None))
    ends = [helper.make_value_info(name, kind) for name, kind in kinds.items()]
    graph = helper.make_graph(
        [helper.make_node("SplitToSequence", ["x"], ["y"], keepdims=0)], "net", ends[:1], ends[1:]
    )
    with session_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)) as session:
        (words,) = session.run(None, {"x": np.array(["a", "bc"])})
        assert [str(word) for word in words] == ["a", "bc"]
        assert session.last_run is not None
        assert session.last_run.regions[0].copies == 1


def test_outputs_that_are_inputs_or_constants() -> None:
    model = erf()
    model.graph.node.append(helper.make_node("Identity", ["x"], ["same"]))
    model.graph.node.append(helper.make_node("Constant", [], ["k"], value_floats=[1.0, 2.0]))
    model.graph.output.append(helper.make_tensor_value_info("same", TensorProto.FLOAT, ["N", 6]))
    model.graph.output.append(helper.make_tensor_value_info("k", TensorProto.FLOAT, [2]))
    x = np.ones((2, 6), np.float32)
    expected = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    with session_of(model) as session:
        for ours, theirs in zip(session.run(None, {"x": x}), expected, strict=True):
            np.testing.assert_array_equal(ours, np.asarray(theirs))


def test_threads_and_affinity() -> None:
    with session_of(erf(), threads=2, affinity="1") as session:
        session.run(None, {"x": np.zeros((1, 6), np.float32)})
    for threads, affinity in ((None, "1"), (1, "1"), (2, "1;2"), (0, None)):
        with pytest.raises(InputError, match="threads"):
            session_of(erf(), threads=threads, affinity=affinity)


def test_async_calls_and_batches_in_a_row() -> None:
    batches = [some(rows) for rows in (1, 2, 3, 4)]
    with session_of(two_ends()) as session:
        futures = [session.run_async(["total"], feeds) for feeds in batches]
        for future, feeds in zip(futures, batches, strict=True):
            np.testing.assert_array_equal(future.result(60)[0], feeds["a"] + feeds["b"])
        with pytest.raises(InputError, match="missing"):
            session.run_async(None, {}).result(60)
        for (apart,), feeds in zip(session.map(batches, ["apart"]), batches, strict=True):
            np.testing.assert_array_equal(apart, feeds["a"] - feeds["b"])
        results = session.map([batches[0], {}, batches[1]])
        next(results)
        with pytest.raises(InputError, match="missing"):
            next(results)
    with pytest.raises(DeviceError, match="closed"):
        session.run_async(None, batches[0])


def test_eight_threads_at_once() -> None:
    with session_of(two_ends()) as session, ThreadPoolExecutor(8) as pool:

        def call(seed: int) -> bool:
            feeds = {name: np.full((seed % 5, 3), seed + shift, np.float32) for shift, name in enumerate("ab")}
            total, apart = session.run(None, feeds)
            return bool((total == 2 * seed + 1).all() and (apart == -1).all() and total.shape == (seed % 5, 3))

        assert all(pool.map(call, range(400)))
        assert session.last_run is not None


def test_sessions_that_come_and_go_leave_nothing() -> None:
    plan = weft.plan(erf(), board="zcu104", devices="cpu")
    files, feeds = Path("/proc/self/fd"), {"x": np.zeros((1, 6), np.float32)}

    def come_and_go() -> tuple[int, int]:
        with weft.Session(plan, threads=2) as session:
            session.run_async(None, feeds).result(60)
        return threading.active_count(), len(list(files.iterdir())) if files.is_dir() else 0

    before = come_and_go()
    assert {come_and_go() for _ in range(50)} == {before}


def test_a_model_read_from_onnx_ir() -> None:
    with weft.Session(weft.plan(ir.from_proto(erf()), board="zcu104", devices="cpu"), threads=1) as session:
        assert [argument.name for argument in session.get_inputs()] == ["x"]
