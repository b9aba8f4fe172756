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
from imaging_selection.batch.journal import Journal
from imaging_selection.batch.progress import Progress
from imaging_selection.dicom.character_sets import DEFAULT_ENCODINGS, LATIN_1
from imaging_selection.errors import ImagingSelectionError, InputError
from imaging_selection.fhir import datatypes as fhir
from imaging_selection.fhir.bundles import collection_bundle
from imaging_selection.host import serve
from imaging_selection.host.config import DictionaryFault, read_dictionary
from imaging_selection.mapping.choices import Choices, Names, version_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from imaging_selection.batch.conversion import Entry
    from imaging_selection.batch.inputs import Input


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
        "--output",
        type=Path,
        metavar="FILE",
        help="write one resource a line into this file, and say at the end what failed",
    )
    convert.add_argument(
        "--resume",
        action="store_true",
        help="with --output: continue the file, without the files that it has already",
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
    convert.set_defaults(run=_convert, refuse=convert.error)
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


def _refuse_without_effect(arguments: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    of_r4 = arguments.r4_form or arguments.radiotherapy_volumes
    if of_r4 and arguments.fhir_version != "4.0":
        arguments.refuse("--r4-form and --radiotherapy-volumes are for FHIR 4.0")
    if arguments.resume and not arguments.output:
        arguments.refuse("--resume needs --output")


def _convert(arguments: argparse.Namespace) -> int:
    _refuse_without_effect(arguments)
    progress = Progress(sys.stderr, summary=arguments.output is not None)
    try:
        if arguments.output is not None:
            _write_journalled(arguments, progress)
        else:
            _write(arguments, progress)
    except OSError as error:  # the reader has closed the pipe, or the disk is full
        if arguments.output is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _report("output", error.strerror)
        return 1
    except InputError as error:
        _report("output", error)
        return 1
    progress.end()
    return 1 if progress.failed else 0


def _write(arguments: argparse.Namespace, progress: Progress) -> None:
    """Write all resources to standard output."""
    entries = _entries(_objects(arguments, progress, None), progress)
    out = sys.stdout.buffer
    with closing(entries):
        out.writelines(_lines(entries) if arguments.ndjson else _collection(entries))
    out.flush()


def _entries(
    objects: Generator[tuple[Input, Converted]], progress: Progress
) -> Generator[Entry]:
    with closing(objects):
        for each, converted in objects:
            try:
                yield from converted.entries
            except (ImagingSelectionError, OSError) as error:
                _fail(progress, each.name, reason_of(error))


def _write_journalled(arguments: argparse.Namespace, progress: Progress) -> None:
    """Write all resources into a file that a later run can continue."""
    options = f"{version_of(_choices(arguments))} {_output(arguments)}"
    journal = Journal(arguments.output, options, resume=arguments.resume)
    with closing(journal), closing(_objects(arguments, progress, journal)) as objects:
        for each, converted in objects:
            try:
                progress.resources += journal.write(each, converted)
            except ImagingSelectionError as error:
                _fail(progress, each.name, reason_of(error))


def _objects(
    arguments: argparse.Namespace, progress: Progress, journal: Journal | None
) -> Generator[tuple[Input, Converted]]:
    """Yield what the files became, and report those that cannot be converted.

    No object is converted twice: ids and, in a Bundle, fullUrls must be unique (bdl-7).
    """

    def fail(name: str, reason: object) -> None:
        _fail(progress, name, reason)

    inputs = Inputs(fail, _note)
    found: Iterator[Input] = (
        each for place in arguments.files for each in inputs.found(place)
    )
    if journal is not None:
        found = _changed(found, journal, progress)
    outcomes = convert_all(
        found, _choices(arguments), _output(arguments), jobs=arguments.jobs
    )
    # By Orthanc id: digest of the file.
    known = journal.converted if journal is not None else {}
    with closing(outcomes):
        for each, outcome in outcomes:
            if not isinstance(outcome, Converted):
                fail(each.name, outcome)
            elif outcome.instance not in known:
                known[outcome.instance] = outcome.digest
                progress.converted += 1
                yield each, outcome
            elif outcome.digest == known[outcome.instance]:
                progress.clear()
                reason = "the same file was converted before, and is left out"
                _report(each.name, reason)
            else:
                reason = "the same structure set as before, with other content"
                fail(each.name, f"left out: {reason}")
            progress.show()


def _changed(
    found: Iterable[Input], journal: Journal, progress: Progress
) -> Iterator[Input]:
    """Yield the files that the output does not have."""
    for each in found:
        if journal.has(each):
            progress.unchanged += 1
        else:
            yield each


def _choices(arguments: argparse.Namespace) -> Choices:
    return Choices(
        default_encoding=arguments.default_encoding,
        measurements=arguments.measurements,
        names=Names(tg263=arguments.tg_263, dictionary=arguments.dictionary),
    )


def _output(arguments: argparse.Namespace) -> Output:
    return Output(
        contours=arguments.contours,
        r4_form=(arguments.r4_form or "Extensions")
        if arguments.fhir_version == "4.0"
        else None,
        volumes=arguments.radiotherapy_volumes,
    )


def _fail(progress: Progress, name: str, reason: object) -> None:
    progress.clear()
    progress.fail(reason)
    _report(name, reason)


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
