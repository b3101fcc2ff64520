"""Sizes that all services keep to."""

CHUNK = 1 << 20  # bytes of one reply of a stream
LARGEST_MESSAGE = 4 << 20  # bytes, gRPC's own default; pynq sends pieces of 2 MiB
