"""Writes resources into a folder, one a line, for the validator.

They are made from the bundled example, from every synthetic structure set, and from the
real and the reported ones where there are any; with each setting that shapes a
resource.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "tests")]

from imaging_selection import objects  # noqa: E402
from imaging_selection.errors import UnusableError  # noqa: E402
from imaging_selection.fhir.datatypes import dumps  # noqa: E402
from imaging_selection.mapping.choices import Choices, Names  # noqa: E402
from imaging_selection.mapping.rtstruct.contours_operation import with_contours  # noqa: E402
from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set  # noqa: E402
from imaging_selection.objects import ids_of  # noqa: E402
from support.builders import make_rtstruct, roi  # noqa: E402
from support.example import make_example  # noqa: E402
from support.paths import CASES as REPORTED  # noqa: E402
from support.paths import CORPUS, REPORTS, SEGMENTATIONS  # noqa: E402
from support.reading import parse_structure_set  # noqa: E402
from support.synthetic import CASES  # noqa: E402
from support.synthetic_reports import CASES as REPORT_CASES  # noqa: E402
from support.synthetic_segmentations import CASES as SEGMENTATION_CASES  # noqa: E402

DICOM = Choices(
    sop_class_coding="Dicom",
    timezone=ZoneInfo("Europe/Brussels"),
    patient_identifier_system="urn:oid:2.25.113047",
    accession_number_system="urn:oid:2.25.113048",
)

NAMES = Choices(names=Names(tg263=True, report=True))


def write(path, files, choices):
    with path.open("wb") as lines:
        for file in files:
            structure_set = parse_structure_set(file)
            ids = ids_of(structure_set)
            for resource in map_structure_set(structure_set, ids, choices).resources:
                lines.write(dumps(resource) + b"\n")


def write_others(path, files, choices):
    """Write what segmentations and reports become."""
    with path.open("wb") as lines:
        for file in files:
            for resource in objects.convert(file, choices).resources:
                lines.write(dumps(resource) + b"\n")


def write_with_contours(path, files):
    with path.open("wb") as lines:
        for file in files:
            structure_set = parse_structure_set(file)
            ids = ids_of(structure_set)
            choices = Choices(levels=("StructureSet", "Roi"))
            for resource in map_structure_set(structure_set, ids, choices).resources:
                lines.writelines(with_contours(resource, file))
                lines.write(b"\n")


def write_measurements(path, files):
    now = datetime(2026, 1, 2, tzinfo=UTC)
    with path.open("wb") as lines:
        for file in files:
            for resource in objects.measure(file, Choices(), None, now).resources:
                lines.write(dumps(resource) + b"\n")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "example.ndjson", [make_example()], Choices())
    synthetic = {name: case() for name, case in CASES.items()}
    write(folder / "synthetic.ndjson", synthetic.values(), Choices())
    several = [file for name, file in synthetic.items() if name != "a_thousand_rois"]
    write(folder / "settings.ndjson", several, DICOM)
    names = ("Lung_L", "kidney r", "PTVn1_5040", "CTV_High", "Esophagus_M", "other")
    named = make_rtstruct(*(roi(k, name) for k, name in enumerate(names, 1)))
    write(folder / "names.ndjson", [named], NAMES)
    drawn = [
        synthetic[name]
        for name in (
            *("every_geometric_type", "everything_about_one_roi"),
            *("numbers_of_many_digits", "points_and_slabs"),
        )
    ]
    write_with_contours(folder / "contours.ndjson", [make_example(), *drawn])
    write_measurements(
        folder / "measurements.ndjson", [make_example(), *synthetic.values()]
    )
    real = [path.read_bytes() for path in sorted(CORPUS.glob("*.dcm"))]
    if real:
        write(folder / "real.ndjson", real, Choices())
        write_measurements(folder / "real-measurements.ndjson", real)
    others = (
        *(case() for case in SEGMENTATION_CASES.values()),
        *(case() for case in REPORT_CASES.values()),
        *(path.read_bytes() for path in sorted(SEGMENTATIONS.glob("*.dcm"))),
        *(path.read_bytes() for path in sorted(REPORTS.glob("*.dcm"))),
    )
    write_others(folder / "others.ndjson", others, Choices())
    write_others(folder / "others-settings.ndjson", others, DICOM)
    reported = [path.read_bytes() for path in sorted(REPORTED.glob("*-rtstruct-*"))]
    write(folder / "reported.ndjson", filter(_is_usable, reported), Choices())


def _is_usable(file):
    try:
        return parse_structure_set(file)
    except UnusableError:  # an illegal UID that no resource can hold
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
