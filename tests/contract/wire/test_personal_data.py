"""Personal data fails closed: a text field of an event is marked `Personal`, or listed here with the reason.

A new field fails the test until it is one of the two. Audit hashes, masks or drops what is marked.
"""

import dataclasses
import inspect
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from libs.contracts.events import EVENTS
from libs.contracts.identity import Personal

NOT_PERSONAL: dict[str, tuple[str, ...]] = {
    "an id that the gateway or its operator made": (
        "Event.account_id",
        "Event.integration_id",
        "*.number_id",
        "*.approval_id",
        "DataRead.resource",
        "ConsentRecorded.consent_id",
        "ImportApplied.import_id",
        "DeadLetterDiscarded.dead_letter_id",
        "DeadLetterReplayed.dead_letter_id",
        "OperatorRejected.token_id",
        "RecordExported.record_id",
        "SubjectErased.erasure_id",
        "ContactBookDeletionEnded.erasure_id",
        "RestrictionEvent.restriction_id",
        "SuppressionEvent.suppression_id",
        "TokenCreated.accounts",
        "TokenCreated.token_id",
        "TokenRevoked.token_id",
        "WhatsAppAccountUpdated.business_account_id",
        "WhatsAppStatusReceived.callback_data",
    ),
    "a name of WhatsApp's templates, an id of an upload, or a word of our own": (
        "ContentProblem.field",
        "ContentProblem.problem",
        "MediaRequest.upload_id",
        "TemplateRequest.language",
        "TemplateRequest.name",
    ),
    "a keyed hash, a pseudonym or a masked phone number": (
        "*.customer_key",
        "SuppressionEvent.customer_keys",
        "*.masked_phone",
        "SubjectErased.pseudonyms",
        "SubjectExported.pseudonyms",
    ),
    "the key of a number, business account, template or country; a customer's restriction has none": (
        "RestrictionEvent.key",
    ),
    "the name of a process": ("*.reply_to",),
    "encrypted with a key of the deployment's settings": (
        "SubjectErased.sealed_customer_keys",
        "WhatsAppPostSetAside.sealed",
    ),
    "a word from a closed list, or a name from our own code or configuration": (
        "AccessRefused.code",
        "AccessRefused.filters",
        "AccessRefused.operation",
        "ApprovalApproved.kind",
        "ApprovalExpired.code",
        "ApprovalExpired.kind",
        "ApprovalRejected.kind",
        "ApprovalRequested.kind",
        "ContactBookDeletionEnded.outcome",
        "ContactBookDeletionEnded.problem",
        "DataRead.filters",
        "DataRead.operation",
        "DeadLetterDiscarded.queue",
        "DeadLetterReplayed.queue",
        "Decision.reason",
        "ErasureRefused.code",
        "ForwardFailed.reason",
        "MediaFetched.outcome",
        "MessageApproved.event_type",
        "MessageApproved.purpose",
        "MessageSettled.outcome",
        "NumberPaused.reason",
        "NumberPaused.source",
        "OperatorRejected.operation",
        "OperatorRejected.reason",
        "RecordExported.what",
        "RecordRestored.replaced",
        "RecordSignerReset.reason",
        "RecordSignerReset.replica",
        "ReportRead.format",
        "ReportRead.report",
        "ReportRead.sha256",
        "ConsentEvent.scope",
        "ConsentEvent.source",
        "ConsentSubmitted.scope",
        "ImportApplied.kind",
        "ImportApplied.results",
        "RestrictionEvent.by",
        "RestrictionEvent.kind",
        "RestrictionEvent.scope",
        "RuleReceipt.rule",
        "SecretRotated.which",
        "SubjectErased.removed",
        "SuppressionEvent.kind",
        "SuppressionEvent.source",
        "TokenCreated.role",
        "WebhookAnswered.event_type",
        "WebhookAnswered.purpose",
        "WebhookAnswered.reason",
        "WebhookReceived.dialect",
        "WhatsAppPostSetAside.endpoint",
        "WebhookPayload.command",
        "WebhookRejected.reason",
        "WindowTemplate.language",
        "WindowTemplate.name",
        "WindowTemplate.parameters",
    ),
    "a word of WhatsApp's vocabulary": (
        "*.status",
        "RestrictionEvent.cause",
        "WhatsAppAccountUpdated.topic",
        "WhatsAppAccountUpdated.update",
        "MediaFetched.kind",
        "WhatsAppCallReceived.direction",
        "WhatsAppCallReceived.event",
        "WhatsAppMessageReceived.type",
        "WhatsAppStatusReceived.follows",
        "WhatsAppPreferenceChanged.category",
        "WhatsAppPreferenceChanged.value",
    ),
    "names and values that our own code picks; its tests assert that none is a phone number or a text": (
        "Decision.details",
        "OperatorEvent.changes",
        "RestrictionEvent.detail",
        "RuleReceipt.inputs",
        "SuppressionEvent.evidence",
        "WebhookAnswered.details",
    ),
    "a provider's message id, which may contain a phone number: audit encrypts it with the person's key": (
        "*.message_id",
        "*.reply_to_message_id",
        "WebhookPayload.reply_to",
        "WhatsAppCallReceived.call_id",
    ),
    "a phone system's own id or label: audit removes numbers from it and encrypts conversation ids": (
        "MessageApproved.conversation_id",
        "WebhookPayload.agent_extension",
        "WebhookPayload.call_time",
        "WebhookPayload.conversation_id",
        "WebhookPayload.did",
        "WebhookPayload.direction",
        "WebhookPayload.event_type",
        "WebhookPayload.language",
        "WebhookPayload.message_purpose",
        "WebhookPayload.queue",
        "WebhookRejected.claimed_integration",
    ),
    "an operator's name, label or reason, recorded because it must be shown who did what and why": (
        "ApprovalApproved.requested_by",
        "ApprovalExpired.requested_by",
        "ApprovalRejected.reason",
        "ApprovalRejected.requested_by",
        "ApprovalRequested.reason",
        "RecordRestored.reason",
        "DeadLetterDiscarded.reason",
        "ConsentEvent.actor",
        "ConsentWithdrawn.reason",
        "ErasureRefused.reason",
        "OperatorEvent.actor",
        "RestrictionEvent.actor",
        "RestrictionEvent.reason",
        "SimulationRequested.actor",
        "SubjectErased.reason",
        "SubjectExported.reason",
        "SuppressionEvent.actor",
        "SuppressionEvent.reason",
        "TokenCreated.label",
    ),
    "the address of who opened a link to a file, recorded because the link opens for everybody who has it": (
        "MediaFetched.address",
    ),
    "the digest of a file, which is recorded in place of its content": ("MediaFetched.sha256",),
    "the digest of one person's evidence: audit encrypts it with the person's key, as every `…_hash`": (
        "ConsentRecorded.evidence_hash",
        "ConsentSubmitted.evidence_hash",
    ),
    "the version of a wording; where it comes in, one that may hold a phone number is refused": (
        "ConsentRecorded.wording_version",
        "ConsentSubmitted.wording_version",
    ),
    "the address of a rejected caller, recorded to find attackers": (
        "OperatorRejected.client_address",
        "WebhookRejected.client_address",
    ),
}
LISTED = [field for fields in NOT_PERSONAL.values() for field in fields]


