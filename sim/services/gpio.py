"""PYNQ.remote's `gpio.Gpio`: pins of the processing system."""

from __future__ import annotations

from typing import Any

from weft.sim.machine import Machine


class Gpio:
    """The methods have the names of the remote procedures; each returns the fields of its reply."""

    def __init__(self, machine: Machine) -> None:
        self._pins = machine.pins

    def get_gpio(self, request: Any) -> dict[str, Any]:
        """Take a pin."""
        return {"gpio_id": self._pins.export(request.index, request.direction)}

    def read(self, request: Any) -> dict[str, Any]:
        """A pin's level."""
        return {"value": self._pins.read(request.gpio_id)}

    def write(self, request: Any) -> dict[str, Any]:
        """Drive a pin."""
        self._pins.write(request.gpio_id, request.value)
        return {}

    def unexport(self, request: Any) -> dict[str, Any]:
        """Give a pin back."""
        self._pins.release(request.gpio_id)
        return {}

    def is_exported(self, request: Any) -> dict[str, Any]:
        """Whether a pin is taken."""
        return {"is_exported": self._pins.is_exported(request.gpio_id)}

    def get_gpio_base_path(self, request: Any) -> dict[str, Any]:
        """The chip's folder in sysfs; "" where there is none with that label."""
        return {"base_path": self._pins.base_path(_label(request))}

    def get_gpio_npins(self, request: Any) -> dict[str, Any]:
        """How many pins the chip has; 0 where there is no such chip."""
        return {"npins": self._pins.count if self._pins.base_path(_label(request)) else 0}


def _label(request: Any) -> str | None:
    return request.target_label if request.HasField("target_label") else None
