"""The gateway's image as a cluster runs it: uid 10001, root file system read-only, nothing of the builder in it.

Needs root and mmdebstrap; elsewhere the run says that it is left out.
"""

import asyncio
import shlex
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.waiting import eventually
from tools.image.__main__ import missing
from tools.image.archive import Image, write_archive
from tools.image.cache import Cache
from tools.image.images import CACHE, CHECKOUT, commit_of, image_of
from tools.stack.ports import free_port
from tools.stack.stack import SERVICES, Stack, StackPlan

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.timeout(900),  # the first one downloads Debian, beside the build of Kubernetes
    pytest.mark.skipif(bool(missing()), reason=f"the image is not tried: {missing()}"),
]
USER = "--reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set -all --inh-caps -all"


@pytest.fixture(scope="module")
def image() -> Image:
    cache = Cache(CACHE)
    with cache.locked():
        return image_of("gateway", cache, commit_of(CHECKOUT))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.chown(folder, 10001, 10001)
    return folder


def inside(image: Image, tmp_path: Path, data: Path, *command: str) -> list[str]:
    """The command in the image's root; only /tmp and /srv, the data folder, can be written."""
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    lower = ":".join(str(layer.files) for layer in reversed(image.layers))
    words = shlex.join(["setpriv", *USER.split(), "sh", "-c", 'cd /app && exec "$@"', "sh", *command])
    script = (
        f"mount -t overlay overlay -o ro,lowerdir={lower} {root}\n"
        f"mount -t proc proc {root}/proc; mount -t tmpfs -o mode=1777 tmpfs {root}/tmp\n"  # noqa: S108 -- in the image
        f"mount -t tmpfs -o mode=755 tmpfs {root}/dev\n"
        f"mknod -m 666 {root}/dev/null c 1 3; mknod -m 666 {root}/dev/urandom c 1 9\n"
        f"mount --bind {data} {root}/srv\n"
        f"exec chroot {root} {words}\n"
    )
    return ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script]


def environ_of(image: Image, data: Path, service: str, vhost: str) -> dict[str, str]:
    """Settings as for `make run`, with the image's own variables."""
    stack = Stack(StackPlan(data_dir=data.parent, environ={"GATEWAY_STORE_URL": "sqlite:////srv/gateway.db"}))
    ports = ("GATEWAY_PORT", "GATEWAY_CONSOLE_PORT", f"GATEWAY_{service.upper()}_METRICS_PORT")
    given = stack._settings_with(vhost) | stack._own_keys(service) | {name: str(free_port()) for name in ports}
    return {**given, **image.environ}


async def answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-2000:]
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_each_of_the_five_commands_gets_ready_as_another_user_than_root_on_a_read_only_root(
    image: Image, tmp_path: Path, data: Path, vhost: str
) -> None:
    environ = environ_of(image, data, "audit", vhost)
    for step in ("migrate", "declare"):
        command = inside(image, tmp_path, data, "python", "-m", "tools.cli", step)
        await asyncio.to_thread(subprocess.run, command, env=environ, check=True)
    running = []
    try:
        for service in SERVICES:
            environ, log = environ_of(image, data, service, vhost), tmp_path / f"{service}.log"
            command = inside(image, tmp_path, data, "python", "-m", f"services.{service}")
            with log.open("wb") as out:
                process = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
            running.append((process, environ[f"GATEWAY_{service.upper()}_METRICS_PORT"], log))

        for process, port, log in running:
            url = f"http://127.0.0.1:{port}/readyz"
            await eventually(lambda url=url, process=process, log=log: answers(url, process, log), seconds=90)  # type: ignore[misc]
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "Uid:\t10001\t10001" in status
            assert "CapEff:\t0000000000000000" in status
    finally:
        for process, _, _ in running:
            process.terminate()
        codes = [await asyncio.to_thread(process.wait, 60) for process, _, _ in running]

    assert codes == [0] * len(SERVICES)


def test_nothing_but_tmp_and_the_data_folder_can_be_written(image: Image, tmp_path: Path, data: Path) -> None:
    look = "find / -xdev -writable ! -type l; for f in /tmp /srv /app /opt/gateway; do (: >$f/x) && echo wrote $f; done"
    command = inside(image, tmp_path, data, "sh", "-c", f"({look}) 2>/dev/null; true")
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert sorted(done.stdout.split()) == ["/srv", "/srv", "/tmp", "/tmp", "wrote", "wrote"]  # noqa: S108 -- in the image


def test_nothing_of_the_builder_is_in_the_image(image: Image, tmp_path: Path, data: Path) -> None:
    tools = "-name pip -o -name ensurepip -o -name '*.whl'"
    ours = "-name .git -o -name '.env*' -o -name .venv -o -name event-keys -o -path /app/var -o -path /app/deploy"
    look = f"find / -xdev \\( {tools} -o {ours} \\) -print 2>/dev/null; true"
    done = subprocess.run(inside(image, tmp_path, data, "sh", "-c", look), capture_output=True, text=True, check=True)

    assert done.stdout == ""


def test_every_module_of_the_product_has_bytecode_that_does_not_ask_for_its_source(image: Image) -> None:
    app = next(layer.files / "app" for layer in reversed(image.layers) if (layer.files / "app" / "libs").is_dir())
    sources = [path for path in app.rglob("*.py") if path.stat().st_size]
    compiled = [path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in sources]

    assert len(sources) > 100
    assert {path.read_bytes()[4] for path in compiled} == {1}, "flags of PEP 552: hash-based, not checked"


def test_a_second_build_from_the_lock_gives_the_same_digest(image: Image, tmp_path: Path) -> None:
    """The base comes from the cache: Debian's archive may change between two downloads. All else is built anew."""
    fresh = Cache(tmp_path / "cache")
    fresh.folder.mkdir()
    base = image.layers[0]
    subprocess.run(["cp", "-a", str(base.place), str(fresh.folder / base.key)], check=True)
    with fresh.locked():
        again = image_of("gateway", fresh, commit_of(CHECKOUT))

    outs = [(each, tmp_path / f"{at}.tar") for at, each in enumerate((image, again))]
    ids = [write_archive(each, "localhost/x:1", out, created=1) for each, out in outs]

    assert ids[0] == ids[1]
