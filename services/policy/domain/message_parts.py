"""The parts of an agent's message: which kinds of content it has, and every text in it that people will read."""

from collections.abc import Iterator

from libs.contracts.content import InteractiveRequest, MediaRequest, TemplateRequest
from libs.contracts.events import WebhookPayload
from libs.contracts.known_templates import KnownTemplate
from libs.store.accounts import Number
from libs.store.templates import owner_of

CONTENT_FIELDS = ("message_text", "template", "media", "interactive")
"""The fields of 3CX's webhook of which a message has exactly one."""


def kinds_of(payload: WebhookPayload) -> list[str]:
    """The fields that the message has; one that could not be read counts."""
    found = [name for name in CONTENT_FIELDS[1:] if getattr(payload, name) is not None]
    if payload.content_problem is not None:
        found.append(payload.content_problem.field.partition(".")[0])
    return [*(["message_text"] if payload.text else []), *found]


def readable_parts(payload: WebhookPayload, known: KnownTemplate | None) -> Iterator[str]:
    """Every text of the message beside `message_text`, for the content policy: captions, file names, titles, values."""
    if payload.template is not None:
        yield from _parts_of_template(payload.template, known)
    if payload.media is not None:
        yield from _parts_of_media(payload.media)
    if payload.interactive is not None:
        yield from _parts_of_interactive(payload.interactive)


def rendered(text: str, names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """A template's text with its values; a placeholder without one stays."""
    for name, value in zip(names, values, strict=False):
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def body_values(request: TemplateRequest, known: KnownTemplate | None) -> tuple[str, ...]:
    """The values of the body's placeholders, in the template's order."""
    if not isinstance(request.body, dict):
        return request.body
    names = request.body.keys() if known is None else known.parameters
    return tuple(request.body[name] for name in names if name in request.body)


def owner_for(number: Number | None) -> str:
    """Whose templates the number sends; empty without a number."""
    return "" if number is None else owner_of(number)


def _parts_of_template(request: TemplateRequest, known: KnownTemplate | None) -> Iterator[str]:
    values = body_values(request, known)
    header = request.header.text if request.header is not None and request.header.text is not None else ()
    if known is not None:
        yield rendered(known.body, known.parameters, values)
        yield rendered(known.header or "", known.header_parameters, header)
    yield from values
    yield from header
    yield from (button.value for button in request.buttons)
    if request.media is not None:
        yield from _parts_of_media(request.media)


def _parts_of_media(media: MediaRequest) -> Iterator[str]:
    yield from (text for text in (media.caption, media.filename) if text is not None)


def _parts_of_interactive(content: InteractiveRequest) -> Iterator[str]:
    yield content.text
    yield from (part for each in content.buttons for part in (each.title, each.id))
    if content.button is not None:
        yield content.button
    for row in content.rows:
        yield from (part for part in (row.title, row.id, row.description) if part is not None)
