"""What WhatsApp's statuses say about a message: how far it has come, and how an unknown outcome ended. Pure."""

from uuid import UUID

from libs.contracts.callback_data import event_id_from
from libs.contracts.events import MessageSettled, MessageStatusUpdated, WhatsAppStatusReceived
from libs.contracts.identity import Pseudonyms
from libs.contracts.results import AnswerStatus
from libs.providers.errors import Classification, ErrorTable
from libs.providers.outcomes import Refused
from libs.store.progress import MessageStatus, Step
from libs.store.statuses import StatusUpdate, TrackedMessage
from services.sender.domain.refusals import TemplateName
from services.sender.domain.results import Result, refused, result_from

SENT, FAILED = "sent", "failed"
_OK = 200
"""The HTTP status of a call whose failure a webhook reports."""


def status_update_from(
    status: WhatsAppStatusReceived, pseudonyms: Pseudonyms, *, in_order: bool = True
) -> StatusUpdate:
    """The status as the ledger takes it. Its callback data counts only with our signature.

    `in_order`: it is not applied before the status that it follows.
    """
    event_id = event_id_from(status.callback_data, pseudonyms) if status.callback_data else None
    return StatusUpdate(
        number_id=status.number_id,
        message_id=status.message_id,
        step=Step(MessageStatus(status.status), status.at, status.provider_codes),
        event_id=None if event_id is None else str(event_id),
        follows=MessageStatus(status.follows) if in_order and status.follows in set(MessageStatus) else None,
    )


def status_updated_from(status: WhatsAppStatusReceived, message: TrackedMessage) -> MessageStatusUpdated | None:
    """The event of a status that changed the message's progress, else None; the same for every repetition."""
    progress, step = message.progress, MessageStatus(status.status)
    if not progress.moved_by(step):
        return None
    return MessageStatusUpdated(
        account_id=message.account_id,
        integration_id=message.integration_id,
        event_id=UUID(message.event_id),
        number_id=message.number_id,
        message_id=message.message_id or status.message_id,
        status=step.value,
        at=status.at,
        conflict=progress.conflict_at(step),
        provider_codes=status.provider_codes,
        customer=status.customer,
        customer_wa_id=status.customer_wa_id,
        customer_user_id=status.customer_user_id,
        customer_parent_user_id=status.customer_parent_user_id,
        customer_key=message.customer_key,
    )


def message_settled_from(message: TrackedMessage) -> MessageSettled | None:
    """The event of an unknown outcome that the first status settled; None when the outcome is known, or still open."""
    first = message.progress.first
    if first is None or message.outcome is None or not result_from(message.outcome).unknown:
        return None
    return MessageSettled(
        account_id=message.account_id,
        integration_id=message.integration_id,
        event_id=UUID(message.event_id),
        number_id=message.number_id,
        outcome=FAILED if first.status is MessageStatus.FAILED else SENT,
        message_id=message.message_id or "",
        status=first.status.value,
        at=first.at,
        provider_codes=first.codes,
        customer_key=message.customer_key,
    )


def result_from_status(message: TrackedMessage | None, table: ErrorTable, *, attempts: int) -> Result | None:
    """The result of a call that gave no answer, by the message's first status; None when none has arrived."""
    first = None if message is None else message.progress.first
    if message is None or first is None:
        return None
    if first.status is not MessageStatus.FAILED:
        return Result(AnswerStatus.SENT, message.message_id, {"learnt_from": "status"})
    answer, classification = classifications_of(first.codes, table)[0]
    return refused(classification, provider_code=answer.code, attempts=attempts, trace_id=None)


def classifications_of(codes: tuple[int, ...], table: ErrorTable) -> list[tuple[Refused, Classification]]:
    """The refusal and classification of each code of a failed status; without a code, of an unlisted one."""
    answers = [Refused(code=code, http_status=_OK) for code in codes or (None,)]
    return [(answer, table.classify(answer)) for answer in answers]


def template_sent(message: TrackedMessage) -> TemplateName | None:
    """The name and language of the template that was sent, as the message's result names it; None for a text."""
    if message.outcome is None:
        return None
    details = result_from(message.outcome).details
    name, language = details.get("template"), details.get("language")
    return (name, language) if isinstance(name, str) and isinstance(language, str) else None


def is_first_status(status: WhatsAppStatusReceived, message: TrackedMessage) -> bool:
    """True for the status that settles the message, also when it is repeated."""
    first = message.progress.first
    return first is not None and first.status == status.status
