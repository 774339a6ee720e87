"""Keys of events in a folder: made once, and changed in three steps at which no service refuses another."""

import stat
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from libs.chassis.event_keys import SERVICES, EventKeys, Refusal, event_keys_from
from tools.event_keys import NoKeys, add, drop, make, use, values_in

PARTS, BODY = ("webhook.received", "1"), b"{}"
STEPS = (add, use, drop)


def running(folder: Path) -> dict[str, EventKeys]:
    """The services as they start with the files of now."""
    return {service: event_keys_from(value, service) for service, value in values_in(folder).items()}


def accept_each_other(*fleets: dict[str, EventKeys]) -> bool:
    """True when every service of every fleet takes the events of every other."""
    everybody = [item for fleet in fleets for item in fleet.items()]
    return all(
        reader.producer_of(keys.sign(PARTS, BODY), PARTS, BODY) == name
        for (name, keys), (_, reader) in product(everybody, everybody)
    )


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    folder = tmp_path / "keys"

    assert make(folder) == list(SERVICES)
    before = values_in(folder)
    assert make(folder) == []

    assert values_in(folder) == before
    assert {path.name: path.read_text().strip() for path in folder.iterdir()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert accept_each_other(running(folder))


def test_a_change_of_keys_lets_old_and_new_replicas_run_side_by_side_at_every_step(tmp_path: Path) -> None:
    make(tmp_path)
    fleets = [running(tmp_path)]
    for step in STEPS:
        step(tmp_path)
        fleets.append(running(tmp_path))
        assert accept_each_other(fleets[-2], fleets[-1]), step.__name__

    first, last = fleets[0], fleets[-1]
    old_event = first["ingress"].sign(PARTS, BODY)
    assert fleets[2]["policy"].producer_of(old_event, PARTS, BODY) == "ingress"
    assert last["policy"].producer_of(old_event, PARTS, BODY) is Refusal.UNKNOWN_KEY


def test_each_step_can_be_repeated(tmp_path: Path) -> None:
    make(tmp_path)
    for step in STEPS:
        step(tmp_path)
        after = values_in(tmp_path)
        step(tmp_path)
        assert values_in(tmp_path) == after


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("written", range(len(SERVICES) + 1))
def test_a_step_that_died_between_two_files_is_completed_by_its_repetition(
    tmp_path: Path, step: Callable[[Path], None], written: int
) -> None:
    make(tmp_path)
    for before in STEPS[: STEPS.index(step)]:
        before(tmp_path)
    older = values_in(tmp_path)
    step(tmp_path)
    for service in SERVICES[written:]:
        (tmp_path / service).write_text(older[service])

    step(tmp_path)

    assert accept_each_other(running(tmp_path))


def test_a_service_that_a_later_release_adds_gets_keys_and_the_others_learn_of_it(tmp_path: Path) -> None:
    make(tmp_path)
    kept = (tmp_path / "ingress").read_text().partition(",")[0]
    (tmp_path / "console").unlink()

    assert make(tmp_path) == ["console"]

    assert (tmp_path / "ingress").read_text().startswith(kept)
    assert accept_each_other(running(tmp_path))


def test_keys_that_are_missing_or_damaged_are_told_in_a_sentence_without_them(tmp_path: Path) -> None:
    with pytest.raises(NoKeys, match="has no keys of ingress"):
        add(tmp_path)
    make(tmp_path)
    value = (tmp_path / "policy").read_text().strip()
    (tmp_path / "policy").write_text(value[:-3])

    with pytest.raises(NoKeys, match=r"policy cannot be read: entry 5 must be") as error:
        use(tmp_path)

    assert value[10:40] not in str(error.value)
