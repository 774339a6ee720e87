"""Reading the templates of business accounts: who is asked, when, and what a failure leaves."""

from dataclasses import dataclass, field
from datetime import timedelta

from libs.contracts.known_templates import KnownTemplate
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused, TemplatesOutcome, TemplatesRead
from libs.providers.outgoing import NumberCredentials
from libs.store.templates import SYNC_EVERY
from services.sender.handlers.template_syncs import FIRST_PAGE_ALONE, RETRY_AFTER, TAKEN_FOR, SyncTemplates
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_restrictions import FakeRegistry
from tests.unit.sender.fake_templates import FakeTemplates
from tests.unit.sender.fake_world import NOON, World
from tests.unit.sender.gateway import a_number

READY = KnownTemplate(name="ready", language="de", status="APPROVED", category="UTILITY")
NUMBERS = (
    a_number(id="n1", business_account_id="w1"),
    a_number(id="n2", phone_number_id="1066", business_account_id="w1"),
    a_number(id="n3", phone_number_id="1067"),
    a_number(id="n4", phone_number_id="shop", provider="elsewhere"),
)


@dataclass
class FakeLists:
    outcome: TemplatesOutcome = field(default_factory=lambda: TemplatesRead((READY,)))
    read_for: list[tuple[str, str | None]] = field(default_factory=list)

    async def read(self, number: NumberCredentials, business_account_id: str | None) -> TemplatesOutcome:
        self.read_for.append((number.number_id, business_account_id))
        return self.outcome


@dataclass
class Job:
    world: World = field(default_factory=World)
    templates: FakeTemplates = field(default_factory=FakeTemplates)
    lists: FakeLists = field(default_factory=FakeLists)

    def __post_init__(self) -> None:
        numbers = FakeNumbers(NUMBERS)
        self.sync = SyncTemplates(
            templates=self.templates,
            registry=FakeRegistry(numbers),
            numbers=numbers,
            lists={"cloud_api": self.lists},
            clock=self.world.clock,
        )


async def test_each_business_account_is_asked_for_once() -> None:
    job = Job()

    await job.sync.find_owners()
    await job.sync()
    await job.sync.find_owners()
    await job.sync()

    assert job.lists.read_for == [("n1", "w1"), ("n3", None)]
    assert job.templates.known["w1"] == [READY]
    assert job.templates.states["w1"].due_at == NOON + SYNC_EVERY


async def test_templates_are_read_again_after_six_hours() -> None:
    job = Job()
    await job.sync.find_owners()
    await job.sync()

    job.world.elapsed = SYNC_EVERY.total_seconds()
    await job.sync()

    assert job.lists.read_for.count(("n1", "w1")) == 2


async def test_a_failed_read_keeps_what_is_known_and_is_repeated_soon() -> None:
    for outcome, problem in (
        (OutcomeUnknown("timeout"), "timeout"),
        (Refused(code=190, http_status=401), "refused_190"),
        (Refused(code=None, http_status=404), "refused_404"),
    ):
        job = Job()
        await job.templates.request("w1", "n1", NOON)
        await job.sync()
        job.lists.outcome = outcome
        await job.templates.request("w1", "n1", NOON)

        await job.sync()

        state = job.templates.states["w1"]
        assert (state.problem, state.due_at, job.templates.known["w1"]) == (problem, NOON + RETRY_AFTER, [READY])


async def test_a_number_without_a_known_business_account_is_not_asked_about_all_the_time() -> None:
    job = Job(lists=FakeLists(NotSent("business_account_unknown")))
    await job.templates.request("n3", "n3", NOON)

    await job.sync()

    assert job.templates.states["n3"].due_at == NOON + SYNC_EVERY


async def test_a_number_that_got_its_business_account_is_read_under_that_name() -> None:
    job = Job()
    await job.templates.request("n1", "n1", NOON)

    await job.sync()

    assert job.lists.read_for == []
    assert job.templates.states["n1"].problem == "number_moved"


async def test_a_process_that_dies_leaves_the_read_to_another_one() -> None:
    job = Job()
    await job.templates.request("w1", "n1", NOON)
    await job.templates.take("w1", now=NOON, until=NOON + TAKEN_FOR)

    await job.sync()
    assert job.lists.read_for == []

    job.world.elapsed = (TAKEN_FOR + timedelta(seconds=1)).total_seconds()
    await job.sync()
    assert job.lists.read_for == [("n1", "w1")]


async def test_a_list_that_may_not_be_all_is_used_and_says_so() -> None:
    job = Job(lists=FakeLists(TemplatesRead((READY,), complete=False)))
    await job.templates.request("w1", "n1", NOON)

    await job.sync()

    state = job.templates.states["w1"]
    assert (state.problem, state.due_at, job.templates.known["w1"]) == (FIRST_PAGE_ALONE, NOON + SYNC_EVERY, [READY])
