"""What the README tells a newcomer to type, as bash scripts."""

import re
import shlex
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"

_BLOCK = re.compile(r"(?:`([^`\n]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL)


def sections(text):
    """Give the sections below "Install", by their titles."""
    chapters = re.split(r"^## ", text, flags=re.MULTILINE)
    (install,) = (each for each in chapters if each.startswith("Install\n"))
    parts = (each.partition("\n") for each in install.split("\n### ")[1:])
    return {title: content for title, _, content in parts}


def scripts(text):
    """Give the commands of each section, all but those for Docker.

    A block of `sh` is typed, a block after the name of a file is written to it. What
    says "as above" comes after the commands of the first section.
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
    """Give the README's Dockerfile, and the files that it speaks of by name."""
    (content,) = (each for each in sections(text).values() if "```dockerfile" in each)
    blocks = _BLOCK.findall(content)
    (lines,) = (block for _, language, block in blocks if language == "dockerfile")
    return lines, {path: block for path, _, block in blocks if path}


def _step(path, language, block):
    if language == "sh":
        return block
    if not path.startswith("/"):
        raise ValueError(f"a block of {language} that is no file's content")
    return write(path, block)


def write(path, content):
    """Write a file, as a command."""
    return f"printf %s {shlex.quote(content)} >{shlex.quote(path)}"
