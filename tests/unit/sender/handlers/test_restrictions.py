"""Every effect of a refusal is applied, by the answer of a call as by a status, and however often it is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.errors import ErrorCode
from libs.providers.errors import Effect
from libs.providers.outcomes import Refused
from libs.store.restrictions import RestrictionKind
from services.sender.domain.restrictions import RULES
from services.sender.handlers.refusal_effects import CONSUMERS
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import Gateway, a_number, approved, received
from tests.unit.sender.restricted import (
    TAKEN,
    a_gateway,
    a_template,
    failed_by,
)

RESTRICTED: list[tuple[int, list[tuple[str, str]]]] = [
    (131026, [("unreachable", "c1")]),
    (131049, [("template_rest", "n1:c1")]),
    (131048, [("spam", "n1")]),
    (132001, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (132007, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (132015, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (132016, [("template", "w1:order:en"), ("template", "w1:order:en")]),
    (131064, [("templates", "w1"), ("templates", "w1")]),
    (130497, [("country", "w1:SA"), ("country", "w1:SA")]),
    (368, [("account", "w1"), ("account", "w1")]),
    (131031, [("account", "w1"), ("account", "w1")]),
    (131042, [("payment", "w1"), ("payment", "w1")]),
    (131044, [("payment", "w1"), ("payment", "w1")]),
    (137000, [("identity_changed", "n1:c1")]),
]
"""What each code restricts when a template is refused: the kinds and keys, one for each account."""
CREDENTIALS: list[tuple[Refused, list[tuple[str, str]]]] = [
    (Refused(code=190, http_status=401), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=104, http_status=400), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=210, http_status=400), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=131005, http_status=403), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=None, http_status=401), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=None, http_status=403), [("credentials", "n1"), ("credentials", "n4")]),
    (Refused(code=33, http_status=400), [("credentials", "n1")]),
    (Refused(code=None, http_status=302), [("credentials", "n1")]),
    (Refused(code=None, http_status=404), [("credentials", "n1")]),
    (Refused(code=None, http_status=410), [("credentials", "n1")]),
    (Refused(code=133010, http_status=400), [("registration", "n1")]),
    (Refused(code=131037, http_status=400), [("registration", "n1")]),
    (Refused(code=131045, http_status=400), [("registration", "n1")]),
]


def test_every_effect_has_a_consumer() -> None:
    assert set(CONSUMERS) == set(Effect)


@pytest.mark.parametrize(("code", "restricted"), RESTRICTED)
async def test_an_answer_restricts_what_its_code_is_about(code: int, restricted: Sequence[tuple[str, str]]) -> None:
    gateway = a_gateway(Refused(code=code, http_status=400))

    await gateway.handler()(received(a_template()))

    assert gateway.restrictions.kinds() == restricted
    assert {row.cause for row in gateway.restrictions.rows.values()} == {str(code)}


@pytest.mark.parametrize(("code", "restricted"), RESTRICTED)
async def test_a_late_failure_restricts_the_same(code: int, restricted: Sequence[tuple[str, str]]) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template())

    await gateway.status_handler()(failed_by(code))

    assert gateway.restrictions.kinds() == restricted


@pytest.mark.parametrize(
    ("code", "restricted"), [*RESTRICTED, (190, CREDENTIALS[0][1]), (133010, [("registration", "n1")])]
)
async def test_what_is_told_again_restricts_once(code: int, restricted: Sequence[tuple[str, str]]) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template())
    follow, told = gateway.status_handler(), failed_by(code)

    await follow(told)
    events = list(gateway.restrictions.events)
    await follow(told)

    assert gateway.restrictions.events == events
    assert gateway.restrictions.kinds() == restricted


@pytest.mark.parametrize(("answer", "restricted"), CREDENTIALS, ids=lambda value: str(getattr(value, "code", ""))[:8])
async def test_refused_credentials_restrict_the_number_and_where_it_is_the_token_every_number_with_it(
    answer: Refused, restricted: Sequence[tuple[str, str]]
) -> None:
    gateway = a_gateway(answer)

    with pytest.raises(RetryLater):
        await gateway.handler()(received(approved()))

    assert gateway.restrictions.kinds() == restricted


@pytest.mark.parametrize("kind", [rule.kind for rule in RULES.values()])
async def test_every_kind_of_restriction_is_caused_by_a_code(kind: RestrictionKind) -> None:
    told = {name for _, rows in RESTRICTED for name, _ in rows} | {name for _, rows in CREDENTIALS for name, _ in rows}

    assert kind.value in told


@pytest.mark.parametrize(
    ("code", "lasts", "probe"),
    [
        (131026, timedelta(days=7), None),
        (131049, timedelta(hours=24), None),
        (137000, timedelta(days=30), None),
        (131042, None, timedelta(hours=1)),
        (131064, None, timedelta(hours=24)),
        (131048, None, None),
        (368, None, None),
    ],
)
async def test_a_restriction_has_its_end_and_its_trial(
    code: int, lasts: timedelta | None, probe: timedelta | None
) -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(a_template())

    await gateway.status_handler()(failed_by(code))

    row = next(iter(gateway.restrictions.rows.values()))
    assert (row.until, row.probe_at) == (lasts and NOON + lasts, probe and NOON + probe)


async def test_a_stopped_business_account_is_told_of_each_of_its_numbers() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved())

    await gateway.status_handler()(failed_by(131031))

    names = gateway.restrictions.names()
    assert sorted(names) == ["number.paused"] * 3 + ["restriction.added"] * 2
    assert len({event.id for event in gateway.restrictions.events}) == 5


async def test_a_restriction_of_an_unknown_business_account_holds_the_number_alone() -> None:
    gateway = Gateway.answering(TAKEN, numbers=FakeNumbers((a_number(), a_number(id="n2", phone_number_id="2"))))
    await gateway.process()(approved())

    await gateway.status_handler()(failed_by(368))

    assert gateway.restrictions.kinds() == [("account", "n1")]


async def test_a_text_refused_for_a_template_restricts_no_template() -> None:
    gateway = a_gateway(Refused(code=132001, http_status=400))

    await gateway.handler()(received(approved()))

    assert gateway.restrictions.kinds() == []


async def test_a_customer_who_got_the_message_on_one_device_is_not_unreachable() -> None:
    gateway = a_gateway(TAKEN)
    await gateway.process()(approved())
    delivered = failed_by()
    await gateway.status_handler()(replace(delivered, event=delivered.event.model_copy(update={"status": "delivered"})))

    await gateway.status_handler()(failed_by(131026))

    assert gateway.restrictions.kinds() == []


async def test_whatsapps_own_block_of_the_business_suppresses_the_customer() -> None:
    gateway = a_gateway(Refused(code=130403, http_status=400))

    said = await gateway.handler()(received(approved()))

    assert getattr(said[0], "code", None) is ErrorCode.RECIPIENT_SUPPRESSED
    assert gateway.suppressions.rows["c1"].kind == "provider_block"
    assert getattr(said[1], "kind", None) == "provider_block"
