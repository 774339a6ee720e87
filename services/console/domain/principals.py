"""Who is asking, and what they may: a role, and the accounts that they may see at all."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique

from libs.contracts.errors import GatewayError, OperatorCode


@unique
class Role(IntEnum):
    """What a token allows; each role includes the ones before it."""

    AUDITOR = 1
    """Reads everything, changes nothing."""
    OPERATOR = 2
    """Runs accounts: numbers, integrations, secrets, suppressions."""
    ADMIN = 3
    """Makes and edits accounts."""


@unique
class Fault(StrEnum):
    """Why a call is not let in; the caller is told none of it."""

    MISSING = "missing_token"
    UNKNOWN = "unknown_token"
    EXPIRED = "expired_token"
    REVOKED = "revoked_token"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Whoever sent no accepted token; `token_id` and `account_id` where it once was one, of that account alone."""

    fault: Fault
    token_id: str | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever sent an accepted token. `accounts` None: all of them."""

    actor: str
    role: Role
    accounts: frozenset[str] | None = None

    def sees(self, account_id: str) -> bool:
        """True when the account is within the token's scope."""
        return self.accounts is None or account_id in self.accounts

    def require(self, role: Role) -> None:
        """Raise GatewayError(forbidden) unless the token's role covers `role`."""
        if self.role < role:
            raise GatewayError(OperatorCode.FORBIDDEN, {"required_role": role.name.lower()})

    def scope(self, asked: str | None) -> str | None:
        """The account to list, from the one that was asked for; None: all accounts.

        Raises GatewayError: forbidden outside the token's scope, invalid_request when a token for several accounts
        names none.
        """
        if asked is not None:
            if not self.sees(asked):
                raise GatewayError(OperatorCode.FORBIDDEN, {"field": "account_id"})
            return asked
        if self.accounts is None:
            return None
        if len(self.accounts) == 1:
            return next(iter(self.accounts))
        raise invalid("account_id", "is required: the token covers several accounts, not all")


def invalid(field: str, problem: str) -> GatewayError:
    """The refusal for one field, in the same shape as the refusals of the request models."""
    return GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": field, "problem": problem}]})


def not_found() -> GatewayError:
    """The refusal for an id that is unknown, or that the token may not know of."""
    return GatewayError(OperatorCode.NOT_FOUND)


def conflict(problem: str) -> GatewayError:
    """The refusal for a change that somebody else's change, or an existing row, stands against."""
    return GatewayError(OperatorCode.CONFLICT, {"problem": problem})
