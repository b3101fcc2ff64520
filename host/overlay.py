"""A bitstream on a PYNQ board: pynq's Overlay, and a driver for each design in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from weft.hls.block_design import WINDOW, placed
from weft.hls.design import Design
from weft.host.design_driver import DesignDriver, longest_sample
from weft.host.pynq_board import device_errors, fresh_pynq_state, refuse_virtual_image, require_pynq


class LoadedOverlay:
    """An overlay with the weft interface on a device: `design_<k>` and `axi_dma_<i>`. Not for two threads at once.

    After a DeviceError of `run` the state of the board is unknown: `abandon` this one and load the bitstream again.
    """

    def __init__(self, device: Any, bitstream: Path, designs: Sequence[Design]) -> None:
        """Load `bitstream` (beside it lies its .hwh); DeviceError or ArtefactError where the board does not take it."""
        pynq = require_pynq()
        refuse_virtual_image(device, bitstream)
        for design in designs:
            longest_sample(design)  # what cannot run is refused before it is loaded
        allocate = partial(pynq.allocate, target=device)
        with device_errors(f"loading {bitstream.name}"), fresh_pynq_state(pynq, device):
            addresses = pynq.Overlay(str(bitstream.resolve()), device=device).ip_dict
            self._drivers = []
            for place in placed(designs):
                registers = {
                    name: pynq.MMIO(addresses[name]["phys_addr"], WINDOW, device=device)
                    for name in (place.name, *place.dma_names)
                }
                self._drivers.append(DesignDriver(place, registers, allocate))
        self._last = self._drivers[0]  # the driver that ran last

    def run(self, number: int, inputs: Sequence[NDArray[Any]], timeout_s: float) -> list[NDArray[Any]]:
        """Run design `number`: integers in, integers out, each (N, *tensor.shape).

        Raises DeviceError where the board fails, is silent, or holds another bitstream.
        """
        with device_errors("running on the FPGA"):
            driver = self._drivers[number]
            (driver if driver.has_run else self._last).check_untouched()
            self._last = driver
            return driver.run(inputs, timeout_s)

    def free(self, number: int) -> None:
        """Free the buffers of design `number` on the board; another run allocates new ones."""
        self._drivers[number].close()

    def close(self) -> None:
        """Free all buffers on the board; the bitstream stays."""
        answers = True
        for driver in self._drivers:
            answers = driver.close(answers)

    def abandon(self) -> None:
        """Give up after a failure: stop the DMAs, which may still write, before their memory is freed."""
        answers = True
        for driver in self._drivers:
            answers = driver.abandon(answers)
