"""The programs of the root: they take the place of the shell that enters it, and hand on their arguments."""

from pathlib import Path

import pytest

from tools.broker.debian_root import PROGRAMS, RootMissing, ensure_root


def test_a_root_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / PROGRAMS[-1]).touch()

    assert ensure_root(tmp_path) == programs


def test_where_no_root_can_be_made_a_sentence_says_what_is_lacking(tmp_path: Path) -> None:
    with pytest.raises(RootMissing, match=r"root are needed\.|install mmdebstrap, unshare, chroot\."):
        ensure_root(tmp_path, path=str(tmp_path))
