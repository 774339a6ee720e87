"""Lines of the checkpoint sink that a restore applies again: erasures and suppressions that came after the backup.

The rule: a line holds pseudonyms, and customer keys only sealed with a sink key (`GATEWAY_SINK_KEYS`). The seal is
bound to all other fields, so a line that was changed, or made without the key, cannot be opened. The format is in
docs/record-format.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import orjson

from libs.store.instants import instant_from, micros_from
from libs.store.sealer import CannotOpen, Sealer

ERASED: Final = "subject.erased"
ADDED: Final = "suppression.added"
LIFTED: Final = "suppression.lifted"
KINDS: Final = frozenset({ERASED, ADDED, LIFTED})
_SEALED: Final = "customer_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreLine:
    """What one event changed. Times are in UTC."""

    kind: str
    """`ERASED`, `ADDED` or `LIFTED`."""
    id: str
    """The id of the event."""
    at: datetime
    """When the event was published."""
    account_id: str
    customer_keys: tuple[str, ...]
    """Every key of the customer that the change was made for, sorted."""
    details: Mapping[str, Any]
    """Of an erasure `erasure_id` and `pseudonyms`; of a suppression `suppression_id`, `suppression` (its kind),
    `source`, and `since`: when the customer or the operator asked, in microseconds since 1970."""

    @property
    def since(self) -> datetime:
        """When it was asked for."""
        return instant_from(self.details["since"]) if "since" in self.details else self.at

    def sealed_with(self, sealer: Sealer) -> str:
        """The line as JSON text, without a line feed."""
        fields = self._fields()
        sealed = sealer.seal(orjson.dumps(self.customer_keys).decode(), owner=_owner(fields), field_name=_SEALED)
        return orjson.dumps(fields | {_SEALED: sealed}).decode()

    def _fields(self) -> dict[str, Any]:
        fields = {"kind": self.kind, "id": self.id, "at": micros_from(self.at), "account_id": self.account_id}
        return fields | dict(self.details)

    @classmethod
    def opened(cls, body: Mapping[str, Any], sealer: Sealer) -> Self:
        """The line from its JSON. Raises CannotOpen when it is not as it was sealed, or its key is not listed."""
        try:
            fields = dict(body)
            keys = orjson.loads(sealer.open(fields.pop(_SEALED), owner=_owner(fields), field_name=_SEALED))
            return cls(
                kind=fields.pop("kind"),
                id=fields.pop("id"),
                at=instant_from(fields.pop("at")),
                account_id=fields.pop("account_id"),
                customer_keys=tuple(keys),
                details=fields,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise CannotOpen("not a restore line") from error


def _owner(fields: Mapping[str, Any]) -> str:
    """What the seal is bound to: all fields in the clear."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()


def is_restore_line(body: object) -> bool:
    """Whether a sink's line (its JSON) claims to be one of these."""
    return isinstance(body, dict) and isinstance(body.get("kind"), str) and body["kind"] in KINDS


def sorted_keys(keys: Iterable[str | None]) -> tuple[str, ...]:
    """The keys, each once, in a fixed order."""
    return tuple(sorted({key for key in keys if key}))


def asked_at(evidence: Mapping[str, Any], at: datetime) -> datetime:
    """When a customer asked, by WhatsApp's clock: the evidence's `at`; else the time of the event."""
    try:
        asked = datetime.fromisoformat(str(evidence["at"]))
    except (KeyError, ValueError):
        return at
    return asked if asked.tzinfo is not None else asked.replace(tzinfo=UTC)


def sealed_keys(keys: Iterable[str], sealer: Sealer, *, erasure_id: str) -> str:
    """The customer keys of an erasure on their way from console to audit."""
    return sealer.seal(orjson.dumps(sorted_keys(keys)).decode(), owner=erasure_id, field_name=_SEALED)


def opened_keys(sealed: str, sealer: Sealer, *, erasure_id: str) -> tuple[str, ...]:
    """The reverse of `sealed_keys`. Raises CannotOpen."""
    return tuple(orjson.loads(sealer.open(sealed, owner=erasure_id, field_name=_SEALED)))