def fields_of(model: type) -> dict[str, FieldInfo]:
    """The fields of a model; of a dataclass too, which receipts are."""
    if issubclass(model, BaseModel):
        return dict(model.model_fields)
    assert dataclasses.is_dataclass(model)
    hints = get_type_hints(model, include_extras=True)
    return {each.name: FieldInfo.from_annotation(hints[each.name]) for each in dataclasses.fields(model)}


def models_in(annotation: object) -> Iterator[type]:
    """The models in a type, also inside unions, tuples and dicts, with the models in their fields."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)):
        yield annotation
        for info in fields_of(annotation).values():
            yield from models_in(info.annotation)
    for argument in get_args(annotation):
        yield from models_in(argument)


def mark_in(annotation: object, metadata: list[Any] | tuple[Any, ...] = ()) -> Personal | None:
    """The mark of a field, wherever it stands in the field's type."""
    for item in (*metadata, *get_args(annotation)):
        found = item if isinstance(item, Personal) else mark_in(item)
        if found is not None:
            return found
    return None


def holds_text(annotation: object) -> bool:
    """True for str and Any, also inside unions, tuples and dicts; the values of an enum are a closed list."""
    if annotation is Any or annotation is object:
        return True
    if arguments := get_args(annotation):
        return any(holds_text(argument) for argument in arguments)
    return isinstance(annotation, type) and issubclass(annotation, str) and not issubclass(annotation, Enum)


def declared_in(model: type, name: str) -> str:
    return next(base.__name__ for base in model.__mro__ if name in inspect.get_annotations(base))


MODELS = sorted({model for event in EVENTS for model in models_in(event)}, key=lambda model: model.__name__)
FIELDS = [(model, name, info) for model in MODELS for name, info in fields_of(model).items()]
TEXTS = {f"{declared_in(model, name)}.{name}" for model, name, info in FIELDS if holds_text(info.annotation)}
MARKED = {
    f"{declared_in(model, name)}.{name}": info
    for model, name, info in FIELDS
    if mark_in(info.annotation, info.metadata) is not None
}


@pytest.mark.parametrize("field", sorted(TEXTS - MARKED.keys()))
def test_a_text_field_that_is_not_marked_personal_is_listed_with_its_reason(field: str) -> None:
    assert field in LISTED or f"*.{field.partition('.')[2]}" in LISTED


@pytest.mark.parametrize("entry", LISTED)
def test_every_entry_of_the_list_is_needed(entry: str) -> None:
    fields = {field for field in TEXTS if field == entry or (entry[0] == "*" and field.endswith(entry[1:]))}

    assert fields - MARKED.keys()


@pytest.mark.parametrize("field", sorted(MARKED))
def test_a_field_with_personal_data_does_not_show_in_its_events_repr(field: str) -> None:
    assert MARKED[field].repr is False


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("WebhookPayload.from_", Personal.PHONE),
        ("WebhookPayload.text", Personal.TEXT),
        ("WhatsAppMessageReceived.profile_name", Personal.NAME),
        ("WhatsAppMessageReceived.content", Personal.TEXT),
        ("WhatsAppIdentityChanged.new_customer_user_id", Personal.USER_ID),
    ],
)
def test_a_mark_is_found_wherever_it_stands_in_a_fields_type(field: str, kind: Personal) -> None:
    info = MARKED[field]

    assert mark_in(info.annotation, info.metadata) is kind


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str, True),
        (str | None, True),
        (tuple[str, ...], True),
        (list[dict[str, int]], True),
        (dict[int, Any], True),
        (int | None, False),
        (tuple[Personal, ...], False),
    ],
    ids=str,
)
def test_text_is_found_inside_unions_tuples_and_dicts(annotation: type | UnionType, *, text: bool) -> None:
    assert holds_text(annotation) is text
