"""Searches that two FHIR servers are asked, as in a URL, not yet escaped.

A word in braces is a value of the data: see `values_of`.
"""

import json
from itertools import product

SCT = "http://snomed.info/sct"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
MR = "http://terminology.hl7.org/CodeSystem/v2-0203|MR"
OWN = "https://orthanc-imaging-selection.github.io/fhir/CodeSystem"
GUIDE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition"

PREFIXES = ("", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb")
STORED = ("ImagingSelection", "Observation", "Patient", "ImagingStudy")

SELECTIONS = (
    *("_id={roi}", "_id={roi},{whole}", "_id=unknown", "_id:not={roi}"),
    *(f"_profile={GUIDE}/region-in-space", f"_profile={GUIDE}/region"),
    *(f"_profile:below={GUIDE}", f"_profile:below={GUIDE}/region-in-space"),
    *("_profile:missing=true", "_profile:missing=false"),
    *("_tag=roi", f"_tag={OWN}/selection-level|roi", f"_tag={OWN}/selection-level|"),
    *("_tag=|roi", "_tag=APPROVED,UNAPPROVED", "_tag:not=roi", "_tag:missing=true"),
    *("_tag=roi&_tag=UNAPPROVED", "_tag=roi-without-contours"),
    *("based-on:identifier=1", "based-on:missing=false", "based-on=ServiceRequest/x"),
    *("body-site=10200004", f"body-site={SCT}|10200004", f"body-site={SCT}|"),
    *("body-site=CTV,GTV", "body-site=|CTV", "body-site:not=CTV"),
    *("body-site:missing=true", "body-site:missing=false", "body-site:text=lung"),
    *("body-structure:missing=true", "body-structure:missing=false"),
    *("category=130041", f"category={DCM}|130041", f"category={SCT}|"),
    *("category=130041,228791009", "category:not=130041", "category:missing=true"),
    *("category:text=ORGAN", "category:text=org"),
    *("code=130488", f"code={DCM}|130488", "code=121233,111040", "code:not=130488"),
    *("code:missing=true", "code:text=region", "code=nonsense"),
    *("derived-from={study}", "derived-from=ImagingStudy/{study}"),
    *("derived-from:ImagingStudy={study}", "derived-from:identifier={studyUid}"),
    *("derived-from:identifier=urn:dicom:uid|urn:oid:{studyUid}",),
    *("derived-from:missing=true", "derived-from:missing=false"),
    *("endpoint:missing=true", "endpoint:missing=false", "endpoint=Endpoint/x"),
    *("frame-of-reference={frame}", "frame-of-reference:missing=true"),
    *("frame-of-reference={frame},1.2.3", "frame-of-reference:not={frame}"),
    *("identifier={instanceUid}", "identifier=urn:oid:{instanceUid}"),
    *("identifier=urn:dicom:uid|urn:oid:{instanceUid}", "identifier=urn:dicom:uid|"),
    *("identifier=urn:dicom:uid|{instanceUid}", "identifier:missing=true"),
    *("instance-uid={instanceUid}", "instance-uid={imageUid}", "instance-uid=1.2.3"),
    *("issued:missing=true", "issued:missing=false", "issued=2019-01-16"),
    *("patient={patient}", "patient=Patient/{patient}", "patient=Patient/x"),
    *("patient={patient},{patient2}", "patient:Patient={patient}"),
    *("patient:identifier={mrn}", "patient:missing=true"),
    *("roi-name=gtv", "roi-name=GTV", "roi-name:exact=GTV-1", "roi-name:exact=gtv-1"),
    *("roi-name:contains=lung", "roi-name=Unknown_structure", "roi-name=gtv,ctv"),
    *("roi-name:missing=true", "roi-name=poi_1", "roi-name=body&_tag=APPROVED"),
    *("roi-number=1", "roi-number=1,2", "roi-number:not=1", "roi-number:missing=true"),
    *("series-uid={seriesUid}", "series-uid:missing=true", "series-uid:not=1.2.3"),
    *("sop-class={sopClass}", "sop-class=1.2.3", "sop-class:missing=true"),
    *("status=available", "status=unknown", "status:not=available", "status=nonsense"),
    *("study-uid={studyUid}", "study-uid=1.2.3", "study-uid:missing=true"),
    *("subject={patient}", "subject=Patient/{patient}", "subject:Patient={patient}"),
    *("subject:Group={patient}", "subject:missing=true", "subject:identifier={mrn}"),
    "patient={patient}&body-site:missing=false&status=available",
    "patient={patient}&roi-name=g,c&code=130488",
    *("nonsense=1", "status=", "_id="),
)
OBSERVATIONS = (
    *("_id={observation}", "_tag=measurement-group", "_tag:not=measurement-group"),
    *("code=125007", f"code={DCM}|125007", f"code={SCT}|", "code:not=125007"),
    *("code:text=volume", "combo-code=125007", f"combo-code={SCT}|"),
    *("category=125007", "category=imaging", "category:missing=true"),
    *("date:missing=true", "date=2024-07-02", "date=2024", "date=2024-07"),
    *("derived-from=ImagingSelection/{measured}", "derived-from={measured}"),
    *("derived-from:ImagingSelection={measured}", "derived-from:missing=true"),
    *("has-member=Observation/{member}", "has-member={member}"),
    *("has-member:missing=true", "has-member:missing=false"),
    *(
        "identifier:missing=true",
        "identifier:missing=false",
        "identifier=urn:dicom:uid|",
    ),
    *("method:missing=false", "body-site:missing=false", "body-structure:missing=true"),
    *("part-of=ImagingStudy/{measuredStudy}", "part-of={measuredStudy}"),
    *("part-of:missing=true", "part-of:identifier=2.25.113047100"),
    *("patient={measuredPatient}", "subject=Patient/{measuredPatient}"),
    *("patient:identifier=patient-113047", "performer:missing=true"),
    *("device:missing=true", "status=final", "status:not=final", "status=preliminary"),
    *("value-concept:missing=false", "value-quantity:missing=true"),
    *(
        "value-quantity=gt0",
        "value-quantity=lt10",
        "value-quantity=ge5",
        "value-quantity=1",
    ),
    *("value-quantity=gt1||mm", "value-quantity=gt1|http://unitsofmeasure.org|mm"),
    *("value-quantity=ne1", "value-quantity=le5", "value-quantity=5.4"),
)
PATIENTS = (
    *("_id={patient}", "_id={patient},{patient2}", "_id:not={patient}"),
    *("name=an", "name=anonymous", "name:exact=ANONYMOUS", "name:contains=phantom"),
    *("name=doe", "name=john", "name=john doe", "name:missing=true", "name=a,b"),
    *(
        "family=doe",
        "family=an",
        "family:exact=Doe",
        "family:contains=om",
        "given=john",
    ),
    *("given=t", "given:missing=true", "given:exact=JOHN"),
    *("gender=male", "gender=female,other", "gender:not=male", "gender:missing=true"),
    *("identifier={mrn}", "identifier:missing=true", "identifier=|{mrn}"),
    *(f"identifier:of-type={MR}|{{mrn}}", f"identifier:of-type={MR}|x"),
    *(
        "birthdate:missing=true",
        "birthdate=1969",
        "birthdate=1970-01",
        "birthdate=2020",
    ),
    *("gender=male&birthdate=2005", "family=doe&given=john", "family=doe&given=jane"),
)
STUDIES = (
    *("_id={study}", "_id:not={study}"),
    *("identifier={studyUid}", "identifier=urn:dicom:uid|urn:oid:{studyUid}"),
    *("identifier=urn:oid:{studyUid}", "identifier:missing=true"),
    *("patient={patient}", "patient=Patient/{patient}", "patient:missing=true"),
    *("subject={patient}", "subject:Patient={patient}", "patient:identifier={mrn}"),
    *("modality=RTSTRUCT", f"modality={DCM}|RTSTRUCT", "modality=SR,SEG"),
    *("modality:not=RTSTRUCT", "modality:missing=true", "modality=CT"),
    *("series={seriesUid}", "series=1.2.3", "series:missing=true"),
    *("started:missing=true", "started=2018", "started=2018-03-07", "started=2000-01"),
    *("status=available", "status:not=available", "endpoint:missing=true"),
    *("based-on:missing=true", "based-on:identifier=1"),
    *("description=rt", "description:exact=LUNG", "description:contains=ct"),
    *("description:missing=true", "started=ge2018&modality=RTSTRUCT"),
)
CHAINS = (
    *("ImagingSelection?patient.name=an", "ImagingSelection?patient.family=doe"),
    *(
        "ImagingSelection?patient.gender=male",
        "ImagingSelection?patient.birthdate=1969",
    ),
    *("ImagingSelection?patient.birthdate=lt1970&roi-name=p",),
    *(
        "ImagingSelection?patient.identifier={mrn}",
        "ImagingSelection?patient._id={patient}",
    ),
    *(
        "ImagingSelection?subject:Patient.name=an",
        "ImagingSelection?patient.given=john",
    ),
    *(
        "ImagingSelection?patient.gender:not=male",
        "ImagingSelection?patient.name:exact=Test",
    ),
    *("ImagingSelection?derived-from:ImagingStudy.modality=SEG",),
    *("ImagingSelection?derived-from:ImagingStudy.started=ge2018",),
    *("ImagingSelection?derived-from:ImagingStudy.started=lt2005",),
    *("ImagingSelection?derived-from:ImagingStudy.identifier=urn:oid:{studyUid}",),
    *("ImagingSelection?derived-from:ImagingStudy.description=lung",),
    *("ImagingSelection?derived-from:ImagingStudy.patient={patient}",),
    *("ImagingStudy?patient.name=an", "ImagingStudy?patient.gender=female"),
    *("ImagingStudy?subject:Patient.birthdate=gt1970", "ImagingStudy?patient.given=t"),
    *("Observation?patient.name=test", "Observation?patient.identifier=patient-113047"),
    *("Observation?derived-from:ImagingSelection.code=111030",),
    *("Observation?derived-from:ImagingSelection.roi-name=ptv",),
    *("Observation?part-of:ImagingStudy.modality=SR",),
    *("Observation?has-member:Observation.code=118565006",),
    *("Patient?_has:ImagingSelection:patient:body-site=CTV",),
    *("Patient?_has:ImagingSelection:patient:roi-name=gtv",),
    *("Patient?_has:ImagingSelection:patient:_tag=APPROVED",),
    *("Patient?_has:ImagingStudy:patient:modality=SEG",),
    *("Patient?_has:ImagingStudy:patient:started=ge2020",),
    *("Patient?_has:Observation:patient:code=125007",),
    *("Patient?_has:Observation:subject:status=final",),
    *("Patient?gender=male&_has:ImagingSelection:patient:code=130488",),
    *("ImagingStudy?_has:ImagingSelection:derived-from:code=121233",),
    *("ImagingStudy?_has:ImagingSelection:derived-from:roi-number=7",),
    *("ImagingStudy?_has:Observation:part-of:status=final",),
    *("ImagingSelection?_has:Observation:derived-from:status=final",),
    *("ImagingSelection?_has:Observation:derived-from:value-quantity=gt5",),
    *("Observation?_has:Observation:has-member:code=125007",),
)
_ITERATED = "ImagingSelection?_id={roi}&_include=ImagingSelection:derived-from"
_REVERSED = "Patient?_id={patient}&_revinclude=ImagingStudy:patient"
INCLUDES = (
    "ImagingSelection?patient={patient}&_include=ImagingSelection:patient",
    "ImagingSelection?patient={patient}&_include=ImagingSelection:subject",
    "ImagingSelection?patient={patient}&_include=ImagingSelection:derived-from",
    "ImagingSelection?patient={patient}&_include=*",
    _ITERATED + "&_include:iterate=ImagingStudy:patient",
    "ImagingSelection?_id={measured}&_revinclude=Observation:derived-from",
    "ImagingSelection?patient={measuredPatient}&_revinclude=Observation:derived-from",
    "Observation?code=125007&_include=Observation:derived-from",
    "Observation?code=125007&_include=Observation:has-member",
    "Observation?code=125007&_include=Observation:part-of",
    "Observation?code=125007&_include=Observation:patient",
    "Observation?_id={member}&_revinclude=Observation:has-member",
    "Patient?_id={patient}&_revinclude=ImagingSelection:patient",
    "Patient?_id={patient}&_revinclude=ImagingStudy:patient",
    "Patient?_id={measuredPatient}&_revinclude=Observation:patient",
    "ImagingStudy?_id={study}&_include=ImagingStudy:patient",
    "ImagingStudy?_id={study}&_revinclude=ImagingSelection:derived-from",
    "ImagingStudy?_id={measuredStudy}&_revinclude=Observation:part-of",
    _REVERSED + "&_revinclude:iterate=ImagingSelection:derived-from",
)
SORTS = (
    *("ImagingSelection?patient={patient}&_sort=roi-name",),
    *("ImagingSelection?patient={patient}&_sort=-roi-name",),
    *("ImagingSelection?issued:missing=false&_sort=issued",),
    *("ImagingSelection?issued:missing=false&_sort=-issued",),
    *("ImagingSelection?issued:missing=false&_sort=-issued,roi-name",),
    *("Patient?birthdate:missing=false&_sort=birthdate",),
    *("Patient?birthdate:missing=false&_sort=-birthdate,name",),
    *("Patient?name:missing=false&_sort=name",),
    *("ImagingStudy?started:missing=false&_sort=started",),
    *("ImagingStudy?started:missing=false&_sort=-started",),
    *(
        "Observation?date:missing=false&_sort=date",
        "Observation?date:missing=false&_sort=-date",
    ),
    "ImagingSelection?_sort=nonsense",
)
COMPARTMENTS = (
    "Patient/{patient}/ImagingSelection?_tag=roi",
    "Patient/{patient}/ImagingStudy?status=available",
    "Patient/{measuredPatient}/Observation?status=final",
)


def _dates(kind, name, *values):
    return [
        f"{kind}?{name}={prefix}{value}" for value, prefix in product(values, PREFIXES)
    ]


# A list may name a search twice.
SEARCHES = dict.fromkeys(
    (
        *(f"ImagingSelection?{each}" for each in SELECTIONS),
        *_dates("ImagingSelection", "issued", "2018", "2019-01-16T13:21:16+09:30"),
        *(f"Observation?{each}" for each in OBSERVATIONS),
        *_dates("Observation", "date", "2024-07-02"),
        *(f"Patient?{each}" for each in PATIENTS),
        *_dates("Patient", "birthdate", "1969-12-31", "1970"),
        *(f"ImagingStudy?{each}" for each in STUDIES),
        *_dates("ImagingStudy", "started", "2018-03", "2018-03-07"),
        *(f"{kind}?_lastUpdated=ge2020" for kind in STORED),
        *(f"{kind}?_lastUpdated=lt2020" for kind in STORED),
        *CHAINS,
        *INCLUDES,
        *SORTS,
        *COMPARTMENTS,
    )
)


def values_of(every):
    """Return the values that the searches name, from the resources by type."""
    selections, observations = every["ImagingSelection"], every["Observation"]
    whole = next(each for each in selections if "structure-set" in _tags(each))
    subject = whole["subject"]
    roi = next(
        each
        for each in selections
        if "roi" in _tags(each) and each["id"].startswith(whole["id"])
    )
    images = next(each for each in selections if "source-images" in _tags(each))
    group = next(each for each in observations if "hasMember" in each)
    measured = next(
        each["id"]
        for each in selections
        if f'"ImagingSelection/{each["id"]}"' in json.dumps(observations)
    )
    patients = [each["id"] for each in every["Patient"]]
    patient = _id_of(subject)
    return {
        "whole": whole["id"],
        "roi": roi["id"],
        "patient": patient,
        "patient2": next(each for each in patients if each != patient),
        "mrn": subject["identifier"]["value"],
        "study": _id_of(whole["derivedFrom"][0]),
        "studyUid": whole["studyUid"],
        "seriesUid": whole["seriesUid"],
        "instanceUid": whole["instance"][0]["uid"],
        "imageUid": images["instance"][0]["uid"],
        "sopClass": images["instance"][0]["sopClass"]["code"],
        "frame": roi["frameOfReferenceUid"],
        "observation": group["id"],
        "member": _id_of(group["hasMember"][0]),
        "measured": measured,
        "measuredPatient": _id_of(group["subject"]),
        "measuredStudy": _id_of(group["partOf"][0]),
    }


def _tags(resource):
    return [each["code"] for each in resource["meta"]["tag"]]


def _id_of(reference):
    return reference["reference"].rpartition("/")[2]
