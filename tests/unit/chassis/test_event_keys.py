"""The codes of events: what is authentic, that no change of it passes, and what a holder of keys can forge."""

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.event_keys import (
    SERVICES,
    EventKeys,
    Refusal,
    _digest,
    _PairKey,
    event_keys_from,
    is_well_formed,
    listed,
    parsed,
)
from tools.event_keys import new_event_keys

VALUES = new_event_keys()
PARTS = ("webhook.received", "id-1", "c-1", "ingress-1", "application/json", "1", "5")
BODY = b'{"text": "hello"}'
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def keys_of(service: str) -> EventKeys:
    return event_keys_from(VALUES[service], service)


ALL = {service: keys_of(service) for service in SERVICES}


@pytest.mark.parametrize("reader", SERVICES)
@pytest.mark.parametrize("producer", SERVICES)
def test_every_service_proves_its_events_to_every_other(producer: str, reader: str) -> None:
    header = ALL[producer].sign(PARTS, BODY)

    assert ALL[reader].producer_of(header, PARTS, BODY) == producer
    assert is_well_formed(header)


@given(
    position=st.integers(0, len(PARTS) - 1),
    other=TEXT,
    body=st.binary(max_size=40),
    parts=st.lists(TEXT, min_size=7, max_size=7),
)
def test_no_event_with_another_part_or_body_has_the_same_code(
    position: int, other: str, body: bytes, parts: list[str]
) -> None:
    header = ALL["ingress"].sign(parts, body)

    changed = [*parts[:position], other, *parts[position + 1 :]]
    assert (ALL["policy"].producer_of(header, changed, body) == "ingress") == (changed == parts)
    assert ALL["policy"].producer_of(header, parts, body + b" ") is Refusal.WRONG


def test_a_code_covers_the_service_and_the_key_that_it_names() -> None:
    named = [("ingress", "k1"), ("ingress", "k2"), ("policy", "k1"), ("ingressk", "1")]

    assert len({_digest(*each, PARTS, BODY) for each in named}) == len(named)


@given(st.integers(0, len(BODY) * 8 - 1))
def test_no_flipped_bit_of_a_body_passes(bit: int) -> None:
    header = ALL["ingress"].sign(PARTS, BODY)
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << bit % 8

    assert ALL["audit"].producer_of(header, PARTS, bytes(flipped)) is Refusal.WRONG


@given(st.data())
def test_what_moves_from_one_part_into_the_next_is_another_event(data: st.DataObject) -> None:
    first, second = data.draw(TEXT.filter(len)), data.draw(TEXT)
    header = ALL["ingress"].sign((first, second), BODY)

    assert ALL["audit"].producer_of(header, (first[:-1], first[-1] + second), BODY) is Refusal.WRONG
    assert ALL["audit"].producer_of(header, (first, second, ""), BODY) is Refusal.WRONG


def own_part_of(header: str, reader: str) -> tuple[int, int]:
    """Where the reader's own code stands in a header."""
    start = header.index(f"{reader}=") + len(reader) + 1
    return start, start + 22


@given(st.data())
def test_no_other_character_in_what_a_reader_reads_of_the_header_passes(data: st.DataObject) -> None:
    header = ALL["ingress"].sign(PARTS, BODY)
    start, end = own_part_of(header, "audit")
    place = data.draw(st.sampled_from([*range(len("1:ingress:k1:")), *range(start, end)]))
    other = data.draw(st.characters().filter(lambda character: character != header[place]))

    found = ALL["audit"].producer_of(header[:place] + other + header[place + 1 :], PARTS, BODY)

    assert isinstance(found, Refusal)


@pytest.mark.parametrize("header", [None, 7, b"x", "", "1:ingress:k1:", "0:ingress:k1:audit=" + "A" * 22, "1::::", [1]])
def test_a_header_of_no_known_form_is_none(header: object) -> None:
    assert ALL["audit"].producer_of(header, PARTS, BODY) is Refusal.MISSING


