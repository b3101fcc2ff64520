"""XML that may come from anyone, without document types and entities."""

from __future__ import annotations

from xml.etree import ElementTree

from weft.boards.errors import ArtefactError

_LARGEST = 64 << 20  # bytes; a large design's .hwh is about 10 MB, its csynth.xml less


def parse_xml(data: bytes, what: str) -> ElementTree.Element:
    """The root of a document in UTF-8.

    Raises ArtefactError, which begins with `what` ("a .hwh"), for what is not XML, is larger than 64 MiB, or declares a
    document type or entities, with which a short file can grow without bound. Without them the text is all there is,
    so the standard library's parser serves.
    """
    if len(data) > _LARGEST:
        raise ArtefactError(f"{what} of {len(data):,} bytes is larger than any of the tools': make it again")
    try:
        text = data.decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ArtefactError(f"{what} declares a document type or entities, which the tools never do: it is refused")
        return ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError, RecursionError) as error:
        raise ArtefactError(f"{what} is not readable XML ({error}): make it again") from None
