"""What lies in the fabric of a board after a bitstream was loaded, and at which addresses.

The .hwh writer and the virtual board both ask here, so a program finds each IP where its .hwh says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weft.boards.errors import InputError
from weft.hls.block_design import WINDOW, Placed, placed
from weft.hls.block_design import address_map as design_addresses
from weft.hls.design import Design

# Within the windows of M_AXI_GP0 (UG585, "System Addresses") and M_AXI_HPM0_FPD (UG1085, "Global Address Map"), away
# from what designs and up to 128 DMAs take.
_GPIO_ADDRESS = {"zynq7": 0x4120_0000, "zynq_ultrascale_plus": 0xA200_0000}
_LARGEST_GPIO_COUNT = 16
_LARGEST_DMA_COUNT = 128
#: One SmartConnect joins the registers of 16 IPs, and each design has a DMA (PG247).
LARGEST_DESIGN_COUNT = 8
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Overlay:
    """Designs with their DMAs, AXI GPIOs of 4 output pins by instance name, or both.

    Raises InputError for more of either than the address map has room for.
    """

    designs: tuple[Design, ...] = ()
    gpios: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        dmas = [name for place in self.places for name in place.dma_names]
        taken = {place.name for place in self.places} | set(dmas)
        for name in self.gpios:
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in taken:
                raise InputError(f"{str(name)[:40]!r} cannot name a GPIO: take letters, digits and underscores")
            taken.add(name)
        for count, limit, what in (
            (len(self.gpios), _LARGEST_GPIO_COUNT, "GPIOs"),
            (len(self.designs), LARGEST_DESIGN_COUNT, "designs"),
            (len(dmas), _LARGEST_DMA_COUNT, "DMAs"),
        ):
            if count > limit:
                raise InputError(f"an overlay has at most {limit} {what}, and {count} are wanted")

    @property
    def places(self) -> tuple[Placed, ...]:
        """The designs with their names and DMAs."""
        return placed(self.designs)


def address_map(overlay: Overlay, family: str) -> dict[str, int]:
    """Where the processing system sees each IP's 64 KiB of registers, by instance name.

    Raises InputError for a family of boards that has no processing system beside its fabric.
    """
    found = design_addresses(family, overlay.places)
    return found | {name: _GPIO_ADDRESS[family] + number * WINDOW for number, name in enumerate(overlay.gpios)}
