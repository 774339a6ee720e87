"""`SimulationLimits`: how often decisions are simulated, since each takes policy's time from real messages."""

import math
from dataclasses import dataclass, field
from typing import Final

from libs.chassis.clock import Monotonic, monotonic
from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.call_windows import CallWindow

BY_TOKEN: Final = 30
"""Simulations a minute with one token."""
BY_ACCOUNT: Final = 60
"""Simulations a minute for one account, whoever asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationLimits:
    """Counted by each replica of console for itself: two replicas allow at most twice as many."""

    clock: Monotonic = monotonic
    by_token: CallWindow = field(default_factory=lambda: CallWindow(BY_TOKEN))
    by_account: CallWindow = field(default_factory=lambda: CallWindow(BY_ACCOUNT))

    def admit_token(self, actor: str) -> None:
        """Count a call of the token. Raises GatewayError(too_many_requests) when it has none left; that counts not."""
        self._admit(self.by_token, actor, "token")

    def admit_account(self, account_id: str) -> None:
        """Count a call for the account; raises as `admit_token`."""
        self._admit(self.by_account, account_id, "account")

    def refund(self, actor: str, account_id: str | None) -> None:
        """Take back a call that never reached policy, which the caller is not to blame for."""
        self.by_token.uncount(actor)
        if account_id is not None:
            self.by_account.uncount(account_id)

    def _admit(self, window: CallWindow, key: str, scope: str) -> None:
        now = self.clock()
        wait = window.wait(key, now)
        if wait > 0:
            details = {"scope": scope, "limit": window.limit, "retry_after": max(1, math.ceil(wait))}
            raise GatewayError(OperatorCode.TOO_MANY_REQUESTS, details)
        window.count(key, now)
