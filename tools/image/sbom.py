"""`python -m tools.image.sbom OUT.json`: what is in the gateway's image, as a CycloneDX bill of materials.

Python packages come with their licences from the image's site-packages and with the hashes of the lock; Debian's
packages from the image's dpkg database, with the licences of their copyright files. The same image gives the same file.
It runs in an environment of its own.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools.image.archive import Image
from tools.image.cache import Cache
from tools.image.copyright import licences_in
from tools.image.images import CACHE, CHECKOUT, Commit, commit_of, image_of

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)((?:.*\\\n)*.*)", re.MULTILINE)
_STATUS: Final = "var/lib/dpkg/status"
_COPYRIGHT: Final = "usr/share/doc/{}/copyright"


def lock_hashes(text: str) -> dict[str, list[str]]:
    """The SHA-256 digests of each pinned package, by its normalised name."""
    return {
        normalised(name): sorted(re.findall(r"sha256:([0-9a-f]{64})", rest)) for name, _, rest in _PIN.findall(text)
    }


def normalised(name: str) -> str:
    """The name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def python_components(site_packages: Path, lock: str) -> Iterator[Component]:
    """The installed distributions."""
    hashes, licences = lock_hashes(lock), LicenseFactory()
    for each in distributions(path=[str(site_packages)]):
        name = normalised(each.metadata["Name"])
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=each.version,
            purl=(purl := PackageURL("pypi", name=name, version=each.version)),
            bom_ref=purl.to_string(),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in hashes.get(name, ())],
            licenses=[licences.make_from_string(text)] if (text := licence_of(each)) else [],
        )


def licence_of(package: Distribution) -> str:
    """The licence expression, else the licence field's short text, else the classifier's last word."""
    fields = package.metadata
    short = fields.get("License", "")
    if found := fields.get("License-Expression") or (short if len(short) < 60 else ""):
        return found
    classifiers = [text for text in fields.get_all("Classifier", []) if text.startswith("License ::")]
    return classifiers[0].rpartition(" :: ")[2] if classifiers else ""


def debian_components(image: Image) -> Iterator[Component]:
    """The packages that dpkg says are installed.

    The folder of a package's copyright may be a link to another's of the same source (Debian policy 12.5). The image
    has no such links, so a package without the file has the licences of its source's others.
    """
    status = _top_most(image, _STATUS).read_text(encoding="utf-8")
    packages = [
        dict(re.findall(r"^([A-Z][\w-]*): (.*)$", paragraph, re.MULTILINE)) for paragraph in status.split("\n\n")
    ]
    packages = [each for each in packages if each.get("Status") == "install ok installed"]
    own = {each["Package"]: _debian_licences(image, each["Package"]) for each in packages}
    shared = {_source(each): own[each["Package"]] for each in packages if own[each["Package"]]}
    for each in packages:
        name, version = each["Package"], each["Version"]
        qualifiers = {"arch": each["Architecture"], "distro": "debian-13"}
        purl = PackageURL("deb", "debian", name, version, qualifiers)
        licences = [DisjunctiveLicense(name=text) for text in own[name] or shared.get(_source(each), [])]
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=purl,
            bom_ref=purl.to_string(),
            licenses=licences,
        )


def _debian_licences(image: Image, package: str) -> list[str]:
    """The licences in the package's copyright file; none when the image lacks it."""
    for layer in reversed(image.layers):
        if (path := layer.files / _COPYRIGHT.format(package)).exists():
            return licences_in(path.read_text(encoding="utf-8", errors="replace"))
    return []


def _source(package: Mapping[str, str]) -> str:
    return package.get("Source", package["Package"]).partition(" ")[0]


def bill_of(components: Sequence[Component], commit: Commit, image_id: str) -> Bom:
    """The bill, with the commit's time and a serial number made of the image's id."""
    bom = Bom(components=components, serial_number=uuid5(NAMESPACE_URL, image_id))
    bom.metadata.timestamp = datetime.fromtimestamp(commit.time, UTC)
    name = "whatsapp-gateway-3cx"
    bom.metadata.component = Component(
        type=ComponentType.CONTAINER, name=name, version=commit.version, bom_ref=f"{name}@{commit.version}"
    )
    return bom


def checked_json(bom: Bom) -> str:
    """The bill as CycloneDX 1.6 in JSON.

    Raises:
        ValueError: It does not match CycloneDX's schema.

    """
    text: str = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"The bill of materials is not valid: {fault}")
    return text


def components_of(image: Image) -> list[Component]:
    """What the image holds; a file of a higher layer stands over a lower one."""
    site_packages = next(_top_most(image, "opt/gateway/lib").glob("python3.*/site-packages"))
    lock = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8")
    return [*python_components(site_packages, lock), *debian_components(image)]


def _top_most(image: Image, path: str) -> Path:
    return next(layer.files / path for layer in reversed(image.layers) if (layer.files / path).exists())


def main(out: Path) -> None:
    """Build the image, or take it from the cache, and write its bill."""
    commit, cache = commit_of(CHECKOUT), Cache(CACHE)
    with cache.locked():
        image = image_of("gateway", cache, commit)
        components = components_of(image)
    text = checked_json(bill_of(components, commit, image.configuration(commit.time).decode()))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n", encoding="utf-8")
    print(f"{out}: {len(components)} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
