from uuid import UUID

from libs.contracts.results import AnswerStatus
from services.ingress.domain.answers import success
from services.ingress.handlers.recent_answers import MAX_ANSWERS, RecentAnswers

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
