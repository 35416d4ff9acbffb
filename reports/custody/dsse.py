"""Signed envelopes: the Dead Simple Signing Envelope, version 1.0.2, with Ed25519.

Reference: the DSSE protocol's specification (secure-systems-lab/dsse): the pre-authentication encoding, and JSON with
payloadType, payload (base64) and signatures (keyid, sig).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from reports.custody.keys import PrivateKey, PublicKey

JSON_TYPE = "application/vnd.whorl+json"
FILE_TYPE = "application/vnd.whorl.digest+json"


class EnvelopeError(ValueError):
    """An envelope that is damaged or not signed by the expected key; the message says which in one line."""


def encoded(kind: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def seal(kind: str, payload: bytes, signer: PrivateKey) -> bytes:
    """Sign a payload.

    Args:
        kind: its type.
        payload: what is signed.
        signer: an open key.

    Returns:
        The envelope as JSON.
    """
    signature = signer.sign(encoded(kind, payload))
    envelope = {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signer.keyid, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope, indent=1).encode() + b"\n"


def opened(envelope: bytes, verifier: PublicKey) -> tuple[str, bytes]:
    """Check an envelope and return what it holds.

    Args:
        envelope: as `seal` returned it.
        verifier: the key that must have signed.

    Returns:
        The payload's type, and the payload.

    Raises:
        EnvelopeError: it is damaged, or the signature does not hold.
    """
    try:
        found: Mapping[str, Any] = json.loads(envelope)
        kind, payload = str(found["payloadType"]), base64.b64decode(found["payload"], validate=True)
        signatures = [(str(one["keyid"]), base64.b64decode(one["sig"], validate=True)) for one in found["signatures"]]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise EnvelopeError(f"the envelope is damaged ({type(error).__name__})") from None
    mine = [signature for keyid, signature in signatures if keyid == verifier.keyid]
    if not mine:
        raise EnvelopeError("the envelope is not signed by the case's key")
    if not any(verifier.verify(signature, encoded(kind, payload)) for signature in mine):
        raise EnvelopeError("the signature does not hold: payload or signature was changed")
    return kind, payload
