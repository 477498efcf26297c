"""One name for one thing: the languages, models and editors that GitHub writes in several ways.

Raw keeps what GitHub wrote. The pseudo-values (`others`, `other`, `unknown`, `auto`, `custom`) stay
themselves. Sources: names observed in reports of several tenants, and VS Code's language ids.
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

# Claude's models are written with the version before the family or after it.
_CLAUDE = re.compile(r"claude-(haiku|opus|sonnet)(?=-|$)")
_VERSION_FIRST = re.compile(r"claude-(\d+(?:\.\d+)?)-(haiku|opus|sonnet)(?=-|$)")


# The same few names come in every record of a year of users.
@lru_cache(maxsize=4096)
def normalized(dimension: str, name: str) -> str:
    """The name under which a language, model or ide is kept; of other dimensions, the name."""
    lower = name.lower()
    if dimension == "model":
        swapped = _VERSION_FIRST.sub(r"claude-\2-\1", lower)
        return swapped if _CLAUDE.match(swapped) else name
    aliases = ALIASES.get(dimension, {})
    return lower if lower in aliases.values() else aliases.get(lower, name)
