from pathlib import Path

import pytest

from tools.image.archive import Image
from tools.image.configuration import absolute, configure
from tools.image.dockerfile import DockerfileError, Step, stages_of


def test_a_build_argument_stands_over_the_default_in_the_file() -> None:
    text = "ARG BASE=debian:13\nFROM ${BASE} AS one\nARG VERSION=0\nLABEL version=$VERSION\n"

    (plain,) = stages_of(text, {})
    (chosen,) = stages_of(text, {"BASE": "scratch", "VERSION": "2"})

    assert (plain.base, plain.name, plain.steps[0].pairs) == ("debian:13", "one", {"version": "0"})
    assert (chosen.base, chosen.steps[0].pairs) == ("scratch", {"version": "2"})


def test_a_run_step_gets_the_arguments_that_it_names_and_keeps_its_shell_variables() -> None:
    (stage,) = stages_of("FROM scratch\nARG VERSION=1\nARG OTHER=2\n# why\nRUN a \\\n  && echo $VERSION $HOME\n", {})

    assert stage.steps == [Step("RUN", {}, "a    && echo $VERSION $HOME", {"VERSION": "1"})]


@pytest.mark.parametrize("text", ["FROM scratch\nADD x y\n", "RUN true\n"])
def test_an_unknown_instruction_or_one_before_from_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError):
        stages_of(text, {})


def test_the_gateways_image_starts_as_its_own_user_without_a_shell_between() -> None:
    image = Image([])
    for step in stages_of(Path("deploy/Dockerfile").read_text("utf-8"), {"VERSION": "9.8", "REVISION": "abc"})[
        -1
    ].steps:
        if step.word not in {"RUN", "COPY"}:
            configure(image, step)

    assert (image.config["User"], image.config["Entrypoint"]) == ("10001:10001", ["python", "-m"])
    assert image.config["Labels"]["org.opencontainers.image.version"] == "9.8"
    assert image.environ["PATH"].startswith("/opt/gateway/bin:")


def test_a_start_command_for_a_shell_is_refused() -> None:
    with pytest.raises(DockerfileError):
        configure(Image([]), Step("CMD", {}, "python -m services.ingress"))


@pytest.mark.parametrize(("path", "whole"), [("libs", "/app/libs"), ("/etc/x", "/etc/x"), (".", "/app")])
def test_a_relative_path_begins_in_the_working_folder(path: str, whole: str) -> None:
    assert absolute("/app", path) == whole
