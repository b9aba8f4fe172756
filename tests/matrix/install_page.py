"""What docs/install.md says to type, as bash scripts."""

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "install.md"

_BLOCK = re.compile(r"(?:`([^`\n]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL)


def sections(text):
    """Return the sections of the page, by their titles."""
    parts = (each.partition("\n") for each in text.split("\n## ")[1:])
    return {title: content for title, _, content in parts}


def scripts(text):
    """Return the commands of each section, except the section for Docker.

    A block of `sh` is typed. A block after the name of a file is written to that file.
    A section that says "as above" begins with the commands of the first section.
    """
    found = {}
    for title, content in sections(text).items():
        blocks = _BLOCK.findall(content)
        if any(language == "dockerfile" for _, language, _ in blocks):
            continue
        steps = [_step(*block) for block in blocks]
        if "as above" in content:
            steps.insert(0, next(iter(found.values())))
        found[title] = "\n".join(steps)
    return found


def dockerfile(text):
    """Return the Dockerfile of the page, and the files that the page names for it."""
    (content,) = (each for each in sections(text).values() if "```dockerfile" in each)
    blocks = _BLOCK.findall(content)
    (lines,) = (block for _, language, block in blocks if language == "dockerfile")
    return lines, {path: block for path, _, block in blocks if path}


def _step(path, language, block):
    if language == "sh":
        return block
    if not path.startswith("/"):
        raise ValueError(f"a block of {language} that is not the content of a file")
    return write(path, block)


def write(path, content):
    """Return the command that writes a file."""
    return f"printf %s {shlex.quote(content)} >{shlex.quote(path)}"
