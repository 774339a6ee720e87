"""An export is complete: every record that leads to the person, whatever names them, and what the law says to tell."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from libs.chassis.subscriptions import Received
from libs.contracts.events import (
    DeadLetterReplayed,
    Event,
    ForwardDelivered,
    ForwardRequested,
    MessageApproved,
    MessageStatusUpdated,
    SubjectExported,
    WebhookAnswered,
    WebhookPayload,
    WebhookReceived,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
)
from libs.contracts.forwards import ForwardKind
from libs.contracts.identity import Pseudonyms
from libs.store.records import Record
from libs.store.subjects import SubjectKey
from services.audit.domain.records import record_from
from services.console.domain.subject_information import Processing, information_about
from services.console.handlers.subject_records import SubjectRecords
from tests.unit.console.erasures import asked, somebody, told
from tests.unit.console.subjects import a_subject, customer_key
from tests.unit.console.world import KEY, NOON, PHONE, World

OTHER = "+966512349999"
PSEUDONYMS = Pseudonyms(KEY.encode())


def a_case(account_id: str, phone: str, pseudonym: str) -> Iterator[Event]:
    """35 events about one person, of four messages and a customer's own; many of them name nobody."""
    common: dict[str, Any] = {"account_id": account_id, "integration_id": "int_1"}
    for n in range(4):
        event_id, wamid = uuid5(UUID(int=n), phone), f"wamid.{phone}.{n}"
        yield WebhookReceived(reply_to="i", payload=WebhookPayload(to=phone, text="Hi"), **common)
        approved = {"event_type": "outbound_message", "reply_to": "i", "number_id": "num_1", "received_at": NOON}
        key = customer_key(account_id, phone)
        yield MessageApproved(
            event_id=event_id, customer=phone, customer_key=key, text="Hi", purpose="support", **approved, **common
        )
        yield WebhookAnswered(event_id=event_id, reply_to="i", code="sent", customer=phone, message_id=wamid, **common)
        status = {"number_id": "num_1", "message_id": wamid, "status": "read", "at": NOON}
        yield WhatsAppStatusReceived(account_id=account_id, customer=phone, **status)
        yield MessageStatusUpdated(event_id=event_id, customer=phone, **status, **common)
        yield WhatsAppStatusUnmatched(account_id=account_id, **status)
        yield ForwardDelivered(
            event_id=event_id,
            forward_id=uuid4(),
            kind=ForwardKind.MESSAGE_STATUS_UPDATED,
            attempts=1,
            status=200,
            **common,
        )
        yield WhatsAppStatusReceived(account_id=account_id, **status)
    theirs = uuid5(UUID(int=9), phone)
    yield WhatsAppMessageReceived(
        account_id=account_id, number_id="num_1", message_id=f"in-{phone}", customer=phone, type="text", sent_at=NOON
    )
    yield ForwardRequested(
        event_id=theirs, kind=ForwardKind.MESSAGE_RECEIVED, at=NOON, customer=phone, content={}, **common
    )
    yield SubjectExported(
        account_id=account_id, actor="admin", pseudonyms=(pseudonym,), reason="asked before", records=1
    )


def recorded(events: Sequence[Event], account_id: str, phone: str, key: SubjectKey) -> list[Record]:
    """Their records, as audit makes them: the first of each webhook is under the id that the others name."""
    made = []
    for position, event in enumerate(events):
        named = getattr(event, "customer", None) is not None
        webhook = position // 8 if isinstance(event, WebhookReceived) else None
        id_ = uuid5(UUID(int=webhook), phone) if webhook is not None else uuid4()
        if isinstance(event, WhatsAppMessageReceived):
            id_ = uuid5(UUID(int=9), phone)
        received = Received(event=event, id=id_, at=NOON + timedelta(seconds=position))
        subject = key if named else None
        made.append(record_from(received, pseudonyms=PSEUDONYMS, subject=subject, recorded_at=NOON))
    return made


