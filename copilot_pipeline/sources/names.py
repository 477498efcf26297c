"""Normalizes the names of languages, models and editors that GitHub spells in several ways.

The raw tables keep the original names. The placeholders `others`, `other`, `unknown`, `auto` and
`custom` are not changed. Sources: names observed in reports of several tenants, and
VS Code's language ids.
"""

import re
from functools import lru_cache

ALIASES = {
    "language": {
        "csharp": "c#",
        "pwsh": "powershell",
        "terraform": "hcl",
        "plaintext": "text",
        "shell": "bash",
        "shellscript": "bash",
        "ts": "typescript",
        "tsx": "typescriptreact",
    },
    "ide": {
        "vs code": "vscode",
        "visual studio code": "vscode",
        "visual studio": "visualstudio",
        "jetbrains": "intellij",
        "intellij idea": "intellij",
        "clion": "intellij",
        "datagrip": "intellij",
        "goland": "intellij",
        "phpstorm": "intellij",
        "pycharm": "intellij",
        "rider": "intellij",
        "rubymine": "intellij",
        "rustrover": "intellij",
        "webstorm": "intellij",
    },
}

# Names of Claude models have the version before or after the family.
_CLAUDE = re.compile(r"claude-(haiku|opus|sonnet)(?=-|$)")
_VERSION_FIRST = re.compile(r"claude-(\d+(?:\.\d+)?)-(haiku|opus|sonnet)(?=-|$)")


# The same few names occur in every record.
@lru_cache(maxsize=4096)
def normalized(dimension: str, name: str) -> str:
    """Return the normalized name of a language, model or ide. Other names are unchanged."""
    lower = name.lower()
    if dimension == "model":
        swapped = _VERSION_FIRST.sub(r"claude-\2-\1", lower)
        return swapped if _CLAUDE.match(swapped) else name
    aliases = ALIASES.get(dimension, {})
    return lower if lower in aliases.values() else aliases.get(lower, name)
