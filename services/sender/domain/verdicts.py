"""What a provider's refusal means for us, looked up in `verdicts.toml`; every integer gets a verdict."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from libs.contracts.errors import ErrorCode
from services.sender.domain.outcomes import Refused


@unique
class Verdict(StrEnum):
    """What a refusal means."""

    RETRY = "retry"
    """It passes: try again with growing pauses, a bounded number of times."""
    THROTTLE = "throttle"
    """Too fast: hold the bucket; no try is used up."""
    PERMANENT = "permanent"
    """This message can never be sent as it is."""
    POLICY = "policy"
    """WhatsApp's rules forbid this message in this form."""
    AUTH = "auth"
    """The number's credentials or configuration are at fault; a person must act."""
    PAUSE = "pause"
    """WhatsApp restricted the number or its account; a person must act."""


ANSWERS: Mapping[Verdict, ErrorCode] = MappingProxyType(
    {
        Verdict.RETRY: ErrorCode.GATEWAY_SEND_FAILED,
        Verdict.THROTTLE: ErrorCode.SENDING_THROTTLED,
        Verdict.PERMANENT: ErrorCode.GATEWAY_SEND_FAILED,
        Verdict.POLICY: ErrorCode.POLICY_VIOLATION,
        Verdict.AUTH: ErrorCode.GATEWAY_SEND_FAILED,
        Verdict.PAUSE: ErrorCode.POLICY_VIOLATION,
    }
)
"""The error code that each verdict comes to, unless the code's row names another."""
_CODES = {code.value: code for code in ErrorCode}


@unique
class Scope(StrEnum):
    """The bucket that a throttle is about."""

    NUMBER = "number"
    PAIR = "pair"
    ACCOUNT = "account"
    APP = "app"


@unique
class Effect(StrEnum):
    """What the gateway does beyond answering."""

    CLOSE_WINDOW = "close_window"
    MARK_UNREACHABLE = "mark_unreachable"
    SUPPRESS_MARKETING = "suppress_marketing"
    REST_A_DAY = "rest_a_day"
    SLOW_NUMBER = "slow_number"
    HOLD_PAIR = "hold_pair"
    PAUSE_NUMBER = "pause_number"
    PAUSE_ACCOUNT = "pause_account"
    STOP_CREDENTIALS = "stop_credentials"
    STOP_TEMPLATE = "stop_template"
    BLOCK_COUNTRY = "block_country"
    USE_THE_PHONE = "use_the_phone"
    HOLD_FOR_A_PERSON = "hold_for_a_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with all that follows from it.

    `wait_s`: how long a throttled bucket is held when the provider names no time. `attempts`: an upper
    limit for retries, None for the operator's. `unclassified`: the code is in no row; somebody should add it.
    """

    verdict: Verdict
    answer: ErrorCode
    meaning: str
    scope: Scope | None = None
    wait_s: float | None = None
    attempts: int | None = None
    effect: Effect | None = None
    unclassified: bool = False


UNKNOWN = Judgement(
    verdict=Verdict.PERMANENT,
    answer=ANSWERS[Verdict.PERMANENT],
    meaning="WhatsApp refused with a code that is in no row of the table.",
    unclassified=True,
)
"""What an unlisted code comes to: no resend, and an alert."""

UNKNOWN_PASSING = replace(UNKNOWN, verdict=Verdict.RETRY, answer=ANSWERS[Verdict.RETRY])
"""What an unlisted code comes to when the provider itself says that the fault is on its side or will pass."""


@dataclass(frozen=True, slots=True)
class VerdictTable:
    """The rows by code and, for answers without a code, by our own word for the reason or by HTTP status."""

    by_code: Mapping[int, Judgement] = field(default_factory=dict)
    by_status: Mapping[int, Judgement] = field(default_factory=dict)
    by_reason: Mapping[str, Judgement] = field(default_factory=dict)

    def verdict_for(self, answer: Refused) -> Judgement:
        """Judge a refusal by its code alone, as Meta advises; by HTTP status only when it carries none.

        Never raises. An unlisted code is PERMANENT, or RETRY where the answer says that it will pass
        (5xx with an error body, or `is_transient`): the message was surely not taken.
        """
        row = self.by_status.get(answer.http_status) if answer.code is None else self.by_code.get(answer.code)
        row = self.by_reason.get(answer.reason or "", row)
        if row is not None:
            return row
        passing = answer.transient or answer.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return UNKNOWN_PASSING if passing else UNKNOWN


def table_from(text: str) -> VerdictTable:
    """Read a table in the form of `verdicts.toml`; ValueError names the row that is wrong."""
    document = tomllib.loads(text)
    by_reason = {row["reason"]: _judgement_from(row) for row in document.get("reason", ())}
    return VerdictTable(
        _rows(document, "rule", "codes"), _rows(document, "status", "statuses"), MappingProxyType(by_reason)
    )


@cache
def packaged_table() -> VerdictTable:
    """The table that comes with this version, read once."""
    return table_from(files(__package__).joinpath("verdicts.toml").read_text(encoding="utf-8"))


def verdict_for(answer: Refused) -> Judgement:
    """Judge a refusal by the packaged table."""
    return packaged_table().verdict_for(answer)


def _rows(document: Mapping[str, Any], section: str, keys: str) -> Mapping[int, Judgement]:
    rows: dict[int, Judgement] = {}
    for row in document.get(section, ()):
        judgement = _judgement_from(row)
        for code in _expanded(row[keys]):
            if code in rows:
                raise ValueError(f"{section} {code} has two verdicts")
            rows[code] = judgement
    return MappingProxyType(rows)


def _judgement_from(row: Mapping[str, Any]) -> Judgement:
    verdict = Verdict(row["verdict"])
    if (verdict is Verdict.THROTTLE) != ("scope" in row and "wait_s" in row):
        raise ValueError(f"{row}: scope and wait_s belong to a throttle, and to nothing else")
    return Judgement(
        verdict=verdict,
        answer=_CODES[row["answer"]] if "answer" in row else ANSWERS[verdict],
        meaning=row["meaning"],
        scope=Scope(row["scope"]) if "scope" in row else None,
        wait_s=row.get("wait_s"),
        attempts=row.get("attempts"),
        effect=Effect(row["effect"]) if "effect" in row else None,
    )


def _expanded(codes: list[int | str]) -> Iterator[int]:
    for code in codes:
        if isinstance(code, int):
            yield code
        else:
            first, last = code.split("-")
            yield from range(int(first), int(last) + 1)
