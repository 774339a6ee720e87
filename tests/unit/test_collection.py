"""The collected tests cost the garbage collector nothing."""

import gc

import pytest

from tests.cpu_time import a_small_heap


def test_what_was_collected_is_left_out_of_its_rounds_from_the_beginning_to_the_end(
    request: pytest.FixtureRequest,
) -> None:
    frozen_before = gc.get_freeze_count()

    with a_small_heap():
        pass

    assert gc.isenabled()
    assert frozen_before > len(request.session.items)
    assert not any(each is request.node for each in gc.get_objects())
