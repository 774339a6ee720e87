"""Every metric of the code with its labels and series, for the tests of rules and dashboards."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final

from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

SERVICES: Final = ("ingress", "policy", "sender", "audit", "console")
MODULES: Final = ("libs.chassis.metrics", "libs.store.metrics", *(f"services.{name}.metrics" for name in SERVICES))
USERS: Final = ("services.ingress.app.wiring",)
"""Modules whose import makes the series of labels that are listed in a layer above the metrics."""
TARGET_LABELS: Final = frozenset({"job", "service", "instance"})
BROKER: Final[Mapping[str, frozenset[str]]] = {
    "rabbitmq_queue_messages": frozenset({"queue", "vhost"}),
    "rabbitmq_queue_messages_ready": frozenset({"queue", "vhost"}),
    "rabbitmq_queue_messages_unacked": frozenset({"queue", "vhost"}),
    "rabbitmq_queue_consumers": frozenset({"queue", "vhost"}),
    "rabbitmq_alarms_memory_used_watermark": frozenset(),
    "rabbitmq_alarms_free_disk_space_watermark": frozenset(),
    "rabbitmq_connections": frozenset(),
    "rabbitmq_process_resident_memory_bytes": frozenset(),
}
"""What RabbitMQ's Prometheus plugin serves with a series for each queue (3.10 and 4.x)."""
PLAIN: Final[Mapping[str, frozenset[str]]] = {
    **BROKER,
    "up": frozenset(),
    "process_start_time_seconds": frozenset(),
    "process_cpu_seconds_total": frozenset(),
    "process_resident_memory_bytes": frozenset(),
}
"""What the library adds to every process, and Prometheus to every target."""


@dataclass(frozen=True, slots=True)
class Known:
    """A metric: its labels, and the label values of the series that exist from the start."""

    name: str
    labels: tuple[str, ...]
    series: frozenset[tuple[str, ...]] = field(default=frozenset())
    histogram: bool = False

    @property
    def samples(self) -> Iterator[str]:
        """The names under which Prometheus stores it."""
        yield from (f"{self.name}_{part}" for part in ("bucket", "sum", "count")) if self.histogram else (self.name,)


def _metrics_of(module: ModuleType) -> Iterator[MetricWrapperBase]:
    """Those that the module declares, without the series that it has picked out of them."""
    found = (each for each in vars(module).values() if isinstance(each, MetricWrapperBase))
    return (each for each in found if not each._labelvalues)


def _known(metric: MetricWrapperBase) -> Known:
    suffix = "_total" if metric._type == "counter" else ""
    labels = metric._labelnames
    series = frozenset(map(tuple, metric._metrics)) if labels else frozenset({()})
    return Known(f"{metric._name}{suffix}", labels, series, isinstance(metric, Histogram))


def metrics_in_code() -> Mapping[str, Known]:
    """Every metric by its name."""
    for user in USERS:
        importlib.import_module(user)
    found = [_known(metric) for name in MODULES for metric in _metrics_of(importlib.import_module(name))]
    return {known.name: known for known in found}
