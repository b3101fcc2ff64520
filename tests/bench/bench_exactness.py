"""A wider sweep than the tests' over random networks: every layer's integers beside hls4ml's compiled C++."""

from __future__ import annotations

import contextlib
import io as text_io
import time
from itertools import product

from exactness import assert_exact, design_of, kinds_of
from random_graphs import random_network
from rich.console import Console
from rich.table import Table

SEEDS = range(100, 102)  # the tests have those from 0 up


def bench_random_networks_against_compiled_firmware() -> None:
    """A row for each network; a network that differs in one integer ends the sweep."""
    out = Table(title="Random networks, every layer compared with compiled C++ on 200 samples")
    for column in ("io", "seed", "types", "layers", "kinds", "equal", "seconds"):
        out.add_column(column, justify="right")
    for io, odd, seed in product(("io_parallel", "io_stream"), (False, True), SEEDS):
        start = time.perf_counter()
        with contextlib.redirect_stdout(text_io.StringIO()):  # hls4ml's notes
            design = design_of(random_network(seed, io, odd=odd), f"sweep_{io}_{seed}_{'odd' if odd else 'plain'}")
        assert_exact(design, seed, 200)
        types = "1 to 32 bits" if odd else "3 to 16 bits"
        counts = str(len(design.layers)), str(len(kinds_of(design))), f"{len(design.outputs)} of {len(design.outputs)}"
        out.add_row(io, str(seed), types, *counts, f"{time.perf_counter() - start:.0f}")
    Console(width=140).print(out)
