"""`ConsentForm`: what an integration's web form posts when a customer agrees to be messaged."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from libs.contracts.consents import EARLIEST, WORDING_VERSION, may_hold_a_number
from libs.contracts.events import ConsentSubmitted
from libs.contracts.identity import user_id_from
from libs.contracts.phone_numbers import candidates, choose
from libs.store.accounts import Integration
from libs.store.consents import ConsentScope

TOLERANCE: Final = timedelta(minutes=5)
"""How far the time of the consent may lie in the future: clocks differ."""
_NO_REGION: Final = "ZZ"


class ConsentForm(BaseModel):
    """The body of a post. Unknown fields are refused: a misspelt scope must not become a consent to everything."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"phone": "+966500000000", "at": "2026-11-28T09:30:00+03:00"}]},
    )

    phone: str | None = Field(default=None, max_length=64, repr=False)
    """E.164, with its plus; required unless there is a `user_id`."""
    user_id: str | None = Field(default=None, max_length=128, repr=False)
    """The customer's id on WhatsApp, in place of the phone."""
    scope: ConsentScope = ConsentScope.ALL
    """What the customer agreed to: every message, one purpose, or marketing."""
    at: AwareDatetime
    """When the customer agreed."""
    wording_version: str | None = Field(default=None, pattern=WORDING_VERSION)
    """Which wording the customer agreed to."""
    evidence: str | None = Field(default=None, min_length=1, max_length=16_384, repr=False)
    """The form as the customer sent it. Its SHA-256 is kept; keep the text yourself."""

    @field_validator("phone")
    @classmethod
    def _canonical(cls, phone: str | None) -> str | None:
        if phone is None:
            return None
        reading = choose(candidates(phone, region=_NO_REGION), frozenset()) if phone.startswith("+") else None
        if reading is None:
            raise ValueError("must be a valid phone number in E.164 form, such as +966500000000")
        return reading.e164

    @field_validator("user_id")
    @classmethod
    def _usable(cls, user_id: str | None) -> str | None:
        if user_id is not None and user_id_from(user_id) is None:
            raise ValueError("must be a user id of WhatsApp")
        return user_id

    @field_validator("wording_version")
    @classmethod
    def _without_number(cls, version: str | None) -> str | None:
        if version is not None and may_hold_a_number(version):
            raise ValueError("must not hold a phone number: it stays in records and receipts")
        return version

    @model_validator(mode="after")
    def _one_customer(self) -> "ConsentForm":
        if (self.phone is None) == (self.user_id is None):
            raise ValueError("`phone` is required, or else `user_id`, but not both")
        return self


def consent_form_from(fields: Mapping[str, Any], now: datetime) -> ConsentForm | dict[str, Any]:
    """The form in a body; or the details of the refusal, which repeat no value."""
    try:
        form = ConsentForm.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        named = [(".".join(map(str, each["loc"]))[:64] or "body", each["msg"]) for each in problems[:20]]
        return {"errors": [{"field": name, "problem": problem} for name, problem in named]}
    if form.at < EARLIEST:
        return {"errors": [{"field": "at", "problem": "must not be before 1970"}]}
    if form.at > now + TOLERANCE:
        return {"errors": [{"field": "at", "problem": "must not be in the future"}]}
    return form


def submitted_from(form: ConsentForm, integration: Integration) -> ConsentSubmitted:
    """The event of a form."""
    evidence = form.evidence
    return ConsentSubmitted(
        account_id=integration.account_id,
        integration_id=integration.id,
        scope=form.scope.value,
        wording_version=form.wording_version,
        at=form.at,
        customer=form.phone,
        customer_user_id=form.user_id,
        evidence_hash=None if evidence is None else hashlib.sha256(evidence.encode()).hexdigest(),
    )
