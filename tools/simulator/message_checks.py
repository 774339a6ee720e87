"""What Meta refuses of a media, interactive or template message. Pure; templates are checked where they are known."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tools.simulator.meta_errors import MetaError, error_from, invalid_parameter, invalid_request, missing_parameter

Template = Mapping[str, Any]
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BREAKS: Final = re.compile(r"[\n\t]| {5,}")
CONTACT_REQUEST: Final = "request_contact_info"
_MAX_CAPTION, _MAX_BODY, _MAX_LIST_BODY = 1_024, 1_024, 4_096


def error_in_media(kind: str, media: Any, is_uploaded: Callable[[str], bool]) -> MetaError | None:
    """The error of a media message: it names an uploaded file, and only some kinds have a caption."""
    if not isinstance(media, dict) or not ({"id", "link"} & media.keys()):
        return missing_parameter(f"{kind}['id']")
    if "id" in media and not is_uploaded(str(media["id"])):
        return invalid_parameter(f"{kind}['id']", "no media has this id")
    caption = media.get("caption")
    if caption is not None and (kind in {"audio", "sticker"} or not isinstance(caption, str)):
        return invalid_request(f"Unexpected key caption on param {kind}.")
    if len(caption or "") > _MAX_CAPTION:
        return invalid_parameter(f"{kind}['caption']", f"at most {_MAX_CAPTION} characters")
    if "filename" in media and kind != "document":
        return invalid_request(f"Unexpected key filename on param {kind}.")
    return None


def error_in_interactive(content: Any) -> MetaError | None:
    """The error of a message with buttons, a list, or the question for the phone number."""
    if not isinstance(content, dict) or content.get("type") not in {"button", "list", CONTACT_REQUEST}:
        return invalid_parameter("interactive['type']", f"button, list or {CONTACT_REQUEST}")
    text = (content.get("body") or {}).get("text")
    longest = _MAX_LIST_BODY if content["type"] == "list" else _MAX_BODY
    if not isinstance(text, str) or not 0 < len(text) <= longest:
        return invalid_parameter("interactive['body']['text']", f"1 to {longest} characters")
    action = content.get("action") or {}
    if content["type"] == CONTACT_REQUEST:
        wanted = {"name": CONTACT_REQUEST}
        return None if action == wanted else invalid_parameter("interactive['action']['name']", CONTACT_REQUEST)
    return _error_in_buttons(action) if content["type"] == "button" else _error_in_list(action)


def _error_in_buttons(action: Mapping[str, Any]) -> MetaError | None:
    replies = [each.get("reply") or {} for each in action.get("buttons") or []]
    if not 0 < len(replies) <= 3:
        return invalid_parameter("interactive['action']['buttons']", "1 to 3 buttons")
    titles, ids = [str(each.get("title", "")) for each in replies], [str(each.get("id", "")) for each in replies]
    if any(not 0 < len(title) <= 20 for title in titles) or len(set(titles)) < len(titles):
        return invalid_parameter("title", "unique, 1 to 20 characters")
    if any(not 0 < len(id_) <= 256 for id_ in ids) or len(set(ids)) < len(ids):
        return invalid_parameter("id", "unique, 1 to 256 characters")
    return None


def _error_in_list(action: Mapping[str, Any]) -> MetaError | None:
    rows = [row for section in action.get("sections") or [] for row in section.get("rows") or []]
    if not 0 < len(rows) <= 10:
        return invalid_parameter("interactive['action']['sections']", "1 to 10 rows")
    if not 0 < len(str(action.get("button", ""))) <= 20:
        return invalid_parameter("interactive['action']['button']", "1 to 20 characters")
    ids = [str(row.get("id", "")) for row in rows]
    long = any(len(str(row.get("title", ""))) > 24 or len(str(row.get("description", ""))) > 72 for row in rows)
    if long or not all(row.get("title") for row in rows) or len(set(ids)) < len(ids):
        return invalid_parameter("rows", "titles to 24, descriptions to 72 characters, and unique ids")
    return None


def error_in_known_template(sent: Mapping[str, Any], known: Sequence[Template]) -> MetaError | None:
    """The error of a template message, where the business account's templates are known."""
    language = sent["language"]["code"]
    found = next((each for each in known if (each["name"], each["language"]) == (sent["name"], language)), None)
    if found is None or found.get("status") in {"REJECTED", "PENDING"}:
        return error_from(132001)
    if found.get("status") == "PAUSED":
        return error_from(132015)
    parts = {each.get("type"): each for each in sent.get("components") or [] if each.get("type") != "button"}
    buttons = [each for each in sent.get("components") or [] if each.get("type") == "button"]
    return next(
        (error for part in found.get("components", ()) if (error := _error_in_part(part, parts, buttons, found))), None
    )


def _error_in_part(
    part: Template, parts: Mapping[str, Any], buttons: Sequence[Any], template: Template
) -> MetaError | None:
    kind = str(part.get("type", "")).lower()
    if kind == "buttons":
        wanted = [n for n, each in enumerate(part.get("buttons", ())) if _PLACEHOLDER.search(str(each.get("url", "")))]
        given = {str(each.get("index")) for each in buttons}
        return None if {str(n) for n in wanted} <= given else error_from(132012)
    values = (parts.get(kind) or {}).get("parameters") or []
    if kind == "header" and part.get("format", "TEXT") != "TEXT":
        shown = str(part["format"]).lower()
        return None if [each.get("type") for each in values] == [shown] else error_from(132012)
    names = list(dict.fromkeys(_PLACEHOLDER.findall(str(part.get("text", "")))))
    if len(values) != len(names):
        return error_from(132000)
    if template.get("parameter_format") == "NAMED" and {each.get("parameter_name") for each in values} != set(names):
        return error_from(132012)
    return error_from(132012) if any(_BREAKS.search(str(each.get("text", ""))) for each in values) else None
