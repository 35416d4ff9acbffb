"""Image file directories, the tables that TIFF and EXIF are made of (TIFF 6.0 section 2; BigTIFF)."""

import struct
from dataclasses import dataclass

from datasets.errors import EvidenceError

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_ENTRIES = 4096


@dataclass(frozen=True)
class Entry:
    """One field: its tag, its type's number, how many values, and where they and the entry itself lie."""

    tag: int
    kind: int
    count: int
    offset: int
    place: int


@dataclass(frozen=True)
class Layout:
    """Byte order ("<" or ">") and whether places are 64 bits wide (BigTIFF)."""

    order: str
    big: bool


def layout(data: bytes) -> tuple[Layout, int]:
    """Read the eight or sixteen bytes before the directories.

    Returns:
        The layout and the place of the first directory.

    Raises:
        EvidenceError: the bytes are no TIFF header.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise EvidenceError("damaged: no TIFF header")
    version = struct.unpack_from(order + "H", data, 2)[0]
    if version == 43 and len(data) >= 16:
        return Layout(order, True), struct.unpack_from(order + "Q", data, 8)[0]
    return Layout(order, False), struct.unpack_from(order + "I", data, 4)[0]


def directory(data: bytes, offset: int, how: Layout) -> tuple[dict[int, Entry], int]:
    """Read one directory.

    Args:
        data: the whole TIFF or EXIF block.
        offset: the directory's place.
        how: byte order and width.

    Returns:
        Entries by tag whose values lie inside `data` (the first of a tag wins); the next directory's place (0: none).

    Raises:
        EvidenceError: the directory itself does not lie inside `data`.
    """
    head, width, word = (8, 20, "Q") if how.big else (2, 12, "I")
    if offset < 8 or offset + head > len(data):
        raise EvidenceError("truncated: the TIFF's directory lies outside the file")
    (count,) = struct.unpack_from(how.order + ("Q" if how.big else "H"), data, offset)
    end = offset + head + count * width
    if count > _MAX_ENTRIES or end > len(data):
        raise EvidenceError("truncated: the TIFF's directory lies outside the file")
    entries: dict[int, Entry] = {}
    for place in range(offset + head, end, width):
        tag, kind, number = struct.unpack_from(how.order + "HH" + word, data, place)
        size = _SIZES.get(kind, 0) * number
        inline = place + (12 if how.big else 8)
        where = inline if size <= (8 if how.big else 4) else struct.unpack_from(how.order + word, data, inline)[0]
        if size and where + size <= len(data):
            entries.setdefault(tag, Entry(tag, kind, number, where, place))
    following = end + (8 if how.big else 4) <= len(data)
    return entries, struct.unpack_from(how.order + word, data, end)[0] if following else 0


def numbers(data: bytes, entry: Entry, how: Layout, limit: int) -> tuple:
    """Read an entry's values as numbers; a rational becomes numerator and denominator, one after the other.

    Args:
        data: the whole block.
        entry: one of `directory`'s.
        how: byte order and width.
        limit: the most values to read.

    Returns:
        At most `limit` numbers (twice as many for rationals); none for text.
    """
    count = min(entry.count, limit)
    if entry.kind in (5, 10):
        return struct.unpack_from(f"{how.order}{2 * count}{'I' if entry.kind == 5 else 'i'}", data, entry.offset)
    code = _CODES.get(entry.kind)
    return struct.unpack_from(f"{how.order}{count}{code}", data, entry.offset) if code else ()


def text(data: bytes, entry: Entry, limit: int = 200) -> bytes:
    """Read an entry's bytes, at most `limit` of them."""
    return data[entry.offset : entry.offset + min(_SIZES[entry.kind] * entry.count, limit)]
