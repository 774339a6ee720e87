import json
from pathlib import Path

import pytest

from libs.contracts.events import BY_NAME, EVENTS, Event
from tests.contract.wire.examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
ROUTING = {"result.#": "result.ingress-1.sent", "simulation.answered.*": "simulation.answered.console-1"}


def every_event_class(base: type[Event] = Event) -> set[type[Event]]:
    found = set()
    for child in base.__subclasses__():
        found |= every_event_class(child)
        if "name" in child.__dict__:
            found.add(child)
    return found


def test_every_event_class_is_listed() -> None:
    assert set(EVENTS) == every_event_class()


def test_no_two_events_share_a_name() -> None:
    assert len(BY_NAME) == len(EVENTS)


def test_every_event_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES} == set(EVENTS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_an_example_fills_in_every_field(example: Event) -> None:
    assert example.model_fields_set >= set(type(example).model_fields) - {"account_id", "integration_id"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_the_wire_looks_as_it_always_did(example: Event) -> None:
    """A difference means: add optional fields only, or make a new class and key (docs/decisions)."""
    kept = json.loads((GOLDEN / f"{example.name}.json").read_text("utf-8"))

    assert json.loads(example.model_dump_json()) == kept
    assert type(example).model_validate(kept) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_an_unknown_field_of_a_newer_release_is_ignored(example: Event) -> None:
    wire = json.loads(example.model_dump_json()) | {"from_next_year": {"x": 1}}

    assert type(example).model_validate(wire) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_a_routing_key_says_who_and_what_happened(example: Event) -> None:
    expected = ROUTING.get(example.binding, example.name)

    assert example.routing_key == expected


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_no_number_and_no_text_shows_in_an_events_repr(example: Event) -> None:
    shown = repr(example)

    assert "966500000000" not in shown
    assert "Hello" not in shown
    assert "Someone" not in shown
