"""What verifications found and how far they came is kept, and a fault stands until a later one finds none."""

import pytest

from libs.store.store import Store
from libs.store.verified import Scope, VerificationState, VerifiedPlace
from tests.contract.store.builders import after

FAULT = '{"kind":"altered"}'


def place(chain: str, seq: int, checkpoint: int = 0) -> VerifiedPlace:
    return VerifiedPlace(chain=chain, checkpoint=checkpoint, seq=seq, hash=bytes([seq]) * 32)


async def test_nothing_is_known_before_the_first_verification(store: Store) -> None:
    assert await store.verification_states.all() == {}
    assert await store.verified_places.all() == {}


async def test_each_scope_has_a_state_that_another_process_reads(store: Store, other: Store) -> None:
    await store.verification_states.passed(Scope.WHOLE, started=after(0), ended=after(5))
    await store.verification_states.failed(Scope.INCREMENTAL, FAULT, at=after(6), ended=after(7))

    assert await other.verification_states.all() == {
        Scope.WHOLE: VerificationState(sound=True, verified_at=after(5)),
        Scope.INCREMENTAL: VerificationState(sound=False, verified_at=after(7), fault=FAULT),
    }


@pytest.mark.parametrize(("started", "sound"), [(4, False), (6, True)], ids=["begun before it", "begun after it"])
async def test_a_fault_stands_until_a_verification_that_began_after_it(
    store: Store, started: int, *, sound: bool
) -> None:
    await store.verification_states.passed(Scope.WHOLE, started=after(0), ended=after(1))
    await store.verification_states.failed(Scope.WHOLE, FAULT, at=after(5))
    assert (await store.verification_states.all())[Scope.WHOLE].verified_at == after(1)

    await store.verification_states.passed(Scope.WHOLE, started=after(started), ended=after(9))

    state = (await store.verification_states.all())[Scope.WHOLE]
    assert (state.sound, state.verified_at, state.fault) == (sound, after(9), FAULT)


async def test_a_fault_before_the_first_whole_verification_is_kept(store: Store) -> None:
    await store.verification_states.failed(Scope.WHOLE, FAULT, at=after(5))

    assert (await store.verification_states.all())[Scope.WHOLE] == VerificationState(sound=False, fault=FAULT)


async def test_places_are_replaced_chain_by_chain_and_forgotten_together(store: Store, other: Store) -> None:
    await store.verified_places.save([place("acc-1", 3), place("-", 1)])
    await other.verified_places.save([place("acc-1", 9, checkpoint=2)])
    await store.verified_places.save([])

    assert await store.verified_places.all() == {"acc-1": place("acc-1", 9, checkpoint=2), "-": place("-", 1)}
    await other.verified_places.forget()
    assert await store.verified_places.all() == {}
