import sys
from uuid import UUID

import pytest

from libs.contracts.results import AnswerStatus
from services.ingress.domain.answers import success
from services.ingress.handlers.recent_answers import MAX_ANSWERS, RecentAnswers
from tests.resident_memory import growth

EVENT = UUID(int=1)


def test_an_answer_is_there_at_once_for_its_own_integration_alone() -> None:
    recent = RecentAnswers()
    answer = success(AnswerStatus.OK, EVENT)

    recent.keep(EVENT, "int_1", answer)

    assert recent.find(EVENT, "int_1") == answer
    assert recent.find(EVENT, "int_2") is None
    assert recent.find(UUID(int=2), "int_1") is None


def test_the_oldest_answers_are_forgotten() -> None:
    recent = RecentAnswers()

    for number in range(MAX_ANSWERS + 1):
        recent.keep(UUID(int=number), "int_1", success(AnswerStatus.OK, UUID(int=number)))

    assert len(recent.kept) == MAX_ANSWERS
    assert recent.find(UUID(int=0), "int_1") is None
    assert recent.find(UUID(int=MAX_ANSWERS), "int_1") is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its resident memory")
def test_an_answer_takes_about_its_own_length() -> None:
    before = """
from uuid import UUID
from libs.contracts.results import AnswerStatus
from services.ingress.domain.answers import success
from services.ingress.handlers.recent_answers import MAX_ANSWERS, RecentAnswers
recent = RecentAnswers()
"""
    step = """
for number in range(MAX_ANSWERS):
    recent.keep(UUID(int=number), "int_1", success(AnswerStatus.SENT, UUID(int=number), message_id="wamid." + "A" * 40))
"""

    taken = growth(before, step) / MAX_ANSWERS

    assert taken < 2_000
