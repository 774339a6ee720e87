"""`part_of`: which part of the work a sampled stack belongs to.

The innermost frame that a rule knows decides; what only the standard library or the event loop runs is the loop's.
"""

import re
from collections.abc import Sequence
from typing import Final

AMQP, EVENTS, MAC = "AMQP: frames, publishes, acknowledgements", "events: JSON and validation", "codes of events (HMAC)"
HTTP, ACCESS = "HTTP", "authentication and rate limits"
RULES, NUMBERS = "rules and decision", "phone numbers and customers' hashes"
READ, WRITE = "store: reading", "store: writing"
SEALING, RECORDS = "sealing with persons' keys", "records and their hash chain"
TRACES, METRICS = "tracing", "metrics"
HANDLERS, LOOP = "handlers: gathering and answering", "event loop, tasks, time limits, sockets"

_WRITER: Final = re.compile(r"libs/store/sqlite/writer\.py|\bchange \(")
"""Whatever runs below one of these belongs to a write."""
RULES_OF_FRAMES: Final[Sequence[tuple[str, re.Pattern[str]]]] = [
    (part, re.compile(pattern))
    for part, pattern in (
        (TRACES, r"opentelemetry/|libs/chassis/(spans|span_|message_spans|http_spans|trace_context|amqp/message_s)"),
        (METRICS, r"prometheus_client/|libs/chassis/(metrics|loop_time)|libs/store/metrics"),
        (MAC, r"libs/chassis/(event_keys|amqp/authentication)"),
        (SEALING, r"libs/store/(sealer|subjects)\.py|cryptography/"),
        (RECORDS, r"libs/record/|services/audit/domain/"),
        (NUMBERS, r"phonenumbers/|libs/contracts/(identity|phone)|libs/store/(do_not_contact|customers)\.py"),
        (EVENTS, r"pydantic|libs/contracts/|libs/chassis/amqp/(envelope|origin)|/json/"),
        (ACCESS, r"services/ingress/(domain/(auth|addr)|handlers/credentials|adapters/(rate|sqlite_w))|/limits/"),
        (READ, r"libs/store/|sqlite3"),
        (AMQP, r"libs/chassis/amqp/|aiormq/|aio_pika/|pamqp/"),
        (HTTP, r"aiohttp/|yarl/|multidict/|libs/chassis/http_|services/\w+/http/|libs/providers/"),
        (RULES, r"services/policy/(rules|domain)/"),
        (HANDLERS, r"services/\w+/(handlers|adapters)/"),
    )
]  # fmt: skip
BROKER_PARTS: Final = {
    "rabbit_reader": "connections: reading frames",
    "rabbit_writer": "connections: writing frames",
    "rabbit_channel": "channels: routing, confirms, acknowledgements",
    "ra_server_proc": "quorum queues: the replicated log's state",
    "ra_log_wal": "quorum queues: write-ahead log",
    "ra_log_segment_writer": "quorum queues: segments on disk",
    "ra_log_ets": "quorum queues: write-ahead log",
}


def part_of(stack: Sequence[str]) -> str:
    """The part of a stack, whose outermost frame comes first; a frame is `function (file:line)`."""
    for frame in reversed(stack):
        for part, pattern in RULES_OF_FRAMES:
            if pattern.search(frame):
                return WRITE if part is READ and any(map(_WRITER.search, stack)) else part
    return WRITE if any(map(_WRITER.search, stack)) else LOOP
