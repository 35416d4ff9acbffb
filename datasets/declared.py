"""What a file says of its own making: AI markers in XMP, text chunks of a PNG, and a C2PA manifest.

Anybody can write or strip such statements: they are reported as what they are, and no answer rests on them.
"""

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SOURCE_TYPE = re.compile(rb"DigitalSourceType[^\x00]{0,120}?digitalsourcetype/([A-Za-z]{1,64})", re.DOTALL)
_CREATOR = re.compile(rb"xmp:CreatorTool(?:=\"|>)([^\"<\x00]{1,200})")
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_LONGEST = 200  # characters of a statement that are shown
_MOST = 20  # statements of a file
_INFLATED = 1 << 16  # bytes of a compressed text at most
_C2PA_MARKS = (b"c2pa", b"jumb")

SOURCE_TYPES = {
    "trainedAlgorithmicMedia": "made by a trained model",
    "compositeWithTrainedAlgorithmicMedia": "composed with parts made by a trained model",
    "algorithmicallyEnhanced": "enhanced by an algorithm",
    "algorithmicMedia": "made by an algorithm",
    "digitalCapture": "captured by a digital camera",
    "computationalCapture": "captured and computed from several exposures",
    "humanEdits": "edited by a person",
    "minorHumanEdits": "slightly edited by a person",
    "composite": "composed of several elements",
    "screenCapture": "captured from a screen",
    "virtualRecording": "recorded from a virtual scene",
    "dataDrivenMedia": "made from data",
}
"""Terms of IPTC's Digital Source Type vocabulary, in words."""


@dataclass(frozen=True)
class Statement:
    """One thing that a file says of itself.

    Attributes:
        kind: where it stands, such as "IPTC DigitalSourceType", "PNG text: Software", "C2PA manifest".
        text: what it says.
    """

    kind: str
    text: str


def declared(data: bytes, name: str, path: str | Path | None = None) -> tuple[Statement, ...]:
    """Return what a file says of its own making.

    Args:
        data: the file's bytes.
        name: of its format, as `datasets.Evidence.format`.
        path: where it lies, for the C2PA library; None to only say whether there is a manifest.
    """
    found = [Statement("IPTC DigitalSourceType", _worded(match.decode())) for match in _SOURCE_TYPE.findall(data)]
    found += [Statement("XMP CreatorTool", _plain(match)) for match in _CREATOR.findall(data)]
    if name == "PNG":
        found += _png_texts(data)
    if all(mark in data for mark in _C2PA_MARKS):
        found.append(Statement("C2PA manifest", _manifest(path)))
    return tuple(dict.fromkeys(found))[:_MOST]


def _worded(term: str) -> str:
    return f"{term} ({SOURCE_TYPES[term]})" if term in SOURCE_TYPES else term


def _plain(raw: bytes) -> str:
    text = " ".join(raw.decode("utf-8", "replace").split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _png_texts(data: bytes) -> Iterator[Statement]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
        if kind in _TEXT_CHUNKS and b"\x00" in body:
            key, rest = body.split(b"\x00", 1)
            text = _text(kind, rest)
            if text and key != b"XML:com.adobe.xmp":
                yield Statement(f"PNG text: {_plain(key)}", _plain(text))


def _text(kind: bytes, rest: bytes) -> bytes:
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    compressed = rest[:1] == b"\x01"
    body = rest[2:].split(b"\x00", 2)[-1]  # behind language and translated key
    return _inflated(body) if compressed else body


def _inflated(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw, _INFLATED)
    except zlib.error:
        return b""


def _manifest(path: str | Path | None) -> str:
    """Read a manifest with c2pa-python, where that is installed."""
    try:
        import c2pa  # pyright: ignore[reportMissingImports]
    except ImportError:
        return "present; not read, which needs c2pa-python (pip install 'whorl[c2pa]')"
    if path is None:
        return "present; not read"
    try:
        offline = c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}})
        with c2pa.Reader(str(path), context=c2pa.Context(offline)) as reader:  # evidence must not cause requests
            return _summary(json.loads(reader.json()))
    except Exception as error:  # the library has many kinds, and none may cost an answer
        return f"present; it cannot be read: {_plain(str(error).encode())}"


def _summary(store: Mapping[str, Any]) -> str:
    manifest = store.get("manifests", {}).get(store.get("active_manifest", ""), {})
    info = manifest.get("claim_generator_info") or [{}]
    made_by = info[0].get("name") or manifest.get("claim_generator") or "an unnamed tool"
    actions = [
        action.get("action", "")
        + (f" ({action['digitalSourceType'].rsplit('/', 1)[-1]})" if action.get("digitalSourceType") else "")
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    state = store.get("validation_state", "not validated")
    done = f"; actions: {', '.join(actions[:6])}" if actions else ""
    return _plain(f"made by {made_by}{done}; signature: {state}".encode())
