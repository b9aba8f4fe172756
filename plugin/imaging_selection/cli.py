"""The command `imaging-selection`: convert files without Orthanc, or run an Orthanc."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from imaging_selection import __version__
from imaging_selection.batch.conversion import (
    Converted,
    Output,
    convert_all,
    reason_of,
)
from imaging_selection.batch.inputs import Inputs
from imaging_selection.dicom.character_sets import DEFAULT_ENCODINGS, LATIN_1
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.bundles import collection_bundle
from imaging_selection.host import serve
from imaging_selection.host.config import DictionaryFault, read_dictionary
from imaging_selection.mapping.choices import Choices, Names

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from imaging_selection.batch.conversion import Entry


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
        "convert",
        help="print the resources that DICOM files become",
    )
    convert.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a DICOM file, a DICOMDIR, a zip file, a folder, or - for standard input",
    )
    convert.add_argument(
        "--ndjson", action="store_true", help="one resource a line, instead of a Bundle"
    )
    convert.add_argument(
        "--contours", action="store_true", help="fill in the contours (imageRegion3D)"
    )
    convert.add_argument(
        "--measurements",
        action="store_true",
        help="add what is measured of each ROI: its volume, and more (Observation)",
    )
    convert.add_argument(
        "--fhir-version",
        choices=("5.0", "4.0"),
        default="5.0",
        help="the version of FHIR (default: 5.0)",
    )
    convert.add_argument(
        "--r4-form",
        choices=("Extensions", "Complex"),
        default="Extensions",
        help="with FHIR 4.0: a selection has an extension for each element, or a"
        " single one (default: Extensions)",
    )
    convert.add_argument(
        "--radiotherapy-volumes",
        action="store_true",
        help="with FHIR 4.0: add each ROI as a RadiotherapyVolume of mCODE",
    )
    convert.add_argument(
        "--tg-263",
        action="store_true",
        help="code ROI Names that are in AAPM TG-263",
    )
    convert.add_argument(
        "--dictionary",
        type=_dictionary,
        metavar="CSV",
        help="code ROI Names that are in this dictionary of your own",
    )
    convert.add_argument(
        "--jobs",
        type=_number,
        default=1,
        metavar="N",
        help="convert N files at a time, in as many processes (default: 1)",
    )
    convert.add_argument(
        "--default-encoding",
        choices=DEFAULT_ENCODINGS,
        default=LATIN_1,
        metavar="NAME",
        help="the DefaultEncoding of your Orthanc, for files that declare no character"
        f" set: %(choices)s (default: {LATIN_1})",
    )
    convert.set_defaults(run=_convert)
    serve.add_arguments(commands.add_parser("serve", help=serve.__doc__))
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _dictionary(path: str) -> str:
    try:
        return read_dictionary(Path(path))
    except DictionaryFault as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _convert(arguments: argparse.Namespace) -> int:
    failed: list[str] = []
    entries = _entries(arguments, failed)
    out = sys.stdout.buffer
    try:
        with closing(entries):
            out.writelines(
                _lines(entries) if arguments.ndjson else _collection(entries)
            )
        out.flush()
    except OSError as error:  # the reader has closed the pipe, or the disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _report("output", error.strerror)
        return 1
    return 1 if failed else 0


def _entries(arguments: argparse.Namespace, failed: list[str]) -> Generator[Entry]:
    """Yield the resources of the files, and report those that cannot be converted.

    No object is converted twice: ids and, in a Bundle, fullUrls must be unique (bdl-7).
    """

    def fail(name: str, reason: object) -> None:
        failed.append(name)
        _report(name, reason)

    inputs = Inputs(fail, _note)
    found = (each for place in arguments.files for each in inputs.found(place))
    choices = Choices(
        default_encoding=arguments.default_encoding,
        measurements=arguments.measurements,
        names=Names(tg263=arguments.tg_263, dictionary=arguments.dictionary),
    )
    output = Output(
        contours=arguments.contours,
        r4_form=arguments.r4_form if arguments.fhir_version == "4.0" else None,
        volumes=arguments.radiotherapy_volumes,
    )
    outcomes = convert_all(found, choices, output, jobs=arguments.jobs)
    converted: dict[str, bytes] = {}  # by Orthanc id: digest of the file
    with closing(outcomes):
        for each, outcome in outcomes:
            if not isinstance(outcome, Converted):
                fail(each.name, outcome)
            elif outcome.instance not in converted:
                converted[outcome.instance] = outcome.digest
                try:
                    yield from outcome.entries
                except (ImagingSelectionError, OSError) as error:
                    fail(each.name, reason_of(error))
            elif outcome.digest == converted[outcome.instance]:
                reason = "the same file was converted before, and is left out"
                _report(each.name, reason)
            else:
                reason = "the same structure set as before, with other content"
                fail(each.name, f"left out: {reason}")


def _note(name: str, passed_over: int) -> None:
    """Say how many files of a folder or zip file are not converted."""
    kinds = "no DICOM, or of a kind that is not converted"
    _report(name, f"files passed over ({kinds}): {passed_over}")


def _report(name: str, reason: object) -> None:
    # The name of a file in a zip file may hold anything, such as orders to a terminal.
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    print(f"{shown}: {reason}", file=sys.stderr)  # noqa: T201 - the output of a command


def _lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    for _, parts in entries:
        yield from parts
        yield b"\n"


def _collection(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield a Bundle in parts: together its entries may be of any size."""
    yield fhir.dumps(collection_bundle(()))[:-1]
    before = b',"entry":['
    for url, parts in entries:
        yield before + fhir.dumps({"fullUrl": url})[:-1] + b',"resource":'
        yield from parts
        yield b"}"
        before = b","
    yield b"]}\n" if before == b"," else b"}\n"
