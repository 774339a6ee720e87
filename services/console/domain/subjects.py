"""Request and response models of erasures and exports of a data subject's data."""

import base64
import json
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import Any

from pydantic import AwareDatetime, Field

from services.console.domain.events import RecordView
from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.pagination import View
from services.console.domain.suppressions import PhoneText

MAX_IDENTIFIER_LENGTH = 128
"""No phone or user id is longer."""


class SubjectRequest(RequestBody):
    """The body that names one customer of one account."""

    account_id: Id
    phone: PhoneText = Field(repr=False)
    """E.164, or a national number of the account's region."""
    reason: Reason
    """Why, such as the channel of the request. It stays in the record, so it must not identify the person."""


@unique
class ErasureStatus(StrEnum):
    """The state of an erasure."""

    FINISHED = "finished"
    UNDER_WAY = "under_way"
    """It continues in the background; repeating the request is unnecessary and harmless."""


class ErasureView(View):
    """The result of an erasure; it does not identify the person."""

    id: str
    account_id: str
    status: ErasureStatus
    pseudonyms: tuple[str, ...]
    """The person's pseudonyms (`customer_hash`) in the record; they stay there."""
    removed: dict[str, int]
    """How many entries of each kind were removed."""


class WindowView(View):
    """The person's conversation window with one of the account's numbers."""

    number_id: str
    last_inbound_at: AwareDatetime | None
    closed_at: AwareDatetime | None


class SuppressionDetail(View):
    """A suppression, active or lifted, with its evidence."""

    id: str
    kind: str
    source: str
    reason: str | None
    actor: str | None
    since: AwareDatetime
    masked_phone: str
    evidence: dict[str, Any]
    active: bool


class MessageView(View):
    """A message to the person, of the last 30 days."""

    event_id: str
    number_id: str | None
    state: str
    at: AwareDatetime | None
    message_id: str | None


class SubjectExport(View):
    """Everything that is stored about one person. Message texts are not stored."""

    account_id: str
    phone: str = Field(repr=False)
    exported_at: AwareDatetime
    pseudonyms: tuple[str, ...]
    """The person's pseudonyms in the record."""
    windows: tuple[WindowView, ...]
    suppressions: tuple[SuppressionDetail, ...]
    do_not_contact: tuple[str, ...]
    """Kinds of suppression that an earlier erasure left."""
    messages: tuple[MessageView, ...]
    dead_letters: tuple[str, ...]
    """Ids of failed deliveries about the person, which are stored encrypted until they expire."""
    records: tuple[RecordView, ...]
    """Every record about the person, newest first: messages, answers, statuses, suppressions."""


def short_texts_in(packed: str) -> Iterator[str]:
    """Every short text of a dead letter's event; identifiers of people are among them. None if it cannot be parsed."""
    try:
        body = json.loads(base64.b64decode(json.loads(packed)["body"]))
    except (ValueError, KeyError, TypeError):
        return
    yield from _texts(body)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and len(value) <= MAX_IDENTIFIER_LENGTH:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
