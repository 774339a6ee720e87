"""Look-ups are counted by token, whatever it is called."""

from pathlib import Path

import pytest

from libs.contracts.errors import GatewayError
from libs.store.factory import open_store
from services.console.domain.principals import Principal, Role
from services.console.handlers.person_lookups import PersonLookups
from tests.unit.console.world import FrozenClock


async def test_two_tokens_of_one_label_are_counted_apart_and_two_replicas_together(tmp_path: Path) -> None:
    stores = [await open_store(f"sqlite:///{tmp_path / 'gateway.db'}") for _ in range(2)]
    first, second = (PersonLookups(allowances=each.allowances, clock=FrozenClock(), limit=2) for each in stores)
    ann, namesake = (Principal(f"Ann ({id_})", Role.AUDITOR, None, id_) for id_ in ("tok_1", "tok_2"))

    for lookups in (first, second):
        await lookups.admit(ann)
    await first.admit(namesake)
    for lookups in (first, second):
        with pytest.raises(GatewayError, match="too_many_requests") as refused:
            await lookups.admit(ann)
        assert refused.value.details["retry_after"] == 3_600

    for store in stores:
        await store.close()
