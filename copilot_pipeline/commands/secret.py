"""`copilot-pipeline secret`: the secret from which the tokens' keys derive."""

from dataclasses import asdict

import click

from copilot_pipeline.commands.console import open_database, print_json, print_message
from copilot_pipeline.settings import TOKEN_SECRET_PREVIOUS
from copilot_pipeline.tokens import rotate_secret


@click.group()
def secret() -> None:
    """The secret that seals the stored tokens."""


@secret.command("rotate")
def rotate() -> None:
    """Seal every token with the new secret, all or nothing.

    Needs both: COPILOT_METRICS__TOKEN_SECRET (new) and COPILOT_METRICS__TOKEN_SECRET_PREVIOUS
    (old). While both are set, tokens sealed with either open.
    """
    with open_database() as database:
        rotation = rotate_secret(database)
    print_json(asdict(rotation))
    print_message(
        f"Every token is sealed with the new secret: unset {TOKEN_SECRET_PREVIOUS} everywhere."
    )
