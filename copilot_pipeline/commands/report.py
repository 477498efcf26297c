"""`copilot-pipeline report`: writes the HTML page, or a short summary in Markdown."""

from pathlib import Path

import click

from copilot_pipeline.collected_scopes import scopes_named
from copilot_pipeline.commands.console import file_path, open_database, print_json
from copilot_pipeline.days import Today
from copilot_pipeline.report import DEFAULT_DAYS, DEFAULT_FILE, MAX_DAYS
from copilot_pipeline.report.files import require_file, write_text
from copilot_pipeline.settings import refuse_token


@click.command("report")
@click.option(
    "--output",
    metavar="FILE",
    help=f"Where to write it. [default: {DEFAULT_FILE}; with --markdown: stdout]",
)
@click.option("--scope", "slug", metavar="SLUG", help="Only this organization or enterprise.")
@click.option(
    "--days",
    type=click.IntRange(1, MAX_DAYS),
    default=DEFAULT_DAYS,
    show_default=True,
    help="The number of newest complete days.",
)
@click.option("--people", is_flag=True, help="Also name the holders of unused seats.")
@click.option("--markdown", is_flag=True, help="A short summary in Markdown instead of the page.")
def report(output: str | None, slug: str | None, days: int, people: bool, markdown: bool) -> None:
    """Write one HTML page for people without Grafana.

    It shows adoption, seats and cost, teams and data health. The page loads nothing and can be sent
    as a file. It names no person without --people. Your umask decides who may read the file. A file
    of the same name is replaced.
    """
    if people and markdown:
        raise click.UsageError("the summary names nobody: give --people without --markdown.")
    if output is not None:
        refuse_token(output)
    target = file_path(output) if output is not None else Path(DEFAULT_FILE).absolute()
    require_file(target)
    today = Today.from_clock()
    with open_database() as database:
        scopes = scopes_named(database, slug)
        # Imported here, because pandas takes longer than everything else that a command needs.
        from copilot_pipeline.report.page import ReportOptions, render_page, render_summary

        options = ReportOptions(scopes, days, with_people=people)
        text = (render_summary if markdown else render_page)(database, today, options)
    if markdown and output is None:
        click.echo(text)
        return
    write_text(target, text)
    print_json({"file": str(target)})
