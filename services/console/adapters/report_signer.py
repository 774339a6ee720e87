"""`ReportSigner` signs reports with the key that signs checkpoints; a prefix keeps the two kinds of signature apart."""

import base64
from dataclasses import dataclass

from libs.record.keys import SigningKey
from services.console.domain.reports.model import SIGNATURE_PREFIX, Proof


@dataclass(frozen=True, slots=True)
class ReportSigner:
    """`SignReport`."""

    key: SigningKey

    def __call__(self, proof: Proof) -> Proof:
        """The proof with its signature: equal digests have equal signatures."""
        signature = base64.b64encode(self.key.sign(SIGNATURE_PREFIX + proof.sha256.encode())).decode()
        return proof.model_copy(update={"key_id": self.key.kid, "signature": signature})
