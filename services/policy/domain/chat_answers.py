"""What a customer chose in WhatsApp's interactive messages, as text: a form's answers, a row, a permission to call."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from libs.contracts.text import without_controls

PERMISSIONS: Final = {"accept": "[allows you to call]", "reject": "[does not allow you to call]"}
"""What a customer answers to the question for a permission to call."""
PERMISSION: Final = "[answered whether you may call]"
FORM: Final = "[form]"
TOKEN: Final = "flow_token"  # noqa: S105 - the name of the field that says which form was sent; no customer filled it in
PRESSES: Final = frozenset({"quick_reply", "single_select", "menu_options"})
"""Names under which a phone tells a press in the shape of a form: the title says it all."""
MAX_ANSWERS: Final = 50
MAX_ANSWER: Final = 500
MAX_DEPTH: Final = 4  # of the objects in a form's JSON


def interactive_text(own: Any, words: str) -> str:
    """The choice, with the words that WhatsApp shows for it; empty when nothing is known of it."""
    choice = own if isinstance(own, Mapping) else {}
    row, form, permission = (_object(choice, each) for each in ("list_reply", "nfm_reply", "call_permission_reply"))
    if form is not None and not (words and str(form.get("name")) in PRESSES):
        return _form(form, words)
    if permission is not None:
        return PERMISSIONS.get(str(permission.get("response")), PERMISSION)
    about = "" if row is None else _shown(row.get("description"))
    return f"{words} ({about})" if words and about else words


def _form(form: Mapping[str, Any], words: str) -> str:
    """The answers of a filled-in form by the names that its author gave them."""
    answers = list(_answers_in(form.get("response_json")))
    more = [f"and {len(answers) - MAX_ANSWERS} more"] if len(answers) > MAX_ANSWERS else []
    said = words or _text(form.get("body"))
    return f"{FORM} {'; '.join(filter(None, [said, *answers[:MAX_ANSWERS], *more]))}".strip()


def _answers_in(response: object) -> Iterator[str]:
    """The answers in a form's JSON, or the text itself where it is none."""
    try:
        answers = json.loads(response) if isinstance(response, str) else response
    except (ValueError, RecursionError):
        answers = response
    if isinstance(answers, Mapping):
        answers = {name: value for name, value in answers.items() if name != TOKEN}
    yield from _named("", answers, MAX_DEPTH)


def _named(name: str, value: object, depth: int) -> Iterator[str]:
    """Each value with its name; the values inside an object have names of their own."""
    if isinstance(value, Mapping):
        for key, each in value.items() if depth else ():
            yield from _named(_shown(key), each, depth - 1)
        return
    values = value if isinstance(value, list) else [value]
    texts = [text for each in values if (text := _shown(each))]
    nested = [each for each in values if isinstance(each, Mapping)]
    if texts:
        yield f"{name}: {', '.join(texts)}"[:MAX_ANSWER] if name else ", ".join(texts)[:MAX_ANSWER]
    for each in nested:
        yield from _named(name, each, depth)


def _shown(value: object) -> str:
    """A value on one line; empty for what is no text and no number."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)[:MAX_ANSWER]
        case str():
            return " ".join(_text(value[:MAX_ANSWER]).split())
        case _:
            return ""


def _text(value: object) -> str:
    """A text that can be sent on: the JSON inside a form may have escaped what its event could not hold."""
    return without_controls(value.encode("utf-8", "replace").decode()).strip() if isinstance(value, str) else ""


def _object(choice: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found = choice.get(name)
    return found if isinstance(found, Mapping) else None
