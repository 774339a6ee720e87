"""`VerifyAccountRecord` verifies an account's record for its report, within a time limit."""

import asyncio
from dataclasses import dataclass

from libs.contracts.errors import GatewayError
from services.console.domain.reports.model import Verification
from services.console.handlers.audit import Audit


@dataclass(frozen=True, slots=True)
class VerifyAccountRecord:
    """`VerifyRecord`."""

    audit: Audit
    seconds: float

    async def __call__(self, account_id: str) -> Verification:
        """As `VerifyRecord`."""
        if not self.audit.keys:
            return Verification(performed=False, note="This console has no key to verify with")
        try:
            async with asyncio.timeout(self.seconds):
                result, _ = await self.audit.verify_chain(account_id)
        except TimeoutError:
            note = f"It takes longer than {self.seconds:g} s: run `gateway audit verify`"
            return Verification(performed=False, note=note)
        except GatewayError as failure:
            return Verification(performed=False, note=f"The record could not be read: {failure.code.value}")
        fault = result.first_fault
        return Verification(
            performed=True,
            ok=result.ok,
            records=result.records,
            checkpoints=result.checkpoints,
            first_fault=None if fault is None else f"{fault.kind.value} at {fault.seq}: {fault.kind.meaning}",
        )
