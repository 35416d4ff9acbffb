"""Ed25519 keys for signing: made once, kept under a passphrase outside every case.

They lie in the folder that `WHORL_KEYS` names, else in the user's configuration folder.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FOLDER, PASSPHRASE = "WHORL_KEYS", "WHORL_PASSPHRASE"
SHORTEST = 8  # characters of a passphrase
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class KeyFault(ValueError):  # noqa: N818 - `KeyError` is taken
    """A key that cannot be made, found or opened; the message says why in one line."""


@dataclass(frozen=True)
class PublicKey:
    """What signatures are checked with.

    Attributes:
        key: the library's object.
    """

    key: Ed25519PublicKey

    @property
    def keyid(self) -> str:
        """The SHA-256 of its DER encoding, in hexadecimal."""
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        return hashlib.sha256(self.key.public_bytes(serialization.Encoding.DER, info)).hexdigest()

    def pem(self) -> bytes:
        """Return it as PEM."""
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether a signature holds."""
        try:
            self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """An open key.

    Attributes:
        key: the library's object.
    """

    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self.key.public_key())

    @property
    def keyid(self) -> str:
        """As its public half's."""
        return self.public.keyid

    def sign(self, message: bytes) -> bytes:
        """Sign a message."""
        return self.key.sign(message)


def keys_folder() -> Path:
    """Return where keys lie."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "whorl" / "keys"


def key_path(name: str) -> Path:
    """Return where a key lies or would lie.

    Raises:
        KeyFault: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise KeyFault(f"a key's name must be of a-z, 0-9, '.', '_' and '-', got {name!r}")
    return keys_folder() / f"{name}.pem"


def make_key(name: str, passphrase: str) -> PublicKey:
    """Make a key and keep it under its passphrase.

    Args:
        name: of the key.
        passphrase: at least `SHORTEST` characters.

    Returns:
        Its public half, which lies beside it as `.pub.pem`.

    Raises:
        KeyFault: there is one of that name, or the passphrase is too short.
    """
    path = key_path(name)
    if len(passphrase) < SHORTEST:
        raise KeyFault(f"a passphrase must have at least {SHORTEST} characters, got {len(passphrase)}")
    private = PrivateKey(Ed25519PrivateKey.generate())
    pem = private.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFault(f"there is a key {name!r} already ({path}); give another name") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
    path.with_suffix(".pub.pem").write_bytes(private.public.pem())
    return private.public


def open_key(name: str, passphrase: str) -> PrivateKey:
    """Open a key.

    Raises:
        KeyFault: there is none of that name, it is damaged, or the passphrase is wrong.
    """
    path = key_path(name)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase.encode())
    except FileNotFoundError:
        raise KeyFault(f"there is no key {name!r} in {path.parent}; make one with `whorl case key {name}`") from None
    except (TypeError, ValueError):
        raise KeyFault(f"key {name!r} cannot be opened: wrong passphrase, or a damaged file") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFault(f"key {name!r} is no Ed25519 key")
    return PrivateKey(key)


def read_public(pem: bytes) -> PublicKey:
    """Read a public key.

    Raises:
        KeyFault: it is damaged, or of another kind.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        raise KeyFault("the public key is damaged") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFault("the public key is no Ed25519 key")
    return PublicKey(key)
