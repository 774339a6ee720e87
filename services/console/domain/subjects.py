"""Persons as admins ask about them: whom to erase, or whose data to hand out; and what they are told of it."""

import base64
import json
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import Any

from pydantic import AwareDatetime, Field

from services.console.domain.events import RecordShown
from services.console.domain.fields import Asked, Id, Reason
from services.console.domain.paging import Shown
from services.console.domain.suppressions import PhoneText

LONGEST_NAME = 128
"""Phones and user ids are no longer."""


class SubjectAsked(Asked):
    """One customer of one account."""

    account_id: Id
    phone: PhoneText = Field(repr=False)
    """E.164, or a national number of the account's region."""
    reason: Reason
    """Why, for the record: who asked and how. It stays there, so it must not name the person."""


@unique
class Progress(StrEnum):
    """How far an erasure is."""

    FINISHED = "finished"
    UNDER_WAY = "under_way"
    """It is written down and goes on by itself; asking again is not needed, and does no harm."""


class ErasureShown(Shown):
    """What became of an erasure; it names the person nowhere."""

    id: str
    account_id: str
    status: Progress
    pseudonyms: tuple[str, ...]
    """What the person's records call them (`customer_hash`), now and for ever."""
    removed: dict[str, int]
    """How much of what; zeros for somebody of whom nothing was kept."""


class WindowShown(Shown):
    """A conversation with one of the account's numbers."""

    number_id: str
    last_inbound_at: AwareDatetime | None
    closed_at: AwareDatetime | None


class HeldSuppression(Shown):
    """A suppression, lifted or not, with its evidence."""

    id: str
    kind: str
    source: str
    reason: str | None
    actor: str | None
    since: AwareDatetime
    masked_phone: str
    evidence: dict[str, Any]
    active: bool


class MessageShown(Shown):
    """A message to the person, of the last 30 days."""

    event_id: str
    number_id: str | None
    state: str
    at: AwareDatetime | None
    message_id: str | None


class SubjectExport(Shown):
    """All that is held of one person. What they or agents wrote is not held."""

    account_id: str
    phone: str = Field(repr=False)
    exported_at: AwareDatetime
    pseudonyms: tuple[str, ...]
    """What the person's records call them."""
    windows: tuple[WindowShown, ...]
    suppressions: tuple[HeldSuppression, ...]
    do_not_contact: tuple[str, ...]
    """Kinds of suppression that stayed from an erasure before."""
    messages: tuple[MessageShown, ...]
    dead_letters: tuple[str, ...]
    """Ids of deliveries that failed and are kept sealed for a while."""
    records: tuple[RecordShown, ...]
    """Every record about the person, newest first: messages, answers, statuses, suppressions."""


def names_in(packed: str) -> Iterator[str]:
    """Every short value of a dead letter's event: whoever it is about is among them. Nothing of what cannot be read."""
    try:
        body = json.loads(base64.b64decode(json.loads(packed)["body"]))
    except (ValueError, KeyError, TypeError):
        return
    yield from _texts(body)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and len(value) <= LONGEST_NAME:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