async def test_every_record_of_a_person_is_exported_and_nobody_elses(world: World) -> None:
    account_id = (await world.account())["id"]
    cases = {}
    for phone in (PHONE, OTHER):
        key = await a_subject(world, account_id, phone)
        events = list(a_case(account_id, phone, key.pseudonym))
        cases[phone] = recorded(events, account_id, phone, key)
        await world.store.records.append(cases[phone])
    about = {"account_id": account_id, "phone": PHONE, "reason": "asked by letter"}

    export = await world.ok("POST", "/subject-exports", about)

    assert len(cases[PHONE]) == 35
    assert {record["id"] for record in export["records"]} == {record.id for record in cases[PHONE]}
    times = [record["at"] for record in export["records"]]
    assert times == sorted(times, reverse=True)


async def test_what_operators_did_with_a_persons_dead_letters_is_exported(world: World) -> None:
    account_id = (await world.account())["id"]
    key = await a_subject(world, account_id)
    replayed = [
        DeadLetterReplayed(account_id=account_id, actor="op", dead_letter_id=name, queue="sender.messages")
        for name in ("theirs", "others")
    ]
    lines = recorded([*a_case(account_id, PHONE, key.pseudonym), *replayed], account_id, PHONE, key)
    await world.store.records.append(lines)
    export = world.deps.decrypted_records

    found = await SubjectRecords(export, PSEUDONYMS)(account_id, [key.pseudonym], ["theirs"])

    assert len(found) == 36
    assert [record.details["dead_letter_id"] for record in found if "dead_letter_id" in record.details] == ["theirs"]


async def test_a_person_is_told_purposes_recipients_retention_source_and_rights_with_the_copy(world: World) -> None:
    account_id = (await world.account(retention_days=90, business_name="Acme Clinic"))["id"]
    number = await world.number(account_id)
    await world.integration(
        account_id=account_id, instance_id=number["id"], forward_url="https://pbx.acme.example/hook?token=x"
    )
    about = {"account_id": account_id, "phone": PHONE, "reason": "asked by letter"}

    told = (await world.ok("POST", "/subject-exports", about))["information"]

    assert told["controller"] == "Acme Clinic"
    assert any("90 days" in each for each in told["retention"])
    assert "The company's phone system at pbx.acme.example." in told["recipients"]
    assert any("Meta" in each for each in told["recipients"])
    for name in ("purposes", "categories", "source", "rights", "automated_decisions"):
        assert len(told[name]) >= 2
        assert all(each.endswith(".") for each in told[name])
    assert "token" not in repr(told)


def test_an_evolution_server_is_named_as_a_recipient() -> None:
    processing = Processing(
        business_name="Acme", retention_days=1, dead_letter_days=14, forward_hosts=(), providers=("evolution", "later")
    )

    told = information_about(processing)

    assert any("Evolution" in each for each in told.recipients)
    assert "The WhatsApp provider later." in told.recipients


async def test_all_that_is_held_of_somebody_is_handed_out_and_that_is_told(world: World) -> None:
    account_id = await somebody(world)

    export = await world.ok("POST", "/subject-exports", asked(account_id))

    (event,) = told(world, SubjectExported)
    assert (export["phone"], len(export["windows"]), len(export["records"])) == (PHONE, 1, 3)
    assert [(row["kind"], row["reason"]) for row in export["suppressions"]] == [("blocked", "asked us")]
    assert {record["masked_phone"] for record in export["records"]} == {"+9665•••••678"}
    assert (event.records, event.pseudonyms) == (3, tuple(export["pseudonyms"]))
    assert PHONE not in event.model_dump_json()


async def test_of_somebody_erased_nothing_is_handed_out_but_that_they_are_not_to_be_messaged(world: World) -> None:
    account_id = await somebody(world)
    await world.ok("POST", "/erasures", asked(account_id))

    export = await world.ok("POST", "/subject-exports", asked(account_id))

    empty = {name: export[name] for name in ("pseudonyms", "windows", "suppressions", "messages", "records")}
    assert set(map(len, empty.values())) == {0}
    assert export["do_not_contact"] == ["blocked"]
