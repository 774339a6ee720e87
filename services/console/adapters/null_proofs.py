"""Stand-ins for verification and signing where a deployment has no keys; the report says that nothing was verified."""

from services.console.domain.reports.model import Proof, Verification


async def no_verification(_: str) -> Verification:
    """As `VerifyRecord`."""
    return Verification(performed=False, note="No verification of the record was requested")


def no_signature(proof: Proof) -> Proof:
    """As `SignReport`."""
    return proof
