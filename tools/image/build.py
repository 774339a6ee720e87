"""Builds an image by a Dockerfile's own steps: RUN and COPY make a layer each, the others change the configuration."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.image.archive import Image
from tools.image.base import BASES
from tools.image.cache import Cache
from tools.image.chroot import PATH, Root, copy_between, copy_in, run_in
from tools.image.configuration import absolute, configure
from tools.image.copied import Copied, copied_files
from tools.image.dockerfile import DockerfileError, Stage, Step, filled, stages_of
from tools.image.layers import Layer


@dataclass(slots=True)
class Builder:
    """One build: the checkout, the cache, and the build arguments. `images` makes an image that a FROM names."""

    checkout: Path
    cache: Cache
    arguments: Mapping[str, str]
    images: Callable[[str], Image | None] = lambda _name: None
    built: dict[str, Image] = field(default_factory=dict)

    def image_of(self, dockerfile: Path) -> Image:
        """The image of the last stage.

        Raises:
            DockerfileError: The file asks for what this builder does not do.
            StepError: A step failed.

        """
        stages = stages_of(dockerfile.read_text(encoding="utf-8"), self.arguments)
        for stage in stages:
            self.built[stage.name] = self._stage(stage)
        return self.built[stages[-1].name]

    def _stage(self, stage: Stage) -> Image:
        image = self._base(stage.base)
        for step in stage.steps:
            if step.word == "RUN":
                image.layers.append(self._run(image, step))
            elif step.word == "COPY" and "from" in step.flags:
                image.layers.append(self._copied_between(image, step))
            elif step.word == "COPY":
                image.layers.append(self._copied(image, copied_files(self.checkout, step, image)))
            else:
                configure(image, step)
        return image

    def _base(self, name: str) -> Image:
        """A copy of the image that the stage begins from."""
        if name == "scratch":
            return Image([], {}, {"PATH": PATH})
        known = self.built.get(name) or self.images(name)
        if known is not None:
            return Image([*known.layers], {**known.config}, {**known.environ})
        base = BASES.get(name.partition("@")[0])
        if base is None:
            raise DockerfileError(f"FROM {name}: this base is none of {', '.join(BASES)}.")
        layer = self.cache.layer(("base", repr(base)), lambda place: base.make(place / "files"))
        return Image([layer], {}, {"PATH": PATH})

    def _run(self, image: Image, step: Step) -> Layer:
        cwd = image.workdir
        environ = {**image.environ, **step.arguments}
        command = step.words if step.is_exec_form else ["/bin/sh", "-c", step.text]
        made_of = (*_keys(image), "RUN", *command, cwd, repr(sorted(environ.items())))
        return self.cache.layer(
            made_of, lambda place: run_in(root_over(image, place), command, cwd=cwd, environ=environ)
        )

    def _copied(self, image: Image, copied: Copied) -> Layer:
        def fill(place: Path) -> None:
            tree = place / "tree"
            copied.lay(tree)
            copy_in(root_over(image, place), tree)
            shutil.rmtree(tree)

        return self.cache.layer((*_keys(image), "COPY", copied.digest), fill)

    def _copied_between(self, image: Image, step: Step) -> Layer:
        """COPY --from=STAGE FOLDER FOLDER."""
        origin = self.built.get(step.flags["from"])
        if origin is None or len(step.words) != 2:
            raise DockerfileError(
                f"COPY --from={step.flags['from']} {step.text}: one folder of an earlier stage is copied."
            )
        source, target = (absolute(image.workdir, filled(word, image.environ)) for word in step.words)
        made_of = (*_keys(image), "COPY", *_keys(origin), source, target)

        def fill(place: Path) -> None:
            copy_between(root_over(image, place), root_over(origin, place, "origin"), source, target)

        return self.cache.layer(made_of, fill)


def root_over(image: Image, place: Path, name: str = "files") -> Root:
    """A root of the image's layers whose changes go to the folder `name` in `place`."""
    root = Root(
        below=[layer.files for layer in image.layers],
        upper=place / name,
        work=place / f"{name}.work",
        mounted=place / f"{name}.mounted",
        empty=place / f"{name}.empty",
    )
    for folder in (root.upper, root.work, root.mounted, root.empty):
        folder.mkdir(parents=True, mode=0o755)
    return root


def _keys(image: Image) -> tuple[str, ...]:
    return tuple(layer.key for layer in image.layers)
