"""What only shows after a while: leaks over 1,000 sessions, over ten minutes of faults, and of hostile requests.

`WEFT_SOAK_SECONDS` (600 by default) is the length of the soak; hostile requests get half of it, and the number of
sessions is cut in proportion. `make bench` with 600 takes about 20 minutes; WEFT_SOAK_SECONDS=30 shows that it works.
"""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from random import Random

import numpy as np
import onnx_ir as ir
from hostile_client import HostileClient
from rich.console import Console
from rich.table import Table
from small_designs import dense_design
from where import where

from weft.boards import load_board
from weft.boards.errors import DeviceError
from weft.host.device import Region
from weft.host.devices.fpga import FpgaDevice, FpgaProgram
from weft.host.streams import ends, pack, unpack
from weft.sim import Fault, VirtualBoard
from weft.sim.faults import Kind

SECONDS = float(os.environ.get("WEFT_SOAK_SECONDS", "600"))
SESSIONS = max(20, round(1000 * min(1.0, SECONDS / 600)))
BOARD, DESIGN = load_board("pynq-z2"), dense_design()
REGION = Region("fpga0", "fpga", (), ("x",), ("y",), ir.Model(ir.Graph([], [], nodes=[]), ir_version=10), design=DESIGN)
STEPS = 200  # requests of one hostile client
GROWTH_MB = 8.0  # of resident memory, beyond a warm-up
TIMELINE_MB = 64.0  # of a board that runs on: what its timeline's 100,000 events take
_M_ARENA_MAX = -8  # of mallopt (malloc.h)
FAULTS: tuple[Kind, ...] = ("dma_timeout", "wrong_bitstream", "memory_exhausted", "channel_broken")


# With an arena for each thread that ever was, glibc spreads what is held over ever more pages, and resident memory says
# nothing: 40,000 requests took 44 MB with them, and 0.1 MB without.
ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


class Held:
    """What this process holds: threads, open files and resident memory; `row` is its share of the table."""

    def __init__(self) -> None:
        gc.collect()
        time.sleep(1.0)  # threads that were told to end do so
        ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back to the system
        self.threads = threading.active_count()
        self.files = len(list(Path("/proc/self/fd").iterdir()))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def assert_no_more_than(self, before: Held, growth_mb: float) -> None:
        """A few threads and files come and go with gRPC's own timers."""
        assert self.threads <= before.threads + 3, (self.threads, before.threads)
        assert self.files <= before.files + 5, (self.files, before.files)
        assert self.megabytes <= before.megabytes + growth_mb, (self.megabytes, before.megabytes)

    def __str__(self) -> str:
        return f"{self.threads} threads, {self.files} files, {self.megabytes:.0f} MB"


def bench_a_thousand_sessions() -> None:
    """Open, run and close, one after the other, on one board."""
    with VirtualBoard(BOARD, port=0) as board:
        for _ in range(SESSIONS // 10):
            with_device(board, lambda program: check(program, 3))
        before = Held()
        for _ in range(SESSIONS):
            with_device(board, lambda program: check(program, 3))
        report(f"{SESSIONS} sessions", before, board.buffers, Counter())


def bench_soak_with_faults() -> None:
    """Batches of every size while faults strike at random; each must end in a DeviceError, and the next run work."""
    random, seen = Random(0), Counter[str]()
    with VirtualBoard(BOARD, port=0) as board, warnings.catch_warnings():
        warnings.simplefilter("ignore")

        def soak(program: FpgaProgram, seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if random.random() < 0.02:
                    kind = random.choice(FAULTS)
                    board.inject(Fault(kind, times=1))
                    seen[kind] += 1
                try:
                    check(program, random.choice((0, 1, 2, 31, 500, 5000)))
                    seen["runs"] += 1
                except DeviceError:
                    seen["DeviceError"] += 1

        with_patience(lambda: with_device(board, lambda program: soak(program, SECONDS / 10)))
        before = Held()
        with_patience(lambda: with_device(board, lambda program: soak(program, SECONDS)))
        report(f"soak of {SECONDS:.0f} s", before, board.buffers, seen, TIMELINE_MB)


def bench_hostile_requests() -> None:
    """Random and mutated requests; a board answers all of them, keeps its bounds, stops, and is well afterwards."""
    seen, seeds = Counter[str](), count()
    for part, seconds in (("warm-up", SECONDS / 20), ("requests", SECONDS / 2)):
        before = Held()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with VirtualBoard(BOARD, port=0) as board:
                for seed in islice(seeds, 20):
                    hostile_client(board, seed)
                assert board.buffers <= 16_384
            seen[part] += 20 * STEPS
            seen["boards"] += 1
    with VirtualBoard(BOARD, port=0) as fresh:
        with_device(fresh, lambda program: check(program, 3))
    report("hostile requests", before, fresh.buffers, seen)


def hostile_client(board: VirtualBoard, seed: int) -> None:
    """Let one client send STEPS requests and hang up."""
    client = HostileClient(board.port, seed)
    for _ in range(STEPS):
        client.step()
    client.close()


def with_device(board: VirtualBoard, use: Callable[[FpgaProgram], None]) -> None:
    """Let `use` have a program on a device that is closed afterwards."""
    device = FpgaDevice(f"fpga@pynq://127.0.0.1:{board.port}", BOARD)
    try:
        use(device.prepare(REGION))
    finally:
        device.close()


def with_patience(use: Callable[[], None]) -> None:
    """Count a silent FPGA as hung after a second, not a minute."""
    from weft.host.devices import fpga

    kept, fpga._PATIENCE_S = fpga._PATIENCE_S, 1.0
    try:
        use()
    finally:
        fpga._PATIENCE_S = kept


def check(program: FpgaProgram, samples: int) -> None:
    """Run random samples and compare every one with Design.run."""
    x = np.random.default_rng(samples).normal(0, 2, (samples, 4)).astype(np.float32)
    (source,), (target,) = ends(DESIGN)
    expected = unpack(np.asarray(DESIGN.run(pack(x, source))).reshape(samples, 3), target)
    np.testing.assert_array_equal(program.run({"x": x})["y"], expected)


def report(title: str, before: Held, buffers: int, seen: Counter[str], growth_mb: float = GROWTH_MB) -> None:
    """Print what is held, and fail where that is more than before."""
    now = Held()
    table = Table(title=f"{title} ({where()})")
    for column in ("before", "after", "buffers left on the board", "seen"):
        table.add_column(column)
    table.add_row(str(before), str(now), str(buffers), ", ".join(f"{n:,} {name}" for name, n in seen.items()))
    Console(width=140).print(table)
    assert buffers == 0
    now.assert_no_more_than(before, growth_mb)
