"""`RejectRequest`: records that a request was not authenticated, and why; the caller does not learn the reason.

What one address causes is recorded one by one up to a budget, whichever integrations it names and whether they exist;
beyond it, rejections are counted. Known and unknown ids so cost the same at any time.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from libs.chassis.client_addresses import Address
from libs.chassis.clock import Monotonic, NewId
from libs.chassis.metrics import from_zero
from libs.chassis.throttle import INDIVIDUAL_LIMIT, AggregatingThrottle, MinuteBudget
from libs.contracts.events import WebhookRejected
from libs.store.accounts import Integration
from services.ingress import metrics
from services.ingress.domain.authentication import RejectionReason
from services.ingress.ports import Recorder

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
UNKNOWN_ADDRESS: Final = "unknown"
from_zero(metrics.REJECTIONS, RejectionReason)


class Source(NamedTuple):
    """The source of requests: one address (of IPv6 its /64, the network of one subscriber) and one integration."""

    address: str
    account_id: str | None
    integration_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRequest:
    """Records rejections in the background, so that they do not delay the answer."""

    recorder: Recorder
    new_id: NewId
    monotonic: Monotonic
    budget: MinuteBudget[str] = field(default_factory=lambda: MinuteBudget(INDIVIDUAL_LIMIT))
    """By address."""
    counts: AggregatingThrottle[Source] = field(default_factory=lambda: AggregatingThrottle(individual_limit=0))

    def __call__(
        self, integration: Integration | None, claimed: str, *, address: Address | None, reason: RejectionReason
    ) -> None:
        """Record one rejection, or only count it. Unknown integration ids share one count for each address."""
        metrics.REJECTIONS.labels(reason.value).inc()
        account_id, integration_id = (None, None) if integration is None else (integration.account_id, integration.id)
        source = Source(_source_address(address), account_id, integration_id)
        at = self.monotonic()
        if not self.budget.admits(source.address, at=at):
            self.counts.admits(source, reason.value, at=at)
        else:
            rejected = WebhookRejected(
                account_id=account_id,
                integration_id=integration_id,
                claimed_integration=claimed if ID_PATTERN.fullmatch(claimed) else None,
                reason=reason.value,
                client_address=UNKNOWN_ADDRESS if address is None else str(address),
            )
            self.recorder.record(rejected, self.new_id())

    def publish_summaries(self, *, final: bool = False) -> None:
        """Record the counts of minutes that have ended, or of all minutes when `final`. Call it every few seconds."""
        for summary in self.counts.summaries(at=self.monotonic(), final=final):
            source = summary.source or Source("several", None, None)
            for reason, count in summary.counts.items():
                rejected = WebhookRejected(
                    account_id=source.account_id,
                    integration_id=source.integration_id,
                    reason=reason,
                    client_address=source.address,
                    count=count,
                )
                self.recorder.record(rejected, self.new_id())


def _source_address(address: Address | None) -> str:
    if address is None:
        return UNKNOWN_ADDRESS
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
