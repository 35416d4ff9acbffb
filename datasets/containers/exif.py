"""EXIF as plain text: tag names to short strings, whatever shape the block is in."""

import struct

from datasets.containers.ifd import Entry, Layout, directory, layout, numbers, text
from datasets.errors import EvidenceError

ORIENTATION = 274
ORIENTATIONS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "mirrored and turned by 180 degrees",
    5: "mirrored and turned by 270 degrees",
    6: "turned by 90 degrees",
    7: "mirrored and turned by 90 degrees",
    8: "turned by 270 degrees",
}
_SUBDIRECTORIES = {34665: "", 34853: "GPS", 40965: ""}
_MAX_FIELDS = 500
_MAX_TEXT = 200
_MAX_DIRECTORIES = 16
_STRUCTURE = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347),
    *(513, 514, 700, 34377, 34675, *_SUBDIRECTORIES),
}  # how the pixels lie in a TIFF, and blocks of other standards


def fields(block: bytes) -> tuple[dict[str, str], int | None]:
    """Read an EXIF block.

    Args:
        block: a TIFF structure: the body of an Exif APP1 segment, an eXIf or EXIF chunk, or a TIFF file.

    Returns:
        Values by tag name ("GPS..." for the location's; "tag 0x1234" for names unknown), at most 500 of at most 200
        characters each; and the orientation (1 to 8) where one is given. A damaged block gives what can be read.
    """
    found: dict[str, str] = {}
    orientation = None
    try:
        how, first = layout(block)
    except EvidenceError:
        return found, None
    queue, seen = [(first, "")], set()
    while queue:
        offset, group = queue.pop(0)
        if offset in seen or len(seen) >= _MAX_DIRECTORIES:
            continue
        seen.add(offset)
        try:
            entries, _ = directory(block, offset, how)
        except EvidenceError:
            continue
        for tag, entry in entries.items():
            if tag in _SUBDIRECTORIES and not group:
                queue += [(int(place), _SUBDIRECTORIES[tag]) for place in numbers(block, entry, how, 1)]
            elif tag not in _STRUCTURE and len(found) < _MAX_FIELDS:
                found.setdefault(_name(tag, group), _value(block, entry, how))
            if tag == ORIENTATION and not group and orientation is None:
                value = numbers(block, entry, how, 1)
                orientation = int(value[0]) if value and 1 <= value[0] <= 8 else None
    return found, orientation


def _name(tag: int, group: str) -> str:
    """Name a tag as the EXIF standard does."""
    from PIL.ExifTags import GPSTAGS, TAGS

    names = GPSTAGS if group == "GPS" else TAGS
    return names.get(tag, f"{group} tag 0x{tag:04x}".strip())


def _value(block: bytes, entry: Entry, how: Layout) -> str:
    """Write a field's values as one short line of text."""
    if entry.kind in (2, 7):
        raw = text(block, entry, _MAX_TEXT).split(b"\x00")[0] if entry.kind == 2 else text(block, entry, _MAX_TEXT)
        decoded = raw.rstrip(b"\x00 ").decode("utf-8", "replace")
        if entry.kind == 7 and not all(c.isprintable() and c != "\ufffd" for c in decoded):
            return f"{entry.count} bytes"
        return "".join(c if c.isprintable() else " " for c in decoded).strip()
    if entry.kind == 1 and entry.count > 16:
        return f"{entry.count} bytes"
    try:
        values = numbers(block, entry, how, 16)
    except struct.error:
        return ""
    if entry.kind in (5, 10):
        parts = [f"{a}/{b}" if b != 1 else str(a) for a, b in zip(values[::2], values[1::2], strict=True)]
    else:
        parts = [str(value) for value in values]
    return (" ".join(parts) + (" ..." if entry.count > 16 else ""))[:_MAX_TEXT]
