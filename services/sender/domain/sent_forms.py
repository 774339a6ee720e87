"""The form in which an approved message is sent: as free text, or as its template. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.contracts.events import MessageApproved
from services.sender.domain.refusals import TemplateName


@dataclass(frozen=True, slots=True)
class SentTemplate:
    """An approved template with the values of its placeholders; an empty name cannot be sent."""

    name: str
    language: str
    parameters: tuple[str, ...]

    @property
    def key(self) -> TemplateName:
        """The name and the language."""
        return (self.name, self.language)


def template_of(approved: MessageApproved) -> SentTemplate | None:
    """The template that policy approved, in place of the text or for when the window is closed; None without one."""
    return None if approved.template is None else template_from(approved.template)


def form_of(approved: MessageApproved, *, now: datetime, window_closed: bool = False) -> SentTemplate | None:
    """The template to send; None for free text.

    A message that has a template goes as free text only while its window is open: policy approved both forms.
    `window_closed`: WhatsApp said so, whatever the window's end is.
    """
    template = template_of(approved)
    closes_at = approved.window_closes_at
    window_open = closes_at is not None and now < closes_at and not window_closed
    return None if window_open and approved.text else template


def template_from(fields: Mapping[str, Any]) -> SentTemplate:
    """The template in the fields of `MessageApproved.template`."""
    values = fields.get("parameters")
    parameters = tuple(str(value) for value in values) if isinstance(values, list | tuple) else ()
    return SentTemplate(str(fields.get("name") or ""), str(fields.get("language") or "en"), parameters)
