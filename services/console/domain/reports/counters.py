"""`Counts` adds up tallies: each tally once, in any order, into counters."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from libs.contracts.decisions import CONFIRMATION
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus
from libs.store import tallies as facets
from libs.store.tallies import Facet, Tally
from services.console.domain.reports.periods import Day

NONE: Final = "none"
SENT, NO_MESSAGE, REFUSED, FAILED = "sent", "no_message", "refused", "failed"
UNKNOWN: Final = "unknown"
WEBHOOK: Final = "webhook"
_FAILURES: Final = frozenset({ErrorCode.GATEWAY_SEND_FAILED.value, ErrorCode.GATEWAY_UNAVAILABLE.value})
_STATUSES: Final = frozenset(status.value for status in AnswerStatus)
_CHANGES: Final = frozenset({"account", "number", "integration", "dead_letter", "report", "token", "erasure", "export"})


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

    def add(self, day: Day, tally: Tally) -> None:
        """Add a tally of `day`."""
        n, values = tally.records, tally.facets
        self.records += n
        match tally.type:
            case "webhook.answered":
                self._add_answer(day, tally)
            case "webhook.rejected":
                self.rejected[tally.code or NONE] += n * _requests_in(values)
            case "webhook.throttled":
                self._add_throttled(day, n * _requests_in(values), tally.code or ErrorCode.WEBHOOK_RATE_LIMITED.value)
            case "whatsapp.message_received":
                self.inbound[day.date] += n
            case "whatsapp.status_received":
                self._add_status(values, n)
            case _:
                self._add_other(tally.type, values, n)

    def _add_other(self, type_: str, values: tuple[Facet, ...], n: int) -> None:
        match type_:
            case "suppression.added":
                self.added[_text(values, facets.SOURCE), _text(values, facets.KIND)] += n
            case "suppression.lifted":
                self.lifted[_text(values, facets.SOURCE), _text(values, facets.KIND)] += n
            case "forward.delivered":
                self.forwards["delivered"] += n
            case "forward.failed":
                self.forwards[f"failed: {_text(values, 0)}"] += n
            case other if other.partition(".")[0] in _CHANGES:
                self.changes[other] += n
            case _:
                pass  # counted in other figures, or in none

    def _add_answer(self, day: Day, tally: Tally) -> None:
        n, values, code = tally.records, tally.facets, tally.code or NONE
        if values[facets.EVENT_TYPE] == CONFIRMATION:
            self.confirmations[code] += n
            return
        self._add_outcome(day, code, n)
        purpose, event_type = tally.purpose or NONE, values[facets.EVENT_TYPE]
        self.purposes[purpose] += n
        self.event_types[event_type if isinstance(event_type, str) else NONE] += n
        self.flagged += n if values[facets.FLAGGED] is True and code == SENT else 0
        if code == SENT:
            self.purposes_sent[purpose] += n
        if code == ErrorCode.SENDING_THROTTLED:
            self.throttled[_text(values, facets.SCOPE)] += n
        if code == ErrorCode.WEBHOOK_RATE_LIMITED:
            self.throttled[WEBHOOK] += n
        if values[facets.PASSED] is False and group_of(code) == REFUSED:
            self._add_objection(_text(values, facets.RULE), n)
        if values[facets.OUTCOME] == UNKNOWN:
            self.unknown += n
        if code == SENT or values[facets.OUTCOME] == UNKNOWN:
            self.used[self._counted_on(day, tally.late)] += n

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
            self.provider_failures[_text(values, facets.PROVIDER_CODE)] += n

    def _counted_on(self, day: Day, late: str | None) -> date:
        """The account's day whose quota a message uses: that of its webhook, not of its answer."""
        if late is None:
            return day.date
        return datetime.fromisoformat(late).replace(tzinfo=UTC).astimezone(self.zone).date()


def _requests_in(values: tuple[Facet, ...]) -> int:
    """The number of requests that one record counts."""
    count = values[facets.COUNT]
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 1


def _text(values: tuple[Facet, ...], facet: int) -> str:
    return NONE if values[facet] is None else str(values[facet])
