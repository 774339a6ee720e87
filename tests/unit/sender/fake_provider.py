"""A provider that answers as it is told, and the numbers that it serves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.providers.cloud_api.responses import ERRORS
from libs.providers.errors import ErrorTable
from libs.providers.outcomes import Accepted, OutcomeUnknown, ProbeOutcome, SendOutcome, Usable
from libs.providers.outgoing import NumberCredentials, Outgoing
from libs.store.accounts import Number
from tests.unit.sender.fake_world import World


@dataclass
class FakeProvider:
    """Plays outcomes back, then accepts; `took` is what a customer would have got."""

    world: World
    errors: ErrorTable = ERRORS
    outcomes: list[SendOutcome] = field(default_factory=list)
    offered: list[Outgoing] = field(default_factory=list)
    took: list[Outgoing] = field(default_factory=list)
    gate: asyncio.Event | None = None
    probes: list[ProbeOutcome] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:
        await self.world.step()
        self.probed.append(number.number_id)
        return self.probes.pop(0) if self.probes else Usable(1000.0 if throughput else None)

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        await self.world.step()
        self.offered.append(outgoing)
        outcome = self.outcomes.pop(0) if self.outcomes else Accepted(message_id=f"wamid.{len(self.offered)}")
        if isinstance(outcome, Accepted | OutcomeUnknown):
            self.took.append(outgoing)
        if self.gate is not None:
            await self.gate.wait()
        await self.world.step()
        return outcome


@dataclass
class FakeNumbers:
    """A few numbers whose tokens are not sealed at all; `unreadable` ones cannot be opened."""

    rows: Sequence[Number] = ()
    unreadable: frozenset[str] = frozenset()

    async def number(self, number_id: str) -> Number | None:
        return next((row for row in self.rows if row.id == number_id), None)

    def credentials(self, number: Number) -> NumberCredentials | None:
        if number.id in self.unreadable:
            return None
        return NumberCredentials(
            number_id=number.id,
            phone_number_id=number.phone_number_id,
            access_token=number.sealed_token,
            base_url=number.base_url,
        )
