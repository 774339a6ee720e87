"""No decision holds the event loop for longer than 50 ms of CPU time, whatever an account may write and block."""

import pytest

from libs.chassis.loop_time import LoopTime
from libs.contracts.events import MessageApproved, WebhookAnswered
from tests.builders import a_webhook, an_account, received
from tests.cpu_time import a_small_heap
from tests.unit.policy.fakes import FakeDirectory
from tests.unit.policy.test_decide_webhook import a_decide_webhook

MOST = 0.05
TRIES = 3
"""Each begins anew; what the code itself takes, it takes in every one."""
WORDS = {
    "a common first word": tuple(f"offer {number:03} {'x' * 54}" for number in range(500)),
    "nothing in common": tuple(f"{number:03}{'abcdefghijklmnopqrstuvwxyz'[number % 26] * 61}" for number in range(500)),
    "one letter": tuple("a" * length for length in range(1, 65)),
    "ligatures": tuple(f"{'ﷺ' * 60}{number:03}" for number in range(500)),
}
TEXTS = {
    "the common first word": "offer ",
    "letters": "a ",
    "leet": "1a",
    "Cyrillic": "аb ",
    "ligatures": "ﷺ",
    "signs inside": "a.b.",
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
@pytest.mark.parametrize("unit", TEXTS.values(), ids=TEXTS.keys())
async def test_the_worst_legal_message_is_decided_in_short_steps(words: tuple[str, ...], unit: str) -> None:
    with a_small_heap() as slowness:
        longest = min([await longest_step(words, (unit * 4096)[:4096]) for _ in range(TRIES)])

    assert longest < slowness.scaled(MOST)


async def longest_step(words: tuple[str, ...], text: str) -> float:
    """Seconds of CPU time. It grows with what else the machine does: caches are shared."""
    decide = a_decide_webhook(directory=FakeDirectory(accounts={"acc_1": an_account(blocked_words=words)}))

    handling = LoopTime(decide(received(a_webhook(text=text))))
    answer = await handling

    assert isinstance(answer, MessageApproved | WebhookAnswered)
    return handling.longest
