"""`Counts` adds up cells of counted records: each cell once, in any order, into counters."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from libs.contracts.decisions import CONFIRMATION
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus
from libs.record import facets
from libs.record.facets import Facet
from libs.record.summary import Cell
from libs.store.instants import instant_from
from services.console.domain.reports.periods import Day

NONE: Final = "none"
SENT, NO_MESSAGE, REFUSED, FAILED = "sent", "no_message", "refused", "failed"
UNKNOWN: Final = "unknown"
WEBHOOK: Final = "webhook"
_FAILURES: Final = frozenset({ErrorCode.GATEWAY_SEND_FAILED.value, ErrorCode.GATEWAY_UNAVAILABLE.value})
_STATUSES: Final = frozenset(status.value for status in AnswerStatus)
_CHANGES: Final = frozenset({"account", "number", "integration", "dead_letter", "token", "approval", "legal_hold"})
READINGS: Final = frozenset(
    {"data.read", "access.refused", "report.read", "record.exported", "subject.exported", "media.fetched"}
)
"""The types of records about who read what."""


def group_of(code: str) -> str:
    """The group of a webhook's code: `sent`, `no_message`, `refused` or `failed`."""
    if code == AnswerStatus.SENT.value:
        return SENT
    if code in _STATUSES:
        return NO_MESSAGE
    return FAILED if code in _FAILURES else REFUSED


@dataclass(slots=True)
class Counts:
    """All counters of one report."""

    zone: ZoneInfo
    records: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    purposes: Counter[str] = field(default_factory=Counter)
    purposes_sent: Counter[str] = field(default_factory=Counter)
    event_types: Counter[str] = field(default_factory=Counter)
    confirmations: Counter[str] = field(default_factory=Counter)
    days: Counter[tuple[date, str]] = field(default_factory=Counter)
    inbound: Counter[date] = field(default_factory=Counter)
    used: Counter[date] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    provider_failures: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    content_blocked: int = 0
    flagged: int = 0
    unknown: int = 0
    added: Counter[tuple[str, str]] = field(default_factory=Counter)
    lifted: Counter[tuple[str, str]] = field(default_factory=Counter)
    forwards: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    contents: Counter[str] = field(default_factory=Counter)
    templates: Counter[str] = field(default_factory=Counter)
    readings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    consents: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, day: Day, cell: Cell, n: int) -> None:
        """Add `n` records of `day` that are alike."""
        values: tuple[Facet, ...] = tuple(orjson.loads(cell.facets))
        self.records += n
        match cell.type:
            case "webhook.answered":
                self._add_answer(day, cell, values, n)
            case "webhook.rejected":
                self.rejected[cell.code or NONE] += n * _requests_in(values)
            case "webhook.throttled":
                self._add_throttled(day, n * _requests_in(values), cell.code or ErrorCode.WEBHOOK_RATE_LIMITED.value)
            case "whatsapp.message_received":
                self.inbound[day.date] += n
            case "whatsapp.status_received":
                self._add_status(values, n)
            case _:
                self._add_other(cell, values, n)

    def _add_other(self, cell: Cell, values: tuple[Facet, ...], n: int) -> None:
        if cell.type in READINGS:
            times = n * (_whole(values[1]) or 1) if cell.type == "access.refused" else n
            self.readings[cell.actor or NONE, cell.type, _text(values, 0) if values else NONE] += times
        match cell.type:
            case "suppression.added":
                self.added[_text(values, facets.SOURCE), _text(values, facets.KIND)] += n
            case "suppression.lifted":
                self.lifted[_text(values, facets.SOURCE), _text(values, facets.KIND)] += n
            case "consent.recorded" | "consent.withdrawn":
                self.consents[cell.type, _text(values, facets.SOURCE)] += n
            case "import.applied":
                self.consents[cell.type, _text(values, 0)] += n * _whole(values[1])
            case "forward.delivered":
                self.forwards["delivered"] += n
            case "forward.failed":
                self.forwards[f"failed: {_text(values, 0)}"] += n
            case other if other not in READINGS and other.partition(".")[0] in _CHANGES:
                self.changes[other] += n
            case _:
                pass  # counted in other figures, or in none

    def _add_answer(self, day: Day, cell: Cell, values: tuple[Facet, ...], n: int) -> None:
        code = cell.code or NONE
        if values[facets.EVENT_TYPE] == CONFIRMATION:
            self.confirmations[code] += n
            return
        self._add_outcome(day, code, n)
        purpose, event_type = cell.purpose or NONE, values[facets.EVENT_TYPE]
        self.purposes[purpose] += n
        self.event_types[event_type if isinstance(event_type, str) else NONE] += n
        self.flagged += n if values[facets.FLAGGED] is True and code == SENT else 0
        if code == SENT:
            self.purposes_sent[purpose] += n
            self._add_content(values, n)
        if code == ErrorCode.SENDING_THROTTLED:
            self.throttled[_text(values, facets.SCOPE)] += n
        if code == ErrorCode.WEBHOOK_RATE_LIMITED:
            self.throttled[WEBHOOK] += n
        if values[facets.PASSED] is False and group_of(code) == REFUSED:
            self._add_objection(_text(values, facets.RULE), n)
        if values[facets.OUTCOME] == UNKNOWN:
            self.unknown += n
        if code == SENT or values[facets.OUTCOME] == UNKNOWN:
            received = day.date if cell.received is None else instant_from(cell.received).astimezone(self.zone).date()
            self.used[received] += n

    def _add_content(self, values: tuple[Facet, ...], n: int) -> None:
        """Add sent messages by the kind of their content."""
        template, media, interactive = (values[each] for each in (facets.TEMPLATE, facets.MEDIA, facets.INTERACTIVE))
        if template is not None:
            self.contents["template"] += n
            self.templates[str(template)] += n
        elif media is not None:
            self.contents[f"media: {media}"] += n
        elif interactive is not None:
            self.contents[f"interactive: {interactive}"] += n
        else:
            self.contents["text"] += n

    def _add_objection(self, rule: str, n: int) -> None:
        self.rules[rule] += n
        self.content_blocked += n if rule == "content_is_acceptable" else 0

    def _add_throttled(self, day: Day, requests: int, code: str) -> None:
        """Add requests that were refused for their rate or size and have no record of their own."""
        self._add_outcome(day, code, requests)
        self.purposes[NONE] += requests
        self.event_types[NONE] += requests
        self.throttled[WEBHOOK] += requests if code == ErrorCode.WEBHOOK_RATE_LIMITED else 0

    def _add_outcome(self, day: Day, code: str, n: int) -> None:
        self.codes[code] += n
        self.days[day.date, group_of(code)] += n

    def _add_status(self, values: tuple[Facet, ...], n: int) -> None:
        status = _text(values, facets.STATUS)
        self.statuses[status] += n
        if status == FAILED:
            self.provider_failures[_text(values, facets.STATUS_CODE)] += n


def _requests_in(values: tuple[Facet, ...]) -> int:
    """The number of requests that one record counts."""
    return _whole(values[facets.COUNT]) or 1


def _whole(value: Facet) -> int:
    """A count in a record; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(values: tuple[Facet, ...], facet: int) -> str:
    return NONE if values[facet] is None else str(values[facet])
