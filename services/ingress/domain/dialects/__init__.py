"""How different 3CX systems say what happened, and what that means in our words.

The rule: pure, and nothing raises; what a body does not say is absent, so that the rules answer with the code for it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from libs.store.accounts import Integration
from services.ingress.domain.dialects import creomate, crm_template, k2m, native
from services.ingress.domain.dialects.calls import Call, Translation, translation_of
from services.ingress.domain.dialects.detecting import Dialect, dialect_of
from services.ingress.domain.dialects.fields import Fields

__all__ = ["Dialect", "Translation", "translated"]

READERS: Final[Mapping[Dialect, Callable[[Fields], Call | None]]] = {
    Dialect.CREOMATE: creomate.call_from,
    Dialect.K2M: k2m.call_from,
    Dialect.CRM_TEMPLATE: crm_template.call_from,
}


def translated(read: Mapping[str, Any], integration: Integration, *, now: datetime) -> Translation:
    """What a body says. `now` decides whether a missed call came after hours, and stands in for a missing call id."""
    fields = Fields(read)
    dialect = dialect_of(read, fields, pinned=integration.dialect)
    reader = READERS.get(dialect)
    call = None if reader is None else reader(fields)
    if call is None:  # native, or a word that its dialect does not have: the rules say that it is unsupported
        return Translation(dialect.value, native.payload_from(fields, told=fields.word("event")))
    return translation_of(call, dialect, integration, now=now)
