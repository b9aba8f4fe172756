"""Writes resources in R4, and the definitions that they use, for the validator.

HL7's cross-version package is on no registry that a build can use. So its definitions
are derived here, from those of R5, by the rules of the package (0.1.0, and
0.0.1-snapshot-3 where that is at hand): the table of the plugin is not used.
"""

import json
import os
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "tests")]

from imaging_selection.api.definitions import all_definitions  # noqa: E402
from imaging_selection.api.r4 import capability_statement  # noqa: E402
from imaging_selection.fhir.datatypes import dumps  # noqa: E402
from imaging_selection.fhir.r4 import json_to_r4, radiotherapy_volume  # noqa: E402
from imaging_selection.ids import instance_of  # noqa: E402
from support.paths import GUIDE, SHARED  # noqa: E402

SNAPSHOT = SHARED / "xver-r4"
HL7 = "http://hl7.org/fhir/StructureDefinition"
XVER = "http://hl7.org/fhir/5.0/StructureDefinition"
#: What is an extension, and of what: the paths of R5.
EXTENSIONS = {
    "BodyStructure.includedStructure": "BodyStructure",
    "BodyStructure.includedStructure.spatialReference": "BodyStructure",
    "Device.displayName": "Device",
    "Device.property.value[x]": "Device.property",
    "Endpoint.connectionType": "Endpoint.connectionType",
    "ImagingStudy.modality": "ImagingStudy.modality",
    "ImagingStudy.series.modality": "ImagingStudy.series.modality",
    "Observation.bodyStructure": "Observation",
    "RelatedArtifact.resourceReference": "RelatedArtifact",
}
OF_BASIC = {"identifier", "subject"}
# HL7's extensions that the plugin uses; their definitions of R5 are true of R4 too.
STANDARD = (
    "alternate-reference",
    *("artifact-title", "artifact-description", "artifact-relatedArtifact"),
)
# A code system of the guide that identifiers use.
OF_GUIDE = "CodeSystem-dicom-identifier-type"
# The files of resources that are written in each form; those of R5 are all validated.
EXAMPLES = {
    "Extensions": (
        *("contours", "example", "measurements", "names", "others", "real"),
        *("related", "settings", "synthetic"),
    ),
    "Complex": ("contours", "example"),
}
OF_EACH = 2  # resources of a type that one object becomes

# Of these the definitions are for R5 alone.
CODE_SYSTEMS = ("status", "2dgraphictype", "3dgraphictype")


class R5:
    """The definitions of R5, as Maven has them."""

    def __init__(self):
        classpath = (Path(__file__).parent / "target" / "classpath").read_text()
        name = "hapi-fhir-validation-resources-r5"
        [jar] = [each for each in classpath.split(os.pathsep) if name in each]
        self._jar = zipfile.ZipFile(jar)
        self._packages = {}

    def read(self, package, *names):
        """Return the resources of a package, by the names of their files."""
        path = f"org/hl7/fhir/r5/packages/{package}.tgz"
        with self._jar.open(path) as file, tarfile.open(fileobj=file) as archive:
            wanted = {f"package/{name}.json" for name in names}
            found = {}
            for member in archive:
                if member.name in wanted:
                    found[Path(member.name).stem] = json.load(
                        archive.extractfile(member)
                    )
        return [found[name] for name in names]


def children_of(elements, path):
    depth = path.count(".") + 1
    skipped = {"id", "extension", "modifierExtension"}
    for each in elements:
        name = each["path"].rpartition(".")[2]
        inside = each["path"].startswith(f"{path}.")
        if inside and each["path"].count(".") == depth and name not in skipped:
            yield each


def value_of(element, place, where):
    """Write value[x] of an extension: the same type, or a profile of the R4 target."""
    types = []
    for each in element["type"]:
        kind = {"code": each["code"]}
        if "targetProfile" in each:
            targets = [
                target.removesuffix("|5.0.0") for target in each["targetProfile"]
            ]
            kind["targetProfile"] = [
                target.replace("/ImagingSelection", "/Basic") for target in targets
            ]
        types.append(kind)
    value = {
        "id": f"{place}.value[x]",
        "path": f"{where}.value[x]",
        "min": 1,
        "type": types,
    }
    binding = element.get("binding", {})
    if binding.get("strength") == "required":
        value["binding"] = binding
    return value


