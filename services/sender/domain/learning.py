"""What WhatsApp's statuses teach us about a message: how it moved, and how an unknown outcome ended. Pure."""

from uuid import UUID

from libs.contracts.callback import event_id_from
from libs.contracts.events import MessageSettled, MessageStatusUpdated, WhatsAppStatusReceived
from libs.contracts.results import AnswerStatus
from libs.store.progress import MessageStatus, Step
from libs.store.statuses import Known, Told
from services.sender.domain.outcomes import Refused
from services.sender.domain.results import Result, refused, result_from
from services.sender.domain.verdicts import Judgement, VerdictTable

SENT, FAILED = "sent", "failed"
_OK = 200
"""The HTTP status of a call whose failure is told by webhook."""


def told_from(status: WhatsAppStatusReceived, key: bytes) -> Told:
    """The status as the ledger takes it; its callback data is believed only with our signature (`key`)."""
    event_id = event_id_from(status.callback_data, key) if status.callback_data else None
    return Told(
        number_id=status.number_id,
        message_id=status.message_id,
        step=Step(MessageStatus(status.status), status.at, status.provider_codes),
        event_id=None if event_id is None else str(event_id),
    )


def updated_from(status: WhatsAppStatusReceived, known: Known) -> MessageStatusUpdated | None:
    """What the status changed, if it did; asked again, it says the same."""
    progress, step = known.progress, MessageStatus(status.status)
    if not progress.moved_by(step):
        return None
    return MessageStatusUpdated(
        account_id=known.account_id,
        integration_id=known.integration_id,
        event_id=UUID(known.event_id),
        number_id=known.number_id,
        message_id=known.message_id or status.message_id,
        status=step.value,
        at=status.at,
        conflict=progress.conflict_at(step),
        provider_codes=status.provider_codes,
        customer=status.customer,
        customer_key=known.customer_key,
    )


def settled_from(known: Known) -> MessageSettled | None:
    """How the unknown outcome ended by the first status that came; None when it is not unknown, or still is."""
    first = known.progress.first
    if first is None or known.outcome is None or not result_from(known.outcome).unknown:
        return None
    return MessageSettled(
        account_id=known.account_id,
        integration_id=known.integration_id,
        event_id=UUID(known.event_id),
        number_id=known.number_id,
        outcome=FAILED if first.status is MessageStatus.FAILED else SENT,
        message_id=known.message_id or "",
        status=first.status.value,
        at=first.at,
        provider_codes=first.codes,
        customer_key=known.customer_key,
    )


def learnt_from(known: Known | None, table: VerdictTable, *, attempts: int) -> Result | None:
    """The result of a call that gave no answer, where a status has told already; None when none has."""
    first = None if known is None else known.progress.first
    if known is None or first is None:
        return None
    if first.status is not MessageStatus.FAILED:
        return Result(AnswerStatus.SENT, known.message_id, {"learnt_from": "status"})
    code, judgement = judgements_on(first.codes, table)[0]
    return refused(judgement, provider_code=code, attempts=attempts, trace_id=None)


def judgements_on(codes: tuple[int, ...], table: VerdictTable) -> list[tuple[int | None, Judgement]]:
    """The verdict on each code of a failed status; that on an unlisted one when it came without any."""
    return [(code, table.verdict_for(Refused(code=code, http_status=_OK))) for code in codes or (None,)]


def is_about_the_first(status: WhatsAppStatusReceived, known: Known) -> bool:
    """True for the status that settles the message, however often it comes."""
    first = known.progress.first
    return first is not None and first.status == status.status
