"""PYNQ.remote's procedures, called one by one."""

from __future__ import annotations

from typing import Any

import pytest

grpc = pytest.importorskip("grpc")


class Remote:
    """PYNQ.remote's stubs, as pynq makes them."""

    def __init__(self, port: int) -> None:
        from pynq.remote import (
            buffer_pb2,
            buffer_pb2_grpc,
            gpio_pb2,
            gpio_pb2_grpc,
            mmio_pb2,
            mmio_pb2_grpc,
            remote_device_pb2,
            remote_device_pb2_grpc,
            xrfclk_pb2,
            xrfclk_pb2_grpc,
            xrfdc_pb2,
            xrfdc_pb2_grpc,
        )

        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._services = {
            "RemoteDevice": (remote_device_pb2, remote_device_pb2_grpc.RemoteDeviceStub(self.channel)),
            "Mmio": (mmio_pb2, mmio_pb2_grpc.MmioStub(self.channel)),
            "RemoteBuffer": (buffer_pb2, buffer_pb2_grpc.RemoteBufferStub(self.channel)),
            "Gpio": (gpio_pb2, gpio_pb2_grpc.GpioStub(self.channel)),
            "Xrfclk": (xrfclk_pb2, xrfclk_pb2_grpc.XrfclkStub(self.channel)),
            "Xrfdc": (xrfdc_pb2, xrfdc_pb2_grpc.XrfdcStub(self.channel)),
        }

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *error: object) -> None:
        self.channel.close()

    def methods(self, service: str) -> list[Any]:
        (described,) = self._services[service][0].DESCRIPTOR.services_by_name.values()
        return list(described.methods)

    def request(self, service: str, method: str, **fields: Any) -> Any:
        kind = next(each for each in self.methods(service) if each.name == method).input_type.name
        return getattr(self._services[service][0], kind)(**fields)

    def call(self, service: str, method: str, *pieces: dict[str, Any], **fields: Any) -> Any:
        """The reply, or the list of them where a procedure streams; several `pieces` are streamed to it."""
        described = next(each for each in self.methods(service) if each.name == method)
        requests = [self.request(service, method, **piece) for piece in pieces or (fields,)]
        reply = getattr(self._services[service][1], method)(
            iter(requests) if described.client_streaming else requests[0], timeout=20
        )
        return list(reply) if described.server_streaming else reply

    def write_file(self, path: str, data: bytes) -> None:
        self.call("RemoteDevice", "writefile", file_path=path, data=data)

    def read_file(self, path: str) -> bytes:
        return b"".join(reply.data for reply in self.call("RemoteDevice", "readfile", file_path=path))

    def refused(self, service: str, method: str, *pieces: dict[str, Any], **fields: Any) -> tuple[str, str]:
        """Name of the status and its sentence."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(service, method, *pieces, **fields)
        return caught.value.code().name, caught.value.details()

    def mapped(self, address: int, length: int) -> str:
        return str(self.call("Mmio", "get_mmio", base_addr=address, length=length).mmio_id)
