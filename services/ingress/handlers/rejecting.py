"""Put on the record that a request was not authenticated, and why; the caller learns nothing of it."""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from libs.chassis.clock import Monotonic, NewId
from libs.chassis.flood import FloodGate
from libs.contracts.events import WebhookRejected
from libs.store.accounts import Integration
from services.ingress import metrics
from services.ingress.domain.addresses import Address
from services.ingress.domain.authentication import Reason
from services.ingress.ports import Recorder

PLAUSIBLE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
UNKNOWN: Final = "unknown"


class Source(NamedTuple):
    """From where and to whom: one address (of IPv6 its /64, which is one household's) and one integration."""

    address: str
    account_id: str | None
    integration_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Takes no time of the request's: the record is told in the background."""

    recorder: Recorder
    new_id: NewId
    monotonic: Monotonic
    gate: FloodGate[Source] = field(default_factory=FloodGate)

    def __call__(
        self, integration: Integration | None, claimed: str, *, address: Address | None, reason: Reason
    ) -> None:
        """Record one rejection, or count it; ids that name nobody share one count for each address."""
        metrics.REJECTIONS.labels(reason.value).inc()
        account_id, integration_id = (None, None) if integration is None else (integration.account_id, integration.id)
        source = Source(_household(address), account_id, integration_id)
        if self.gate.admits(source, reason.value, at=self.monotonic()):
            rejected = WebhookRejected(
                account_id=account_id,
                integration_id=integration_id,
                claimed_integration=claimed if PLAUSIBLE.fullmatch(claimed) else None,
                reason=reason.value,
                client_address=UNKNOWN if address is None else str(address),
            )
            self.recorder.tell(rejected, self.new_id())

    def summarise(self, *, final: bool = False) -> None:
        """Tell the record of minutes that are over; to be called every few seconds."""
        for summary in self.gate.summaries(at=self.monotonic(), final=final):
            source = summary.source or Source("several", None, None)
            for reason, count in summary.counts.items():
                rejected = WebhookRejected(
                    account_id=source.account_id,
                    integration_id=source.integration_id,
                    reason=reason,
                    client_address=source.address,
                    count=count,
                )
                self.recorder.tell(rejected, self.new_id())


def _household(address: Address | None) -> str:
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
