"""The signature inside a PDF (PAdES baseline B-B, ETSI EN 319 142-1), made with the key that signs checkpoints.

The rule: the certificate proves nothing by itself. It carries the public key in the form that PDF readers expect;
whoever verifies compares that key with the trusted ones. pyHanko is loaded when a PDF is signed or verified.
"""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from libs.record.keys import PublicKeys, SigningKey

_SINCE, _UNTIL = datetime(2020, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 -- X.509 times are UTC
"""A certificate that only carries a key does not end: `GATEWAY_SIGNING_KEYS` says when a key is retired."""
FIELD: Final = "GatewaySignature"
_ONE: Final = 1


def signed_pdf(content: bytes, key: SigningKey) -> bytes:
    """The PDF with a signature over every byte of it, in an incremental update."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 -- 0.4 s to load
    from pyhanko.sign import fields, signers  # noqa: PLC0415 -- 0.4 s to load

    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        subfilter=fields.SigSeedSubFilter.PADES,
        md_algorithm="sha512",
        name=f"WhatsApp gateway for 3CX, key {key.kid}",
        reason="Compliance report as the gateway made it",
    )
    signer = signers.PdfSigner(metadata, _signer(key))
    signed = _in_thread(signer.sign_pdf, IncrementalPdfFileWriter(io.BytesIO(content)))
    return bytes(signed.getvalue())


def pdf_problem(content: bytes, keys: PublicKeys) -> str | None:
    """Why a PDF is not one that a trusted key signed as a whole; None when it is. Never raises for its content."""
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 -- 0.4 s to load
    from pyhanko.sign.validation.status import SignatureCoverageLevel  # noqa: PLC0415 -- 0.4 s to load

    try:
        found = list(PdfFileReader(io.BytesIO(content)).embedded_signatures)
        if len(found) != _ONE:
            return "it is not signed" if not found else "it has several signatures"
        signer = bytes(found[0].signer_cert.public_key["public_key"])
        trusted = next((key for key in keys.values() if key.public == signer), None)
        if trusted is None:
            return "its key is not trusted"
        status = _status(found[0])
        whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    except Exception as failure:  # noqa: BLE001 -- whatever a broken file makes the library raise
        return f"it cannot be read as a signed PDF ({type(failure).__name__})"
    if status.intact and status.valid and whole:
        return None
    return "its signature does not fit its content: it was changed"


def _status(signature: Any) -> Any:
    from pyhanko.sign.validation import validate_pdf_signature  # noqa: PLC0415 -- 0.4 s to load
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415 -- 0.4 s to load

    context = ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False)
    return _in_thread(validate_pdf_signature, signature, context)


def _in_thread(call: Callable[..., Any], *given: Any) -> Any:
    """The result of a call that runs an event loop of its own, also where one runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call, *given).result()


def _signer(key: SigningKey) -> Any:
    from asn1crypto import keys  # noqa: PLC0415 -- 0.4 s to load
    from asn1crypto import x509 as certificates  # noqa: PLC0415 -- 0.4 s to load
    from pyhanko.sign.signers import SimpleSigner  # noqa: PLC0415 -- 0.4 s to load
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415 -- 0.4 s to load

    store: Any = SimpleCertificateStore
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    return SimpleSigner(
        signing_cert=certificates.Certificate.load(_certificate(private, key.kid)),
        signing_key=keys.PrivateKeyInfo.load(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        cert_registry=store(),
    )


def _certificate(private: Ed25519PrivateKey, kid: str) -> bytes:
    """A certificate of the key for itself, in DER; the same for the same key."""
    from cryptography import x509  # noqa: PLC0415 -- 2 MB
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 -- with the above

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"WhatsApp gateway for 3CX, key {kid}"[:64])])
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=True, **usage), critical=True)
        .sign(private, None)
        .public_bytes(Encoding.DER)
    )