def parts_of(elements, element, place, where, url_of):
    """Write what is in an extension: a value, or an extension for each part."""
    path = element["path"]
    code = element["type"][0]["code"] if "type" in element else "BackboneElement"
    if code == "CodeableReference":
        parts = [
            {
                "path": f"{path}.concept",
                "max": "1",
                "type": [{"code": "CodeableConcept"}],
            },
            {
                "path": f"{path}.reference",
                "max": "1",
                "type": [{**element["type"][0], "code": "Reference"}],
            },
        ]
        datatype = {
            "path": "http://hl7.org/fhir/StructureDefinition/_datatype",
            "min": 1,
            "max": "1",
            "type": [{"code": "string"}],
        }
        parts = [datatype, *parts]
        url_of = name_of
    elif code == "BackboneElement":
        parts = list(children_of(elements, path))
    else:
        yield {"id": f"{place}.extension", "path": f"{where}.extension", "max": "0"}
        yield {"id": f"{place}.url", "path": f"{where}.url"}
        yield value_of(element, place, where)
        return
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}
    yield {
        "id": f"{place}.extension",
        "path": f"{where}.extension",
        "slicing": slicing,
        "min": 1,
    }
    for part in parts:
        is_datatype = part["path"].startswith("http")
        name = "_datatype" if is_datatype else name_of(part["path"])
        inner, deeper = f"{place}.extension:{name}", f"{where}.extension"
        yield {
            "id": inner,
            "path": deeper,
            "sliceName": name,
            "min": part.get("min", 0),
            "max": part.get("max", "*"),
        }
        url = part["path"] if is_datatype else url_of(part["path"])
        for each in parts_of(elements, part, inner, deeper, url_of):
            yield each | ({"fixedUri": url} if each["id"] == f"{inner}.url" else {})
    yield {"id": f"{place}.url", "path": f"{where}.url"}
    yield {"id": f"{place}.value[x]", "path": f"{where}.value[x]", "max": "0"}


def name_of(path):
    return path.rpartition(".")[2]


def extension(elements, element, context):
    path = element["path"].removesuffix("[x]")
    url = f"{XVER}/extension-{path}"
    is_status = path.endswith(".status")
    first = {"id": "Extension", "path": "Extension", "min": 0, "max": element["max"]}
    if is_status:
        first |= {"isModifier": True, "isModifierReason": "it may be entered in error"}
    rest = [
        each | ({"fixedUri": url} if each["id"] == "Extension.url" else {})
        for each in parts_of(elements, element, "Extension", "Extension", name_of)
    ]
    return {
        **definition(f"extension-{path}"[:64], url, "Extension"),
        "kind": "complex-type",
        "context": [{"type": "element", "expression": context}],
        "differential": {"element": [first, *rest]},
    }


def definition(identity, url, kind):
    return {
        "resourceType": "StructureDefinition",
        "id": identity,
        "url": url,
        "version": "0.1.0",
        "name": "".join(filter(str.isalnum, identity.title())),
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": kind,
        "baseDefinition": f"{HL7}/{kind}",
        "derivation": "constraint",
    }


def profile(elements):
    """The profile of Basic: one slice an element, status among the modifiers."""
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}
    stated = [{"id": "Basic", "path": "Basic"}]
    for key in ("extension", "modifierExtension"):
        stated.append(
            {"id": f"Basic.{key}", "path": f"Basic.{key}", "slicing": slicing}
        )
        for each in elements:
            name = name_of(each["path"])
            if (name == "status") == (key == "modifierExtension"):
                url = f"{XVER}/extension-{each['path']}"
                stated.append(
                    {
                        "id": f"Basic.{key}:{name}",
                        "path": f"Basic.{key}",
                        "sliceName": name,
                        "min": each["min"],
                        "max": each["max"],
                        "type": [{"code": "Extension", "profile": [url]}],
                    }
                )
    url = f"{XVER}/profile-ImagingSelection"
    return {
        **definition("profile-ImagingSelection", url, "Basic"),
        "differential": {"element": stated},
    }


