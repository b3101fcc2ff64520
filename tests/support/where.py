"""What every printed bench says of itself: when, and on what."""

from __future__ import annotations

import os
import platform
from datetime import date


def where() -> str:
    """Date, architecture, cores, and how busy the machine has been for a minute."""
    return f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
