"""The programs of the root: they take the place of the shell that enters it, and hand on their arguments."""

from pathlib import Path

import pytest

from tools.broker.data_version import installed_version
from tools.broker.debian_root import PROGRAMS, RootMissing, ensure_root


def test_a_root_that_is_there_is_used_and_its_programs_tell_their_version(tmp_path: Path) -> None:
    (tmp_path / "root" / "usr/lib/rabbitmq/lib/rabbitmq_server-4.0.5").mkdir(parents=True)

    programs = ensure_root(tmp_path, path=str(tmp_path))
    (programs / PROGRAMS[-1]).write_text("kept")
    again = ensure_root(tmp_path, path=str(tmp_path))

    assert installed_version(programs) == "4.0.5"
    assert all((programs / name).exists() for name in PROGRAMS)
    assert again == programs
    assert (programs / PROGRAMS[-1]).read_text() == "kept"


def test_a_root_without_rabbitmq_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()

    with pytest.raises(RootMissing, match="no RabbitMQ in"):
        ensure_root(tmp_path, path=str(tmp_path))


def test_where_no_root_can_be_made_a_sentence_says_what_is_lacking(tmp_path: Path) -> None:
    with pytest.raises(RootMissing, match=r"root are needed\.|install mmdebstrap, unshare, chroot\."):
        ensure_root(tmp_path, path=str(tmp_path))
