"""From an approved message to one that can be put on the wire, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from libs.contracts.callback import callback_from
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.store.accounts import Number, ProviderKind
from services.sender.domain.messages import Customer, NumberCredentials, Outgoing, OutgoingTemplate, OutgoingText
from services.sender.domain.results import Result, failed
from services.sender.ports import Numbers, Provider


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message, who carries it, and from which number."""

    provider: Provider
    credentials: NumberCredentials
    outgoing: Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Makes approved messages ready; `callback_key` signs what statuses are matched by."""

    numbers: Numbers
    providers: Mapping[ProviderKind, Provider]
    callback_key: bytes = field(repr=False)

    def callback(self, approved: MessageApproved) -> str:
        """The opaque word by which statuses find this message."""
        return callback_from(approved.event_id, self.callback_key)

    def __call__(self, approved: MessageApproved, number: Number | None, *, now: datetime) -> Prepared | Result:
        """The message ready to go, or the result when it cannot: nothing was sent then."""
        if number is None:
            return failed("unknown_number")
        if number.paused:
            return failed("number_paused", ErrorCode.POLICY_VIOLATION)
        provider = self.providers.get(number.provider)
        if provider is None:
            return failed("provider_not_supported", provider=number.provider.value)
        credentials = self.numbers.credentials(number)
        if credentials is None:
            return failed("token_unreadable")
        outgoing = outgoing_from(approved, self.callback(approved), now=now)
        if isinstance(outgoing, OutgoingText) and _window_is_over(approved, now):
            closed = approved.window_closes_at
            details = {} if closed is None else {"closed_at": closed.isoformat()}
            return failed("window_closed_while_waiting", ErrorCode.CONVERSATION_WINDOW_CLOSED, **details)
        return Prepared(provider, credentials, outgoing) if outgoing is not None else failed("template_unusable")


def outgoing_from(approved: MessageApproved, callback: str, *, now: datetime) -> Outgoing | None:
    """The message as free text, or as the approved template it names; None when the template has no name.

    With a template at hand, free text goes only while the window is known to be open: policy planned for both.
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


def _window_is_over(approved: MessageApproved, now: datetime) -> bool:
    """A message that waited (an outage, a long queue) is no reply any more once the window has closed."""
    return approved.window_closes_at is not None and now >= approved.window_closes_at
