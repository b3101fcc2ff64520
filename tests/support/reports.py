"""Reports as Vitis HLS and Vivado lay them out, written from figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FIGURES = {"latency": 17, "interval": 4, "lut": 1200, "ff": 800, "dsp": 12, "bram18": 3, "uram": 0}
ZCU104 = "xczu7ev-ffvc1156-2-e"


def _estimates(figures: Mapping[str, float]) -> str:
    return f"""
  <PerformanceEstimates>
    <SummaryOfOverallLatency>
      <unit>clock cycles</unit>
      <Best-caseLatency>{figures["latency"]:.0f}</Best-caseLatency>
      <Worst-caseLatency>{figures["latency"]:.0f}</Worst-caseLatency>
      <Interval-min>{figures["interval"]:.0f}</Interval-min>
      <Interval-max>{figures["interval"]:.0f}</Interval-max>
    </SummaryOfOverallLatency>
  </PerformanceEstimates>
  <AreaEstimates>
    <Resources>
      <BRAM_18K>{figures["bram18"]:.0f}</BRAM_18K>
      <DSP>{figures["dsp"]:.0f}</DSP>
      <FF>{figures["ff"]:.0f}</FF>
      <LUT>{figures["lut"]:.0f}</LUT>
      <URAM>{figures["uram"]:.0f}</URAM>
    </Resources>
  </AreaEstimates>"""


def csynth_xml(
    top: str,
    figures: Mapping[str, float] = FIGURES,
    *,
    version: str = "2023.2",
    part: str = ZCU104,
    clock_ns: float = 5.0,
    modules: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    inner = "".join(
        f"<Module><Name>{name}</Name>{_estimates(inside)}</Module>" for name, inside in (modules or {}).items()
    )
    return f"""<profile>
  <ReportVersion><Version>{version}</Version></ReportVersion>
  <UserAssignments>
    <Part>{part}</Part><TopModelName>{top}</TopModelName><TargetClockPeriod>{clock_ns:.2f}</TargetClockPeriod>
  </UserAssignments>{_estimates(figures)}
  <ModuleInformation>{inner}</ModuleInformation>
</profile>
"""


def csynth_rpt(module: str, figures: Mapping[str, float] = FIGURES, *, vitis: bool = True, part: str = ZCU104) -> str:
    latency, interval = f"{figures['latency']:.0f}", f"{figures['interval']:.0f}"
    row = f"|{latency}|{latency}|85.000 ns|85.000 ns|{interval}|{interval}|dataflow|"
    dsp = "DSP" if vitis else "DSP48E"
    used = "|".join(f"{figures[name]:.0f}" for name in ("bram18", "dsp", "ff", "lut", "uram"))
    return f"""
== {"Vitis" if vitis else "Vivado"} HLS Report for '{module}'
* Version:        {"2023.2" if vitis else "2019.2.1"} (Build 1 on Mon Jan 01 00:00:00 MST 2024)
* Target device:  {part}
== Performance Estimates
+ Timing:
    * Summary:
    +--------+----------+----------+------------+
    |  Clock |  Target  | Estimated| Uncertainty|
    +--------+----------+----------+------------+
    |ap_clk  |   5.00 ns|  3.000 ns|     1.35 ns|
    +--------+----------+----------+------------+
+ Latency:
    * Summary:
    |  Latency (cycles) |   Latency (absolute)  |  Interval | Pipeline|
    |   min   |   max   |    min    |    max    | min | max |   Type  |
    {row}
== Utilization Estimates
* Summary:
|       Name      | BRAM_18K| {dsp}|   FF   |   LUT  | URAM|
|Expression       |        -|   -|       0|       2|    -|
|Total            |{used}|
|Available        |      624|1728|  460800|  230400|   96|
"""


def cosim_rpt(latency: int, interval: int) -> str:
    return f"""
|          |          |              Latency(Clock Cycles)            |              Interval(Clock Cycles)           |
+   RTL    +  Status  +-----------------------------------------------+-----------------------------------------------+
|          |          |      min      |      avg      |      max      |      min      |      avg      |      max      |
|      VHDL|        NA|             NA|             NA|             NA|             NA|             NA|             NA|
|   Verilog|      Pass|{latency - 2}|{latency - 1}|{latency}|{interval}|{interval}|{interval}|
"""


def synth_rpt(top: str, lut: int, ff: int, tiles: float, dsp: int) -> str:
    return f"""Utilization Design Information
| Design       : {top}
1. CLB Logic
| CLB LUTs*               | {lut} |     0 |    230400 |  1.00 |
| CLB Registers           | {ff} |     0 |    460800 |  1.00 |
2. BLOCKRAM
| Block RAM Tile | {tiles} |     0 |       312 |  1.00 |
| URAM           |    0 |     0 |        96 |  0.00 |
3. ARITHMETIC
| DSPs           | {dsp} |     0 |      1728 |  1.00 |
"""


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path
