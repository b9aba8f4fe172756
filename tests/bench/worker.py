"""Reads structure sets in one of several ways, in a process of its own.

`readers` starts it with the name of a way. Then each line of standard input is a path,
and each line of standard output says how long reading it took, measured in this
process. The modules of a way are imported before the first reading. Each reading starts
with the path, so that opening the file is part of it.
"""

import importlib
import json
import sys
import time
import warnings
from pathlib import Path

REGION_TYPES = {
    "POINT": "point",
    "OPEN_PLANAR": "polyline",
    "OPEN_NONPLANAR": "polyline",
    "CLOSED_PLANAR": "polygon",
    "CLOSEDPLANAR_XOR": "polygon",
}


def contours():
    """Ours, as in `$contours`: from a stored selection and a file to JSON."""
    import io

    import orjson
    from imaging_selection import objects
    from imaging_selection.fhir import datatypes as fhir
    from imaging_selection.mapping.choices import Choices
    from imaging_selection.mapping.rtstruct.contours_operation import with_contours
    from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set

    stored = {}

    def prepare(path):
        structure_set = objects.read(Path(path).read_bytes())[1]
        ids = objects.ids_of(structure_set)
        selections = map_structure_set(structure_set, ids, Choices()).resources
        stored[path] = fhir.dumps(selections[0])

    def read(path):
        out = io.BytesIO()
        selection = orjson.loads(stored[path])
        out.writelines(with_contours(selection, Path(path).read_bytes()))
        return out.tell()

    return prepare, read


def one_roi():
    """Ours: the contours of the last ROI only."""
    import orjson
    from imaging_selection import objects
    from imaging_selection.fhir import datatypes as fhir
    from imaging_selection.mapping.choices import Choices
    from imaging_selection.mapping.rtstruct.contours_operation import with_contours
    from imaging_selection.mapping.rtstruct.imaging_selection import map_structure_set

    stored = {}

    def prepare(path):
        structure_set = objects.read(Path(path).read_bytes())[1]
        ids = objects.ids_of(structure_set)
        name = f"{ids.instance}-{structure_set.rois[-1].number}"
        for selection in map_structure_set(structure_set, ids, Choices()).resources:
            if selection["id"] == name:
                stored[path] = fhir.dumps(selection)

    def read(path):
        selection = orjson.loads(stored[path])
        return sum(map(len, with_contours(selection, Path(path).read_bytes())))

    return prepare, read


def convert():
    """Ours: from a file to all rows of the store, without contours."""
    from imaging_selection import objects
    from imaging_selection.host.jobs import convert
    from imaging_selection.mapping.choices import Choices

    ids = {}

    def prepare(path):
        ids[path] = objects.ids_of(objects.read(Path(path).read_bytes())[1])

    def read(path):
        made = convert(Path(path).read_bytes(), ids[path], Choices())
        return sum(len(draft.content) for draft in made.drafts)

    return prepare, read


def naive():
    """The obvious way: values by pydicom, checked and written by fhir.resources."""
    import pydicom
    from fhir.resources.imagingselection import ImagingSelection

    def read(path):
        dataset = pydicom.dcmread(path)
        regions = [
            {
                "regionType": REGION_TYPES[each.ContourGeometricType],
                "coordinate": list(each.ContourData),
            }
            for item in dataset.ROIContourSequence
            for each in item.get("ContourSequence", ())
        ]
        code = {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "130488",
            "display": "Region In Space",
        }
        numbers = [str(each.ROINumber) for each in dataset.StructureSetROISequence]
        selection = {
            "resourceType": "ImagingSelection",
            "status": "available",
            "code": {"coding": [code]},
            "studyUid": dataset.StudyInstanceUID,
            "seriesUid": dataset.SeriesInstanceUID,
            "instance": [
                {
                    "uid": dataset.SOPInstanceUID,
                    "subset": numbers,
                    "imageRegion3D": regions,
                }
            ],
        }
        return len(ImagingSelection.model_validate(selection).model_dump_json())

    return None, read


def pydicom_json():
    """pydicom's own JSON: the DICOM JSON Model of PS3.18 F."""
    import pydicom

    return None, lambda path: len(pydicom.dcmread(path).to_json())


def dcmrtstruct2nii():
    """dcmrtstruct2nii's reading of contours, without the masks that it makes."""
    name = "dcmrtstruct2nii.adapters.input.contours.rtstructinputadapter"
    adapter = importlib.import_module(name).RtStructInputAdapter()
    return None, lambda path: len(adapter.ingest(path))


WAYS = {
    each.__name__: each
    for each in (contours, one_roi, convert, naive, pydicom_json, dcmrtstruct2nii)
}


def main():
    """Read the files named on standard input, until its end."""
    warnings.simplefilter("ignore")  # pydicom warns about values; only time matters
    out, sys.stdout = sys.stdout, sys.stderr  # a library may print something
    prepare, read = WAYS[sys.argv[1]]()
    known = set()
    print("{}", file=out, flush=True)
    for line in sys.stdin:
        path = line.rstrip("\n")
        answer = {}
        try:
            if path not in known:
                known.add(path)
                if prepare:
                    prepare(path)
            wall, cpu = time.perf_counter(), time.process_time()
            answer["size"] = read(path)
            answer["cpu"] = time.process_time() - cpu
            answer["wall"] = time.perf_counter() - wall
        except Exception as error:  # noqa: BLE001 - a peer may not read a file
            answer = {"error": type(error).__name__}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
