"""Prepared words: kept by their value, bounded in memory, and prepared beside the event loop when there are many."""

import asyncio
import threading

from services.policy.domain.blocked_words import BlockedWords
from services.policy.domain.prepared_words import PreparedWords
from services.policy.handlers.prepare_words import PrepareWords

MANY = tuple(f"{number:03}{'abcdefgh' * 7}" for number in range(500))


class Watched(PreparedWords):
    """Notes the threads in which words are prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def __call__(self, words: tuple[str, ...]) -> BlockedWords:
        self.threads.append(threading.get_ident())
        return super().__call__(words)


def test_the_same_words_are_prepared_once() -> None:
    prepared = PreparedWords()

    first = prepared(("casino", "poker"))

    assert prepared(tuple(sorted({"casino", "poker"}))) is first
    assert prepared(("casino",)) is not first


def test_the_least_recent_words_make_room() -> None:
    room_for_two = len(BlockedWords.of(("casino",))) + len(BlockedWords.of(("poker",)))
    prepared = PreparedWords(room_for_two)
    casino = prepared(("casino",))
    poker = prepared(("poker",))
    prepared(("casino",))

    prepared(("bingo",))

    assert prepared(("casino",)) is casino
    assert prepared(("poker",)) is not poker


def test_words_that_are_larger_than_the_room_are_kept_alone() -> None:
    prepared = PreparedWords(1)

    assert prepared(("casino",)) is prepared(("casino",))


async def test_a_long_list_is_prepared_once_in_another_thread() -> None:
    prepared = Watched()
    prepare = PrepareWords(prepared)

    await asyncio.gather(*(prepare(MANY) for _ in range(8)))

    assert len(prepared.threads) == 1
    assert prepared.threads[0] != threading.get_ident()
    assert not prepared.takes_long(MANY)


async def test_a_short_list_is_left_to_the_rules() -> None:
    prepared = Watched()

    await PrepareWords(prepared)(("casino",))

    assert prepared.threads == []
