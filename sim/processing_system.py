"""The processing systems of Zynq-7000 and Zynq UltraScale+: their clocks, and the registers that pynq touches.

Register addresses and fields: UG585 appendix B (module slcr) and UG1087 (modules CRL_APB, CRF_APB, FPD_SLCR, LPD_SLCR,
AFIFM). pynq reckons with a crystal of 50 MHz (Zynq-7000) and 33.333 MHz (Zynq UltraScale+).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from weft.boards import Board
from weft.boards.errors import InputError

_LARGEST_DIVISOR = 63  # two dividers in a row, 6 bits each


@dataclass(frozen=True)
class Divisors:
    """Two dividers in a row from the I/O PLL to a fabric clock, and what they give."""

    first: int
    second: int
    mhz: float


@dataclass(frozen=True)
class Family:
    """One kind of processing system: names in a block design, and where its registers are.

    `pll_registers` are preset as a board's boot loader leaves them; the CPU's PLL depends on the board.
    """

    kind: str  # Vivado's name of the IP
    version: str
    control: str  # port to the fabric's registers, and the addresses that it reaches
    control_window: tuple[int, int]
    memory: str  # port to the memory
    memory_bits: int
    address_bits: int
    io_pll_mhz: float
    registers: tuple[tuple[int, int], ...]  # (address, bytes) of the modules that are there
    pll_registers: Mapping[int, int]
    cpu_pll: int  # address of the CPU PLL's control register
    cpu_pll_shift: int  # of the multiplier
    cpu_clock: tuple[int, int]  # address and content of the CPU clock's control register
    cpu_mhz_per_step: float  # CPU MHz for each step of the multiplier
    fabric_clocks: tuple[int, ...]  # addresses of the control registers
    divisor_shifts: tuple[int, int]
    clock_active: int  # bit that lets a clock through

    @property
    def instance(self) -> str:
        """The instance's name in weft's block designs."""
        return f"{self.kind}_0"


_ZYNQ7 = Family(
    kind="processing_system7",
    version="5.5",
    control="M_AXI_GP0",
    control_window=(0x4000_0000, 0x8000_0000),  # UG585, "System Addresses"
    memory="S_AXI_HP0",
    memory_bits=64,
    address_bits=32,
    io_pll_mhz=1000.0,
    registers=((0xF800_0000, 0x1000),),  # slcr
    pll_registers={0xF800_0104: 21 << 12, 0xF800_0108: 20 << 12},  # DDR 1,050 MHz, I/O 1,000 MHz
    cpu_pll=0xF800_0100,
    cpu_pll_shift=12,
    cpu_clock=(0xF800_0120, 2 << 8),
    cpu_mhz_per_step=50.0 / 2,
    fabric_clocks=(0xF800_0170, 0xF800_0180, 0xF800_0190, 0xF800_01A0),
    divisor_shifts=(8, 20),
    clock_active=0,
)
_ZYNQ_ULTRASCALE_PLUS = Family(
    kind="zynq_ultra_ps_e",
    version="3.5",
    control="M_AXI_HPM0_FPD",
    control_window=(0xA000_0000, 0xB000_0000),  # UG1085, "Global Address Map"
    memory="S_AXI_HP0_FPD",
    memory_bits=128,
    address_bits=40,
    io_pll_mhz=33.333 * 90 / 2,
    registers=(
        (0xFF5E_0000, 0x1_0000),  # CRL_APB
        (0xFD1A_0000, 0x1_0000),  # CRF_APB
        (0xFD61_0000, 0x1_0000),  # FPD_SLCR
        (0xFF41_0000, 0x1_0000),  # LPD_SLCR
        (0xFD36_0000, 0x6_0000),  # AFIFM0 to AFIFM5
        (0xFF9B_0000, 0x1_0000),  # AFIFM6
    ),
    # IOPLL, RPLL, DPLL, VPLL: multiplier in bits 8 to 14, bit 16 halves the output
    pll_registers={
        0xFF5E_0020: 90 << 8 | 1 << 16,
        0xFF5E_0030: 90 << 8 | 1 << 16,
        0xFD1A_002C: 64 << 8 | 1 << 16,
        0xFD1A_0038: 90 << 8 | 1 << 16,
    },
    cpu_pll=0xFD1A_0020,
    cpu_pll_shift=8,
    cpu_clock=(0xFD1A_0060, 1 << 8),
    cpu_mhz_per_step=33.333 / 2,
    fabric_clocks=(0xFF5E_00C0, 0xFF5E_00C4, 0xFF5E_00C8, 0xFF5E_00CC),
    divisor_shifts=(8, 16),
    clock_active=1 << 24,
)
_FAMILIES = {"zynq7": _ZYNQ7, "zynq_ultrascale_plus": _ZYNQ_ULTRASCALE_PLUS}
_HALF = 1 << 16  # DIV2 of a Zynq UltraScale+ PLL


def family_of(board: Board) -> Family:
    """The board's processing system. Raises InputError for a board that has none."""
    if board.family not in _FAMILIES:
        raise InputError(f"board {board.name} has no processing system, so no PYNQ runs on it: take a Zynq board")
    return _FAMILIES[board.family]


