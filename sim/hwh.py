"""Writes the .hwh of an overlay: the hardware description that Vivado puts beside a bitstream and that pynq reads.

It has what pynq needs of it (addresses, parameters, registers, clocks), written from scratch for the virtual board; a
real build brings Vivado's own. Register names are those of Vitis HLS UG1399, AXI DMA PG021 and AXI GPIO PG144.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.boards import Board, load_board
from weft.hls.block_design import LENGTH_BITS, WINDOW, Dma, Placed
from weft.hls.design import Design
from weft.hls.rendering import templates
from weft.sim import accelerator, dma
from weft.sim.overlay import Overlay, address_map
from weft.sim.processing_system import Family, fabric_clock, family_of

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_LOW_MEMORY = 0x8000_0000  # what both families' memory ports show of the DDR at low addresses (UG585, UG1085)


@dataclass(frozen=True)
class _Register:
    """A 32-bit register and its fields: (name, first bit, bits)."""

    name: str
    offset: int
    description: str
    fields: Sequence[tuple[str, int, int]] = ()


def _design_registers() -> list[_Register]:
    control = [("AP_START", 0, 1), ("AP_DONE", 1, 1), ("AP_IDLE", 2, 1), ("AP_READY", 3, 1), ("AUTO_RESTART", 7, 1)]
    channels = [("CHAN0_INT", 0, 1), ("CHAN1_INT", 1, 1)]
    return [
        _Register("CTRL", accelerator.CONTROL, "Control signals", control),
        _Register("GIER", accelerator.GLOBAL_INTERRUPT, "Global interrupt enable", [("Enable", 0, 1)]),
        _Register("IP_IER", accelerator.INTERRUPT_ENABLE, "Interrupt enable", channels),
        _Register("IP_ISR", accelerator.INTERRUPT_STATUS, "Interrupt status", channels),
        _Register("samples", accelerator.SAMPLES, "Samples to compute", [("samples", 0, 32)]),
    ]


def _dma_registers() -> list[_Register]:
    control = [("RS", 0, 1), ("Reset", 2, 1), ("IOC_IrqEn", 12, 1), ("Err_IrqEn", 14, 1)]
    status = [("Halted", 0, 1), ("Idle", 1, 1), ("DMAIntErr", 4, 1), ("DMASlvErr", 5, 1), ("DMADecErr", 6, 1)]
    status += [("IOC_Irq", 12, 1), ("Err_Irq", 14, 1)]
    length = [("Length", 0, LENGTH_BITS)]
    found = []
    for name, address, base in (("MM2S", "SA", dma.SENDER_BASE), ("S2MM", "DA", dma.RECEIVER_BASE)):
        found += [
            _Register(f"{name}_DMACR", base + dma.CONTROL, f"{name} control", control),
            _Register(f"{name}_DMASR", base + dma.STATUS, f"{name} status", status),
            _Register(f"{name}_{address}", base + dma.ADDRESS, f"{name} address, low word"),
            _Register(f"{name}_{address}_MSB", base + dma.ADDRESS_MSB, f"{name} address, high word"),
            _Register(f"{name}_LENGTH", base + dma.LENGTH, f"{name} length in bytes", length),
        ]
    return found


def write_hwh(designs: Sequence[Design], board: str | Path | Board, clock_ns: float, gpios: Sequence[str] = ()) -> str:
    """The .hwh text of designs (and AXI GPIOs) on a board, for a fabric clock of at most 1000/clock_ns MHz.

    Raises InputError for a board without a processing system.
    """
    overlay, machine = Overlay(tuple(designs), tuple(gpios)), load_board(board)
    family = family_of(machine)
    ips = [_design(place) for place in overlay.places]
    ips += [_dma(dma, family) for place in overlay.places for dma in place.dmas]
    ips += [_gpio(name) for name in overlay.gpios]
    addresses = address_map(overlay, machine.family)
    return (
        templates(_TEMPLATES, markup=True)
        .get_template("overlay.hwh.j2")
        .render(
            name="_".join(design.name for design in overlay.designs) or "overlay",
            arch="zynq" if machine.family == "zynq7" else "zynquplus",
            part=machine.part,
            system=family,
            system_parameters=_system_parameters(machine, family, clock_ns),
            ips=[{"address": addresses[ip["name"]], **ip} for ip in ips],
            window=WINDOW,
            memory_end=min(machine.memory.bytes, _LOW_MEMORY) - 1,
        )
    )


def _design(place: Placed) -> dict[str, Any]:
    """A design's IP for the template: its identity, registers, parameters and ports."""
    streams = [(f"in{i}", "TARGET") for i in range(len(place.design.inputs))]
    streams += [(f"out{i}", "INITIATOR") for i in range(len(place.design.outputs))]
    return {
        "name": place.name,
        "kind": place.ip,
        "vlnv": f"weft:hls:{place.ip}:1.0",
        "port": "s_axi_control",
        "registers": _design_registers(),
        "parameters": {},
        "masters": [],
        "streams": streams,
    }


