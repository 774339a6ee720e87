"""`AddRestrictions`: stores the restrictions that a refusal leads to, for every number and account that it concerns."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.chassis.telemetry import logger
from libs.store.accounts import BusinessAccounts, Number
from libs.store.job_leases import JobLeases
from libs.store.restriction_events import added_events
from libs.store.restrictions import Restriction, RestrictionKind, Restrictions
from services.sender import metrics
from services.sender.domain.probes import success_id
from services.sender.domain.refusals import PAUSING, RefusedMessage, number_paused_from
from services.sender.domain.restrictions import (
    PROBED,
    concerned_numbers,
    needs_business_account,
    needs_token_peers,
    restrictions_from,
)
from services.sender.ports import TokenPeers

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRestrictions:
    """Safe to repeat: ids and times come from the refusal, and a restriction that stands is not told again."""

    restrictions: Restrictions
    business_accounts: BusinessAccounts
    token_peers: TokenPeers
    job_leases: JobLeases

    async def __call__(self, refused: RefusedMessage, number: Number) -> None:
        """Restrict what the refusal is about, with the events in the same step."""
        kind = await self._kind_after_probe(refused, number)
        peers = await self._peers(refused, number)
        for each in restrictions_from(refused, number, peers, kind=kind):
            await self._add(each, refused, (number, *peers))

    async def _add(self, wanted: Restriction, refused: RefusedMessage, numbers: Sequence[Number]) -> None:
        events = [*added_events(wanted, refused.event_id)]
        paused = concerned_numbers(wanted, numbers) if refused.classification.effect in PAUSING else []
        events += [
            number_paused_from(
                refused.event_id,
                account_id=wanted.account_id,
                number_id=each.id,
                reason=refused.classification.meaning,
                code=refused.code,
                at=refused.at,
            )
            for each in paused
        ]
        added = await self.restrictions.add(wanted, events)
        if not added.fresh:
            return
        metrics.RESTRICTIONS_ADDED.labels(wanted.subject.scope.value, wanted.kind.value).inc()
        metrics.NUMBERS_PAUSED.inc(len(paused))
        log.error(
            "restricted by whatsapp",
            restriction_id=wanted.id,
            scope=wanted.subject.scope.value,
            kind=wanted.kind.value,
            cause=wanted.cause,
            number_id=refused.number_id,
        )

    async def _peers(self, refused: RefusedMessage, number: Number) -> Sequence[Number]:
        """The other numbers that the refusal concerns: those with the token, or of the business account."""
        effect = refused.classification.effect
        if needs_token_peers(refused):
            return await self.token_peers.of(number)
        if effect is None or not needs_business_account(effect) or number.business_account_id is None:
            return ()
        found = await self.business_accounts.numbers_of(number.business_account_id)
        return [each for each in found if each.id != number.id]

    async def _kind_after_probe(self, refused: RefusedMessage, number: Number) -> RestrictionKind | None:
        """`registration` for a cause that came back although a probe succeeded in the last 15 minutes."""
        if refused.classification.effect not in PROBED:
            return None
        note = success_id(number.id, refused.cause)
        free = await self.job_leases.acquire(note, owner="refusal", now=refused.at, lease_seconds=0.0)
        return None if free else RestrictionKind.REGISTRATION
