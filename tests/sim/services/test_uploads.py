"""What is on its way to a board is bounded over all programs."""

from __future__ import annotations

import pytest

from weft.boards.errors import DeviceError
from weft.sim.services.uploads import Uploads


def test_uploads_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.services.uploads.LARGEST_IMAGE", 100)
    uploads = Uploads()
    with uploads.collecting() as first, uploads.collecting() as second:
        first.add(b"x" * 60)
        second.add(b"y" * 40)
        with pytest.raises(DeviceError, match="more than 100 bytes would be on their way"):
            first.add(b"z")
        assert bytes(first.content) == b"x" * 60
    with uploads.collecting() as third:  # the others' bytes count no more
        third.add(b"x" * 100)


def test_bytes_of_an_upload_that_fails_count_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.sim.services.uploads.LARGEST_IMAGE", 100)
    uploads = Uploads()
    with pytest.raises(ValueError, match="stop"), uploads.collecting() as upload:
        upload.add(b"x" * 100)
        raise ValueError("stop")
    with uploads.collecting() as again:
        again.add(b"x" * 100)
