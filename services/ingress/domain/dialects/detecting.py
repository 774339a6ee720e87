"""Which dialect a body speaks: the one its integration pins, else told by its shape."""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Any, Final

from libs.contracts.decisions import EventType
from services.ingress.domain.dialects.crm_template import CALL_TYPES, TYPE
from services.ingress.domain.dialects.fields import Fields


@unique
class Dialect(StrEnum):
    """Whose field names a body uses."""

    NATIVE = "native"
    CREOMATE = "creomate"
    K2M = "k2m"
    CRM_TEMPLATE = "crm_template"


OURS: Final = frozenset(EventType)
PINNED: Final = {dialect.value: dialect for dialect in Dialect}


def dialect_of(read: Mapping[str, Any], fields: Fields, *, pinned: str) -> Dialect:
    """The dialect of a body. One of our own event types under `event_type` is native whatever is pinned.

    So an integration of another dialect can be tested, and send agents' messages, like any other.
    """
    told = fields.word("event_type")
    if told in OURS:
        return Dialect.NATIVE
    if pinned in PINNED:
        return PINNED[pinned]
    if told is not None:
        return Dialect.NATIVE
    if "event" in fields.folded and "callerid" in fields.folded:
        return Dialect.K2M if any(key[:1].isupper() for key in read if _is_event(key)) else Dialect.CREOMATE
    if fields.word(*TYPE) in CALL_TYPES:
        return Dialect.CRM_TEMPLATE
    return Dialect.NATIVE


def _is_event(key: str) -> bool:
    return key.strip().casefold() == "event"
