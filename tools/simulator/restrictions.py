"""`Restriction`: a restriction that WhatsApp imposes, and how the business learns of it. Pure.

One word of control provokes it and one ends it, so that a test need not know Meta's payloads.
"""

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.simulator.account_payloads import AccountUpdate
from tools.simulator.faults import Fault
from tools.simulator.send_requests import Send, digits_of

CREDENTIALS: Final = frozenset({0, 3, 10, 33, 104, 190, 131005, *range(200, 300)})
"""Codes that every request with the token gets, not only sends."""
TEMPLATES: Final = frozenset({131049, 131050, 131063, 131064, 132001, 132007, 132015, 132016})
"""Codes that only templates get."""
_ACCOUNT, _QUALITY, _TEMPLATE = "account_update", "phone_number_quality_update", "message_template_status_update"
_UPDATES: Final[dict[int, tuple[str, str, str]]] = {
    368: (_ACCOUNT, "DISABLED_UPDATE", "REINSTATE"),
    131031: (_ACCOUNT, "ACCOUNT_RESTRICTION", "REINSTATE"),
    131048: (_QUALITY, "FLAGGED", "UNFLAGGED"),
    132001: (_TEMPLATE, "PENDING_DELETION", "APPROVED"),
    132007: (_TEMPLATE, "REJECTED", "APPROVED"),
    132015: (_TEMPLATE, "PAUSED", "UNARCHIVED"),
    132016: (_TEMPLATE, "DISABLED", "REINSTATED"),
}
"""For a code: the field of the account's webhook, its event word at the start and at the end."""


class Restriction(BaseModel):
    """A restriction by Meta's `code`, told `by` the answer to a send, a failed status, or a webhook of the account.

    Omitted fields match everything. `country` is a calling code: the start of the customer's number. `template` and
    `language` name the template, where the code is about one. `until` is told by an ACCOUNT_RESTRICTION.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: int
    by: Literal["answer", "status", "webhook"] = "answer"
    phone_number_id: str | None = None
    to: str | None = Field(default=None, repr=False)
    country: str | None = None
    template: str | None = None
    language: str = "en"
    until: int | None = None

    @model_validator(mode="after")
    def _has_a_webhook(self) -> "Restriction":
        if self.by == "webhook" and self.code not in _UPDATES:
            raise ValueError(f"no webhook of the account tells of {self.code}; it has {sorted(_UPDATES)}")
        return self

    def fault_for(self, send: Send) -> Fault | None:
        """What the restriction does to a send or a probe; None when it does not concern it, or only a webhook tells."""
        if self.by == "webhook" or not self._concerns(send):
            return None
        if send.is_probe or self.by == "answer":
            return Fault(kind="error", code=self.code)
        return Fault(kind="failed_status", code=self.code)

    def _concerns(self, send: Send) -> bool:
        if self.phone_number_id not in {None, send.phone_number_id}:
            return False
        if send.is_probe:
            return self.by == "answer" and self.code in CREDENTIALS
        if send.is_read:
            return False
        about_templates = self.template is not None or self.code in TEMPLATES
        return (
            (self.to is None or digits_of(self.to) == send.to)
            and (self.country is None or send.to.startswith(self.country))
            and (not about_templates or send.type == "template")
            and self.template in {None, send.text}
        )

    def update(self, *, ended: bool = False) -> AccountUpdate | None:
        """The account's webhook that tells of its start or its end; None when none does."""
        if self.by != "webhook":
            return None
        topic, begun, over = _UPDATES[self.code]
        named = {"number": self.phone_number_id or "", "language": self.language, "until": self.until}
        chosen = {"topic": topic, "event": over if ended else begun, "template": self.template or "hello"}
        return AccountUpdate.model_validate(named | chosen)


def first_fault(restrictions: Iterable[Restriction], send: Send) -> Fault | None:
    """The fault of the first restriction that concerns the send."""
    return next((fault for each in restrictions if (fault := each.fault_for(send)) is not None), None)
