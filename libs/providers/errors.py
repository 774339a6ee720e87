"""Error tables: the verdict on each refusal of a provider, read from the `errors.toml` of the provider's package."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from http import HTTPStatus
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from libs.contracts.errors import ErrorCode
from libs.providers.outcomes import Refused


@unique
class Verdict(StrEnum):
    """The meaning of a refusal for the message."""

    RETRY = "retry"
    """The fault passes: try again with growing pauses, a limited number of times."""
    THROTTLE = "throttle"
    """Too fast: hold the bucket. The call does not count as an attempt."""
    PERMANENT = "permanent"
    """This message can never be sent as it is."""
    POLICY = "policy"
    """WhatsApp's rules forbid this message in this form."""
    AUTH = "auth"
    """The number's credentials or configuration are wrong; an operator must act."""
    PAUSE = "pause"
    """WhatsApp restricted the number or its account; an operator must act."""


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
"""The error code that answers each verdict, unless the row names another."""
_CODES = {code.value: code for code in ErrorCode}


@unique
class Scope(StrEnum):
    """The bucket that a throttle applies to."""

    NUMBER = "number"
    PAIR = "pair"
    WABA = "waba"
    """The WhatsApp business account of the number."""
    APP = "app"


@unique
class Effect(StrEnum):
    """What the gateway does besides answering."""

    CLOSE_WINDOW = "close_window"
    """The conversation window is closed; a message with a template goes as the template."""
    MARK_UNREACHABLE = "mark_unreachable"
    """The customer cannot be reached on WhatsApp, for 7 days or until they write."""
    SUPPRESS_MARKETING = "suppress_marketing"
    """The customer stopped marketing messages of this business."""
    SUPPRESS_PROVIDER_BLOCK = "suppress_provider_block"
    """WhatsApp blocks the business for the customer, until START or an operator."""
    WAIT_24_HOURS = "wait_24_hours"
    """The customer gets no template of this number for a day."""
    SLOW_NUMBER = "slow_number"
    """The number is too fast: its rate is halved and recovers."""
    HOLD_PAIR = "hold_pair"
    """The number is too fast for this customer."""
    PAUSE_NUMBER = "pause_number"
    """The number sends neither call events nor templates; answers of agents inside the window pass."""
    PAUSE_ACCOUNT = "pause_account"
    """No number of the business account sends."""
    PAYMENT_REQUIRED = "payment_required"
    """No number of the business account sends until it can pay; one message an hour finds out."""
    STOP_TEMPLATES = "stop_templates"
    """No number of the business account sends templates; one a day finds out."""
    STOP_CREDENTIALS = "stop_credentials"
    """The token is refused: no number with this token sends until a probe succeeds."""
    STOP_NUMBER_CREDENTIALS = "stop_number_credentials"
    """The number's address or id is refused: it does not send until a probe succeeds."""
    STOP_REGISTRATION = "stop_registration"
    """The number is not set up, which a probe would not notice: one message an hour finds out."""
    STOP_TEMPLATE = "stop_template"
    """WhatsApp does not send the template in this language."""
    BLOCK_COUNTRY = "block_country"
    """The business account may not write to customers of this country."""
    PHONE_REQUIRED = "phone_required"
    """A user id does not do for this message: it is tried once more with the customer's phone number."""
    OPERATOR_REQUIRED = "operator_required"
    """The customer's identity changed; an operator must confirm that it is the same person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A verdict with its consequences.

    `wait_s`: how long a throttled bucket is held when the provider names no time. `attempts`: an upper limit for
    retries, None for the operator's setting. `unclassified`: the table has no row for the refusal; add one.
    """

    verdict: Verdict
    answer: ErrorCode
    meaning: str
    scope: Scope | None = None
    wait_s: float | None = None
    attempts: int | None = None
    effect: Effect | None = None
    unclassified: bool = False


UNCLASSIFIED = Classification(
    verdict=Verdict.PERMANENT,
    answer=ANSWERS[Verdict.PERMANENT],
    meaning="WhatsApp refused with a code that is in no row of the table.",
    unclassified=True,
)
"""The classification of an unlisted code: no retry, and an alert."""

UNCLASSIFIED_TRANSIENT = replace(UNCLASSIFIED, verdict=Verdict.RETRY, answer=ANSWERS[Verdict.RETRY])
"""The classification of an unlisted code when the provider says that the fault is its own or passes."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The rows by code and, for answers without a code, by the gateway's name for the reason or by HTTP status."""

    by_code: Mapping[int, Classification] = field(default_factory=dict)
    by_status: Mapping[int, Classification] = field(default_factory=dict)
    by_reason: Mapping[str, Classification] = field(default_factory=dict)

    def classify(self, refused: Refused) -> Classification:
        """Classify a refusal by its code alone, as Meta advises; by reason or HTTP status only without a code.

        Never raises. An unlisted code is PERMANENT, or RETRY where the answer says that the fault passes (5xx with an
        error body, or `is_transient`): a refused message was certainly not taken.
        """
        row = self.by_status.get(refused.http_status) if refused.code is None else self.by_code.get(refused.code)
        row = self.by_reason.get(refused.reason or "", row)
        if row is not None:
            return row
        transient = refused.transient or refused.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return UNCLASSIFIED_TRANSIENT if transient else UNCLASSIFIED


def packaged_table(package: str, *, extends: ErrorTable | None = None) -> ErrorTable:
    """The table in the `errors.toml` of a provider's package, added to the rows of `extends`."""
    table, base = (
        table_from(files(package).joinpath("errors.toml").read_text(encoding="utf-8")),
        extends or ErrorTable(),
    )
    by_code, by_status = {**base.by_code, **table.by_code}, {**base.by_status, **table.by_status}
    return ErrorTable(by_code, by_status, {**base.by_reason, **table.by_reason})


def table_from(text: str) -> ErrorTable:
    """Read a table in the form of `errors.toml`. Raises ValueError with the row that is wrong."""
    document = tomllib.loads(text)
    by_reason = {row["reason"]: _classification_from(row) for row in document.get("reason", ())}
    return ErrorTable(_rows(document, "code", "codes"), _rows(document, "status", "statuses"), by_reason)


def _rows(document: Mapping[str, Any], section: str, keys: str) -> Mapping[int, Classification]:
    rows: dict[int, Classification] = {}
    for row in document.get(section, ()):
        classification = _classification_from(row)
        for code in _expanded(row[keys]):
            if code in rows:
                raise ValueError(f"{section} {code} has two verdicts")
            rows[code] = classification
    return rows


def _classification_from(row: Mapping[str, Any]) -> Classification:
    verdict = Verdict(row["verdict"])
    if (verdict is Verdict.THROTTLE) != ("scope" in row and "wait_s" in row):
        raise ValueError(f"{row}: a throttle needs scope and wait_s, and no other verdict may have them")
    return Classification(
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