def _gpio(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "axi_gpio",
        "vlnv": "xilinx.com:ip:axi_gpio:2.0",
        "port": "S_AXI",
        "registers": [_Register("GPIO_DATA", 0x0, "Data"), _Register("GPIO_TRI", 0x4, "Direction")],
        "parameters": {"C_GPIO_WIDTH": 4, "C_ALL_OUTPUTS": 1, "C_ALL_INPUTS": 0, "C_IS_DUAL": 0},
        "masters": [],
        "streams": [],
    }


def _dma(dma: Dma, family: Family) -> dict[str, Any]:
    """An AXI DMA; the parameters in small letters are those that pynq's driver reads."""
    inputs, outputs = bool(dma.input_bits), bool(dma.output_bits)
    parameters: dict[str, int] = {
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": LENGTH_BITS,
        "c_addr_width": family.address_bits,
        "c_include_mm2s": int(inputs),
        "c_include_s2mm": int(outputs),
    }
    for direction, tdata, bits in (
        ("mm2s", "m_axis_mm2s", dma.input_bits),
        ("s2mm", "s_axis_s2mm", dma.output_bits),
    ):
        if bits:
            parameters[f"c_m_axi_{direction}_data_width"] = family.memory_bits
            parameters[f"c_{tdata}_tdata_width"] = bits
            parameters[f"c_include_{direction}_dre"] = 0
    return {
        "name": dma.name,
        "kind": "axi_dma",
        "vlnv": "xilinx.com:ip:axi_dma:7.1",
        "port": "S_AXI_LITE",
        "registers": _dma_registers(),
        "parameters": parameters,
        "masters": ["M_AXI_MM2S"] * inputs + ["M_AXI_S2MM"] * outputs,
        "streams": [("M_AXIS_MM2S", "INITIATOR")] * inputs + [("S_AXIS_S2MM", "TARGET")] * outputs,
    }


def _system_parameters(board: Board, family: Family, clock_ns: float) -> dict[str, str]:
    """Four fabric clocks, of which the first is on, and the widths of the ports in use."""
    clock = fabric_clock(family, clock_ns)
    found: dict[str, str] = {}
    for i in range(len(family.fabric_clocks)):
        first, second, mhz = (clock.first, clock.second, clock.mhz) if i == 0 else (1, 1, 10.0)
        enabled = str(int(i == 0))
        # pynq 4.0.0 looks for this name on a Zynq-7000 too (weft.hls.hwh_repair).
        found[f"PSU__CRL_APB__PL{i}_REF_CTRL__ACT_FREQMHZ"] = f"{mhz:.6f}"
        if board.family == "zynq7":
            found[f"PCW_ACT_FPGA{i}_PERIPHERAL_FREQMHZ"] = f"{mhz:.6f}"
            found[f"PCW_FPGA_FCLK{i}_ENABLE"] = enabled
            found[f"PCW_FCLK{i}_PERIPHERAL_DIVISOR0"] = str(first)
            found[f"PCW_FCLK{i}_PERIPHERAL_DIVISOR1"] = str(second)
            found[f"PCW_FCLK{i}_PERIPHERAL_CLKSRC"] = "IO PLL"
        else:
            found[f"PSU__FPGA_PL{i}_ENABLE"] = enabled
            found[f"PSU__CRL_APB__PL{i}_REF_CTRL__DIVISOR0"] = str(first)
            found[f"PSU__CRL_APB__PL{i}_REF_CTRL__DIVISOR1"] = str(second)
            found[f"PSU__CRL_APB__PL{i}_REF_CTRL__SRCSEL"] = "IOPLL"
    if board.family == "zynq7":
        return {**found, "PCW_S_AXI_HP0_DATA_WIDTH": str(family.memory_bits)}
    return {**found, "C_MAXIGP0_DATA_WIDTH": "128", "C_SAXIGP2_DATA_WIDTH": str(family.memory_bits)}
