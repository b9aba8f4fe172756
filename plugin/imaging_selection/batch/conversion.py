"""A file becomes the JSON of its resources: here, or in another process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from imaging_selection import objects
from imaging_selection.batch.processes import in_processes
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.fhir.bundles import full_url_of
from imaging_selection.fhir.datatypes import dumps
from imaging_selection.fhir.r4 import json_to_r4, radiotherapy_volume
from imaging_selection.ids import instance_of
from imaging_selection.mapping.rtstruct.contours_operation import json_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path
    from typing import IO

    from imaging_selection.batch.inputs import Input
    from imaging_selection.fhir.cross_version.imaging_selection import Form
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.choices import Choices

#: Its `fullUrl` in a Bundle, and its JSON in parts, which may be of any size together.
Entry = tuple[str, "Iterable[bytes]"]

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Output:
    """How the resources are written.

    Attributes
    ----------
    contours
        Fill in the contours (`instance.imageRegion3D`).
    r4_form
        Write R4, its selections in this form; None for R5.
    volumes
        In R4, add the RadiotherapyVolume of each ROI.
    """

    contours: bool = False
    r4_form: Form | None = None
    volumes: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """What a file became.

    Attributes
    ----------
    instance
        Orthanc's id of the DICOM object.
    digest
        SHA-256 of the file.
    entries
        Its resources, made while they are iterated: a DicomError may be raised then.
    """

    instance: str
    digest: bytes
    entries: Iterable[Entry]


@dataclass(frozen=True, slots=True)
class _Spooled:
    """The same, its resources one after the other in a file: `fullUrl` and length."""

    instance: str
    digest: bytes
    lengths: tuple[tuple[str, int], ...]


def convert_all(
    inputs: Iterable[Input], choices: Choices, output: Output, *, jobs: int = 1
) -> Generator[tuple[Input, Converted | str]]:
    """Convert files in their order; yield each, and why it could not be converted.

    Parameters
    ----------
    jobs
        How many processes convert at a time; with 1, this one does.
    """
    if jobs == 1:
        for each in inputs:
            try:
                yield each, convert(each, choices, output)
            except (ImagingSelectionError, OSError) as error:
                yield each, reason_of(error)
        return
    task = partial(_spool, choices=choices, output=output)
    for each, path, outcome in in_processes(task, inputs, jobs):
        if isinstance(outcome, _Spooled):
            with path.open("rb") as file:
                entries = _entries(file, outcome.lengths)
                yield each, Converted(outcome.instance, outcome.digest, entries)
        else:
            yield each, outcome or "the process that converted it has ended"
        path.unlink(missing_ok=True)


def reason_of(error: Exception) -> str:
    """Return the sentence for people; it quotes nothing of the file."""
    return str(getattr(error, "strerror", None) or error)


def convert(each: Input, choices: Choices, output: Output) -> Converted:
    """Convert a file; a DicomError, or an OSError, says why that is impossible."""
    file = each.read()
    now = datetime.now(UTC)
    resources = objects.convert_and_measure(file, choices, None, now).resources
    return Converted(
        instance_of(resources[0]["id"]),
        hashlib.sha256(file).digest(),
        (entry for resource in resources for entry in _written(resource, file, output)),
    )


def _written(resource: Resource, file: bytes, output: Output) -> Iterator[Entry]:
    """Yield a resource, and what is derived from it."""
    parts = json_of(resource, file, contours=output.contours)
    if output.r4_form is None:
        yield full_url_of(resource), parts
        return
    kind = resource["resourceType"]
    kind = "Basic" if kind == "ImagingSelection" else kind
    url = full_url_of({"resourceType": kind, "id": resource["id"]})
    yield url, (json_to_r4(b"".join(parts), output.r4_form),)
    volume = radiotherapy_volume(resource) if output.volumes else None
    if volume is not None:
        yield full_url_of(volume), (dumps(volume),)


def _spool(
    each: Input, path: Path, *, choices: Choices, output: Output
) -> _Spooled | str:
    """Convert a file into another one; return the reason where that is impossible."""
    lengths = []
    try:
        converted = convert(each, choices, output)
        with path.open("wb") as file:
            for url, parts in converted.entries:
                start = file.tell()
                file.writelines(parts)
                lengths.append((url, file.tell() - start))
    except (ImagingSelectionError, OSError) as error:
        return reason_of(error)
    return _Spooled(converted.instance, converted.digest, tuple(lengths))


def _entries(file: IO[bytes], lengths: Iterable[tuple[str, int]]) -> Iterator[Entry]:
    return ((url, _chunks(file, length)) for url, length in lengths)


def _chunks(file: IO[bytes], length: int) -> Iterator[bytes]:
    while length > 0:
        chunk = file.read(min(length, _CHUNK))
        length -= len(chunk)
        yield chunk
