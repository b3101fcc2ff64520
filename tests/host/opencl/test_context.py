"""Programs are built once and read back only whole; what is wrong with a device is one sentence."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

cl = pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError, InputError
from weft.host.opencl.context import Context, list_devices, open_context

TWICE = "__kernel void twice(__global float *x) { x[get_global_id(0)] *= 2; }"


def run(context: Context) -> list[float]:
    buffer = context.upload(np.arange(4, dtype=np.float32))
    kernel = context.kernel(TWICE, "twice")
    kernel.set_args(buffer)
    cl.enqueue_nd_range_kernel(context.queue, kernel, (4,), None)
    found = np.empty(4, np.float32)
    cl.enqueue_copy(context.queue, found, buffer)
    context.release(buffer)
    return list(map(float, found))


def test_a_program_is_compiled_once(context: Context, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(context) == [0, 2, 4, 6]
    (kept,) = (own_cache / "opencl").glob("*.bin")
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    build, sources = cl.Program, []

    def counted(ctx: Any, *rest: Any) -> Any:
        sources.append(rest)
        return build(ctx, *rest)

    monkeypatch.setattr(cl, "Program", counted)
    assert run(Context(context.device)) == [0, 2, 4, 6]
    assert [len(rest) for rest in sources] == [2]  # devices and binaries, and no text


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_binary_is_built_again(context: Context, own_cache: Path, damage: str) -> None:
    run(context)
    (kept,) = (own_cache / "opencl").glob("*.bin")
    whole = kept.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    kept.write_bytes({"cut": whole[:40], "flip": flipped, "empty": b""}[damage])
    assert run(Context(context.device)) == [0, 2, 4, 6]
    assert len(kept.read_bytes()) > 1000


def test_a_text_that_does_not_compile(context: Context, own_cache: Path) -> None:
    with pytest.raises(DeviceError, match=r"does not compile.*undeclared_thing") as caught:
        context.kernel("__kernel void bad(void) { undeclared_thing(); }" + "//" * 1000, "bad")
    assert len(str(caught.value)) < 600
    assert not list(own_cache.glob("opencl/*.bin"))


def test_memory_is_counted_and_bounded(context: Context) -> None:
    buffer = context.buffer(1000)
    assert context.in_use == 1000
    for size in (context.memory, int(context.device.max_mem_alloc_size) + 1):
        with pytest.raises(DeviceError, match="out of memory"):
            context.buffer(size)
    context.release(buffer)
    assert context.in_use == 0


def test_a_driver_without_memory(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise cl.MemoryError("clCreateBuffer", cl.status_code.MEM_OBJECT_ALLOCATION_FAILURE, "")

    monkeypatch.setattr(cl, "Buffer", refuse)
    with pytest.raises(DeviceError, match="out of memory"):
        context.buffer(1000)
    assert context.in_use == 0


def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=f"lists {len(list_devices())}"):
        open_context("99")
    monkeypatch.setattr("weft.host.opencl.context.list_devices", list)
    with pytest.raises(DeviceError, match="no OpenCL device was found"):
        open_context.__wrapped__("")
