"""The operations under `/restrictions`, and the count of restrictions for the metric."""

from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.store.restriction_events import lifted_events
from libs.store.restrictions import RestrictionCounts, StandingRestrictions
from libs.store.restrictions import Restrictions as RestrictionStore
from services.console import metrics
from services.console.domain.pagination import list_page_from
from services.console.domain.refusals import not_found
from services.console.domain.restrictions import LiftRestrictionQuery, RestrictionQuery, restriction_view_from
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes

OPERATOR = "operator"
MAX_SERIES = 100
"""The most series of the metric; restrictions of further causes are counted as `other`."""


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Lists and lifts restrictions."""

    store: RestrictionStore
    standing: StandingRestrictions
    changes: Changes

    async def page(self, call: Call[RestrictionQuery, None]) -> Answer:
        """Restrictions that stand, in the order of their ids."""
        query = call.query
        rows = await self.standing.page(
            account_id=call.principal.scope(query.account_id),
            scope=query.scope,
            after=query.cursor,
            limit=query.limit + 1,
            now=self.changes.clock(),
        )
        return Answer(list_page_from(rows, query.limit, restriction_view_from, key=lambda row: row.id))

    async def lift(self, call: Call[LiftRestrictionQuery, None]) -> Answer:
        """Lift a restriction; one that has ended, or that a newer notice replaced meanwhile, is not found.

        The lift is as late as WhatsApp's last notice, whose clock may be ahead of ours.
        """
        now, actor = self.changes.clock(), call.principal.actor
        found = await self.standing.get(call.ids["restriction_id"], now)
        if found is None or not call.principal.can_see(found.account_id):
            raise not_found()
        at = max(now, found.reported_at or found.since)
        cause, reason = self.changes.new_id(), call.query.reason
        events = lifted_events(cause, at=now, by=OPERATOR, actor=actor, reason=reason)
        lifted = await self.store.lift(found.account_id, found.subject, found.kind, at=at, events=events)
        if lifted is None:
            raise not_found()
        await self.changes.publish_outbox()
        return Answer(restriction_view_from(lifted))


class CountRestrictions:
    """Sets the gauge of restrictions that stand."""

    def __init__(self, counts: RestrictionCounts, clock: Clock) -> None:
        self._counts = counts
        self._clock = clock
        self._shown: set[tuple[str, str]] = set()

    async def __call__(self) -> None:
        """Count. Safe to repeat; series of causes that are gone are removed."""
        counted = await self._counts.count(self._clock())
        series: dict[tuple[str, str], int] = {}
        for (scope, cause), count in sorted(counted.items(), key=lambda item: -item[1]):
            name = (scope.value, cause if len(series) < MAX_SERIES else "other")
            series[name] = series.get(name, 0) + count
        for name, count in series.items():
            metrics.RESTRICTIONS.labels(*name).set(count)
        for name in self._shown - series.keys():
            metrics.RESTRICTIONS.remove(*name)
        self._shown = set(series)
