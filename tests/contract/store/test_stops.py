"""A property of `Suppressions`, on every adapter: for any requests and lifts, in any order, a plain model agrees."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from libs.store.conversations import Suppression, SuppressionKind
from libs.store.store import Store
from tests.contract.store.builders import a_suppression

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CUSTOMERS = count()
SECONDS = st.integers(0, 4)
FRACTIONS = st.sampled_from((0.0, 0.4, 0.9))


@dataclass(frozen=True)
class Stop:
    """A request to stop; the time of one number is the same in every delivery, as WhatsApp's is."""

    number: int
    by_operator: bool = False

    @property
    def second(self) -> int:
        return self.number % 5

    @property
    def at(self) -> datetime:
        return NOON + timedelta(seconds=self.second + (0.5 if self.by_operator else 0))


@dataclass(frozen=True)
class Start:
    second: int


@dataclass(frozen=True)
class Lift:
    """An operator's lift, by our clock."""

    seconds: float


STEPS = st.lists(
    st.one_of(
        st.builds(Stop, st.integers(0, 9)),
        st.builds(Stop, st.integers(10, 14), st.just(value=True)),
        st.builds(Start, SECONDS),
        st.builds(lambda second, fraction: Lift(second + fraction), SECONDS, FRACTIONS),
    ),
    max_size=9,
)


@dataclass
class Model:
    """Every request that counts, until something later lifts it; what has been lifted stays lifted.

    While any of them counts, the customer's latest request stands against operators, also when a START has answered it
    and an operator's own request is what remains: the stricter half.
    """

    standing: set[Stop] = field(default_factory=set)
    known: set[Stop] = field(default_factory=set)
    started: int = -1
    asked: int = -1

    def take(self, step: Stop | Start | Lift) -> None:
        match step:
            case Stop():
                self._stop(step)
            case Start(second):
                self.started = max(self.started, second)
                self.standing = {stop for stop in self.standing if stop.second >= self.started}
            case Lift(seconds):
                if self.asked < int(seconds):
                    self.standing = set()
        if not self.standing:
            self.asked = -1

    def _stop(self, step: Stop) -> None:
        if step in self.known or not (self.standing or step.second >= self.started):
            return
        self.known.add(step)
        if step.second >= self.started:
            self.standing.add(step)
        if not step.by_operator:
            self.asked = max(self.asked, step.second)


async def take(store: Store, customer: str, step: Stop | Start | Lift) -> Suppression | None:
    if isinstance(step, Stop):
        source = "operator" if step.by_operator else "keyword"
        name = f"{customer}-{step.number}"
        return await store.suppressions.suppress(
            a_suppression(name, customer_key=customer, since=step.at, source=source), []
        )
    seconds = step.second if isinstance(step, Start) else step.seconds
    return await store.suppressions.lift(
        account_id="acc-1",
        customer_key=customer,
        kind=SuppressionKind.OPT_OUT,
        at=NOON + timedelta(seconds=seconds),
        events=[],
        deduplication_key=f"start-{step.second}" if isinstance(step, Start) else None,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(steps=[Stop(0), Stop(11, by_operator=True), Start(1), Lift(0.0)])
async def test_a_customer_is_suppressed_exactly_while_a_request_stands(
    store: Store, other: Store, steps: list[Stop | Start | Lift]
) -> None:
    customer, model = f"customer-{next(CUSTOMERS)}", Model()

    for number, step in enumerate(steps):
        model.take(step)
        stands = await take((store, other)[number % 2], customer, step)
        found = await store.suppressions.standing("acc-1", [customer])
        assert bool(found) == bool(model.standing)
        if isinstance(step, Stop):
            assert stands is not None
            assert stands.active == bool(model.standing)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.builds(Stop, st.integers(0, 9)) | st.builds(Start, SECONDS), min_size=1, max_size=6),
    data=st.data(),
)
async def test_the_order_in_which_a_customers_messages_arrive_makes_no_difference(
    store: Store, steps: list[Stop | Start], data: st.DataObject
) -> None:
    arriving = data.draw(st.permutations(steps))
    customer = f"customer-{next(CUSTOMERS)}"

    for step in arriving:
        await take(store, customer, step)

    stops = [step.second for step in steps if isinstance(step, Stop)]
    starts = [step.second for step in steps if isinstance(step, Start)]
    wanted = max(stops, default=-1) >= max(starts, default=0) and bool(stops)
    assert bool(await store.suppressions.standing("acc-1", [customer])) == wanted
