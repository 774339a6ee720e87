"""`PersonLookups`: how many persons one token may look up by phone or user id within an hour."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.allowances import Allowances
from services.console import metrics
from services.console.domain.principals import Principal

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLookups:
    """Counted in the store, for all replicas together."""

    allowances: Allowances
    clock: Clock
    limit: int

    async def admit(self, principal: Principal) -> None:
        """Count a look-up of the token. Raises GatewayError(too_many_requests) when it has none left; then none counts.

        A look-up that finds nobody counts too: whether the gateway knows a person is personal data.
        """
        key = f"lookups:{principal.holder}"
        wait = await self.allowances.take(key, limit=self.limit, within=HOUR, now=self.clock())
        if wait is None:
            metrics.LOOKUPS.labels("admitted").inc()
            return
        metrics.LOOKUPS.labels("refused").inc()
        details = {"scope": "token", "limit": self.limit, "retry_after": max(1, math.ceil(wait))}
        raise GatewayError(OperatorCode.TOO_MANY_REQUESTS, details)
