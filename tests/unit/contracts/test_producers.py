"""Who publishes what: every event has a publisher, and no service makes an event that the broker would refuse."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.contracts.events import EVENTS, Event
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS

ROOT = Path(__file__).parents[3]
CLASSES = {event.__name__: event for event in EVENTS}
OUTBOX = "OutboxEvent"
"""A module that names it hands its events to the outbox, which console publishes."""
OF_THE_OUTBOX = {"libs/store/restriction_events.py", "libs/store/business_accounts.py"}
NOT_PUBLISHED = {
    ("services/policy/handlers/simulate_decision.py", "WebhookReceived"),  # decided in place, and forgotten
}


def events_made_in(folder: str) -> Iterator[tuple[str, type[Event]]]:
    """The modules below a folder, with the event classes that they call."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        module = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr == "model_validate":
                called = called.value
            if isinstance(called, ast.Name) and called.id in CLASSES and (module, called.id) not in NOT_PUBLISHED:
                yield module, CLASSES[called.id]


def publisher_of(module: str, owner: str) -> str:
    """Who publishes what a module makes."""
    to_outbox = module in OF_THE_OUTBOX or OUTBOX in (ROOT / module).read_text("utf-8")
    return "console" if to_outbox else owner


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_every_event_is_published_by_a_service_or_is_a_dead_letter(event: type[Event]) -> None:
    publishers = [service for service, published in PRODUCERS.items() if event in published]

    assert bool(publishers) != (event in DEAD_LETTERS_ONLY)


@pytest.mark.parametrize(
    ("folder", "owner"),
    [
        *((f"services/{service}", service) for service in PRODUCERS),
        pytest.param("libs/providers", "ingress", id="what ingress reads from providers' posts"),
        pytest.param("libs/store", "console", id="what the store hands to the outbox"),
    ],
)
def test_a_service_may_publish_every_event_that_its_code_makes(folder: str, owner: str) -> None:
    allowed = {service: {*published, *DEAD_LETTERS_ONLY} for service, published in PRODUCERS.items()}

    made = [(module, event) for module, event in events_made_in(folder) if not module.endswith("directory_cache.py")]

    assert made
    assert [
        (module, event.__name__) for module, event in made if event not in allowed[publisher_of(module, owner)]
    ] == []


@pytest.mark.parametrize("service", PRODUCERS)
def test_a_service_may_publish_no_event_that_its_code_does_not_name(service: str) -> None:
    others = {"ingress": ("libs/providers",), "console": ("services", "libs/store")}  # the outbox is everybody's
    folders = (f"services/{service}", *others.get(service, ()))
    code = "".join(path.read_text("utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))

    assert [event.__name__ for event in PRODUCERS[service] if event.__name__ not in code] == []
