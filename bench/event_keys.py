"""What the codes of events cost: `python -m bench.event_keys`. Times are CPU time of this process."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import uuid4

from libs.chassis.amqp.authentication import require_authentic, sign
from libs.chassis.amqp.envelope import message_from, received_from
from libs.chassis.event_keys import SERVICES, event_keys_from
from libs.chassis.subscriptions import MessageMetadata
from libs.contracts.events import WebhookPayload, WebhookReceived
from tools.event_keys import new_event_keys

ROUNDS: Final = 5_000
TEXTS: Final = {"a short text": "Your appointment is tomorrow at 10:00.", "4,096 characters": "x" * 4_096}
COUNTS: Final = {"a message": (3, 6), "a message with three statuses": (10, 20)}
"""How many events are published (received, approved, answered; statuses and what follows), and read how often."""


def measure(text: str) -> dict[str, float]:
    """Microseconds for one event: made and read without its code, and what the code adds."""
    keys = {service: event_keys_from(value, service) for service, value in new_event_keys().items()}
    payload = WebhookPayload(event_type="outbound_message", to="+966501234567", text=text)
    event = WebhookReceived(account_id="acc_1", integration_id="int_1", reply_to="ingress-1", payload=payload)
    metadata = MessageMetadata(id=uuid4(), at=datetime.now(UTC))
    message = message_from(event, metadata, "ingress-1")
    sign(message, keys["ingress"])
    names = ("body", "headers", "type", "message_id", "correlation_id", "app_id", "content_type", "timestamp")
    incoming: Any = SimpleNamespace(**{name: getattr(message, name) for name in names})
    return {
        "made": _microseconds(lambda: message_from(event, metadata, "ingress-1")),
        "signed": _microseconds(lambda: sign(message, keys["ingress"])),
        "read": _microseconds(lambda: received_from(incoming)),
        "checked": _microseconds(lambda: require_authentic(incoming, keys["policy"], "policy.webhooks")),
    }


def _microseconds(step: Callable[[], object]) -> float:
    """The least of five tries: what else runs on the machine only adds."""
    tries = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS):
            step()
        tries.append(time.process_time() - began)
    return min(tries) / ROUNDS * 1e6


def main() -> None:
    """Print a row for each text."""
    print(f"{len(SERVICES)} codes for each event; microseconds of CPU time")
    for name, text in TEXTS.items():
        found = measure(text)
        row = "  ".join(f"{step} {value:.1f}" for step, value in found.items())
        totals = "  ".join(
            f"{what} {published * found['signed'] + read * found['checked']:.0f}"
            for what, (published, read) in COUNTS.items()
        )
        print(f"{name:>17}: {row}  |  {totals}")


if __name__ == "__main__":
    main()
