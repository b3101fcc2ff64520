"""What one bitstream holds: designs beside AXI DMAs and the processing system, their names, addresses and Tcl scripts.

Design k is the IP `design_<k>`; DMAs are numbered through all designs, so its stream i is on `axi_dma_<first_dma + i>`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from weft.boards.errors import InputError
from weft.hls.rendering import render

if TYPE_CHECKING:
    from weft.boards.board import Board
    from weft.hls.design import Design

#: AXI DMA's length register, bits (PG021 allows up to 26): transfers of up to 64 MiB.
LENGTH_BITS = 26
#: Bytes of registers given to each IP.
WINDOW = 0x1_0000

# Names of pins and ports: PG082 for Zynq-7000, PG201 for Zynq UltraScale+. Addresses: the windows of M_AXI_GP0 (UG585,
# "System Addresses") and of M_AXI_HPM0_FPD (UG1085, "Global Address Map").
_SYSTEMS: dict[str, dict[str, Any]] = {
    "zynq7": {
        "kind": "processing_system7",
        "name": "processing_system7_0",
        "clock": "FCLK_CLK0",
        "reset": "FCLK_RESET0_N",
        "control": "M_AXI_GP0",
        "control_clock": "M_AXI_GP0_ACLK",
        "memory": "S_AXI_HP0",
        "memory_clock": "S_AXI_HP0_ACLK",
        "memory_bits": 64,
        "address_bits": 32,
        "dma_address": 0x4040_0000,
        "design_address": 0x43C0_0000,
    },
    "zynq_ultrascale_plus": {
        "kind": "zynq_ultra_ps_e",
        "name": "zynq_ultra_ps_e_0",
        "clock": "pl_clk0",
        "reset": "pl_resetn0",
        "control": "M_AXI_HPM0_FPD",
        "control_clock": "maxihpm0_fpd_aclk",
        "memory": "S_AXI_HP0_FPD",
        "memory_clock": "saxihp0_fpd_aclk",
        "memory_bits": 128,
        "address_bits": 40,
        "dma_address": 0xA000_0000,
        "design_address": 0xA100_0000,
    },
}
_SMARTCONNECT_PORTS = 16  # on each side (PG247): of the one to the registers, and of the one to the memory
_PART = re.compile(r"[A-Za-z0-9-]{1,40}", re.ASCII)


@dataclass(frozen=True)
class Dma:
    """An AXI DMA: it carries the streams of number `stream` of the IP `design`, in beats of these bits (0: none)."""

    name: str
    design: str
    stream: int
    input_bits: int
    output_bits: int


@dataclass(frozen=True)
class Placed:
    """A design in a bitstream: it is number `number`, and its first stream is on DMA `first_dma`."""

    design: Design
    number: int
    first_dma: int

    @property
    def name(self) -> str:
        """The instance name of its IP."""
        return f"design_{self.number}"

    @property
    def ip(self) -> str:
        """The name of its IP in Vivado's catalogue."""
        return "weft_top" if self.number == 0 else f"weft_top_{self.number}"

    @property
    def dma_names(self) -> tuple[str, ...]:
        """Its DMAs' instance names: one for each input and for each output, shared by those of equal number."""
        count = max(len(self.design.inputs), len(self.design.outputs))
        return tuple(f"axi_dma_{self.first_dma + stream}" for stream in range(count))

    @property
    def dmas(self) -> tuple[Dma, ...]:
        """Its DMAs, and how wide their streams are."""
        inward, outward = (
            [self.design.tensors[name].type.storage.itemsize * 8 for name in end]
            for end in (self.design.inputs, self.design.outputs)
        )
        ends = zip_longest(self.dma_names, inward, outward, fillvalue=0)
        return tuple(Dma(str(name), self.name, stream, *bits) for stream, (name, *bits) in enumerate(ends))


