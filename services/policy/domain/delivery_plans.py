"""`DeliveryPlan`: free text while the window is open, otherwise an approved template, otherwise no delivery.

Free text is never sent outside the window. A plan inside the window also names the template, because the window may
close while the message waits; sender checks again when it sends.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from libs.contracts.decisions import TEMPLATE_VARIABLES, Details, WindowTemplate
from libs.store.accounts import Integration
from services.policy.domain.facts import RuleInputs
from services.policy.domain.languages import languages_of
from services.policy.domain.message_templates import single_line

EMPTY_PARAMETER: Final = "-"
"""Replaces an empty variable: WhatsApp rejects empty template parameters (error codes 132000 and following)."""


@unique
class Delivery(StrEnum):
    """How a message is delivered."""

    FREE_TEXT = "free_text"
    TEMPLATE = "template"
    REFUSED = "refused"


@unique
class PlanReason(StrEnum):
    """Why a plan was chosen."""

    WINDOW_OPEN = "window_open"
    NEVER_MESSAGED = "never_messaged"
    WINDOW_EXPIRED = "window_expired"
    TEMPLATE_REQUESTED = "template_requested"


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """How a message is delivered and why. `window_closes_at` may be past; None when the window never was open."""

    delivery: Delivery
    reason: PlanReason
    window_closes_at: datetime | None
    template: WindowTemplate | None = None
    restricted: tuple[str, ...] = ()
    """The languages of the template that WhatsApp restricted; they are not sent."""

    def details(self) -> Details:
        """The details of a refusal: the reason, and when the window closed."""
        details: Details = {"reason": self.reason.value}
        if self.window_closes_at is not None:
            details["closed_at"] = self.window_closes_at.isoformat()
        return details

    def inputs(self) -> RuleInputs:
        """The inputs for the receipt."""
        details: RuleInputs = {
            "closes_at": None if self.window_closes_at is None else self.window_closes_at.isoformat(),
            "delivery": self.delivery.value,
        }
        if self.restricted:
            details["restricted_languages"] = [*self.restricted]
        if self.template is not None:
            details |= {"template": self.template.name, "language": self.template.language}
        return details


def plan_for(
    integration: Integration,
    *,
    closes_at: datetime | None,
    now: datetime,
    phone: str | None,
    language: str | None,
    restricted: AbstractSet[tuple[str, str]] = frozenset(),
    only_as_reply: bool = False,
) -> DeliveryPlan:
    """The plan for one message; with `only_as_reply` it is never a template, also not when the window closes later.

    `language` is the customer's language as 3CX sent it; `restricted` are templates, as pairs of name and language,
    that may not be sent.
    """
    configured = None if integration.strict_window or only_as_reply else integration.window_template
    template = None if configured is None else template_for(configured, phone, language, restricted)
    left_out = (
        tuple(code for name, code in templates_offered(configured) if (name, code) in restricted) if restricted else ()
    )
    if closes_at is not None and now < closes_at:
        return DeliveryPlan(Delivery.FREE_TEXT, PlanReason.WINDOW_OPEN, closes_at, template, left_out)
    why = PlanReason.NEVER_MESSAGED if closes_at is None else PlanReason.WINDOW_EXPIRED
    delivery = Delivery.REFUSED if template is None else Delivery.TEMPLATE
    return DeliveryPlan(delivery, why, closes_at, template, left_out)


def plan_for_request(name: str, language: str, closes_at: datetime | None) -> DeliveryPlan:
    """The plan for a template that 3CX asks for by name: in the window and outside it."""
    template = WindowTemplate(name=name, language=language)
    return DeliveryPlan(Delivery.TEMPLATE, PlanReason.TEMPLATE_REQUESTED, closes_at, template)


def templates_offered(configured: Mapping[str, object] | None) -> list[tuple[str, str]]:
    """The integration's template in each of its languages, as pairs of name and language, its own `language` first."""
    if configured is None or not isinstance(name := configured.get("name"), str) or not name:
        return []
    own = configured.get("language")
    own = own if isinstance(own, str) and own else "en"
    return [(name, own), *((name, code) for code in _strings(configured.get("languages")) if code != own)]


def template_for(
    configured: Mapping[str, object] | None,
    phone: str | None,
    language: str | None,
    restricted: AbstractSet[tuple[str, str]] = frozenset(),
) -> WindowTemplate | None:
    """The integration's template in the best language; None when there is no usable template.

    The language from 3CX comes first, then the languages of the phone's country, then the template's own `language`,
    then any other that is not `restricted`.
    """
    left = [pair for pair in templates_offered(configured) if pair not in restricted]
    if configured is None or not left:
        return None
    offered = [code for _, code in left]
    wanted = [_normal(language)] if language else []
    wanted += [_normal(code) for code in languages_of(phone)]
    found = next((code for want in wanted if (code := _match(want, offered)) is not None), offered[0])
    name = left[0][0]
    parameters = tuple(v for v in _strings(configured.get("parameters")) if v in TEMPLATE_VARIABLES)
    return WindowTemplate(name=name, language=found, parameters=parameters)


def parameters_of(template: WindowTemplate, values: Mapping[str, str | None]) -> list[str]:
    """The values of the template's placeholders, in order; never the message text."""
    return [single_line(values.get(name)) or EMPTY_PARAMETER for name in template.parameters]


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _normal(code: str) -> str:
    return code.strip().replace("-", "_").casefold()


def _match(wanted: str, offered: list[str]) -> str | None:
    """The same language code, else a code of the same language."""
    exact = (code for code in offered if _normal(code) == wanted)
    alike = (code for code in offered if _normal(code).split("_")[0] == wanted.split("_", maxsplit=1)[0])
    return next(exact, None) or next(alike, None)
