"""What a report says of the record's proof: verified now, within its time, or plainly not."""

import asyncio
from dataclasses import dataclass

from libs.contracts.errors import GatewayError
from services.console.domain.reporting.figures import Verification
from services.console.handlers.auditing import Audit


@dataclass(frozen=True, slots=True)
class VerifyForReport:
    """`Verifies`."""

    audit: Audit
    seconds: float

    async def __call__(self, account_id: str) -> Verification:
        """As `Verifies`."""
        if not self.audit.keys:
            return Verification(performed=False, note="This console has no key to verify with")
        try:
            async with asyncio.timeout(self.seconds):
                verdict, _ = await self.audit.verdict(account_id)
        except TimeoutError:
            note = f"It takes longer than {self.seconds:g} s: ask `gateway audit verify` for it"
            return Verification(performed=False, note=note)
        except GatewayError as failure:
            return Verification(performed=False, note=f"The record could not be read: {failure.code.value}")
        fault = verdict.first_fault
        return Verification(
            performed=True,
            ok=verdict.ok,
            records=verdict.records,
            checkpoints=verdict.checkpoints,
            first_fault=None if fault is None else f"{fault.kind.value} at {fault.seq}: {fault.kind.sentence}",
        )
