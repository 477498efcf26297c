"""`copilot-pipeline secret`: rotates the secret that seals the stored tokens."""

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
    """Reseal every token with the new secret, all or none.

    Set COPILOT_METRICS__TOKEN_SECRET to the new secret and COPILOT_METRICS__TOKEN_SECRET_PREVIOUS
    to the old one. While both are set, tokens sealed with either can be read.
    """
    with open_database() as database:
        rotation = rotate_secret(database)
    print_json(asdict(rotation))
    print_message(
        f"Every token is sealed with the new secret: unset {TOKEN_SECRET_PREVIOUS} everywhere."
    )
