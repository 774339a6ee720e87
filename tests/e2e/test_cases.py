"""Every input that real systems were seen to send ends as its case says (the cases lie in `cases/`)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.cases.bodies import Case, all_cases
from tests.e2e.cases.outside import a_forward_receiver
from tests.e2e.cases.player import World
from tests.e2e.cases.rounds import play
from tests.e2e.driver import Gateway
from tests.evolution_stub import EvolutionStub, evolution

CASES = [pytest.param(case, id=f"{kind}: {case.name}") for kind, case in all_cases()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcomes(gateway: Gateway, request: pytest.FixtureRequest) -> AsyncIterator[dict[str, list[str]]]:
    """What differs in each of the cases that were asked for; all of them are played before the first is reported."""
    here = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    params = [item.callspec.params for item in here if hasattr(item, "callspec")]
    wanted = [case for each in params if isinstance(case := each.get("case"), Case)]
    async with a_forward_receiver() as receiver, evolution(EvolutionStub(instances={})) as server:
        usual = await gateway.whatsapp.configure()
        await gateway.whatsapp.configure(statuses=usual["statuses"] | {"enabled": False})
        try:
            yield await play(World(gateway, receiver, server), wanted)
        finally:
            await gateway.whatsapp.configure(statuses=usual["statuses"])


@pytest.mark.parametrize("case", CASES)
def test_a_case_ends_as_it_says(case: Case, outcomes: dict[str, list[str]]) -> None:
    wrong = outcomes[case.name]

    assert not wrong, "\n".join(wrong)


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for _, case in all_cases()]

    assert len(names) == len(set(names)) >= 100
