"""The section of docs/performance.md that `python -m bench.profile --page` writes and `make bench` keeps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import profile_parts as parts

HEADING: Final = "## Where the CPU time of a message goes"
LARGE: Final = 0.05
"""The share of a process's time above which a part has its reason on the page."""
_LEAST: Final = 0.5
_HEAD: Final = """
`python -m bench.profile --page` writes this section, and `make bench` keeps it: CPU time of each process for one
message, in microseconds, with 64 in flight. A stack belongs to the part that its innermost frame of ours or of a
library names (`bench/profile_parts.py`); what SQLite and system calls take without the interpreter's lock is spread
over the parts of their thread. RabbitMQ's parts are shares of its reductions. Console is not on the path. Measured
on {day}.

A part that takes more than {large:.0%} of its process has the promise that it keeps.
"""
REASONS: Final = {
    parts.AMQP: "Nothing accepted is lost: every publish is persistent and confirmed before what caused it is "
    "acknowledged, on quorum queues. A message has three publishes and six deliveries, with frames for each.",
    parts.EVENTS: "Untrusted data is validated where it enters, and each release reads what another release published "
    "with its own classes (decisions 63 and 65).",
    parts.MAC: "Each event proves which service published it: a code is made with each publish and checked with each "
    "delivery (decision 40).",
    parts.HTTP: "The webhook and WhatsApp's API are HTTP: a request is parsed within limits and answered; sender's "
    "client keeps its connections.",
    parts.ACCESS: "No request passes unauthenticated or above its limits, also with several replicas: the limits are "
    "counted in the store.",
    parts.RULES: "Every rule is judged for every message, and the receipt says so: opt-out, consent, window, limits, "
    "content.",
    parts.NUMBERS: "A customer is one person in every spelling of the number, and is found by keyed hashes alone, so "
    "that erased customers stay blocked.",
    parts.READ: "An opt-out counts from the moment it is stored, so facts are read for each message; sender looks for "
    "erasures, restrictions and opt-outs again just before it calls WhatsApp.",
    parts.WRITE: "No message is decided or sent twice after a crash, and no record is lost: the decision is on disk "
    "before it is published, the claim before WhatsApp is called, the record before its event is acknowledged.",
    parts.SEALING: "Personal values in the record are encrypted with a key of the person, so that an erasure destroys "
    "them.",
    parts.RECORDS: "The record is complete and tamper-evident: one line for each event, hashed and chained; what may "
    "be personal is kept apart.",
    parts.TRACES: "A message can be followed through all services: the trace's identity is passed on with each event.",
    parts.METRICS: "Each alert sees the first event: deliveries, ages and outcomes are counted one by one.",
    parts.HANDLERS: "Gather, decide, publish: each step is safe to repeat after a crash.",
    parts.LOOP: "No message waits for another one: each has a task and a time limit. System calls of sockets that the "
    "loop makes by itself are here.",
    "connections: reading frames": "As above: each publish and acknowledgement is a frame or several.",
    "connections: writing frames": "As above: each delivery and confirm is a frame or several.",
    "channels: routing, confirms, acknowledgements": "Publishes are mandatory and confirmed, deliveries acknowledged.",
    "quorum queues: the replicated log's state": "Events survive the loss of a node.",
    "quorum queues: write-ahead log": "A publish is confirmed once it is on disk.",
    "quorum queues: segments on disk": "What is confirmed survives a restart.",
    "everything else": "Timers, statistics that the alerts read, and the node's own processes.",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A process: the microseconds of CPU that each part of it takes for one message."""

    name: str
    parts: Mapping[str, float]

    @property
    def cpu_us(self) -> float:
        """All parts together."""
        return sum(self.parts.values())

    def largest_first(self) -> list[tuple[str, float]]:
        """The parts that take half a microsecond and more."""
        found = [(part, micros) for part, micros in self.parts.items() if micros >= _LEAST]
        return sorted(found, key=lambda each: -each[1])


def section_in(text: str) -> str:
    """The section of a page, with its heading; empty when it has none."""
    _, heading, rest = text.partition(f"{HEADING}\n")
    return heading + rest.rstrip() + "\n" if heading else ""


def with_section(text: str, section: str) -> str:
    """The page with this section at its end, in place of the one that it has."""
    body = text.partition(f"{HEADING}\n")[0].rstrip() + "\n"
    return f"{body}\n{section}" if section else body


def section_from(profiles: Sequence[Profile]) -> str:
    """The section."""
    head = _HEAD.format(day=datetime.now(UTC).date().isoformat(), large=LARGE)
    return "\n".join([HEADING, head.rstrip(), *(line for profile in profiles for line in _table(profile)), ""])


def _table(profile: Profile) -> Iterator[str]:
    yield from ("", f"### {profile.name}", "", f"{profile.cpu_us:,.0f} µs a message.")
    yield from ("", "| part | µs a message | why it cannot go |", "|---|---|---|")
    for part, micros in profile.largest_first():
        reason = REASONS.get(part, "") if micros > LARGE * profile.cpu_us else ""
        yield f"| {part} | {micros:.0f} | {reason} |"


def write(page: Path, profiles: Sequence[Profile]) -> None:
    """Write the section into the page."""
    page.write_text(with_section(page.read_text("utf-8"), section_from(profiles)), "utf-8")