def fabric_clock(family: Family, clock_ns: float) -> Divisors:
    """The fastest clock that the I/O PLL's dividers give without undercutting a period of `clock_ns`."""
    wanted = family.io_pll_mhz * clock_ns / 1000
    # A division that comes out whole must not be taken one higher for a rounding error or the crystal's 33.333 MHz.
    least = max(1, ceil(wanted * (1 - 2e-5)))
    if least > _LARGEST_DIVISOR**2:
        slowest = 1000 * _LARGEST_DIVISOR**2 / family.io_pll_mhz
        raise InputError(f"a clock of {clock_ns} ns is longer than the {slowest:,.0f} ns that this board can make")
    product, first, second = min(
        (first * second, first, second)
        for second in range(1, _LARGEST_DIVISOR + 1)
        for first in range(1, _LARGEST_DIVISOR + 1)
        if first * second >= least
    )
    return Divisors(first, second, family.io_pll_mhz / product)


class ProcessingSystem:
    """The registers, as words in memory: they keep what is written. Fabric clock 0 is what designs run at."""

    def __init__(self, board: Board) -> None:
        self._family = family = family_of(board)
        steps = round(board.host.mhz / family.cpu_mhz_per_step)
        halved = _HALF if family is _ZYNQ_ULTRASCALE_PLUS else 0
        self._words = dict(family.pll_registers)
        self._words[family.cpu_pll] = min(steps, 127) << family.cpu_pll_shift | halved
        address, content = family.cpu_clock
        self._words[address] = content
        for clock in range(len(family.fabric_clocks)):
            default = fabric_clock(family, 10.0)  # 100 MHz, as PYNQ's images boot
            self.set_divisors(clock, default.first, default.second)

    def contains(self, address: int, size: int) -> bool:
        """Whether all of `size` bytes at `address` are registers of this system."""
        return any(start <= address and address + size <= start + length for start, length in self._family.registers)

    def read(self, address: int) -> int:
        """The 32-bit register at `address`."""
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Write the 32-bit register at `address`."""
        self._words[address] = value

    def set_divisors(self, clock: int, first: int, second: int) -> None:
        """Set a fabric clock's dividers."""
        low, high = self._family.divisor_shifts
        self._words[self._family.fabric_clocks[clock]] = first << low | second << high | self._family.clock_active

    @property
    def fabric_mhz(self) -> float:
        """What fabric clock 0 runs at, by its dividers; a divider of 0 divides by 1 (UG585, UG1087)."""
        word = self._words[self._family.fabric_clocks[0]]
        low, high = self._family.divisor_shifts
        return self._family.io_pll_mhz / (max(1, word >> low & 63) * max(1, word >> high & 63))
