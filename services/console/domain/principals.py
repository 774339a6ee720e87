"""The callers of the API: `Principal` with its role and accounts, or `RejectedCaller`."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from typing import Final

from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.tokens import Token
from services.console.domain.refusals import invalid


@unique
class Role(IntEnum):
    """What a token allows; each role includes the ones before it."""

    AUDITOR = 1
    """Reads everything, changes nothing."""
    OPERATOR = 2
    """Manages numbers, integrations, secrets, suppressions and restrictions."""
    ADMIN = 3
    """Creates and edits accounts, issues tokens, erases and exports data subjects."""


@unique
class RejectionReason(StrEnum):
    """Why a call was not authenticated; the response does not contain it."""

    MISSING = "missing_token"
    UNKNOWN = "unknown_token"
    EXPIRED = "expired_token"
    REVOKED = "revoked_token"


@dataclass(frozen=True, slots=True)
class RejectedCaller:
    """A caller without a valid token. An expired or revoked token has an id, and an account if it covered only one."""

    reason: RejectionReason
    token_id: str | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller with a valid token. `accounts` None covers all accounts."""

    actor: str
    role: Role
    accounts: frozenset[str] | None = None
    token_id: str | None = None
    """The id of its stored token; None: the token of the deployment's settings."""

    @property
    def holder(self) -> str:
        """What tells tokens apart."""
        return self.token_id or self.actor

    def can_see(self, account_id: str) -> bool:
        """True when the token covers the account."""
        return self.accounts is None or account_id in self.accounts

    def require(self, role: Role) -> None:
        """Raise GatewayError(forbidden) unless the token's role includes `role`."""
        if self.role < role:
            raise GatewayError(OperatorCode.FORBIDDEN, {"required_role": role.name.lower()})

    def scope(self, requested: str | None) -> str | None:
        """The account to list, from the one that was requested; None: all accounts.

        Raises GatewayError: forbidden when the token does not cover it, invalid_request when a token for several
        accounts names none.
        """
        if requested is not None:
            if not self.can_see(requested):
                raise GatewayError(OperatorCode.FORBIDDEN, {"field": "account_id"})
            return requested
        if self.accounts is None:
            return None
        if len(self.accounts) == 1:
            return next(iter(self.accounts))
        raise invalid("account_id", "is required: the token covers several accounts, not all")


DEPLOYMENT_ADMIN: Final = Principal("admin", Role.ADMIN)
"""The holder of the token in the deployment's settings."""


def principal_from(stored: Token) -> Principal:
    """The principal of a token; records name it by the token's label and id."""
    accounts = None if stored.accounts is None else frozenset(stored.accounts)
    return Principal(f"{stored.label} ({stored.id})", Role[stored.role.upper()], accounts, stored.id)
