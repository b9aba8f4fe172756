"""The command `imaging-selection`: convert files without Orthanc, or run an Orthanc."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imaging_selection import __version__, objects
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.bundles import collection_bundle
from imaging_selection.host import serve
from imaging_selection.ids import instance_of
from imaging_selection.mapping.rtstruct.contours_operation import json_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imaging_selection.fhir.datatypes import Resource

    _Entry = tuple[Resource, Iterable[bytes]]  # and its JSON, in parts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status."""
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
    convert.add_argument(
        "--contours", action="store_true", help="fill in the contours (imageRegion3D)"
    )
    convert.set_defaults(run=_convert)
    serve.add_arguments(commands.add_parser("serve", help=serve.__doc__))
    return parser


def _convert(arguments: argparse.Namespace) -> int:
    failed: list[Path] = []
    entries = _entries(arguments, failed)
    out = sys.stdout.buffer
    try:
        out.writelines(_lines(entries) if arguments.ndjson else _collection(entries))
        out.flush()
    except OSError as error:  # the reader has closed the pipe, or the disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _report(Path("output"), error.strerror)
        return 1
    return 1 if failed else 0


def _entries(arguments: argparse.Namespace, failed: list[Path]) -> Iterator[_Entry]:
    """Yield the resources of the files, and report those that cannot be converted.

    No object is converted twice: ids and, in a Bundle, fullUrls must be unique (bdl-7).
    """
    converted: dict[str, bytes] = {}  # by Orthanc id: digest of the file
    for path in arguments.files:
        try:
            file = path.read_bytes()
            resources = objects.convert(file).resources
            instance = instance_of(resources[0]["id"])
            digest = hashlib.sha256(file).digest()
            if instance in converted:
                reason = "the same file was converted before, and is left out"
                if digest != converted[instance]:
                    failed.append(path)
                    reason = (
                        "left out: the same structure set as before, with other content"
                    )
                _report(path, reason)
                continue
            converted[instance] = digest
            for resource in resources:
                yield resource, json_of(resource, file, contours=arguments.contours)
        except (ImagingSelectionError, OSError) as error:
            failed.append(path)
            _report(path, error.strerror if isinstance(error, OSError) else error)


def _report(path: Path, reason: object) -> None:
    print(f"{path}: {reason}", file=sys.stderr)  # noqa: T201 - the output of a command


def _lines(entries: Iterable[_Entry]) -> Iterator[bytes]:
    for _, parts in entries:
        yield from parts
        yield b"\n"


def _collection(entries: Iterable[_Entry]) -> Iterator[bytes]:
    """Yield a Bundle in parts: together its entries may be of any size."""
    yield fhir.dumps(collection_bundle(()))[:-1]
    before = b',"entry":['
    for resource, parts in entries:
        [entry] = collection_bundle([resource])["entry"]
        yield before + fhir.dumps({"fullUrl": entry["fullUrl"]})[:-1] + b',"resource":'
        yield from parts
        yield b"}"
        before = b","
    yield b"]}\n" if before == b"," else b"}\n"
