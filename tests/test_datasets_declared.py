"""C2PA manifests, signed here and read by the library that reports use."""

import datetime
import io
import json

import c2pa  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from datasets.declared import declared

MANIFEST = {
    "claim_generator_info": [{"name": "Example Enlarger", "version": "2"}],
    "format": "image/jpeg",
    "title": "a picture",
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                    }
                ]
            },
        }
    ],
}


def certificate(subject, issuer, key, signer, authority):
    def named(text):
        return x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
        )

    begins = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    ) | {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}  # fmt: skip
    built = (
        x509.CertificateBuilder(named(issuer), named(subject), key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not authority:
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    return built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A JPEG file that says of itself, under a signature, that a model made it."""
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certificate("leaf", "root", leaf, root, False) + certificate("root", "root", root, root, True)
    private = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, private, None))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    plain, path = io.BytesIO(), tmp_path_factory.mktemp("c2pa") / "signed.jpg"
    Image.fromarray(pixels).save(plain, "JPEG")
    plain.seek(0)
    with c2pa.Builder(json.dumps(MANIFEST)) as builder, path.open("w+b") as out:
        builder.sign(signer, "image/jpeg", plain, out)
    return path


def test_a_signed_manifest_is_read(signed):
    (told,) = declared(signed.read_bytes(), "JPEG", signed)
    assert told.kind == "C2PA manifest"
    assert told.text == ("made by Example Enlarger; actions: c2pa.created (trainedAlgorithmicMedia); signature: Valid")


def test_a_change_after_signing_shows(signed, tmp_path):
    data = bytearray(signed.read_bytes())
    data[-200] ^= 1  # among the coded pixels
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(data)
    (told,) = declared(bytes(data), "JPEG", changed)
    assert told.text.startswith("made by Example Enlarger") and told.text.endswith("signature: Invalid")


def test_a_cut_manifest_costs_no_answer(signed, tmp_path):
    data = signed.read_bytes()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(data[: data.index(b"c2pa") + 200])
    (told,) = declared(cut.read_bytes(), "JPEG", cut)
    assert told.text.startswith("present; it cannot be read")
