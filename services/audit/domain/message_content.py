"""What a record says of a message's content besides text: kinds, names of templates, counts, lengths and hashes.

Never a value, a caption, a file name, a title or an address of a file.
"""

from collections.abc import Callable, Mapping
from typing import Any

from libs.contracts.content import InteractiveRequest, MediaRequest, TemplateRequest

HashOf = Callable[[str, str], str]


def template_details(template: TemplateRequest | Mapping[str, Any], hash_of: HashOf) -> dict[str, Any]:
    """A template: its name, language and category, how many values it was given, and their hash."""
    fields = template.model_dump(mode="json") if isinstance(template, TemplateRequest) else dict(template)
    body = fields.get("parameters", fields.get("body")) or []
    values = list(body.values()) if isinstance(body, Mapping) else list(body)
    header = fields.get("header") or []
    values += (header.get("text") or []) if isinstance(header, Mapping) else list(header)
    values += [str(button.get("value", "")) for button in fields.get("buttons") or []]
    named = {name: fields[name] for name in ("name", "language", "category") if fields.get(name)}
    counted = named | {"parameters": len(values)}
    return counted | {"parameters_hash": hash_of("text", "\x1f".join(map(str, values)))} if values else counted


def media_details(media: MediaRequest) -> dict[str, Any]:
    """Media as they were asked for; what was sent is in the answer: type, size and digest."""
    details: dict[str, Any] = {"kind": media.kind.value, "source": "url" if media.url is not None else "upload"}
    return details if media.caption is None else details | {"caption_length": len(media.caption)}


def interactive_details(content: InteractiveRequest, hash_of: HashOf) -> dict[str, Any]:
    """Buttons, a list or a contact request: how many items, and the length and hash of the text above them."""
    kind = content.form.value
    items = len(content.buttons) or len(content.rows)
    return {"kind": kind, "items": items, "text_length": len(content.text), "text_hash": hash_of("text", content.text)}
