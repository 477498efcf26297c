"""REPORTS.md says what the sources declare."""

from pathlib import Path

from copilot_pipeline.sources import SOURCES
from copilot_pipeline.sources.documentation import render

PAGE = Path(__file__).parent.parent / "REPORTS.md"


def test_reports_md_is_what_make_docs_writes() -> None:
    page = PAGE.read_text()
    assert render(page) == page


def test_reports_md_names_every_source_and_every_table() -> None:
    page = PAGE.read_text()
    for source in SOURCES:
        assert f"`{source.name}`" in page
        for target in source.tables:
            assert f"`{target.table.name}`" in page
