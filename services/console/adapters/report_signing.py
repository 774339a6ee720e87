"""Reports signed with the key that signs the record's checkpoints; words before the digest keep the two apart."""

import base64
from dataclasses import dataclass

from libs.record.keys import SigningKey
from services.console.domain.reporting.figures import SIGNED, Proof


@dataclass(frozen=True, slots=True)
class ReportSigner:
    """`Signs`."""

    key: SigningKey

    def __call__(self, proof: Proof) -> Proof:
        """The proof with its signature: the same digest gives the same one."""
        signature = base64.b64encode(self.key.sign(SIGNED + proof.sha256.encode())).decode()
        return proof.model_copy(update={"key_id": self.key.kid, "signature": signature})
