"""`CircuitChanges`: counts the changes of circuits, and logs which circuit has opened and when it is closed again."""

from dataclasses import dataclass, field

from prometheus_client import Counter

from libs.chassis.telemetry import logger
from services.sender.domain.circuit_breaker import CircuitState

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class CircuitChanges:
    """To be told of every change. Metrics have no ids as labels, so the log alone says whose circuit it is."""

    counter: Counter
    key: str
    """The name of the log line's field: `number_id` or `integration_id`."""
    _opened: set[str] = field(default_factory=set)

    def __call__(self, owner: str, state: CircuitState) -> None:
        """Count the change. A circuit that opens again after a failed probe is logged the first time only."""
        self.counter.labels(state.value).inc()
        if state is CircuitState.OPEN and owner not in self._opened:
            self._opened.add(owner)
            log.warning("circuit opened, calls stop", **{self.key: owner})
        elif state is CircuitState.CLOSED:
            self._opened.discard(owner)
            log.warning("circuit closed, calls go on", **{self.key: owner})
