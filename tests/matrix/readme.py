"""What the README tells a newcomer to type, as scripts."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def scripts(text):
    """Give the commands of each section below "Install": title and bash script.

    Blocks marked `sh` are commands, and a block marked `json` or `python` after a line
    that ends in `PATH`: is the content of that file.
    """
    chapter = re.split(r"^## ", text, flags=re.MULTILINE)
    (install,) = (each for each in chapter if each.startswith("Install\n"))
    found = {}
    for section in install.split("\n### ")[1:]:
        title, _, content = section.partition("\n")
        steps = [_step(*parts) for parts in _blocks(content)]
        if steps:
            found[title] = "\n".join(["set -euo pipefail", *steps])
    return found


def _blocks(content):
    pattern = r"(?:`(/[^`\n]+)`:\n\n)?```(sh|json|python)\n(.*?)```"
    return re.findall(pattern, content, flags=re.DOTALL)


def _step(path, language, block):
    if language == "sh":
        return block
    if not path:
        raise ValueError(f"a block of {language} that is no file's content")
    return f"mkdir -p $(dirname {path})\ncat >{path} <<'END'\n{block}END"
