"""What the documents promise exists, and the commands they show work when they are pasted."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from copilot_pipeline import settings
from copilot_pipeline.simulated_github import DEMO_TOKEN, SimulatedGitHub
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.documents import commands, readme_block

NAMED_TESTS = sorted(set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text())))

DOCUMENTS = (
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "grafana/README.md",
    "deploy/celery/README.md",
    "deploy/kubernetes/README.md",
)

SHELLS = [shell for shell in ("bash", "zsh") if shutil.which(shell)]


BLOCKS = [(document, block) for document in DOCUMENTS for block in commands(document)]

# They read what is typed, so what is pasted after them would be their answer.
READS_THE_TERMINAL = re.compile(
    r"\bread\b|accounts import|(accounts|scopes) remove(?!.*--yes)|docker compose exec(?!.*<)"
    r"|^psql "
)


def test_every_threat_points_at_a_test() -> None:
    table = (ROOT / "SECURITY.md").read_text().split("## Threats")[1].split("##")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert rows
    assert all("`test_" in row for row in rows)


@pytest.mark.parametrize("name", NAMED_TESTS)
def test_a_test_that_is_pointed_at_exists(name: str) -> None:
    sources = (ROOT / "copilot_pipeline_tests").glob("test_*.py")
    assert any(f"def {name}(" in source.read_text() for source in sources)


@pytest.mark.parametrize(("document", "block"), BLOCKS)
def test_a_block_of_commands_can_be_pasted_as_a_whole(document: str, block: str) -> None:
    # A shell joins lines that end in a backslash, and reads on within quotes.
    logical = re.sub(r"\\\n *|\n(?=  )", " ", block).splitlines()
    for shell in SHELLS:
        checked = subprocess.run([shell, "-n"], input=block, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")
    # An interactive zsh takes no comments.
    assert not re.search(r"(^|\s)#", block)
    # After a name, brackets hold the extras of a package.
    assert not re.search(r"<[a-z-]+>|(?<![.\w])\[[a-z-]+\]|…|\$ ", block), "a placeholder"
    assert not [line for line in logical[:-1] if READS_THE_TERMINAL.search(line)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of what the set-up needs. Installing takes minutes: .venv is the tests' own."""
    folder = tmp_path / "a project"
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    (folder / "Makefile").write_text(f"install:\n\tln -sfn '{sys.prefix}' .venv\n")
    return folder


def paste(text: str, project: Path, shell: str = "bash", **variables: str) -> str:
    """What an interactive shell without start-up files prints, under the usual umask."""
    quiet = {"bash": "--norc", "zsh": "-f"}[shell]
    (project.parent / "a home").mkdir(exist_ok=True)
    usual = {"HOME": str(project.parent / "a home"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [shell, quiet, "-i"],
        input=text,
        cwd=project,
        env=usual | variables,
        capture_output=True,
        text=True,
        umask=0o022,
        start_new_session=True,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_set_up_makes_a_private_env_file_once_and_every_later_command_reads_it(
    shell: str, project: Path, github: SimulatedGitHub
) -> None:
    copilot = project.parent / "a home" / "copilot"
    said = paste(readme_block("openssl"), project, shell)
    env_file = project / ".env"
    written = env_file.read_text()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600, said
    values = dotenv_values(env_file)
    assert values[settings.DAGSTER_HOME] == str(copilot)
    assert re.fullmatch("[0-9a-f]{64}", values[settings.TOKEN_SECRET] or "")
    assert str(values[settings.TOKEN_SECRET]) not in said
    assert (copilot / "dagster.yaml").read_text() == (ROOT / "dagster.yaml").read_text()

    (copilot / "dagster.yaml").write_text("# changed by its owner\n")
    paste(readme_block("openssl"), project, shell)
    assert env_file.read_text() == written
    assert (copilot / "dagster.yaml").read_text() == "# changed by its owner\n"

    # In another shell, in which nothing is exported but what leads to the simulated GitHub.
    imports = readme_block("import --org octo-org --org").replace(
        "import ", f"import --endpoint {github.url} "
    )
    allowed = {settings.ENDPOINTS: "127.0.0.1"}
    said = paste(imports, project, shell, GITHUB_TOKEN=DEMO_TOKEN, **allowed)
    assert '"account_id": 1' in said
    assert (copilot / "copilot.db").is_file()
    # The token is opened with the secret of the file.
    check = readme_block("accounts check")
    assert '"status": "ok"' in paste(check, project, shell, **allowed)


def test_the_set_up_keeps_what_the_env_file_and_the_shell_have_already(project: Path) -> None:
    env_file, home = project / ".env", project.parent / "another home"
    env_file.write_text("DAGSTER_PORT=4000")
    exported = {settings.TOKEN_SECRET: "0123456789abcdef" * 4, settings.DAGSTER_HOME: str(home)}
    paste(readme_block("openssl"), project, **exported)
    assert dotenv_values(env_file) == {"DAGSTER_PORT": "4000", **exported}
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert (home / "dagster.yaml").is_file()

    env_file.write_text(f"{settings.TOKEN_SECRET}_FILE=/run/secret\n{settings.DAGSTER_HOME}=/x\n")
    before = env_file.read_text()
    paste(readme_block("openssl"), project)
    assert env_file.read_text() == before
