"""A client that sends a virtual board anything: random fields, mutated bytes, tampered images, wild registers, calls
that it cuts off, and bytes that are no gRPC.

Every choice comes from one random.Random, so a seed tells the whole story again.
"""

from __future__ import annotations

import io
import json
import socket
import zipfile
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from random import Random
from typing import Any

import grpc
from small_designs import dense_design

from weft.sim.image import pack
from weft.sim.overlay import Overlay, address_map

FieldDescriptor: Any = import_module("google.protobuf.descriptor").FieldDescriptor  # protobuf has no types
MODULES = ("remote_device_pb2", "mmio_pb2", "buffer_pb2", "gpio_pb2", "xrfclk_pb2", "xrfdc_pb2")
# An exception in the board would be UNKNOWN, and one in gRPC INTERNAL.
REFUSED = {"FAILED_PRECONDITION", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}
NUMBERS = (0, 1, -1, 2, 4, 7, 63, 64, 4096, 65535, 1 << 20, 1 << 26, (1 << 31) - 1, -(1 << 31), 1 << 32, 1 << 40)
TEXTS = (
    *("", "/", "/tmp/x", "/tmp/../etc/passwd", "/etc/passwd", "/proc/self/environ", "/lib/firmware/x.bin", "in", "out"),
    *("/sys/class/fpga_manager/fpga0/firmware", "/sys/class/fpga_manager/fpga0/flags", "/dev/zero", "zynq_gpio"),
    *("f8000000+1000", "40000000+10000", "0+ffffffffffffffff", "\0", "\N{SNOWMAN}" * 900, "x" * 5000, "../../x\n"),
)
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # how a connection begins (RFC 9113, section 3.4)
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # the frame that has to follow, empty (section 6.5)
VALUES: tuple[Any, ...] = (None, True, 0, -1, 1.5, 2**40, 10**30, 1e308, "", "x", "fixed<64,0>", [], {}, [2**30], [[]])


