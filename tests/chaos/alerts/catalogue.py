"""The faults by group: those of a group do not disturb each other, and are there at the same time."""

from collections.abc import Mapping, Sequence

from tests.chaos.alerts.fault import Fault
from tests.chaos.alerts.letter_faults import dead_letter, unauthenticated_event, unreadable_post
from tests.chaos.alerts.process_faults import opt_out_late, process_faults
from tests.chaos.alerts.provider_faults import provider_faults
from tests.chaos.alerts.store_faults import record_altered, sink_dead, store_faults
from tests.chaos.alerts.time_faults import clock_back, reports_stuck

Groups = Sequence[Sequence[Fault]]


def outages() -> Groups:
    """Faults that stop something for everybody, one after the other."""
    return [[fault] for fault in [*store_faults(), *process_faults(), opt_out_late()]]


def events() -> Groups:
    """Faults of single messages, numbers, records, reports and 3CX systems, all at once; then of a clock."""
    records = [record_altered(), sink_dead(), reports_stuck()]
    return [[*provider_faults(), dead_letter(), unauthenticated_event(), unreadable_post(), *records], [clock_back()]]


PARTS: Mapping[str, Groups] = {"outages": outages(), "events": events()}
"""Each part has a gateway of its own."""


def provoked() -> set[str]:
    """The names of the alerts that a fault of the table sets off."""
    faults = [fault for groups in PARTS.values() for group in groups for fault in group]
    return {each.alert for fault in faults for each in fault.expected}
