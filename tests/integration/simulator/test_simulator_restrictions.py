"""Restrictions that stand until they are lifted, told by answer, status or webhook."""

import orjson

from tests.integration.simulator.world import NUMBER, Callback, WhatsApp, read, until


async def test_a_restriction_by_answer_stands_until_it_is_lifted(whatsapp: WhatsApp) -> None:
    await whatsapp.control.restrict(131048, phone_number_id=NUMBER)

    refused, other = await whatsapp.send(), await whatsapp.send(number="2")
    await whatsapp.control.lift_restrictions()
    taken = await whatsapp.send()

    assert (refused[0], refused[1]["error"]["code"]) == (400, 131048)
    assert (other[0], taken[0]) == (200, 200)


async def test_a_restriction_by_status_takes_the_message_and_fails_it(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.restrict(131042, by="status")

    assert (await whatsapp.send())[0] == 200
    await until(lambda: len(callback.statuses) == 1)

    assert callback.statuses[0]["status"] == "failed"
    assert callback.statuses[0]["errors"][0]["code"] == 131042


async def test_a_restriction_by_webhook_is_told_at_once_and_so_is_its_end(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    first = await whatsapp.control.restrict(132015, by="webhook", template="reopen", language="ar")
    second = await whatsapp.control.lift_restrictions()

    assert (first.answers, second.answers) == ((200,), (200,))
    assert [value["event"] for value in callback.values] == ["PAUSED", "UNARCHIVED"]
    assert {value["message_template_language"] for value in callback.values} == {"ar"}


async def test_a_restriction_by_a_webhook_that_does_not_exist_is_refused(whatsapp: WhatsApp) -> None:
    body = orjson.dumps({"code": 131026, "by": "webhook"})
    async with whatsapp.session.post(f"{whatsapp.url}/_control/restrictions", data=body) as answer:
        assert answer.status == 400


async def test_refused_credentials_fail_sends_and_probes_until_they_are_lifted(whatsapp: WhatsApp) -> None:
    await whatsapp.control.restrict(190)

    assert (await whatsapp.send())[0] == 401
    refused = await read(whatsapp, f"v25.0/{NUMBER}?fields=id")
    await whatsapp.control.lift_restrictions()
    answered = await read(whatsapp, f"v25.0/{NUMBER}?fields=id")

    assert (refused[0], refused[1]["error"]["code"]) == (401, 190)
    assert answered == (200, {"id": NUMBER})
    outcomes = [request.outcome for request in await whatsapp.control.requests()]
    assert outcomes == ["fault:error", "fault:error", "probe"]


async def test_a_reset_ends_restrictions(whatsapp: WhatsApp) -> None:
    await whatsapp.control.restrict(368)

    await whatsapp.control.reset()

    assert (await whatsapp.send())[0] == 200
