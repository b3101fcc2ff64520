"""What lies in the fabric of a board after a bitstream was loaded, and at which addresses.

The .hwh writer and the virtual board both ask here, so a program finds each IP where its .hwh says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weft.boards.errors import InputError
from weft.hls.design import Design
from weft.hls.vitis import NETWORK
from weft.hls.vitis import address_map as network_addresses

__all__ = ["NETWORK", "WINDOW", "Overlay", "address_map", "as_overlay"]

WINDOW = 0x1_0000  # bytes of registers that each IP has, as in the block design (hls/templates/block_design.tcl.j2)

# Within the windows of M_AXI_GP0 (UG585, "System Addresses") and M_AXI_HPM0_FPD (UG1085, "Global Address Map"), away
# from what a network's block design takes.
_GPIO_ADDRESS = {"zynq7": 0x4120_0000, "zynq_ultrascale_plus": 0xA200_0000}
_LARGEST_GPIO_COUNT = 16
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Overlay:
    """A network with its DMAs, AXI GPIOs of 4 output pins by instance name, or both."""

    design: Design | None
    gpios: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        taken = {NETWORK, *(f"axi_dma_{i}" for i in range(self.dma_count))}
        for name in self.gpios:
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in taken:
                raise InputError(f"{str(name)[:40]!r} cannot name a GPIO: take letters, digits and underscores")
            taken.add(name)
        if len(self.gpios) > _LARGEST_GPIO_COUNT:
            raise InputError(f"an overlay has at most {_LARGEST_GPIO_COUNT} GPIOs, and {len(self.gpios)} are wanted")

    @property
    def dma_count(self) -> int:
        """AXI DMAs: one for each input and for each output, shared by the input and output of equal number."""
        return 0 if self.design is None else max(len(self.design.inputs), len(self.design.outputs))


def as_overlay(what: Design | Overlay) -> Overlay:
    """A design alone is an overlay without GPIOs."""
    return what if isinstance(what, Overlay) else Overlay(what)


def address_map(overlay: Overlay, family: str) -> dict[str, int]:
    """Where the processing system sees each IP's 64 KiB of registers, by instance name.

    Raises InputError for a family of boards that has no processing system beside its fabric.
    """
    found = network_addresses(family, overlay.dma_count)
    if overlay.design is None:
        del found[NETWORK]
    gpios = {name: _GPIO_ADDRESS[family] + number * WINDOW for number, name in enumerate(overlay.gpios)}
    return {**found, **gpios}
