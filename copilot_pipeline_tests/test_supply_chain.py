"""What the image installs, and from which images it is made."""

import os
import re
import shutil
import stat
import subprocess
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from copilot_pipeline_tests.conftest import ROOT

REQUIREMENTS = (ROOT / "requirements.txt").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIGESTS = "deploy/compose/image-digests.sh"
MACHINES = ("x86_64", "aarch64")


def pins(text: str) -> dict[str, str]:
    """The versions of name==version lines, by normalized name."""
    found = re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==(\S+)", text)
    return {canonicalize_name(name): version for name, version in found}


def needed(declared: list[str], machine: str) -> set[str]:
    """The packages that the declared ones need on Linux, themselves included."""
    environment = {"sys_platform": "linux", "platform_machine": machine, "extra": ""}
    found: set[str] = set()
    open_ = [Requirement(each) for each in declared]
    while open_:
        requirement = open_.pop()
        found.add(canonicalize_name(requirement.name))
        for text in requires(requirement.name) or []:
            inner = Requirement(text)
            wanted = inner.marker is None or any(
                inner.marker.evaluate({**environment, "extra": extra})
                for extra in (*requirement.extras, "")
            )
            if wanted and (inner.extras or canonicalize_name(inner.name) not in found):
                open_.append(inner)
    return found


def test_every_package_that_the_image_installs_has_hashes_and_no_address() -> None:
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", REQUIREMENTS)[1:]
    entry = re.compile(r"[\w.\[\],-]+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    assert len(entries) > 50
    assert [each for each in entries if not entry.fullmatch(each)] == []
    assert "://" not in REQUIREMENTS


@pytest.mark.parametrize("machine", MACHINES)
def test_the_image_installs_what_production_needs_and_the_build_backend(machine: str) -> None:
    build = {canonicalize_name(Requirement(r).name) for r in PYPROJECT["build-system"]["requires"]}
    assert set(pins(REQUIREMENTS)) == needed(PYPROJECT["project"]["dependencies"], machine) | build


def test_the_image_installs_the_versions_of_the_constraints() -> None:
    constraints, installed = pins((ROOT / "constraints.txt").read_text()), pins(REQUIREMENTS)
    for text in PYPROJECT["build-system"]["requires"]:
        backend = Requirement(text)
        assert backend.specifier.contains(installed.pop(canonicalize_name(backend.name)))
    assert installed.items() <= constraints.items()


def test_the_dockerfile_installs_nothing_without_a_hash() -> None:
    commands = re.findall(r"pip install (.+)", (ROOT / "Dockerfile").read_text())
    assert commands == [
        "--require-hashes --requirement requirements.txt",
        "--no-deps --no-build-isolation .",
    ]


def test_tools_of_development_and_audit_are_pinned_and_not_in_the_image() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    tools = {canonicalize_name(Requirement(text).name) for each in extras.values() for text in each}
    assert {"dagster-dg-cli", "cyclonedx-bom", "pip-audit"} <= tools
    assert tools <= set(pins((ROOT / "constraints.txt").read_text()))
    assert not tools & (set(pins(REQUIREMENTS)) - {"pyyaml", "websockets"})  # Dagster needs PyYAML


# --- the digests of the images


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that name images, and of the script that pins them."""
    folder = tmp_path / "checkout"
    for name in ("compose.yaml", "Dockerfile", DIGESTS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def pin(checkout: Path, docker: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with a `docker` of which the body is given."""
    program = checkout / "bin/docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{docker}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return subprocess.run(
        [checkout / DIGESTS],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def images(checkout: Path) -> set[str]:
    text = (checkout / "compose.yaml").read_text() + (checkout / "Dockerfile").read_text()
    return set(re.findall(r"(?m)^(?: *image: |FROM )(\S+)", text))


def test_the_digest_of_every_foreign_image_is_written_behind_its_tag(checkout: Path) -> None:
    tags = {image.split("@")[0] for image in images(checkout)}
    own = {tag for tag in tags if tag.startswith("copilot-pipeline:")}
    assert own
    for digit in "ab":  # a second time, with newer digests
        digest = "sha256:" + digit * 64
        expected = '[ "$1 $2 $3" = "buildx imagetools inspect" ] || exit 9'
        assert pin(checkout, f"{expected}\necho {digest}").returncode == 0
        assert images(checkout) == own | {f"{tag}@{digest}" for tag in tags - own}
    for name in ("compose.yaml", "Dockerfile"):
        before, after = (ROOT / name).read_text(), (checkout / name).read_text()
        assert re.sub("@sha256:[0-9a-f]+", "", after) == re.sub("@sha256:[0-9a-f]+", "", before)


@pytest.mark.parametrize(
    "docker",
    [
        "exit 1",
        "echo not found",
        f'case "$*" in *python*) exit 1 ;; esac; echo sha256:{"0" * 64}',
    ],
)
def test_no_image_is_pinned_if_a_digest_is_not_found(checkout: Path, docker: str) -> None:
    before = images(checkout)
    assert pin(checkout, docker).returncode != 0
    assert images(checkout) == before
