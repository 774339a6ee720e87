"""Why an alert has no row in the fault table: what its fault is, and why no drill causes it on a running gateway."""

from collections.abc import Mapping
from typing import Final

_VOLUME: Final = "A volume: the backlog takes longer to make and to work off than all drills together."
_STUCK: Final = "A call that never ends: each call of a handler has a limit, which no fault from outside lifts."

UNTRIED: Final[Mapping[str, str]] = {
    "GatewayQueueDeep": "A burst of 500 messages: it keeps two cores busy, and the drills beside it come late.",
    "GatewayQueueBacklog": _VOLUME,
    "GatewayRecordBehind": _VOLUME,
    "GatewayRefusalsUnrecorded": _VOLUME,
    "GatewayConsumerStuck": _STUCK,
    "GatewayConsumerRestarted": _STUCK,
    "GatewayPrefetchSaturated": "A load that lasts five minutes: the drills leave the machine to the gateway.",
    "GatewayEventLoopSlow": "A load that lasts five minutes: the drills leave the machine to the gateway.",
    "GatewayLogLinesLost": "A disk that is full until the last page of each log file is: the drill ends it sooner.",
    "GatewayRecordNotCheckpointed": "35 minutes in which audit runs and signs nothing: longer than the drills.",
    "GatewayContradictedResults": "Two senders with one message, one frozen for longer than its lease: a race.",
    "GatewayContactBookNotDeleted": "Seven days in which WhatsApp refuses; unit tests show the calls and their end.",
}
"""By alert. Each has its case in promtool, and its runbook section is tried against a sound gateway."""
