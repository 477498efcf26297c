"""Whatever is typed: an exit code, JSON or words, and never a traceback."""

import io
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copilot_pipeline import settings
from copilot_pipeline.cli import cli, run_command
from copilot_pipeline.simulated_github import DEMO_TOKEN, Organization, SimulatedGitHub
from copilot_pipeline_tests.fuzzing import any_text, examples
from copilot_pipeline_tests.leaks import SECRET
from copilot_pipeline_tests.loading import import_organizations

pytestmark = pytest.mark.fuzz

# The demo is a program of its own: it starts servers and loads for a minute. The backup would write
# files wherever a hostile name leads; `test_backup.py` gives it such names.
LEFT_OUT = {"demo", "backup"}

Words = tuple[str, ...]
T = TypeVar("T")


def commands(group: click.Group, path: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """Every command below the group with the words that call it, groups themselves too."""
    for name, command in sorted(group.commands.items()):
        if name not in LEFT_OUT:
            yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands(cli))

# Where nobody listens; without a token nobody is asked either.
NOBODY = "http://127.0.0.1:9"

# `run` starts jobs that take seconds where there is something to collect.
WITHOUT_RUN = [path for path in COMMANDS if path != ("run",)]


# --- what may be typed --------------------------------------------------------------------------

# A byte that is no UTF-8 comes from the shell as an unpaired surrogate.
HOSTILE = [
    "",
    "-",
    "--",
    "-1",
    "\0",
    "\udcff",
    "a\nb",
    "\x1b[31m\u202e",
    "../..",
    "%s{0}",
    "x" * 5000,
    "9" * 5000,
    "nan",
    "'; DROP TABLE copilot_github_accounts; --",
]
hostile_texts = any_text | st.sampled_from(HOSTILE)
numbers = st.one_of(
    st.integers(0, 4), st.integers(), st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 10**30])
).map(str)
dates = st.one_of(
    st.dates().map(str),
    st.sampled_from(["0001-01-01", "9999-12-31", "2026-02-30", "2026-1-1", "today", "2026-W01-1"]),
)
addresses = st.one_of(
    hostile_texts,
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["http", "https", "HTTPS", "ftp", "file", ""]),
        st.sampled_from(
            ["127.0.0.1", "[::1", "[::1]", "user:password@a.example", "..", "", "ﬁ.example"]
        ),
        st.sampled_from(["", ":0", ":99999", ":x", ":"]),
        st.sampled_from(["", "/", "/../..", "?token=x", "#", "/\0", "/%zz"]),
    ),
)
words = st.just("octo-demo") | st.sampled_from(
    ["octo-demo", "Octo-Demo", "octo_demo", "nobody", "GITHUB_TOKEN", "MASKED_TOKEN"]
)


def values(parameter: click.Parameter) -> st.SearchStrategy[str]:
    """What may be given to an option or argument: mostly what it wants, or nearly that."""
    kind = parameter.type
    wanted = words | hostile_texts
    if parameter.metavar == "URL":
        wanted = st.just(NOBODY) | addresses
    elif parameter.metavar in ("SLUG", "NAME"):
        wanted = words
    elif isinstance(kind, click.Choice):
        wanted = st.sampled_from([str(choice) for choice in kind.choices])
    elif isinstance(kind, click.DateTime):
        wanted = dates
    elif isinstance(kind, click.IntRange):
        wanted = st.sampled_from([1, 1, 1, 2]).map(str) | numbers
    return one_in(12, st.one_of(hostile_texts, words, numbers, dates, addresses), wanted)


def one_in(
    many: int, odd: st.SearchStrategy[T], usual: st.SearchStrategy[T]
) -> st.SearchStrategy[T]:
    return st.integers(1, many).flatmap(lambda n: odd if n == many else usual)


@st.composite
def given_parameters(draw: st.DrawFn, command: click.Command) -> list[str]:
    """Some of the command's options, and its arguments, in any order; rarely twice or nonsense."""
    typed: list[list[str]] = []
    for parameter in command.params:
        optional = isinstance(parameter, click.Option)
        times = one_in(
            12, st.sampled_from([0, 2]), st.sampled_from([0, 0, 1]) if optional else st.just(1)
        )
        for _ in range(draw(times)):
            value = draw(values(parameter))
            if not isinstance(parameter, click.Option):
                typed.append([value])
                continue
            name = draw(st.sampled_from([*parameter.opts, *parameter.secondary_opts]))
            if parameter.is_flag:
                typed.append([name])
            else:
                typed.append([name, value] if draw(st.booleans()) else [f"{name}={value}"])
    nonsense = hostile_texts | st.sampled_from(["-h", "--help", "--version", "--nothing", "--yes"])
    typed += [[word] for word in draw(one_in(12, st.lists(nonsense, max_size=2), st.just([])))]
    return [word for words in draw(st.permutations(typed)) for word in words]


def command_lines(path: Words) -> st.SearchStrategy[list[str]]:
    """That command with something of what it takes; rarely with something before it."""
    odd = st.sampled_from([["-h"], ["--version"], ["--"], ["\udcff"]])
    before = one_in(20, odd, st.just([]))
    parameters = given_parameters(COMMANDS[path])
    return st.builds(lambda first, rest: [*first, *path, *rest], before, parameters)


# --- what is said -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What a call ended in."""

    code: int
    out: str
    err: str


