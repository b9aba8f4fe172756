"""The command `imaging-selection`: convert files without Orthanc, or run an Orthanc."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imaging_selection import __version__, fhir, serve
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.identity import orthanc_ids_of
from imaging_selection.mapping import Choices, build_selections
from imaging_selection.rtstruct import parse_structure_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imaging_selection.fhir import Resource


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the answer is its exit status."""
    parsed = _parser().parse_args(arguments)
    status: int = parsed.run(parsed)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imaging-selection", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    convert = commands.add_parser(
        "convert", help="print the ImagingSelection resources of RT Structure Sets"
    )
    convert.add_argument("files", nargs="+", type=Path, metavar="FILE")
    convert.add_argument(
        "--ndjson", action="store_true", help="one resource a line, instead of a Bundle"
    )
    convert.set_defaults(run=_convert)
    serve.add_arguments(commands.add_parser("serve", help=serve.__doc__))
    return parser


def _convert(arguments: argparse.Namespace) -> int:
    failed = False
    resources: list[Resource] = []
    for path in arguments.files:
        try:
            for resource in _selections_of(path):
                if arguments.ndjson:
                    _print(resource)
                else:
                    resources.append(resource)
        except (ImagingSelectionError, OSError) as error:
            failed = True
            reason = error.strerror if isinstance(error, OSError) else error
            print(f"{path}: {reason}", file=sys.stderr)  # noqa: T201 - a command's voice
    if not arguments.ndjson:
        _print(fhir.collection_bundle(resources))
    return 1 if failed else 0


def _selections_of(path: Path) -> Iterator[Resource]:
    structure_set = parse_structure_set(path.read_bytes())
    ids = orthanc_ids_of(structure_set)
    yield from build_selections(structure_set, ids, Choices())


def _print(resource: Resource) -> None:
    sys.stdout.buffer.write(fhir.dumps(resource) + b"\n")
    sys.stdout.buffer.flush()
