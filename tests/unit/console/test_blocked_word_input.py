"""An account's blocked words are checked when they are saved."""

import pytest

from services.console.domain.fields import MIN_PREFIX
from services.policy.domain import blocked_words
from tests.unit.console.world import World


@pytest.mark.parametrize("word", ["casino", "casino*", "free spin*", "رهان", "赌博", "777", "rock'n'roll"])
async def test_a_word_that_can_be_found_is_taken(world: World, word: str) -> None:
    account = await world.account(blocked_words=[word])

    assert account["blocked_words"] == [word]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        pytest.param("*", "letter or a digit", id="a star alone"),
        pytest.param("!!!", "letter or a digit", id="signs alone"),
        pytest.param("🙂", "letter or a digit", id="an emoji"),
        pytest.param("*casino", "only at its end", id="a star in front"),
        pytest.param("ca*no", "only at its end", id="a star inside"),
        pytest.param("casino**", "only at its end", id="two stars"),
        pytest.param("bet*", "at least 4 letters", id="too few letters before the star"),
        pytest.param("b.e.t.*", "at least 4 letters", id="signs do not count as letters"),
    ],
)
async def test_a_word_that_would_find_nothing_or_too_much_is_refused(world: World, word: str, problem: str) -> None:
    body = {"name": "Acme", "business_name": "Acme", "blocked_words": ["casino", word]}

    answer = await world.call("POST", "/accounts", json=body)

    assert answer.status == 422
    (error,) = (await answer.json())["details"]["errors"]
    assert error["field"] == "blocked_words.1"
    assert problem in error["problem"]


def test_console_and_policy_agree_on_the_shortest_beginning() -> None:
    assert MIN_PREFIX == blocked_words.MIN_PREFIX
