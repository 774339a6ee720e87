"""Why an alert has no row in the fault table: what its fault is, and why no drill causes it on a running gateway."""

from collections.abc import Mapping
from typing import Final

_VOLUME: Final = "A volume: the backlog takes longer to make and to work off than all drills together."
_STUCK: Final = "A call that never ends: each call of a handler has a limit, which no fault from outside lifts."
_SLOW: Final = "Minutes of answers that are slow and still come: the drills kill and freeze what answers, for seconds."

UNTRIED: Final[Mapping[str, str]] = {
    "GatewayQueueDeep": _VOLUME,
    "GatewayQueueBacklog": _VOLUME,
    "GatewayRecordBehind": _VOLUME,
    "GatewayRefusalsUnrecorded": _VOLUME,
    "GatewayEventsOld": "A store that is away for a minute: the drill ends it after its pages.",
    "GatewayDeliveriesOld": _STUCK,
    "GatewayConsumerStuck": _STUCK,
    "GatewayConsumerRestarted": _STUCK,
    "GatewayLatencyBurnsFast": _SLOW,
    "GatewayLatencyBurns": _SLOW,
    "GatewayLatencyBudget": _SLOW,
    "GatewayPendingAnswers": _SLOW,
    "GatewayLogLinesLost": "A folder for log files that is full while the store is not: both share the drill's disk.",
    "GatewayLogRefused": "Audit compares at its start alone; the mend is another start, in the middle of other faults.",
    "GatewayPrefetchSaturated": "A load that lasts five minutes: the drills leave the machine to the gateway.",
    "GatewayEventLoopSlow": "A load that lasts five minutes: the drills leave the machine to the gateway.",
    "GatewayStoreSlow": "A disk that is slow and not away; the drill has one that is locked, full or gone.",
    "GatewayAccessRecordsWaiting": "A store that is away for five minutes: the drill ends it after its pages.",
    "GatewayOutboxWaiting": "A broker that is away for ten minutes: the drill ends it after its pages.",
    "GatewayApprovalsStuck": "A store or a broker that is away for five minutes: the drill ends it after its pages.",
    "GatewayRecordNotCheckpointed": "35 minutes in which audit runs and signs nothing: longer than the drills.",
    "GatewayJobStopped": "Three intervals in which a supervised job neither ends nor fails: a defect.",
    "GatewayContradictedResults": "Two senders with one message, one frozen for longer than its lease: a race.",
    "GatewayContactBookNotDeleted": "Seven days in which WhatsApp refuses; unit tests show the calls and their end.",
    "GatewayInstanceDown": "Several processes of a service: the gateway of the drills has one of each.",
    "GatewayStoreIndexesMissing": "A release whose `gateway migrate` has not run; that of the drills has.",
    "GatewayCheckpointSinkMissing": "A setting that is missing, which a service tells at its start.",
    "GatewayApiVersionEnds": "A date, which comes with the version in the settings.",
}
"""By alert. Each has its case in promtool, and its runbook section is tried against a sound gateway."""
