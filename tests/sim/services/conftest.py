"""Boards that the tests of a file share: one for what is asked of it, one for what hostile programs send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from weft.sim import VirtualBoard


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard("pynq-z2", port=0) as running:
        yield running


@pytest.fixture(scope="module")
def besieged() -> Iterator[VirtualBoard]:
    """For all of hypothesis's examples: what they leave on it is no other test's."""
    with VirtualBoard("pynq-z2", port=0) as running:
        yield running
