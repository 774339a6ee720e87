"""Detects the dialect of a body: the one that its integration pins, else the one that its fields show."""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Any, Final

from libs.contracts.decisions import EventType
from services.ingress.domain.dialects.crm_template import CALL_TYPES, call_type_of
from services.ingress.domain.dialects.fields import Fields


@unique
class Dialect(StrEnum):
    """The system whose field names a body uses."""

    NATIVE = "native"
    CREOMATE = "creomate"
    K2M = "k2m"
    CRM_TEMPLATE = "crm_template"


NATIVE_EVENT_TYPES: Final = frozenset(EventType)
DIALECT_BY_NAME: Final = {dialect.value: dialect for dialect in Dialect}


def dialect_of(read: Mapping[str, Any], fields: Fields, *, pinned: str) -> Dialect:
    """The dialect of a body. A native event type under `event_type` is native even when another dialect is pinned.

    So you can test an integration of any dialect, and send agents' messages through it.
    """
    word = fields.lowercase("event_type")
    if word in NATIVE_EVENT_TYPES:
        return Dialect.NATIVE
    if pinned in DIALECT_BY_NAME:
        return DIALECT_BY_NAME[pinned]
    return Dialect.NATIVE if word is not None else _shown_by(read, fields)


def _shown_by(read: Mapping[str, Any], fields: Fields) -> Dialect:
    """The dialect whose fields a body without `event_type` has."""
    if "event" in fields.by_name and "callerid" in fields.by_name:
        capital = any(key[:1].isupper() for key in read if key.strip().casefold() == "event")
        return Dialect.K2M if capital else Dialect.CREOMATE
    if call_type_of(fields) in CALL_TYPES:
        return Dialect.CRM_TEMPLATE
    if fields.has_items("files"):  # recordings may be sent alone
        return Dialect.CREOMATE
    return Dialect.K2M if fields.has_items("fileurls") else Dialect.NATIVE
