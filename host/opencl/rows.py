"""How many work-items share a row."""

from __future__ import annotations

from weft.host.opencl.context import Context

_LARGEST = 256  # work-items, which every OpenCL GPU of the last ten years has in a group


def row_group(context: Context, count: int) -> int:
    """Work-items for a row of `count` values: one on a processor, elsewhere the next power of two, up to 256."""
    if context.is_cpu:
        return 1
    return min(_LARGEST, 1 << max(count - 1, 0).bit_length(), int(context.device.max_work_group_size))
