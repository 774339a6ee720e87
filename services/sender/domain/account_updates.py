"""What a notice of WhatsApp about a business account, a number or a template changes. Pure.

The words are those of Meta's webhook reference. A word that is not listed changes nothing: it is recorded and counted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from libs.contracts.events import WhatsAppAccountUpdated
from libs.store.restrictions import RestrictionKind, Subject, of_business_account, of_template

TEMPLATE_TOPIC, ACCOUNT_TOPIC = "message_template_status_update", "account_update"
QUALITY_TOPIC: Final = "phone_number_quality_update"
CAPABILITY_TOPIC: Final = "business_capability_update"
CAPABILITY: Final = "max_daily_conversations_per_business"
TEMPLATE_STOPPED: Final = frozenset({"PAUSED", "DISABLED", "REJECTED", "PENDING_DELETION", "DELETED", "ARCHIVED"})
TEMPLATE_USABLE: Final = frozenset({"APPROVED", "UNARCHIVED", "REINSTATED"})
ACCOUNT_STOPPED: Final = frozenset({"DISABLED_UPDATE", "ACCOUNT_RESTRICTION"})
REINSTATED: Final = "REINSTATE"
ANNOUNCED: Final = "SCHEDULE_FOR_DISABLE"
"""A ban that begins later, which another notice tells."""
OF_NO_MESSAGE: Final = frozenset({"RESTRICTED_ADD_PHONE_NUMBER_ACTION"})
"""What an account may not do that keeps no message from being sent."""
THROUGHPUT_UPGRADE: Final = "THROUGHPUT_UPGRADE"
FLAGGED: Final = "FLAGGED"
KNOWN_WORDS: Final = (
    TEMPLATE_STOPPED
    | TEMPLATE_USABLE
    | ACCOUNT_STOPPED
    | {REINSTATED, THROUGHPUT_UPGRADE, FLAGGED, "UNFLAGGED", "UPGRADE", "DOWNGRADE", "ONBOARDING", "PENDING"}
)
"""The words that are labels of the metric; any other is `other`."""
_LIMIT: Final = re.compile(r"(?:TIER_)?(?P<count>[0-9]{1,12})(?P<thousands>K?)")
_LONGEST_NAME: Final = 512
_MAX_SECONDS: Final = 10**11


@dataclass(frozen=True, slots=True)
class Restricts:
    """The notice restricts the subject, until `until` if it says so."""

    subject: Subject
    kind: RestrictionKind
    until: datetime | None = None
    limit: int | None = None
    """How many customers may get templates within 24 hours, where the notice is about that."""


@dataclass(frozen=True, slots=True)
class Lifts:
    """The notice ends a restriction."""

    subject: Subject
    kind: RestrictionKind


@dataclass(frozen=True, slots=True)
class RaisesThroughput:
    """The numbers of the business account may send faster; the provider says how fast."""


Change = Restricts | Lifts | RaisesThroughput


def word_of(event: WhatsAppAccountUpdated) -> str:
    """The notice's own word for what happened; empty when it has none."""
    word = event.update.get("event")
    return word if isinstance(word, str) else ""


def changes_in(event: WhatsAppAccountUpdated) -> list[Change]:
    """What the notice changes for the account that it is written to; nothing when it is not understood."""
    match event.topic:
        case topic if topic == TEMPLATE_TOPIC:
            return list(_template_changes(event))
        case topic if topic == ACCOUNT_TOPIC:
            return list(_account_changes(event))
        case topic if topic == QUALITY_TOPIC and word_of(event) == THROUGHPUT_UPGRADE:
            return [RaisesThroughput()]
        case topic if topic == CAPABILITY_TOPIC:
            return list(_capability_changes(event))
        case _:
            return []


def _template_changes(event: WhatsAppAccountUpdated) -> Iterator[Change]:
    name, language = event.update.get("message_template_name"), event.update.get("message_template_language")
    if not _is_name(name) or not _is_name(language):
        return
    subject, kind = of_template(event.business_account_id, str(name), str(language)), RestrictionKind.TEMPLATE
    if word_of(event) in TEMPLATE_STOPPED:
        yield Restricts(subject, kind)
    elif word_of(event) in TEMPLATE_USABLE:
        yield Lifts(subject, kind)


def _account_changes(event: WhatsAppAccountUpdated) -> Iterator[Change]:
    subject, kind, word = of_business_account(event.business_account_id), RestrictionKind.ACCOUNT, word_of(event)
    state = _ban_state_in(event.update.get("ban_info"))
    if REINSTATED in (word, state):
        yield Lifts(subject, kind)
    elif word in ACCOUNT_STOPPED and state != ANNOUNCED:
        rows = _rows_in(event.update.get("restriction_info"))
        if not rows or any(row.get("restriction_type") not in OF_NO_MESSAGE for row in rows):
            yield Restricts(subject, kind, _expiration_in(rows))


def _ban_state_in(ban: object) -> object:
    """The state of a ban; some notices have it in a list. A list of several says nothing: samples list all states."""
    state = ban.get("waba_ban_state") if isinstance(ban, Mapping) else None
    if isinstance(state, list | tuple):
        return state[0] if len(state) == 1 else ANNOUNCED
    return state


def _capability_changes(event: WhatsAppAccountUpdated) -> Iterator[Change]:
    """The limit of the portfolio, as a number or a tier (`TIER_2K`); -1 or a word such as TIER_UNLIMITED is none."""
    limit = event.update.get(CAPABILITY)
    if isinstance(limit, str) and (tier := _LIMIT.fullmatch(limit.upper())):
        limit = int(tier["count"]) * (1_000 if tier["thousands"] else 1)
    subject, kind = of_business_account(event.business_account_id), RestrictionKind.TEMPLATE_LIMIT
    if type(limit) is int and limit >= 0:
        yield Restricts(subject, kind, limit=limit)
    elif limit == -1 or (isinstance(limit, str) and limit.upper().endswith("UNLIMITED")):
        yield Lifts(subject, kind)


def cause_of(event: WhatsAppAccountUpdated) -> str:
    """The cause of a restriction in one word: the topic, with the notice's own word if it has one."""
    return f"{event.topic}:{word_of(event)}" if word_of(event) else event.topic


def _rows_in(restrictions: object) -> list[Mapping[str, Any]]:
    """The rows of an account's restrictions; what is none of the form is a row that says nothing."""
    rows = restrictions if isinstance(restrictions, list | tuple) else ()
    return [row if isinstance(row, Mapping) else {} for row in rows]


def _expiration_in(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the last of the account's restrictions ends; None when one of them says no end."""
    ends = [_time_in(row.get("expiration")) for row in rows]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _time_in(value: object) -> datetime | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    return datetime.fromtimestamp(value, UTC) if type(value) is int and 0 < value < _MAX_SECONDS else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
