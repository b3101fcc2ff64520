"""The processing system's GPIO pins, as Linux's sysfs numbers them. Nothing is wired to them: inputs read 0."""

from __future__ import annotations

import secrets

from weft.boards import Board
from weft.boards.errors import DeviceError

# Label of the driver and number of pins, MIO and EMIO (Linux, drivers/gpio/gpio-zynq.c); Linux numbers the first chip's
# pins up to 1023.
_CHIPS = {"zynq7": ("zynq_gpio", 54 + 64), "zynq_ultrascale_plus": ("zynqmp_gpio", 78 + 96)}
_END = 1024


class Pins:
    """One GPIO chip."""

    def __init__(self, board: Board) -> None:
        self._label, self.count = _CHIPS[board.family]
        self._base = _END - self.count
        self._exported: dict[str, int] = {}  # identifier: pin
        self._levels: dict[int, tuple[str, int]] = {}  # exported pin: direction and level

    def base_path(self, label: str | None) -> str:
        """The chip's folder; "" where no chip has that label. None: the only one."""
        return f"/sys/class/gpio/gpiochip{self._base}" if label in (None, "", self._label) else ""

    def export(self, pin: int, direction: str) -> str:
        """Take a pin, or change its direction; returns an identifier."""
        if not self._base <= pin < _END:
            raise DeviceError(f"there is no GPIO {pin}: this board has {self._base} to {_END - 1}")
        if direction not in ("in", "out"):
            raise DeviceError(f"a GPIO's direction is 'in' or 'out', not {direction[:20]!r}")
        for identifier, known in list(self._exported.items()):
            if known == pin and self._levels[pin][0] == direction:
                return identifier
            if known == pin:
                del self._exported[identifier]
        identifier = secrets.token_hex(16)
        self._exported[identifier] = pin
        self._levels[pin] = (direction, 0)
        return identifier

    def read(self, identifier: str) -> int:
        """A pin's level."""
        return self._levels[self._pin(identifier)][1]

    def write(self, identifier: str, level: int) -> None:
        """Drive an output."""
        pin = self._pin(identifier)
        if self._levels[pin][0] != "out" or level not in (0, 1):
            raise DeviceError(f"GPIO {pin} cannot be driven to {level}: it takes 0 or 1, as an output")
        self._levels[pin] = ("out", level)

    def release(self, identifier: str) -> None:
        """Give a pin back."""
        del self._levels[self._pin(identifier)]
        del self._exported[identifier]

    def is_exported(self, identifier: str) -> bool:
        """Whether a pin is taken."""
        return identifier in self._exported

    def _pin(self, identifier: str) -> int:
        if identifier not in self._exported:
            raise DeviceError(f"there is no GPIO {identifier[:40]!r}: it was released or never taken")
        return self._exported[identifier]
