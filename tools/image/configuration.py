"""The steps of a Dockerfile that make no layer: they set how a container of the image starts."""

import re
from typing import Any, Final

from tools.image.archive import Image
from tools.image.dockerfile import DockerfileError, Step, filled

_NANOSECONDS: Final = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_HEALTH_FLAGS: Final = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def configure(image: Image, step: Step) -> None:
    """Set what the step says; the field names are those of the image format."""
    config, text = image.config, filled(step.text, image.environ)
    if step.word == "ENV":
        image.environ.update({name: filled(value, image.environ) for name, value in step.pairs.items()})
    elif step.word == "LABEL":
        config["Labels"] = {**config.get("Labels", {}), **step.pairs}
    elif step.word == "EXPOSE":
        config["ExposedPorts"] = {f"{port}/tcp" if "/" not in port else port: {} for port in text.split()}
    elif step.word == "VOLUME":
        config["Volumes"] = {each: {} for each in step.words}
    elif step.word == "WORKDIR":
        config["WorkingDir"] = absolute(image.workdir, text)
    elif step.word == "USER":
        config["User"] = text
    elif step.word == "STOPSIGNAL":
        config["StopSignal"] = text
    elif step.word == "HEALTHCHECK":
        config["Healthcheck"] = _health_check(step)
    else:
        _start(config, step)


def absolute(workdir: str, path: str) -> str:
    """The path in the image; a relative one begins in the working folder."""
    whole = path if path.startswith("/") else f"{workdir}/{path}"
    return re.sub(r"/(?:\.?/)+", "/", whole).rstrip("/").removesuffix("/.") or "/"


def _start(config: dict[str, Any], step: Step) -> None:
    """ENTRYPOINT and CMD in the exec form; a shell between would keep SIGTERM from the service."""
    if not step.is_exec_form:
        raise DockerfileError(f'{step.word} {step.text}: write it as a list, such as ["python", "-m"].')
    config["Entrypoint" if step.word == "ENTRYPOINT" else "Cmd"] = step.words


def _health_check(step: Step) -> dict[str, Any]:
    word, _, command = step.text.partition(" ")
    if word == "NONE":
        return {"Test": ["NONE"]}
    inner = Step(word, {}, command.strip())
    test = ["CMD", *inner.words] if inner.is_exec_form else ["CMD-SHELL", inner.text]
    check: dict[str, Any] = {"Test": test}
    for flag, value in step.flags.items():
        if flag == "retries":
            check["Retries"] = int(value)
        else:
            check[_HEALTH_FLAGS[flag]] = _nanoseconds(value)
    return check


def _nanoseconds(text: str) -> int:
    return sum(int(amount) * _NANOSECONDS[unit] for amount, unit in re.findall(r"(\d+)(ms|s|m|h)", text))
