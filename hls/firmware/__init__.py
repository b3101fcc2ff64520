"""Firmware: a design as a Vitis HLS project that g++ can compile and Python can run.

`write_firmware` writes the hls4ml project and, around hls4ml's top, weft's own (templates/weft_top.cpp.j2), which has
what a board needs: streams with TLAST, a control block and a count of samples. `compile_firmware` makes it a library.

    <folder>/weft_firmware.json          names, shapes and types of the streams
    <folder>/weft_top.cpp, weft_top.h    the top for Vitis HLS
    <folder>/firmware/, <project>_*      hls4ml's project, as `ModelGraph.write` writes it
    <folder>/weft_csim/                  what only g++ needs
"""

from __future__ import annotations

from weft.hls.firmware.running import Firmware, compile_firmware
from weft.hls.firmware.writing import write_firmware

__all__ = ["Firmware", "compile_firmware", "write_firmware"]