def placed(designs: Sequence[Design]) -> tuple[Placed, ...]:
    """The designs of one bitstream with their places in it."""
    found: list[Placed] = []
    dmas = 0
    for number, design in enumerate(designs):
        found.append(Placed(design, number, dmas))
        dmas += len(found[-1].dma_names)
    return tuple(found)


def address_map(family: str, designs: Sequence[Placed]) -> dict[str, int]:
    """Where the processing system sees each IP's 64 KiB of registers, by instance name.

    Raises InputError for a family of boards that has no block design.
    """
    system = _system(family)
    found = {each.name: int(system["design_address"]) + each.number * WINDOW for each in designs}
    dmas = (name for each in designs for name in each.dma_names)
    return found | {name: int(system["dma_address"]) + number * WINDOW for number, name in enumerate(dmas)}


def tcl_scripts(designs: Sequence[Design], board: Board) -> dict[str, str]:
    """The scripts for Vitis HLS (one in each design's folder, named as its IP's instance) and Vivado, by path.

    Raises InputError for a board that has no block design, and for designs that do not share one.
    """
    system = _system(board.family)
    if not _PART.fullmatch(board.part):
        raise InputError(f"board {board.name} has part {board.part!r}, which is no part's name")
    places, clock_ns = placed(designs), shared_clock_ns(designs)
    masters = [master for each in places for master in _masters(each)]
    dmas = [dma for each in places for dma in each.dmas]
    _check_ports(places, dmas, masters)
    addresses = {name: f"0x{address:08X}" for name, address in address_map(board.family, places).items()}
    values = {
        "clock_mhz": f"{1000 / clock_ns:.6f}",
        "ps": system,
        "designs": places,
        "addresses": addresses,
        "dmas": dmas,
        "masters": masters,
        "memory_bits": system["memory_bits"],
        "address_bits": system["address_bits"],
        "length_bits": LENGTH_BITS,
        "jobs": min(os.cpu_count() or 1, 8),
    }
    shared = {"part": board.part, "clock_ns": clock_ns}
    scripts = {
        f"{each.name}/build_hls.tcl": render("build_hls.tcl.j2", project=each.design.name, place=each, **shared)
        for each in places
    }
    return scripts | {"block_design.tcl": render("block_design.tcl.j2", **values, **shared)}


def shared_clock_ns(designs: Sequence[Design]) -> float:
    """The clock period of a bitstream's designs, in nanoseconds. Raises InputError unless they share one."""
    clocks = sorted({design.clock_ns for design in designs})
    if not clocks:
        raise InputError("a bitstream holds at least one design, and none was given")
    if len(clocks) > 1:
        listed = ", ".join(f"{clock} ns" for clock in clocks)
        raise InputError(f"designs of one bitstream share one clock, and these have {listed}: give them one clock_ns")
    return clocks[0]


def _check_ports(places: Sequence[Placed], dmas: Sequence[Dma], masters: Sequence[str]) -> None:
    for count, what in ((len(masters), "streams"), (len(places) + len(dmas), "IPs with registers")):
        if count > _SMARTCONNECT_PORTS:
            names = ", ".join(dict.fromkeys(each.design.name for each in places))
            raise InputError(
                f"a bitstream with {names} has {count} {what}, and one SmartConnect joins {_SMARTCONNECT_PORTS} "
                "(PG247): put fewer designs into it"
            )


def _masters(place: Placed) -> list[str]:
    """The DMAs' ports to the memory: the inputs', then the outputs'."""
    senders = [f"{dma.name}/M_AXI_MM2S" for dma in place.dmas if dma.input_bits]
    return senders + [f"{dma.name}/M_AXI_S2MM" for dma in place.dmas if dma.output_bits]


def _system(family: str) -> dict[str, Any]:
    if family not in _SYSTEMS:
        raise InputError(
            f"boards of family {family!r} have no block design here: it is there for {', '.join(sorted(_SYSTEMS))}"
        )
    return _SYSTEMS[family]
