"""Compares what happened in a step with what its case expects; only what is named is compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.driver import Answer

LEFT_OUT = ("forward.", "account.", "integration.", "number.changed")
"""Events that are a consequence of any step, or of the case's set-up."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What happened in one step of a case."""

    answer: Answer
    events: list[dict[str, Any]] = field(default_factory=list)
    """The account's records since the step began."""
    forwards: list[dict[str, Any]] = field(default_factory=list)
    skipped: Mapping[str, float] = field(default_factory=dict)
    """By reason: how many parts of posts were counted as skipped."""
    recipients: list[str] = field(default_factory=list)
    """To whom the provider was asked to send since the case began."""
    event_ids: frozenset[str] = frozenset()
    """Of all answers to 3CX since the case began."""


def differences(expect: Mapping[str, Any], observed: Observed) -> list[str]:
    """One sentence for each expectation that does not hold."""
    types = [record["type"] for record in observed.events if not record["type"].startswith(LEFT_OUT)]
    simple = {
        "status": observed.answer.status,
        "text": observed.answer.content.decode(errors="replace"),
        "forward_count": len(observed.forwards),
        "distinct_events": len(observed.event_ids),
        "to": observed.recipients,
    }
    wrong = [
        f"{name}: expected {expect[name]!r}, got {got!r}"
        for name, got in simple.items()
        if name in expect and expect[name] != got
    ]
    wrong += mismatches("answer", expect.get("json", {}), observed.answer.body)
    wrong += [f"event {name} is missing among {types}" for name in expect.get("events", ()) if name not in types]
    wrong += [f"event {name} is there" for name in expect.get("no_events", ()) if name in types]
    wrong += [
        f"skipped {reason}: expected {count}, got {observed.skipped.get(reason):g}"
        for reason, count in expect.get("skipped", {}).items()
        if observed.skipped.get(reason) != count
    ]
    return [*wrong, *_wrong_records(expect, observed), *_wrong_forwards(expect, observed)]


def _wrong_records(expect: Mapping[str, Any], observed: Observed) -> Iterator[str]:
    for name, details in expect.get("records", {}).items():
        found = [record["details"] for record in observed.events if record["type"] == name]
        if not any(not list(mismatches(name, details, each)) for each in found):
            kept = [{key: each.get(key) for key in details} for each in found]
            yield f"record {name}: expected {details}, got {kept}"


def _wrong_forwards(expect: Mapping[str, Any], observed: Observed) -> Iterator[str]:
    if (wanted := expect.get("forward")) is None:
        return
    found = [list(mismatches("forward", wanted, each)) for each in observed.forwards]
    nearest = min(found, key=len, default=[f"no forward; expected {wanted}"])
    if nearest:
        yield "; ".join(nearest)


def mismatches(place: str, expected: Any, got: Any) -> Iterator[str]:
    """Where a value differs; objects may have further keys, lists may not have further items."""
    if expected == "<any>":
        if got is None:
            yield f"{place}: expected a value, got none"
    elif isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            if value == "<absent>":
                if key in got:
                    yield f"{place}.{key}: expected to be absent, got {got[key]!r}"
            else:
                yield from mismatches(f"{place}.{key}", value, got.get(key))
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (value, item) in enumerate(zip(expected, got, strict=True)):
            yield from mismatches(f"{place}[{index}]", value, item)
    elif expected != got:
        yield f"{place}: expected {expected!r}, got {got!r}"
