from pathlib import Path

import pytest

from tools.broker.data_version import FILE, UPGRADES, installed_version, refusal, version_of_data

FOLDER = Path("var/broker")


@pytest.mark.parametrize(
    ("before", "now"),
    [("3.10.8", "3.10.25"), ("3.12.1", "3.13.7"), ("3.13.7", "4.0.5"), ("4.0.5", "4.1.0"), ("3.13.7", "4.2.0")],
)
def test_data_of_the_same_series_or_of_one_that_it_reads_is_used(before: str, now: str) -> None:
    assert refusal(before, now, FOLDER) is None


@pytest.mark.parametrize(
    ("before", "now"), [("3.10.8", "4.0.5"), ("3.12.1", "4.0.5"), ("3.10.8", "3.12.0"), ("4.0.5", "3.10.8")]
)
def test_data_of_a_version_that_is_skipped_or_newer_is_refused_with_what_to_do(before: str, now: str) -> None:
    sentence = refusal(before, now, FOLDER)

    assert sentence is not None
    assert before in sentence
    assert now in sentence
    assert "\n" not in sentence
    assert f"move {FOLDER} away" in sentence


@pytest.mark.parametrize(("before", "now"), [(None, "4.0.5"), ("3.10.8", None), ("4.2.0", "5.0.0")])
def test_what_nobody_knows_is_left_to_rabbitmq(before: str | None, now: str | None) -> None:
    assert refusal(before, now, FOLDER) is None


def test_no_series_reads_a_newer_one() -> None:
    def number(series: str) -> tuple[int, ...]:
        return tuple(int(part) for part in series.split("."))

    assert all(number(old) < number(new) for new, readable in UPGRADES.items() for old in readable)


def test_the_programs_version_is_that_of_the_folder_in_which_they_are(tmp_path: Path) -> None:
    real = tmp_path / "rabbitmq_server-4.0.5" / "sbin"
    real.mkdir(parents=True)
    (real / "rabbitmq-server").touch()
    linked = tmp_path / "bin"
    linked.mkdir()
    (linked / "rabbitmq-server").symlink_to(real / "rabbitmq-server")

    assert installed_version(linked) == "4.0.5"
    assert installed_version(tmp_path) is None


def test_the_datas_version_is_noted_or_else_that_of_the_last_start_in_the_log(tmp_path: Path) -> None:
    assert version_of_data(tmp_path / "nowhere") is None
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "rabbit.log").write_text(
        "2026 [info] Starting RabbitMQ 3.9.1 on Erlang 25\nx\n2026 Starting RabbitMQ 3.10.8 on Erlang 25.2.3 [jit]\n"
    )
    assert version_of_data(tmp_path) is None  # a folder without data is new

    (tmp_path / "data").mkdir()
    assert version_of_data(tmp_path) == "3.10.8"

    (tmp_path / FILE).write_text("3.13.7\n")
    assert version_of_data(tmp_path) == "3.13.7"
