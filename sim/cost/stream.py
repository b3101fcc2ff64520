"""Streams: the FIFO between two layers, and the AXI streams that weft's own HLS top puts around a design."""

from __future__ import annotations

from math import ceil

from weft.boards.resources import Resources
from weft.hls.design import Tensor
from weft.sim.cost.reading import channels
from weft.sim.cost.storage import LUT_BITS, block_rams
from weft.sim.cost.timing import Cost, Timing
from weft.sim.cost.tool import is_vitis


def axi_stream(tensor: Tensor, stream: bool, inward: bool) -> Cost:
    """A design's input or output.

    io_stream: an element goes in as soon as its last value is there, and goes out value by value. io_parallel: the
    whole sample is collected first.
    """
    size = max(1, tensor.size)
    group = channels(tensor) if stream else size
    bits = tensor.type.storage.itemsize * 8
    # A value is there a cycle after its beat; an element inwards needs all of its values, one outwards takes as many.
    depth, needs = (1, group / size) if inward else (group, 0.0)
    timing = Timing(size + depth if stream else size, size, depth if stream else size, needs if stream else 0.0)
    return Cost(timing, timing, Resources(lut=2 * bits + 40, ff=group * tensor.type.width + 2 * bits))


def fifo(tensor: Tensor, tool: str) -> Resources:
    """The FIFO that carries a tensor (io_stream), in LUTs up to 32 elements deep: 16 are, 36 are not (2019.2, 2020.1).

    Vivado HLS gives every value of an element a FIFO of its own: 115, 227 and 899 block RAMs for networks of 8, 16 and
    64 channels (Keb-L/hls4ml-data@333aad62), 254 for 32-bit values (AutoEncoder_hls4ml@dd6f3c2171), 96 (hls4ml
    tutorial's pruned CNN) and 12 (seven of DNNonSilicon), all exactly. Vitis HLS packs the element: 332 for 13 FIFOs of
    16 to 1,408 bits (HG-DREAM@274dba6e, 2023.1) exactly, 18 bits a block RAM; 2024.1 fills 36, as an input, padding,
    convolution and relu of 144 and 256 bits take 24 (ECE226_CoDesign@5d10485a).
    """
    values, bits = channels(tensor), tensor.type.width
    if not is_vitis(tool):
        return _vivado_fifo(bits, tensor.fifo_depth) * values
    width = values * bits
    if tensor.fifo_depth <= LUT_BITS:
        return Resources(lut=width, ff=2 * width) if tensor.fifo_depth <= 2 else Resources(lut=width + 20, ff=20)
    # 729 LUT and 2,205 FF for HG-DREAM's 14 FIFOs, whatever their width.
    rams = block_rams(width, tensor.fifo_depth) if tool >= "vitis-2024" else _halves(width, tensor.fifo_depth)
    return Resources(lut=52, ff=157, bram18=rams)


def _vivado_fifo(bits: int, depth: int) -> Resources:
    """A value's FIFO: 44 LUT and 36 FF in block RAM for 16 bits (Keb-L), 74 and 56 for 32 (AutoEncoder_hls4ml); 28 LUT
    and 5 FF for 16 bits in LUTs (10 FIFOs more in one of two DNNonSilicon networks: 280 LUT, 50 FF)."""
    if depth <= LUT_BITS:
        return Resources(lut=round(1.75 * bits), ff=5)
    return Resources(lut=round(14 + 1.9 * bits), ff=round(16 + 1.25 * bits), bram18=_halves(bits, depth))


def _halves(width: int, depth: int) -> int:
    """Block RAMs used as true dual-port memories: 18 bits wide, 1,024 deep."""
    return ceil(width / 18) * ceil(depth / 1024)
