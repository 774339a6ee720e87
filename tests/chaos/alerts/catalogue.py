"""The faults by group: those of a group do not disturb each other, and are there at the same time."""

from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.alerts.audit_faults import faults_of_the_start
from tests.chaos.alerts.broker_faults import metrics_away, policy_missing
from tests.chaos.alerts.change_faults import effect_refused, may_not_publish
from tests.chaos.alerts.console_faults import approval_waits, look_ups, verification_held
from tests.chaos.alerts.fault import Fault
from tests.chaos.alerts.instance_faults import one_of_two_frozen
from tests.chaos.alerts.letter_faults import dead_letter, unauthenticated_event, unreadable_post
from tests.chaos.alerts.process_faults import broker_faults, opt_out_late, service_faults
from tests.chaos.alerts.provider_faults import provider_faults
from tests.chaos.alerts.setting_faults import started_unprepared
from tests.chaos.alerts.store_faults import record_altered, sink_dead, store_faults
from tests.chaos.alerts.time_faults import clock_back, reports_stuck
from tests.chaos.alerts.webhook_faults import contradicting_statuses, template_limit

Groups = Sequence[Sequence[Fault]]


def dependencies() -> Groups:
    """Faults of the store and of the broker, one after the other: each stops the whole gateway."""
    return [[fault] for fault in [*store_faults(), *broker_faults()]]


def services() -> Groups:
    """Faults of services, a pair at a time; then an opt-out that comes late, beside settings and operators' changes."""
    return [*service_faults(), [opt_out_late(), started_unprepared(), may_not_publish(), effect_refused()]]


def events() -> Groups:
    """Faults of single messages, numbers, records, reports and 3CX systems, all at once; then of clocks, of audit's
    start and of what signs the record.
    """
    letters = [dead_letter(), unauthenticated_event(), unreadable_post()]
    records = [record_altered(), sink_dead(), reports_stuck(), verification_held()]
    reported = [contradicting_statuses(), template_limit()]
    operators = [approval_waits(), look_ups()]
    return [
        [*provider_faults(), *letters, *records, *reported, *operators],
        [clock_back(), metrics_away(), policy_missing(), one_of_two_frozen(), *faults_of_the_start()],
    ]


PARTS: Mapping[str, Groups] = {"dependencies": dependencies(), "services": services(), "events": events()}
"""Each part has a gateway of its own, so that the parts can run beside each other."""


def provoked() -> set[str]:
    """The names of the alerts that a fault of the table sets off, and whose section is tried against it."""
    return {each.alert for fault in _faults() for each in fault.expected}


def measured() -> set[str]:
    """The names of all alerts with a row in the table."""
    return provoked() | {each.alert for fault in _faults() for each in fault.lasting}


def _faults() -> Iterator[Fault]:
    return (fault for groups in PARTS.values() for group in groups for fault in group)
