"""Writes the answers of the FHIR API, one resource a line, for the validator.

The CapabilityStatement, everything that it declares, searches with and without
includes, and every kind of error; parts of resources in a file of their own. The
definitions that the server uses are written to a folder, so that the validator can use
them.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "tests")]

from imaging_selection.api.capability_statement import capability_statement  # noqa: E402
from imaging_selection.api.definitions import all_definitions  # noqa: E402
from imaging_selection.fhir.datatypes import dumps  # noqa: E402
from support.example import make_example  # noqa: E402
from support.served import BASE, Served  # noqa: E402
from support.synthetic_reports import CASES as REPORTS  # noqa: E402
from support.synthetic_segmentations import CASES as SEGMENTATIONS  # noqa: E402

SEARCHES = (
    "ImagingSelection?_count=2&nonsense=1",
    "ImagingSelection?_count=3&_include=*",
    "ImagingSelection?_count=0",
    "ImagingSelection?_count=1&_sort=-issued&_total=accurate",
    "ImagingSelection?status=unknown",
    "Patient/{ids.patient}/ImagingSelection?_count=1",
    "ImagingSelection/{ids.instance}/_history",
    "/studies/{ids.study}/imaging-selection",
    "Observation?_include=Observation:derived-from",
    "ImagingSelection?_count=2&_revinclude=Observation:derived-from",
    "Patient/{ids.patient}/$everything",
    "Patient/{ids.patient}/*?_count=3",
    "ImagingSelection?_count=1&_include:iterate=*&_revinclude:iterate=*",
    "_history?_count=5",
    "_history?_at=2030",
)
BATCH = (
    "ImagingSelection/{ids.instance}",
    "Patient?_count=1",
    "ImagingSelection/unknown",
    "Observation?patient.unknown=a",
)
PARTS = (
    *("_summary=true", "_summary=text", "_summary=data"),
    *("_elements=subject,instance", "_elements=id"),
)
ERRORS = {
    "ImagingSelection/unknown": 404,
    "ImagingSelection/{ids.instance}/_history/7": 404,
    "ImagingSelection?issued=yesterday": 400,
    "ImagingSelection?code:above=1": 400,
    "metadata?_format=xml": 406,
    "Observation?patient.unknown=a": 400,
    "Procedure": 404,
}
# run.sh gives these to the validator as files of the plugin.
GIVEN = "StructureDefinition"


def everything(served):
    """Yield the statement, and everything that it declares."""
    statement = served.get("metadata")
    yield statement
    for resource in statement.json["rest"][0]["resource"]:
        found = served.get(f"{resource['type']}?_count=500")
        yield found
        for identity in found.ids:
            yield served.get(f"{resource['type']}/{identity}")


def ask(served, ids, paths, status=200):
    for path in paths:
        answer = served.get(path.format(ids=ids))
        if answer.status != status:
            raise SystemExit(f"{path} is answered with {answer.status}")
        yield answer


def batch_of(served, ids):
    """Ask all of BATCH at once."""
    entry = [
        {"request": {"method": "GET", "url": each.format(ids=ids)}} for each in BATCH
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entry}
    headers = {"content_type": "application/fhir+json"}
    return served.get("/fhir", "POST", dumps(bundle), **headers)


def write(path, answers):
    with path.open("wb") as lines:
        for answer in answers:
            lines.write(answer.body + b"\n")


def main(folder):
    definitions = folder / "definitions"
    definitions.mkdir(parents=True, exist_ok=True)
    for each in all_definitions():
        if each["resourceType"] != GIVEN:
            name = f"{each['resourceType']}-{each['id']}.json"
            (definitions / name).write_bytes(dumps(each))
    with TemporaryDirectory() as store:
        served = Served(store)
        ids = served.store(make_example())
        others = [
            served.store(make()).instance
            for make in (REPORTS["one_measurement"], SEGMENTATIONS["one_segment"])
        ]
        served.orthanc.children["studies", ids.study] = [ids.instance]
        refused = (
            answer
            for path, status in ERRORS.items()
            for answer in ask(served, ids, [path], status)
        )
        collections = [f"/instances/{each}/fhir" for each in (ids.instance, *others)]
        asked = ask(served, ids, [*SEARCHES, *collections])
        batch = batch_of(served, ids)
        answers = [*everything(served), *asked, batch, *refused]
        write(folder / "answers.ndjson", answers)
        operations = ("contours", "everything", "export")
        statement = capability_statement(BASE, operations=operations)
        (folder / "exports.ndjson").write_bytes(dumps(statement) + b"\n")
        one = f"ImagingSelection/{ids.instance}-1"
        parts = ask(served, ids, [f"{one}?{part}" for part in PARTS])
        write(folder / "parts.ndjson", parts)
        served.database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
