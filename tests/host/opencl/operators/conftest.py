"""One OpenCL device for all tests of operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from device_runs import reference, run_on
from numpy.typing import NDArray

from weft.host.devices.opencl import OpenClDevice

Check = Callable[[onnx.ModelProto, Mapping[str, NDArray[Any]]], None]


@pytest.fixture(scope="session")
def opencl_device() -> Iterator[OpenClDevice]:
    device = OpenClDevice()
    yield device
    device.close()


@pytest.fixture(scope="session")
def same_as_onnx_runtime(opencl_device: OpenClDevice) -> Check:
    """Run a network on the device and with ONNX Runtime: equal within 1e-5 of the largest value, and of equal types."""

    def check(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> None:
        expected, found = reference(model, feeds), run_on(opencl_device, model, feeds)
        for name, value in expected.items():
            assert (found[name].shape, found[name].dtype) == (value.shape, value.dtype)
            largest = np.abs(value[np.isfinite(value)]).max(initial=1) if value.dtype == np.float32 else 0
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5 * largest)

    return check
