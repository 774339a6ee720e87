"""`PrepareMessage`: makes an approved message ready for its provider, or returns the result that prevents it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.providers.outgoing import Customer, NumberCredentials, Outgoing, OutgoingTemplate, OutgoingText
from libs.providers.provider import MessageSender
from libs.store.accounts import Number
from services.sender.domain.results import Result, failed
from services.sender.ports import Numbers


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """A message with its provider and its number's credentials."""

    provider: MessageSender
    credentials: NumberCredentials
    outgoing: Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareMessage:
    """Finds the provider and the credentials, and builds the outgoing message."""

    numbers: Numbers
    providers: Mapping[str, MessageSender]

    def __call__(
        self, approved: MessageApproved, number: Number | None, *, callback: str, now: datetime
    ) -> PreparedMessage | Result:
        """The message ready to send, or the result when it cannot be sent. `callback` is its callback data."""
        if number is None:
            return failed("unknown_number")
        if number.paused:
            return failed("number_paused", ErrorCode.POLICY_VIOLATION)
        provider = self.providers.get(number.provider)
        if provider is None:
            return failed("provider_not_supported", provider=number.provider)
        credentials = self.numbers.credentials(number)
        if credentials is None:
            return failed("token_unreadable")
        outgoing = outgoing_from(approved, callback, now=now)
        closes_at = approved.window_closes_at
        if isinstance(outgoing, OutgoingText) and closes_at is not None and now >= closes_at:
            details = {"closed_at": closes_at.isoformat()}
            return failed("window_closed_while_waiting", ErrorCode.CONVERSATION_WINDOW_CLOSED, **details)
        return PreparedMessage(provider, credentials, outgoing) if outgoing is not None else failed("template_unusable")


def outgoing_from(approved: MessageApproved, callback: str, *, now: datetime) -> Outgoing | None:
    """The message as free text or as its approved template; None when the template has no name.

    A message that has a template goes as free text only while its window is open: policy approved both forms.
    """
    to = Customer(phone=approved.customer, user_id=approved.customer_user_id)
    template = approved.template
    window_open = approved.window_closes_at is not None and now < approved.window_closes_at
    if template is None or (window_open and approved.text):
        return OutgoingText(to=to, text=approved.text, callback=callback)
    name, language, parameters = _template_from(template)
    if not name:
        return None
    return OutgoingTemplate(to=to, name=name, language=language, parameters=parameters, callback=callback)


def _template_from(template: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    values = template.get("parameters")
    parameters = tuple(str(value) for value in values) if isinstance(values, list | tuple) else ()
    return str(template.get("name") or ""), str(template.get("language") or "en"), parameters