def called(arguments: Sequence[str]) -> Said:
    """Calls the command with streams like those of a process: UTF-8; words may be escaped."""
    out, err = io.BytesIO(), io.BytesIO()
    with (
        redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)),
        redirect_stderr(io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True)),
    ):
        code = run_command(arguments)
        # Before the streams are closed with what wraps them.
        return Said(code, out.getvalue().decode(), err.getvalue().decode())


def answer(arguments: Sequence[str], *secrets: str) -> Said:
    """What the command says; it must be one of the ways in which a command may end."""
    said = called(arguments)
    assert said.code in (0, 1)
    assert "Traceback" not in said.err
    for secret in secrets:
        assert secret not in said.out + said.err
    if said.code == 1:
        # A notice may come first. `accounts check` says what is missing as its result.
        assert re.search("^(Error|Usage): ", said.err, re.MULTILINE) or json.loads(said.out)
    # A summary in Markdown begins with its title.
    elif not said.out.startswith(("Usage: ", "copilot-pipeline, version ", "**")):
        json.loads(said.out)
    return said


@pytest.fixture(autouse=True)
def nobody_at_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is empty and no terminal."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    monkeypatch.setenv("MASKED_TOKEN", "***")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A warehouse with an account of a simulated GitHub that runs, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "copilot.db"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(settings.TOKEN_SECRET, SECRET)
        environment.setenv(settings.ENDPOINTS, "127.0.0.1")
        with SimulatedGitHub([Organization("octo-demo"), Organization("octo_demo")]) as github:
            import_organizations(f"sqlite:///{path}", github, "octo-demo", "octo_demo")
            yield path


def test_every_command_explains_itself() -> None:
    assert {("accounts", "show"), ("run",)} <= set(COMMANDS)
    for path, command in COMMANDS.items():
        for flag in ("-h", "--help"):
            said = answer([*path, flag])
            assert said.code == 0
            assert said.out.startswith(f"Usage: copilot-pipeline {' '.join(path)} ")
        assert command.help


@examples(100)
@given(
    arguments=st.lists(
        hostile_texts | st.sampled_from([word for path in COMMANDS for word in path]), max_size=4
    )
)
def test_any_words_are_answered(arguments: list[str]) -> None:
    answer(arguments, SECRET)


# `run` has nothing to collect here: no job starts, and nothing is asked of GitHub.
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_any_use_of_a_command_is_answered_while_the_warehouse_is_empty(path: Words) -> None:
    @examples(effort(path) // 2)
    @given(arguments=command_lines(path))
    def check(arguments: list[str]) -> None:
        answer(arguments, SECRET)

    check()


@pytest.mark.parametrize("path", WITHOUT_RUN, ids=" ".join)
def test_any_use_of_a_command_is_answered_and_changes_nothing_if_it_fails(
    path: Words, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = tmp_path / "used.db"
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{used}")
    before = stored(filled)

    @examples(effort(path))
    @given(arguments=command_lines(path))
    def check(arguments: list[str]) -> None:
        shutil.copy(filled, used)
        said = answer(arguments, SECRET, DEMO_TOKEN)
        if said.code == 1:
            assert stored(used) == before

    check()


@pytest.mark.parametrize("path", WITHOUT_RUN, ids=" ".join)
def test_a_hostile_value_beside_right_ones_is_answered_and_changes_nothing_if_it_fails(
    path: Words, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = tmp_path / "used.db"
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{used}")
    before = stored(filled)
    parameters = [each for each in COMMANDS[path].params if not getattr(each, "is_flag", False)]
    required = [each for each in parameters if isinstance(each, click.Argument)]
    for parameter in parameters:
        for value in HOSTILE:
            for others in (required, parameters):
                rest = [usual(each) for each in others if each is not parameter]
                shutil.copy(filled, used)
                said = answer([*path, as_given(parameter, value), *rest], SECRET, DEMO_TOKEN)
                if said.code == 1:
                    assert stored(used) == before


def as_given(parameter: click.Parameter, value: str) -> str:
    return value if isinstance(parameter, click.Argument) else f"{parameter.opts[0]}={value}"


def usual(parameter: click.Parameter) -> str:
    """The parameter with a value that the command takes, or at least reads to the end."""
    kind = parameter.type
    value = "octo-demo"
    if isinstance(kind, click.IntRange):
        value = "1"
    elif isinstance(kind, click.DateTime):
        value = "2026-11-20"
    elif isinstance(kind, click.Choice):
        value = str(kind.choices[0])
    elif parameter.metavar == "URL":
        value = NOBODY
    elif parameter.metavar == "NAME":
        value = "MASKED_TOKEN"
    return as_given(parameter, value)


# A token that could be one would be sent; what is left fails before.
@pytest.mark.parametrize("words", ["accounts import", "accounts update 1"])
def test_anything_on_standard_input_that_is_no_token_is_answered(
    words: str, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.DATABASE_URL, f"sqlite:///{shutil.copy(filled, tmp_path)}")

    @examples(40)
    @given(body=st.binary(max_size=40))
    def check(body: bytes) -> None:
        assume(not re.fullmatch(rb"\s*[!-~]+\s*", body))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body), "utf-8"))
        answer([*words.split(), "--token-stdin"], SECRET, DEMO_TOKEN)

    check()


def effort(path: Words) -> int:
    """How many examples a command deserves: more, the more can be said to it."""
    return 5 + 8 * len(COMMANDS[path].params)


def stored(path: Path) -> list[list[Any]]:
    tables = ("copilot_github_accounts", "_tool_copilot_scopes")
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
