"""The blocks of commands that the documents show."""

import re

from copilot_pipeline_tests.conftest import ROOT


def commands(document: str) -> list[str]:
    """The blocks of commands. Those of anything else name a language, such as ```text."""
    text = (ROOT / document).read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in blocks if not language]


def readme_block(holding: str) -> str:
    """The one block of commands in README.md that holds the text."""
    (block,) = (block for block in commands("README.md") if holding in block)
    return block
