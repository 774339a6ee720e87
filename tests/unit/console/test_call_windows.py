"""A window of calls: so many in any minute, whatever the clock on the wall says."""

from services.console.domain.call_windows import CallWindow


def test_the_calls_of_any_minute_are_limited_and_the_wait_is_exact() -> None:
    window = CallWindow(2)
    window.count("a", 100.0)
    window.count("a", 130.0)

    assert window.wait("a", 131.0) == 29.0
    assert window.wait("a", 159.5) == 0.5
    assert window.wait("a", 160.0) == 0.0


def test_each_key_has_its_own() -> None:
    window = CallWindow(1)
    window.count("a", 100.0)

    assert window.wait("a", 100.0) > 0
    assert window.wait("b", 100.0) == 0


def test_keys_without_a_recent_call_take_no_memory() -> None:
    window = CallWindow(1)
    for number in range(1000):
        window.count(f"key {number}", float(number))

    assert len(window._calls) <= 61


def test_a_call_that_is_taken_back_makes_room_and_leaves_nothing() -> None:
    window = CallWindow(1)
    window.count("a", 100.0)

    window.uncount("a")
    window.uncount("never")
    window.count("b", 100.0)

    assert window.wait("a", 100.0) == 0
    assert set(window._calls) == {"b"}