def test_a_huge_header_is_refused_without_being_split() -> None:
    assert ALL["audit"].producer_of("1:ingress:k1:" + "audit=A," * 1_000_000, PARTS, BODY) is Refusal.MISSING


def test_the_code_for_one_reader_is_worth_nothing_to_another() -> None:
    header = ALL["ingress"].sign(PARTS, BODY)
    (a, b), (c, d) = own_part_of(header, "policy"), own_part_of(header, "audit")
    swapped = header[:c] + header[a:b] + header[d:]

    assert ALL["audit"].producer_of(swapped, PARTS, BODY) is Refusal.WRONG


def forgeries(holder: str, victim: str, producer: str) -> Sequence[str]:
    """Headers that a holder of one service's keys can make in the name of another service."""
    entries = parsed(VALUES[holder])
    pair = next(key for (name, _), key in entries.items() if name == producer)
    own = next(key for (name, _), key in entries.items() if name == holder)
    tried = []
    for key in (pair, own):
        text = listed({(producer, "k1"): key} | {(name, "k1"): key for name in SERVICES if name != producer})
        tried.append(event_keys_from(text, producer).sign(PARTS, BODY))  # its key taken for the producer's own
    made = ALL[holder].sign(PARTS, BODY)
    tried.append(made.replace(f"1:{holder}:", f"1:{producer}:"))
    return tried


@pytest.mark.parametrize("holder", SERVICES)
@pytest.mark.parametrize("producer", SERVICES)
def test_whoever_has_the_keys_of_one_service_forges_no_other_ones_events(holder: str, producer: str) -> None:
    if holder == producer:
        return
    for victim in SERVICES:
        for header in forgeries(holder, victim, producer):
            found = ALL[victim].producer_of(header, PARTS, BODY)
            assert isinstance(found, Refusal), (holder, producer, victim)


def test_no_two_services_have_the_same_key() -> None:
    held = [set(parsed(VALUES[service]).values()) for service in SERVICES]

    assert len(set.union(*held)) == sum(len(keys) for keys in held) == len(SERVICES) ** 2


def test_a_service_could_deceive_itself_alone() -> None:
    """The limit of a symmetric code: what audit has for ingress's events makes codes that only audit accepts."""
    pair = parsed(VALUES["audit"])["ingress", "k1"]
    made = _PairKey(pair).mac(_digest("ingress", "k1", PARTS, BODY))
    header = f"1:ingress:k1:{','.join(f'{service}={made}' for service in SERVICES)}"

    found = {service: ALL[service].producer_of(header, PARTS, BODY) for service in SERVICES}

    assert found.pop("audit") == "ingress"
    assert set(found.values()) == {Refusal.WRONG}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "entry 1 must be", id="nothing"),
        pytest.param("policy:k1:AAAA", "entry 1 must be", id="too short"),
        pytest.param(f"stranger:k1:{base64.b64encode(bytes(32)).decode()}", "entry 1 must be", id="no service"),
        pytest.param(f"policy::{base64.b64encode(bytes(32)).decode()}", "entry 1 must be", id="no id"),
        pytest.param(f"policy:a b:{base64.b64encode(bytes(32)).decode()}", "entry 1 must be", id="an id with a space"),
        pytest.param(VALUES["policy"] + ",x", "entry 6 must be", id="garbage at the end"),
        pytest.param(",".join([VALUES["policy"]] * 2), "entry 6 repeats", id="twice the same id"),
        pytest.param(VALUES["audit"].partition(",")[0], "no key of policy", id="not its own"),
        pytest.param(VALUES["policy"].partition(",")[0], "no key of ingress, sender, audit, console", id="own alone"),
    ],
)
def test_keys_that_cannot_be_used_are_told_without_a_key(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        event_keys_from(text, "policy")

    assert not any(part and part in str(error.value) for part in text.replace(":", ",").split(",") if len(part) > 8)
