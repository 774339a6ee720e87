"""`PrepareMessage`: makes an approved message ready for its provider, or returns the result that prevents it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.providers.outgoing import (
    Customer,
    NumberCredentials,
    Outgoing,
    OutgoingInteractive,
    OutgoingMedia,
    OutgoingTemplate,
    OutgoingText,
    ReadyMedia,
)
from libs.providers.provider import MessageSender
from libs.store.accounts import Number
from services.sender.domain.results import Result, failed
from services.sender.domain.sent_forms import SentTemplate, form_of, template_media_of
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
        self,
        approved: MessageApproved,
        number: Number | None,
        *,
        callback: str,
        now: datetime,
        window_closed: bool = False,
        media: ReadyMedia | None = None,
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
        outgoing = outgoing_from(approved, callback, now=now, window_closed=window_closed, media=media)
        closes_at = approved.window_closes_at
        if not isinstance(outgoing, OutgoingTemplate | None) and closes_at is not None and now >= closes_at:
            details = {"closed_at": closes_at.isoformat()}
            return failed("window_closed_while_waiting", ErrorCode.CONVERSATION_WINDOW_CLOSED, **details)
        return PreparedMessage(provider, credentials, outgoing) if outgoing is not None else failed("template_unusable")


def outgoing_from(
    approved: MessageApproved,
    callback: str,
    *,
    now: datetime,
    window_closed: bool = False,
    media: ReadyMedia | None = None,
) -> Outgoing | None:
    """The message in its free form or as its template; None when the template has no name, or media are not ready."""
    to = Customer(phone=approved.customer, wa_id=approved.customer_wa_id, user_id=approved.customer_user_id)
    template = form_of(approved, now=now, window_closed=window_closed)
    if template is not None:
        return _template(approved, template, to, callback, media)
    quotes = approved.reply_to_message_id
    if approved.interactive is not None:
        return OutgoingInteractive(to=to, content=approved.interactive, callback=callback, quotes=quotes)
    if approved.media is None:
        return OutgoingText(to=to, text=approved.text, callback=callback, quotes=quotes)
    if media is None:
        return None
    return OutgoingMedia(to=to, media=media, caption=approved.media.caption, callback=callback, quotes=quotes)


def _template(
    approved: MessageApproved, template: SentTemplate, to: Customer, callback: str, media: ReadyMedia | None
) -> OutgoingTemplate | None:
    """The template; the fallback of a message with media shows none."""
    shows_media = template_media_of(approved) is not None
    if not template.name or (shows_media and media is None):
        return None
    return OutgoingTemplate(
        to=to,
        name=template.name,
        language=template.language,
        parameters=template.parameters,
        names=template.names,
        header=template.header,
        header_names=template.header_names,
        header_media=media if shows_media else None,
        buttons=template.buttons,
        callback=callback,
        quotes=approved.reply_to_message_id,
    )
