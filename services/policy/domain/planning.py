"""How a message may go: as free text while the window is open, else as an approved template, else not at all.

The rule: free text never leaves the window. A plan made inside it names the template for the case that the message
waits until the window has closed; sender looks again at the moment of sending.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from libs.contracts.decisions import TEMPLATE_VARIABLES, Details, WindowTemplate
from libs.store.accounts import Integration
from services.policy.domain.facts import Saw
from services.policy.domain.languages import languages_of
from services.policy.domain.templating import line_of

EMPTY: Final = "-"
"""What stands for a variable without a value: WhatsApp refuses templates with an empty parameter (132000 family)."""


@unique
class Delivery(StrEnum):
    """How a message goes."""

    FREE_TEXT = "free_text"
    TEMPLATE = "template"
    REFUSED = "refused"


@unique
class Why(StrEnum):
    """What the plan follows from."""

    WINDOW_OPEN = "window_open"
    NEVER_MESSAGED = "never_messaged"
    WINDOW_EXPIRED = "window_expired"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a message goes and why; `until` is when the window closes or closed, None when it never was open."""

    delivery: Delivery
    why: Why
    until: datetime | None
    template: WindowTemplate | None = None

    def details(self) -> Details:
        """What a refusal tells of it: the reason, and until when the window was open."""
        told: Details = {"reason": self.why.value}
        if self.until is not None:
            told["closed_at"] = self.until.isoformat()
        return told

    def saw(self) -> Saw:
        """What the receipt says of it."""
        told: Saw = {
            "closes_at": None if self.until is None else self.until.isoformat(),
            "delivery": self.delivery.value,
        }
        if self.template is not None:
            told |= {"template": self.template.name, "language": self.template.language}
        return told


def plan_for(
    integration: Integration, *, closes_at: datetime | None, now: datetime, phone: str | None, language: str | None
) -> Plan:
    """The plan for one message. `language` is what 3CX said of the customer's, if anything."""
    template = None if integration.strict_window else template_for(integration.window_template, phone, language)
    if closes_at is not None and now < closes_at:
        return Plan(Delivery.FREE_TEXT, Why.WINDOW_OPEN, closes_at, template)
    why = Why.NEVER_MESSAGED if closes_at is None else Why.WINDOW_EXPIRED
    return Plan(Delivery.REFUSED if template is None else Delivery.TEMPLATE, why, closes_at, template)


def template_for(
    configured: Mapping[str, object] | None, phone: str | None, language: str | None
) -> WindowTemplate | None:
    """The integration's template in the language that fits best; None when there is no usable one.

    The language 3CX names counts first, then those of the phone's country, then the template's own `language`.
    """
    if configured is None or not isinstance(name := configured.get("name"), str) or not name:
        return None
    own = configured.get("language")
    own = own if isinstance(own, str) and own else "en"
    offered = [own, *(code for code in _strings(configured.get("languages")) if code != own)]
    wanted = [_normal(language)] if language else []
    wanted += [_normal(code) for code in languages_of(phone)]
    found = next((code for want in wanted if (code := _match(want, offered)) is not None), own)
    parameters = tuple(v for v in _strings(configured.get("parameters")) if v in TEMPLATE_VARIABLES)
    return WindowTemplate(name=name, language=found, parameters=parameters)


def parameters_of(template: WindowTemplate, values: Mapping[str, str | None]) -> list[str]:
    """The values of the template's placeholders, in order; never the message's text."""
    return [line_of(values.get(name)) or EMPTY for name in template.parameters]


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _normal(code: str) -> str:
    return code.strip().replace("-", "_").casefold()


def _match(wanted: str, offered: list[str]) -> str | None:
    """The same code, else one of the same language."""
    exact = (code for code in offered if _normal(code) == wanted)
    alike = (code for code in offered if _normal(code).split("_")[0] == wanted.split("_", maxsplit=1)[0])
    return next(exact, None) or next(alike, None)
