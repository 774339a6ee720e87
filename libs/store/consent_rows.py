"""The stored form of consents and withdrawals, the same in both adapters: plain values, times in microseconds."""

from collections.abc import Mapping
from typing import Any

from libs.store.consents import Consent, ConsentScope, ConsentSource, CustomerConsents, Withdrawal
from libs.store.instants import instant_from, micros_from

CONSENT_FIELDS = (
    *("id", "fingerprint", "account_id", "customer_key", "masked_phone", "scope", "source", "wording_version", "at"),
    *("evidence_hash", "origin", "actor", "import_id", "recorded_at"),
)
WITHDRAWAL_FIELDS = ("account_id", "customer_key", "scope", "at", "source", "actor")
_TIMES = ("at", "recorded_at")


def row_from(entry: Consent | Withdrawal) -> dict[str, Any]:
    """The stored values of an entry."""
    names = CONSENT_FIELDS if isinstance(entry, Consent) else WITHDRAWAL_FIELDS
    row = {name: getattr(entry, name) for name in names}
    return row | {name: micros_from(row[name]) for name in _TIMES if name in row}


def consent_from(row: Mapping[str, Any]) -> Consent:
    """The consent in stored values; a source or scope of a later release is an error."""
    return Consent(**_values(row, CONSENT_FIELDS))


def withdrawal_from(row: Mapping[str, Any]) -> Withdrawal:
    """The withdrawal in stored values."""
    return Withdrawal(**_values(row, WITHDRAWAL_FIELDS))


def exported_from(found: CustomerConsents) -> list[dict[str, Any]]:
    """The ledger of a customer as JSON values, for the person: consents and withdrawals in the order of time."""
    consents = [
        {**_shown(each), "at": each.at, "recorded_at": each.recorded_at, "withdrawn": not found.is_standing(each)}
        for each in found.consents
    ]
    withdrawals = [{**_shown(each), "at": each.at, "withdrawal": True} for each in found.withdrawals]
    return sorted((*consents, *withdrawals), key=lambda each: each["at"])


def _shown(entry: Consent | Withdrawal) -> dict[str, Any]:
    return {name: value for name, value in row_from(entry).items() if name != "fingerprint"}


def _values(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: row[name] for name in names}
    values |= {name: instant_from(values[name]) for name in _TIMES if name in values}
    return values | {"scope": ConsentScope(values["scope"]), "source": ConsentSource(values["source"])}
