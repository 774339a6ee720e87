"""`OpenLink`: who holds a valid link may open the file; every other link is answered alike, at the same cost.

A link to a customer's file opens while its integration has links, one to a template's file while its number exists.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from libs.chassis.clock import Clock
from libs.store.accounts import Directory, Integration, Number
from libs.store.erased_customers import ErasedCustomers, cancels
from libs.store.sealer import SealingKey
from services.sender.domain.media_links import LinkRules
from services.sender.domain.media_tokens import MediaClaims, opened

NOBODY: Final = MediaClaims(
    account_id="acc_0",
    integration_id="int_0",
    number_id="num_0",
    media_id="0",
    message_id="0",
    kind="image",
    sent_at=0,
    expires_at=0,
    customers=("0" * 64,),
)
"""The claims of a forged link: they are looked up as others are, and nothing is found."""


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A valid link, and the number that has the file."""

    claims: MediaClaims
    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """Reads the number, the integration and the marker of an erasure, for every link."""

    keys: Sequence[SealingKey] = field(repr=False)
    directory: Directory
    erased_customers: ErasedCustomers
    clock: Clock

    def claims_of(self, token: str) -> MediaClaims:
        """What the token says; `NOBODY` for one that was forged. Reads nothing."""
        return opened(token, self.keys) or NOBODY

    async def __call__(self, claims: MediaClaims) -> OpenedLink | None:
        """The link; None when it is forged or has ended, its person was erased, or its number or integration is gone.

        Raises GatewayError(gateway_unavailable) when the store gives no answer.
        """
        number = await self.directory.number(number_id=claims.number_id)
        integration = await self.directory.integration(claims.integration_id)
        erased = await self._erased(claims)
        ended = self.clock().timestamp() >= claims.expires_at
        if number is None or erased or ended or number.account_id != claims.account_id:
            return None
        allowed = claims.outbound or _allows(integration, claims)
        return OpenedLink(claims, number) if allowed else None

    async def _erased(self, claims: MediaClaims) -> bool:
        """Whether the person was erased after the message, by any of their keys: one read."""
        erased_at = await self.erased_customers.erased_at(claims.account_id, frozenset(claims.customers))
        return cancels(erased_at, datetime.fromtimestamp(claims.sent_at, UTC))


def _allows(integration: Integration | None, claims: MediaClaims) -> bool:
    """Whether the integration still has links to customers' files of this kind."""
    if integration is None or integration.account_id != claims.account_id:
        return False
    return integration.enabled and LinkRules.of(integration).allow(claims.kind)