def definitions(form):
    """Yield the definitions that R4 itself does not have."""
    r5 = R5()
    types = ("ImagingSelection", *dict.fromkeys(p.split(".")[0] for p in EXTENSIONS))
    core = "hl7.fhir.r5.core-5.0.0"
    found = r5.read(core, *(f"StructureDefinition-{each}" for each in types))
    elements = {each["id"]: each["snapshot"]["element"] for each in found}
    ours = elements["ImagingSelection"]
    skipped = {"meta", "implicitRules", "language", "text", "contained", *OF_BASIC}
    of_selection = [
        each
        for each in children_of(ours, "ImagingSelection")
        if name_of(each["path"]) not in skipped
    ]
    if form == "Complex":
        yield from of_snapshot()
    else:
        yield profile(of_selection)
        yield from (extension(ours, each, "Basic") for each in of_selection)
    for path, context in EXTENSIONS.items():
        every = elements[path.split(".")[0]]
        [element] = [each for each in every if each["path"] == path]
        yield extension(every, element, context)
    names = [f"imagingselection-{each}" for each in CODE_SYSTEMS]
    systems = (*names, "fhir-types")
    yield from r5.read(core, *(f"CodeSystem-{each}" for each in systems))
    yield from r5.read(core, *(f"ValueSet-{each}" for each in names))
    pack = "hl7.fhir.uv.extensions.r5-1.0.0"
    yield from r5.read(pack, *(f"StructureDefinition-{each}" for each in STANDARD))
    for each in all_definitions():
        if (
            each["resourceType"] == "StructureDefinition"
            and each["type"] == "Extension"
        ):
            yield each
    if (GUIDE / f"{OF_GUIDE}.json").exists():
        yield json.loads((GUIDE / f"{OF_GUIDE}.json").read_bytes())
    for each in all_definitions():
        if each["resourceType"] == "CodeSystem":
            yield each


def of_snapshot():
    """Yield the definitions of the earlier state of the package, as far as it is here.

    The extensions inside have whole URLs, of which the validator wants definitions.
    """
    urls = set()
    for path in SNAPSHOT.glob("StructureDefinition-*.json"):
        resource = json.loads(path.read_bytes())
        for element in resource["differential"]["element"]:
            for kind in element.get("type", []):
                targets = kind.pop("targetProfile", [])
                kept = [each for each in targets if not each.startswith(XVER)]
                kind.update({"targetProfile": kept} if kept else {})
            if element.get("fixedUri", "").startswith(f"{XVER}/extension-Imag"):
                urls.add(element["fixedUri"])
        urls -= {resource["url"], f"{XVER}/extension-ImagingSelection"}
        yield resource
    for url in sorted(urls):
        place = "Extension.extension"
        parts = [
            {"id": f"{place}:{name}.url", "path": f"{place}.url", "fixedUri": name}
            for name in ("concept", "reference")
            if url.endswith(".bodySite")
        ]
        slices = [
            each
            for part in parts
            for name in [part["fixedUri"]]
            for each in (
                {"id": f"{place}:{name}", "path": place, "sliceName": name},
                part,
            )
        ]
        sliced = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}
        first = [{"id": place, "path": place, "slicing": sliced}] if parts else []
        own = {"id": "Extension.url", "path": "Extension.url", "fixedUri": url}
        yield {
            **definition(name_of_url(url), url, "Extension"),
            "kind": "complex-type",
            "context": [{"type": "element", "expression": "Extension"}],
            "differential": {"element": [*first, *slices, own]},
        }


def name_of_url(url):
    return url.rpartition("/")[2][-64:]


def write_definitions(folder, form):
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(definitions(form)):
        for key in ("text", "snapshot"):
            each.pop(key, None)
        path = folder / f"{number:02}-{each['resourceType']}-{each['id']}.json"
        path.write_bytes(dumps(each))


def main(source, folder):
    for form in ("Extensions", "Complex") if SNAPSHOT.is_dir() else ("Extensions",):
        write_definitions(folder / form / "definitions", form)
        for path in sorted(source.glob("*.ndjson")):
            if path.stem in EXAMPLES[form]:
                write(path, folder / form / path.name, form)
    statement = capability_statement("http://localhost:8042/fhir/r4", exports=True)
    path = folder / "Extensions" / "statement.ndjson"
    path.write_bytes(dumps(statement) + b"\n")


def write(path, target, form):
    """Write some resources of each object in R4, and the volumes of its ROIs."""
    seen = Counter()
    with target.open("wb") as lines:
        for line in path.read_bytes().splitlines():
            resource = json.loads(line)
            if resource["id"] == instance_of(resource["id"]):  # another object begins
                seen.clear()
            seen[resource["resourceType"]] += 1
            if seen[resource["resourceType"]] > OF_EACH:
                continue
            lines.write(json_to_r4(line, form) + b"\n")
            volume = radiotherapy_volume(resource)
            if volume is not None and form == "Extensions":
                lines.write(dumps(volume) + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
