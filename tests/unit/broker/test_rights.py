"""The rights as data; what a broker makes of them is in tests/integration/test_broker_rights.py."""

import re

import pytest

from libs.chassis.topology import WORK_QUEUES
from libs.contracts.events import EVENTS, Event
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS
from tools.broker.rights import CONSOLE, DECLARER, SERVICES, Rights, rights

BY_USER = {each.user: each for each in rights()}
NAMES_OF_OTHERS = ["amq.default", "xgateway.dead", "amq.topic", "", "policy", "other.queue"]


def test_every_service_and_the_declare_step_have_rights() -> None:
    assert set(BY_USER) == {*PRODUCERS, DECLARER}


@pytest.mark.parametrize("given", rights(), ids=lambda given: given.user)
@pytest.mark.parametrize("pattern", ["configure", "write", "read"])
@pytest.mark.parametrize("name", NAMES_OF_OTHERS)
def test_no_user_has_a_right_on_the_default_exchange_or_what_is_not_the_gateways(
    given: Rights, pattern: str, name: str
) -> None:
    assert not re.search(getattr(given, pattern), name)


@pytest.mark.parametrize("given", rights(), ids=lambda given: given.user)
def test_only_the_declare_step_has_a_tag_and_it_is_no_administrator(given: Rights) -> None:
    assert given.tags == (("policymaker",) if given.user == DECLARER else ())


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("other", SERVICES)
def test_a_service_has_no_right_on_anothers_queues(service: str, other: str) -> None:
    if service == other:
        return
    queues = [name for work in WORK_QUEUES if work.service == other for name in (work.name, work.dead_letter_queue)]
    given = BY_USER[service]

    assert not [name for name in queues if re.search(given.configure, name) or re.search(given.write, name)]
    read = [name for name in queues if re.search(given.read, name)]
    assert read == ([name for name in queues if name.endswith(".dead")] if service == CONSOLE else [])


@pytest.mark.parametrize("event", [event for event in EVENTS if event not in DEAD_LETTERS_ONLY], ids=lambda e: e.name)
def test_an_events_key_is_allowed_to_its_publishers_alone(event: type[Event]) -> None:
    keys = {"result.#": "result.ingress-1.ok", "simulation.answered.*": "simulation.answered.console-1"}
    key = keys.get(event.binding, event.binding)

    allowed = {service for service in SERVICES if re.search(BY_USER[service].topic_write, key)}

    assert allowed == {service for service, published in PRODUCERS.items() if event in published}
