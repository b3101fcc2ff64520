"""Every fault at every stage of a session: the answer, what is said of it, and that nothing is left behind."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")
pytest.importorskip("pynq")

import weft
from weft.boards.errors import DeviceError
from weft.host.last_run import RegionRun
from weft.host.plan import Plan
from weft.sim import Fault, VirtualBoard
from weft.sim.faults import CALLS, Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
STAGES = ("open", "first run", "tenth run", "close")
#: Faults whose occasion does not come while a session opens.
NOT_YET = [("open", kind) for kind in KINDS if kind not in CALLS]
CASES = [(stage, kind) for stage in STAGES for kind in KINDS if (stage, kind) not in NOT_YET]


@pytest.fixture(scope="module")
def plan(mlp: Path, samples: NDArray[np.float32]) -> Plan:
    made = weft.plan(weft.compress(weft.load(mlp), "fixed16", calibration=samples), board="pynq-z2", devices="fpga,cpu")
    assert [region.device for region in made.regions] == ["fpga"]
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board counts as hung soon."""
    monkeypatch.setattr("weft.host.pynq_board.CALL_S", 1.0)
    monkeypatch.setattr("weft.host.devices.fpga._PATIENCE_S", 0.3)


def session(plan: Plan, board: VirtualBoard, **options: Any) -> weft.Session:
    return weft.Session(plan, devices=f"fpga@pynq://127.0.0.1:{board.port},cpu", **options)


@dataclass(frozen=True)
class Held:
    """Threads and open files of this process, which is session and board."""

    threads: int
    files: int

    @staticmethod
    def now() -> Held:
        gc.collect()
        return Held(threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))

    def is_reached(self) -> bool:
        """Whether no more is held. gRPC's threads and sockets go a moment after their channel."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            now = Held.now()
            if now.threads <= self.threads and now.files <= self.files:
                return True
            time.sleep(0.02)
        return False


@pytest.fixture(scope="module")
def expected(plan: Plan, samples: NDArray[np.float32]) -> tuple[NDArray[Any], Held]:
    """What the board answers, and what is held after a session and a board that nothing happened to."""
    with VirtualBoard("pynq-z2", port=0) as board, session(plan, board) as running:
        (answer,) = running.run(None, {"x": samples})
    time.sleep(1.0)
    return answer, Held.now()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("stage", "kind"), CASES)
def test_with_fallback_a_session_survives(
    stage: str, kind: Kind, plan: Plan, samples: NDArray[np.float32], expected: tuple[NDArray[Any], Held]
) -> None:
    answer, before = expected
    fault = Fault(kind, times=None if kind == "board_silent" else 1)
    with VirtualBoard("pynq-z2", port=0) as board, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if stage == "open":
            board.inject(fault)
        with session(plan, board, fallback="cpu") as running:
            for number in range(1, 11):
                if (stage, number) in (("first run", 1), ("tenth run", 10)):
                    board.inject(fault)
                (found,) = running.run(None, {"x": samples})
                # ONNX Runtime's fixed point is the board's, up to the last bit of the output
                np.testing.assert_allclose(found, answer, rtol=0, atol=2.0**-8)
            if stage == "close":
                board.inject(fault)
            run = region_of(running)
        if kind not in ("board_silent", "board_gone"):
            assert board.buffers == 0
    texts = [str(warning.message) for warning in said if "from now on" in str(warning.message)]
    if stage == "close" or (stage == "tenth run" and kind == "memory_exhausted"):  # it has its memory by then
        assert (run.device, run.fallback, texts) == ("fpga", "", [])
    else:
        assert run.device == "cpu"
        assert texts == [f"region 'fpga0' runs on the CPU from now on, as fpga failed: {run.fallback}"]
    assert before.is_reached()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("after", [0, 4, 12])
def test_without_fallback_what_opens_and_fails_leaves_nothing(
    kind: Kind, after: int, plan: Plan, expected: tuple[NDArray[Any], Held]
) -> None:
    faults = [Fault(kind, after)]
    with VirtualBoard("pynq-z2", port=0, faults=faults) as board, pytest.raises(DeviceError, match="the board "):
        session(plan, board)
    assert expected[1].is_reached()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fallback", [None, "cpu"])
def test_a_board_that_comes_back(
    fallback: Any, plan: Plan, samples: NDArray[np.float32], expected: tuple[NDArray[Any], Held]
) -> None:
    """Without a fallback the next run uses it again; a session that has fallen back stays on the CPU."""
    answer, before = expected
    feeds = {"x": samples}
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        with VirtualBoard("pynq-z2", port=0) as board:
            running = stack.enter_context(session(plan, board, fallback=fallback))
            running.run(None, feeds)
            board.inject(Fault("board_gone", after=4, times=1))
            if fallback is None:
                for _ in range(2):
                    with pytest.raises(DeviceError, match="the board cannot be reached"):
                        running.run(None, feeds)
            else:
                np.testing.assert_allclose(running.run(None, feeds)[0], answer, rtol=0, atol=2.0**-8)
            port = board.port
        back = stack.enter_context(VirtualBoard("pynq-z2", port=port))  # started again, so it remembers nothing
        assert device_of(running, feeds, answer) == ("fpga" if fallback is None else "cpu")
        running.close()
        with session(plan, back, fallback=fallback) as again:  # a new session uses the board in either case
            assert device_of(again, feeds, answer) == "fpga"
    assert before.is_reached()


def device_of(running: weft.Session, feeds: dict[str, Any], answer: NDArray[Any]) -> str:
    """Where a run is, once gRPC connects again: it waits a second or more before it tries."""
    deadline = time.monotonic() + 10
    while True:
        try:
            (found,) = running.run(None, feeds)
            break
        except DeviceError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    np.testing.assert_allclose(found, answer, rtol=0, atol=2.0**-8)
    return region_of(running).device


def region_of(running: weft.Session) -> RegionRun:
    """What the last run says of its only region."""
    assert running.last_run is not None
    (run,) = running.last_run.regions
    return run
