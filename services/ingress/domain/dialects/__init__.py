"""The dialects of 3CX systems: translates the fields of a webhook to the gateway's event types and field names.

Nothing here raises. A missing field is absent in the translation, and policy's rules answer with its error code.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from libs.store.accounts import Integration
from services.ingress.domain.dialects import creomate, crm_template, k2m, native
from services.ingress.domain.dialects.calls import Call, Translation, call_translation
from services.ingress.domain.dialects.detection import Dialect, dialect_of
from services.ingress.domain.dialects.fields import Fields

__all__ = ["Dialect", "Translation", "translated"]

READERS: Final[Mapping[Dialect, Callable[[Fields], Call | None]]] = {
    Dialect.CREOMATE: creomate.call_from,
    Dialect.K2M: k2m.call_from,
    Dialect.CRM_TEMPLATE: crm_template.call_from,
}


def translation_from(read: Mapping[str, Any], integration: Integration, *, now: datetime) -> Translation:
    """Translate a body. `now` decides whether a missed call was after hours, and replaces a missing call id."""
    fields = Fields(read)
    dialect = dialect_of(read, fields, pinned=integration.dialect)
    reader = READERS.get(dialect)
    call = None if reader is None else reader(fields)
    if call is None:  # native, or unknown to the dialect: policy answers that the event type is unsupported
        return Translation(str(dialect), native.payload_from(fields))
    return call_translation(call, dialect, integration, now=now)
