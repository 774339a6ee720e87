"""Webhooks about business accounts, numbers and templates, with Meta's event words of 2026. Pure."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.webhook_payloads import Change, business_account_of, display_number_of

TEMPLATE_EVENTS: Final = (
    "APPROVED",
    "ARCHIVED",
    "DELETED",
    "DISABLED",
    "FLAGGED",
    "IN_APPEAL",
    "LIMIT_EXCEEDED",
    "LOCKED",
    "PAUSED",
    "PENDING",
    "PENDING_DELETION",
    "REINSTATED",
    "REJECTED",
    "UNARCHIVED",
)
QUALITY_EVENTS: Final = ("DOWNGRADE", "FLAGGED", "ONBOARDING", "THROUGHPUT_UPGRADE", "UNFLAGGED", "UPGRADE")
ACCOUNT_EVENTS: Final = ("ACCOUNT_RESTRICTION", "ACCOUNT_VIOLATION", "DISABLED_UPDATE", "REINSTATE")
Topic = Literal[
    "account_alerts",
    "account_update",
    "business_capability_update",
    "message_template_quality_update",
    "message_template_status_update",
    "phone_number_quality_update",
]
_TEMPLATE_ID: Final = 1689556908129832


class AccountUpdate(BaseModel):
    """One update: `topic` is the webhook's field, `event` its event word; `raw` overrides any field of the value.

    `business_account_id` is the number's own where it is not given.
    `number` is the phone number id whose public number the update names; `template` and `language` name a template.
    `until` is the end of a restriction in Unix seconds, `limit` the messages that a portfolio may begin in a day
    (-1: any number), `at` the time of the update.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: Topic
    event: str = ""
    business_account_id: str = ""
    number: str = ""
    template: str = "hello"
    language: str = "en"
    until: int | None = None
    limit: int = 2000
    at: int | None = None
    raw: dict[str, Any] | None = Field(default=None, repr=False)

    @property
    def account(self) -> str:
        """The business account that the entry names."""
        return self.business_account_id or business_account_of(self.number)


def account_change(update: AccountUpdate) -> Change:
    """The change of one update."""
    return {"field": update.topic, "value": _VALUES[update.topic](update) | (update.raw or {})}


def account_envelope(update: AccountUpdate, *, now: int) -> dict[str, Any]:
    """The webhook's body: its entry names the business account and the time of the update."""
    at = now if update.at is None else update.at
    entry = {"id": update.account, "time": at, "changes": [account_change(update)]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _template(update: AccountUpdate) -> dict[str, Any]:
    return {
        "message_template_id": _TEMPLATE_ID,
        "message_template_name": update.template,
        "message_template_language": update.language,
    }


def _template_status(update: AccountUpdate) -> dict[str, Any]:
    value: dict[str, Any] = {"event": update.event or "APPROVED"} | _template(update)
    value |= {"reason": "NONE", "message_template_category": "UTILITY"}
    if update.event == "PAUSED":
        value["other_info"] = {"title": "FIRST_PAUSE", "description": "The template is paused for its quality."}
    if update.event == "DISABLED":
        value["disable_info"] = {"disable_date": "1749416383"}
    if update.event == "REJECTED":
        value["reason"] = "ABUSIVE_CONTENT"
    return value


def _template_quality(update: AccountUpdate) -> dict[str, Any]:
    scores = {"previous_quality_score": "GREEN", "new_quality_score": update.event or "YELLOW"}
    return scores | _template(update)


def _number_quality(update: AccountUpdate) -> dict[str, Any]:
    named = {"display_phone_number": display_number_of(update.number)} if update.number else {}
    return named | {"event": update.event or "FLAGGED", "max_daily_conversations_per_business": _tier(update.limit)}


def _account(update: AccountUpdate) -> dict[str, Any]:
    """`REINSTATE` is no event of Meta's, but a state of `DISABLED_UPDATE`."""
    if update.event in {"DISABLED_UPDATE", "REINSTATE"}:
        state = "REINSTATE" if update.event == "REINSTATE" else "DISABLE"
        return {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state, "waba_ban_date": "November 28, 2026"}}
    if update.event == "ACCOUNT_RESTRICTION":
        kinds = ("RESTRICTED_BIZ_INITIATED_MESSAGING", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING")
        ends = {} if update.until is None else {"expiration": update.until}
        return {"event": update.event, "restriction_info": [{"restriction_type": kind} | ends for kind in kinds]}
    if update.event == "ACCOUNT_VIOLATION":
        return {"event": update.event, "violation_info": {"violation_type": "SPAM"}}
    return {"event": update.event}


def _capability(update: AccountUpdate) -> dict[str, Any]:
    return {"max_daily_conversations_per_business": update.limit, "max_phone_numbers_per_waba": 25}


def _alert(update: AccountUpdate) -> dict[str, Any]:
    info = {
        "alert_severity": "CRITICAL",
        "alert_status": "ACTIVE",
        "alert_type": update.event or "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
        "alert_description": "An alert of the simulator.",
    }
    return {"entity_type": "WABA", "entity_id": update.account, "alert_info": info}


def _tier(limit: int) -> str:
    if limit < 0:
        return "TIER_UNLIMITED"
    return f"TIER_{limit // 1000}K" if limit >= 1000 else f"TIER_{limit}"


_VALUES: Final = {
    "account_alerts": _alert,
    "account_update": _account,
    "business_capability_update": _capability,
    "message_template_quality_update": _template_quality,
    "message_template_status_update": _template_status,
    "phone_number_quality_update": _number_quality,
}