class HostileClient:
    """Talks to the board at a port of this machine until `close`."""

    def __init__(self, port: int, seed: int) -> None:
        self.random = Random(seed)
        self.port = port
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        services = [import_module(f"pynq.remote.{module}") for module in MODULES]
        self.methods = [
            (module, method)
            for module in services
            for service in module.DESCRIPTOR.services_by_name.values()
            for method in service.methods
        ]
        self.core = [(module, method) for module, method in self.methods if "xrf" not in module.__name__]
        self.known = list(TEXTS)  # identifiers that the board gave are sent back to it
        addresses = address_map(Overlay((dense_design(),) * 3), "zynq7").values()
        self.registers = [base + offset for base in addresses for offset in (0, 4, 0x10, 0x18, 0x28, 0x30, 0x48, 0x58)]
        self.places = [0, 0x1000_0000]  # physical addresses

    def step(self) -> None:
        """One request. Raises AssertionError unless it is answered or refused as a board may."""
        steps = (self._fields, self._fields, self._bytes, self._registers, self._image, self._hang_up, self._no_grpc)
        self.random.choice(steps)()

    def _fields(self) -> None:
        module, method = self.random.choice(self.core if self.random.random() < 0.95 else self.methods)
        count = self.random.randint(0, 3) if method.client_streaming else 1
        self._call(module, method, [self._message(module, method).SerializeToString() for _ in range(count)])

    def _bytes(self) -> None:
        module, method = self.random.choice(self.core)
        data = bytearray(self._message(module, method).SerializeToString())
        for _ in range(self.random.randint(1, 4)):
            place = self.random.randint(0, len(data))
            data[place : place + self.random.randint(0, 2)] = self.random.randbytes(self.random.randint(0, 3))
        self._call(module, method, [bytes(data)])

    def _registers(self) -> None:
        """Registers of network and DMA, often with a physical address or a length that makes sense."""
        module, method = next(each for each in self.core if each[1].full_name == "mmio.Mmio.write")
        base = self.random.choice(self.registers)
        value = self.random.choice((0, 1, 1, 4, 0x81, 4096, *self.places, self.random.getrandbits(32)))
        fields = {"mmio_id": f"{base:x}+4", "offset": 0, "data": value.to_bytes(4, "little")}
        self._call(module, method, [module.WriteRequest(**fields).SerializeToString()])

    def _image(self) -> None:
        """An image whose hash is right and whose content is not (or is, one time in eight)."""
        module, method = next(each for each in self.core if each[1].name == "download")
        designs = [dense_design()] * self.random.randint(1, 3)
        data = self._tampered() if self.random.random() < 0.87 else pack(designs, "pynq-z2", 10.0)
        cut = self.random.randint(0, len(data))
        pieces = [module.DownloadRequest(buffer=part).SerializeToString() for part in (data[:cut], data[cut:])]
        self._call(module, method, pieces)

    def _hang_up(self) -> None:
        """A call that is cut off before, while or after it is answered; of a stream, sometimes with more to come."""
        module, method = self.random.choice(self.core)
        count = self.random.randint(0, 3) if method.client_streaming else 1
        requests = [self._message(module, method).SerializeToString() for _ in range(count)]
        call = self._stub(module, method)(iter(requests), timeout=60)
        if self.random.random() < 0.5:
            with suppress(grpc.RpcError):
                next(call, None)
        call.cancel()

    def _no_grpc(self) -> None:
        """A connection of its own that says something else, in HTTP/2 or not, and is cut."""
        start = self.random.choice((b"", HTTP2, HTTP2 + SETTINGS))
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(start + self.random.randbytes(self.random.randint(0, 300)))

    def _tampered(self) -> bytes:
        content = dense_design().to_bytes()
        if self.random.random() < 0.5:
            damaged = bytearray(content)
            for _ in range(self.random.randint(1, 6)):
                damaged[self.random.randrange(len(damaged))] = self.random.getrandbits(8)
            content = bytes(damaged)
        else:
            content = self._other_json(content)
        header = {"board": "pynq-z2", "clock_ns": 10, "gpios": []}
        if self.random.random() < 0.5:  # a whole design before the damaged one, and sizes that are seldom wrong
            whole = dense_design().to_bytes()
            wrong = self.random.choice((0, 0, 0, 1, -1, 2**40))
            header["sizes"] = [len(whole) + wrong, len(content) - wrong]
            content = whole + content
        rest = json.dumps(header).encode() + b"\n" + content
        return b"weft-virtual-image/1\n" + sha256(rest).hexdigest().encode() + b"\n" + rest

    def _other_json(self, content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        document = json.loads(files["design.json"])
        place: Any = document
        while True:
            key = self.random.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
            if not isinstance(place[key], (dict, list)) or not place[key] or self.random.random() < 0.2:
                break
            place = place[key]
        place[key] = self.random.choice(VALUES)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in (files | {"design.json": json.dumps(document).encode()}).items():
                archive.writestr(name, data)
        return buffer.getvalue()

    def _message(self, module: Any, method: Any) -> Any:
        message = getattr(module, method.input_type.name)()
        for field in method.input_type.fields:
            if self.random.random() < 0.85 and not self._is_repeated(field):
                value = self._value(field)
                try:
                    setattr(message, field.name, value)
                except (ValueError, TypeError):  # out of the field's range: left at its default
                    continue
        return message

    @staticmethod
    def _is_repeated(field: Any) -> bool:
        return bool(field.label == FieldDescriptor.LABEL_REPEATED or field.message_type is not None)

    def _value(self, field: Any) -> Any:
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return self.random.choice(self.known)
            case FieldDescriptor.TYPE_BYTES:
                return self.random.randbytes(self.random.choice((0, 1, 4, 8, 64, 5000, 70_000)))
            case FieldDescriptor.TYPE_BOOL:
                return self.random.random() < 0.5
            case FieldDescriptor.TYPE_FLOAT | FieldDescriptor.TYPE_DOUBLE:
                return self.random.choice((0.0, -1.0, 1e-310, 1e308, float("nan"), float("inf")))
        return self.random.choice((*NUMBERS, self.random.getrandbits(31), self.random.randint(0, 100)))

    def _call(self, module: Any, method: Any, requests: list[bytes]) -> None:
        try:
            for each in self._stub(module, method)(iter(requests), timeout=60):
                self._learn(each)
        except grpc.RpcError as error:
            assert error.code().name in REFUSED, (method.full_name, requests, error)
            assert "\n" not in str(error.details()), error

    def _stub(self, module: Any, method: Any) -> Any:
        """A function that calls `method`. On the wire every call is two streams: one message is one of one."""
        return self.channel.stream_stream(
            f"/{method.containing_service.full_name}/{method.name}",
            response_deserializer=getattr(module, method.output_type.name).FromString,
        )

    def _learn(self, reply: Any) -> None:
        for field, value in reply.ListFields():
            if field.name in ("buffer_id", "gpio_id", "mmio_id") and len(self.known) < 400:
                self.known += [value] * 3
            if field.name == "address" and len(self.places) < 100:
                self.places.append(value & 0xFFFF_FFFF)

    def close(self) -> None:
        """Hang up."""
        self.channel.close()
