"""The form in which an approved message is sent: as free text, or as its template. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.contracts.content import MediaRequest
from libs.contracts.events import MessageApproved
from libs.providers.outgoing import ButtonValue
from services.sender.domain.refusals import TemplateName


@dataclass(frozen=True, slots=True)
class SentTemplate:
    """An approved template with the values of its placeholders; an empty name cannot be sent."""

    name: str
    language: str
    parameters: tuple[str, ...]
    names: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    header_names: tuple[str, ...] = ()
    buttons: tuple[ButtonValue, ...] = ()

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
    closes_at = approved.window_closes_at
    window_open = closes_at is not None and now < closes_at and not window_closed
    return None if window_open and has_free_form(approved) else template_of(approved)


def has_free_form(approved: MessageApproved) -> bool:
    """Whether the message has a content that is sent in the window alone: text, media, or buttons."""
    return bool(approved.text) or approved.media is not None or approved.interactive is not None


def template_media_of(approved: MessageApproved) -> MediaRequest | None:
    """The media that the message's template shows; None without."""
    given = (approved.template or {}).get("header_media")
    return None if given is None else MediaRequest.model_validate(given)


def template_from(fields: Mapping[str, Any]) -> SentTemplate:
    """The template in the fields of `MessageApproved.template`."""
    buttons = fields.get("buttons")
    return SentTemplate(
        str(fields.get("name") or ""),
        str(fields.get("language") or "en"),
        _texts(fields.get("parameters")),
        names=_texts(fields.get("names")),
        header=_texts(fields.get("header")),
        header_names=_texts(fields.get("header_names")),
        buttons=tuple(ButtonValue(**button) for button in buttons) if isinstance(buttons, list | tuple) else (),
    )


def _texts(values: object) -> tuple[str, ...]:
    return tuple(str(value) for value in values) if isinstance(values, list | tuple) else ()
