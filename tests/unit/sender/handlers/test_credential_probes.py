"""Refused credentials are probed in growing intervals, by one process at a time, and at once with a new token."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest

from libs.chassis.settlement import RetryLater
from libs.providers.outcomes import NotSent, OutcomeUnknown, ProbeOutcome, Refused, Usable
from services.sender.handlers.credential_probes import ProbeCredentials
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import Gateway, a_number, approved, received

REFUSED = Refused(code=190, http_status=401)
LATER = NOON + timedelta(hours=1)


def probes(gateway: Gateway) -> ProbeCredentials:
    return ProbeCredentials(
        standing=gateway.restrictions,
        restrictions=gateway.restrictions,
        job_leases=gateway.job_leases,
        numbers=gateway.numbers,
        providers=gateway.providers,
        clock=gateway.world.clock,
        new_id=uuid4,
    )


async def stopped(*probed: ProbeOutcome, answer: Refused = REFUSED) -> Gateway:
    """A gateway whose number WhatsApp refused at noon."""
    gateway = Gateway.answering(answer)
    gateway.provider.probes = list(probed)
    with pytest.raises(RetryLater):
        await gateway.handler()(received(approved()))
    return gateway


async def times_of(gateway: Gateway, until: int, *jobs: ProbeCredentials) -> Sequence[int]:
    """The seconds after noon at which the number was probed, with a look each second."""
    found: list[int] = []
    for second in range(until):
        gateway.world.elapsed = second
        before = len(gateway.provider.probed)
        await asyncio.gather(*(job() for job in jobs))
        found += [second] * (len(gateway.provider.probed) - before)
    return found


async def test_probes_begin_after_a_minute_and_double_up_to_a_quarter_of_an_hour() -> None:
    gateway = await stopped(*[REFUSED] * 9)

    found = await times_of(gateway, 3700, probes(gateway))

    assert found == [60, 120, 240, 480, 960, 1860, 2760, 3660]


async def test_of_two_processes_one_probes() -> None:
    gateway = await stopped(*[REFUSED] * 9)

    assert await times_of(gateway, 500, probes(gateway), probes(gateway)) == [60, 120, 240, 480]


async def test_a_process_that_starts_anew_keeps_the_schedule() -> None:
    gateway = await stopped(*[REFUSED] * 9)
    found: list[int] = []

    for second in range(300):
        gateway.world.elapsed = second
        before = len(gateway.provider.probed)
        await probes(gateway)()
        found += [second] * (len(gateway.provider.probed) - before)

    assert found == [60, 120, 240]


async def test_a_probe_that_succeeds_ends_the_restriction_and_the_held_message_is_sent() -> None:
    gateway = await stopped(Usable())
    gateway.world.elapsed = 60

    await probes(gateway)()
    said = await gateway.handler("sender-2")(received(approved()))

    assert gateway.restrictions.kinds() == []
    assert gateway.restrictions.names() == ["restriction.added", "restriction.lifted"]
    assert getattr(said[0], "code", None) == "sent"


@pytest.mark.parametrize("outcome", [REFUSED, OutcomeUnknown("timeout"), NotSent("dns_failed")])
async def test_any_other_probe_ends_nothing(outcome: ProbeOutcome) -> None:
    gateway = await stopped(outcome)
    gateway.world.elapsed = 60

    await probes(gateway)()

    assert gateway.restrictions.kinds() == [("credentials", "n1")]


async def test_a_new_token_is_probed_at_once() -> None:
    gateway = await stopped(REFUSED, Usable())
    gateway.world.elapsed = 61
    await probes(gateway)()

    gateway.world.elapsed = 62
    edited = NOON + timedelta(seconds=62)
    gateway.numbers.rows = (a_number(sealed_token="new", updated_at=edited),)
    await probes(gateway)()

    assert gateway.provider.probed == ["n1", "n1"]
    assert gateway.restrictions.kinds() == []


async def test_a_new_token_within_the_first_minute_is_probed_at_once() -> None:
    gateway = await stopped()
    gateway.world.elapsed = 10
    gateway.numbers.rows = (a_number(sealed_token="new", updated_at=NOON + timedelta(seconds=10)),)

    await probes(gateway)()

    assert gateway.restrictions.kinds() == []


async def test_what_learns_the_business_account_alone_is_no_new_token() -> None:
    gateway = await stopped()
    gateway.world.elapsed = 10
    gateway.numbers.rows = (a_number(business_account_id="w1", version=2),)

    await probes(gateway)()

    assert gateway.provider.probed == []


async def test_a_registration_fault_is_not_probed() -> None:
    gateway = await stopped(answer=Refused(code=133010, http_status=400))

    assert await times_of(gateway, 200, probes(gateway)) == []


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [pytest.param(899, "registration", id="within 15 minutes"), pytest.param(901, "credentials", id="later")],
)
async def test_a_cause_that_comes_back_is_one_that_the_probe_does_not_notice(seconds: int, kind: str) -> None:
    gateway = await stopped(Usable())
    gateway.world.elapsed = 60
    await probes(gateway)()

    gateway.world.elapsed = 60 + seconds
    gateway.provider.outcomes = [REFUSED]
    with pytest.raises(RetryLater):
        await gateway.handler("sender-2")(received(approved(received_at=gateway.world.clock())))

    [row] = gateway.restrictions.rows.values()
    assert (row.kind.value, row.probe_at is not None) == (kind, kind == "registration")


async def test_another_cause_after_a_probe_is_probed_as_well() -> None:
    gateway = await stopped(Usable())
    gateway.world.elapsed = 60
    await probes(gateway)()

    gateway.provider.outcomes = [Refused(code=10, http_status=403)]
    with pytest.raises(RetryLater):
        await gateway.handler("sender-2")(received(approved()))

    assert gateway.restrictions.kinds() == [("credentials", "n1")]


async def test_a_number_whose_token_cannot_be_read_is_left_alone() -> None:
    gateway = await stopped()
    gateway.numbers = FakeNumbers((a_number(),), unreadable=frozenset({"n1"}))
    gateway.world.elapsed = 60

    await probes(gateway)()

    assert gateway.provider.probed == []
    assert gateway.restrictions.kinds() == [("credentials", "n1")]


async def test_every_number_with_the_token_is_probed_for_itself() -> None:
    gateway = Gateway.answering(REFUSED, numbers=FakeNumbers((a_number(), a_number(id="n2", phone_number_id="2"))))
    with pytest.raises(RetryLater):
        await gateway.handler()(received(approved()))
    gateway.provider.probes = [Usable(), REFUSED]
    gateway.world.elapsed = 60

    await probes(gateway)()

    assert sorted(gateway.provider.probed) == ["n1", "n2"]
    assert len(gateway.restrictions.rows) == 1


async def stopped_before_the_clock_was_set_back(*probed: ProbeOutcome) -> Gateway:
    """A gateway whose number was refused at one o'clock; it is noon again."""
    gateway = Gateway.answering(REFUSED)
    gateway.provider.probes = list(probed)
    gateway.world.elapsed = 3600
    with pytest.raises(RetryLater):
        await gateway.handler()(received(approved(received_at=LATER)))
    gateway.world.elapsed = 0
    return gateway


async def test_a_clock_that_was_set_back_by_an_hour_delays_no_probe() -> None:
    gateway = await stopped_before_the_clock_was_set_back(Usable())

    await probes(gateway)()
    said = await gateway.handler("sender-2")(received(approved(received_at=LATER)))

    assert gateway.restrictions.kinds() == []
    assert getattr(said[0], "code", None) == "sent"


async def test_a_message_from_before_the_clock_was_set_back_is_held_no_longer() -> None:
    gateway = await stopped_before_the_clock_was_set_back()

    said = await gateway.handler("sender-2")(received(approved(received_at=LATER)))

    assert getattr(said[0], "code", None) == "gateway_send_failed"
