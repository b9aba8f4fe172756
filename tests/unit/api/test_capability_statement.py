"""The CapabilityStatement, walked: what it declares works, and nothing else does."""

import pytest
from fhir.resources import fhirtypes
from imaging_selection.search.parameters import STORED, TYPES
from support.builders import contour, image_uid, make_rtstruct, roi
from support.observation import PROFILE, REPORT, observation, save_observations
from support.served import NOW, Served, parse_r5

RESULTS = ("_count=1", "_total=accurate", "_format=json", "_pretty=true")
OF_STORED = (
    *("_summary=true", "_elements=meta", "_include=*", "_revinclude=*"),
    *("_sort=_lastUpdated", "_include:iterate=*", "_revinclude:iterate=*"),
)
# The other parameters of R5 that say how a result is to look.
NO_RESULTS = (
    *("_contained=true", "_containedType=container", "_score=1"),
    *("_maxresults=1", "_graph=a", "_query=a"),
)

# Every type of R5, and much that is none.
OTHERS = {
    name.removesuffix("Type")
    for name in vars(fhirtypes)
    if name.endswith("Type") and name[0].isupper()
}
# Parameters of R5 for any resource, and of other resources of its kind.
OTHER_PARAMETERS = (
    *("_content", "_filter", "_has", "_in", "_language", "_list", "_security"),
    *("_source", "_text", "_type", "_contained", "_since", "focus"),
    *("performer", "series", "instance", "dicom-class", "modality", "started", "name"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("served"))
    images = [contour(images=[image_uid(1)])]
    file = make_rtstruct(roi(1, contours=images), AccessionNumber="A-113047")
    ids = served.store(file)
    member = observation(1, ids)
    group = [{"reference": f"Observation/{member['id']}"}]
    sources = [*group, {"reference": f"ImagingStudy/{ids.study}"}]
    resources = [member, observation(2, ids, hasMember=group, derivedFrom=sources)]
    served.orthanc.entries[REPORT] = save_observations(
        served.selections, resources, NOW
    )
    yield served
    served.database.close()


@pytest.fixture(scope="module")
def statement(served):
    return served.get("metadata").json


@pytest.fixture(scope="module")
def declared(statement):
    (rest,) = statement["rest"]
    return {each["type"]: each for each in rest["resource"]}


def interactions(resource):
    return {each["code"] for each in resource["interaction"]}


def test_the_statement_is_one_of_r5(statement):
    parse_r5(statement)
    assert statement["fhirVersion"] == "5.0.0"
    assert "clinical-code" in str(statement)


def test_every_interaction_that_is_declared_works(served, declared):
    for kind, resource in declared.items():
        codes = interactions(resource)
        found = served.get(f"{kind}?_count=1", prefer="handling=strict")
        assert (found.status, "search-type" in codes) == (200, True)
        assert served.post(f"{kind}/_search", [("_count", "1")]).ids == found.ids
        (identity,) = found.ids
        read = served.get(f"{kind}/{identity}")
        assert read.json == found.of_mode("match")[0]
        for path, code in (
            ("_history", "history-instance"),
            ("_history/1", "vread"),
            ("../_history", "history-type"),
        ):
            url = f"{kind}/{identity}/{path}".replace(f"{identity}/../", "")
            status = served.get(url).status
            assert (status == 200) == (code in codes), (kind, code)


def test_every_parameter_that_is_declared_works_and_no_other(served, declared):
    every = {
        parameter["name"]
        for resource in declared.values()
        for parameter in resource["searchParam"]
    }
    for kind, resource in declared.items():
        own = {parameter["name"] for parameter in resource["searchParam"]}
        for name in sorted(every.union(OTHER_PARAMETERS)):
            query = f"{name}:missing=false"
            answer = served.get(f"{kind}?{query}", prefer="handling=strict")
            if name in own:
                assert answer.status == 200, answer.json
                assert name in answer.links["self"]
            else:
                assert answer.status == 400
                assert answer.issue["code"] == "not-supported"


def test_the_result_parameters_that_are_declared_work_and_no_other(
    served, statement, declared
):
    documentation = statement["rest"][0]["documentation"]
    for kind in declared:
        for parameter in (*RESULTS, *OF_STORED, *NO_RESULTS):
            name = parameter.partition("=")[0]
            assert (name in documentation) == (parameter not in NO_RESULTS)
            answer = served.get(f"{kind}?{parameter}", prefer="handling=strict")
            of_kind = parameter in OF_STORED and kind in STORED
            of_kind = of_kind and (parameter, kind) != ("_include=*", "Patient")
            works = parameter in RESULTS or of_kind
            assert answer.status == (200 if works else 400), (kind, parameter)


@pytest.mark.parametrize(
    ("name", "element"),
    [("_include", "searchInclude"), ("_revinclude", "searchRevInclude")],
)
def test_the_includes_that_are_declared_work_and_no_other(
    served, declared, name, element
):
    every = {
        f"{kind}:{each['name']}"
        for kind, resource in declared.items()
        for each in resource["searchParam"]
    }
    for kind, resource in declared.items():
        includes = resource.get(element, ())
        for value in ("*", *sorted(every)):
            answer = served.get(f"{kind}?{name}={value}", prefer="handling=strict")
            assert (answer.status == 200) == (value in includes), value
            among_matches = kind == "Observation" and value in {
                *("*", "Observation:has-member", "Observation:derived-from")
            }
            if value in includes and not among_matches:
                assert answer.of_mode("include"), value


def test_the_chained_parameters_that_are_declared_work_and_no_other(
    served, statement, declared
):
    documentation = statement["rest"][0]["documentation"]
    assert "one step" in documentation
    for kind, resource in declared.items():
        for parameter in resource["searchParam"]:
            targets = TYPES[kind][parameter["name"]].targets if kind in STORED else ()
            for target in ("Patient", "ImagingStudy", "Group"):
                for inner in ("identifier", "_id", "modality", "address"):
                    name = f"{parameter['name']}:{target}.{inner}"
                    stored = target in targets and target in STORED
                    works = stored and inner in TYPES[target]
                    answer = served.get(f"{kind}?{name}=a", prefer="handling=strict")
                    assert answer.status == (200 if works else 400), (kind, name)


def test_the_formats_that_are_declared_are_sent_and_no_other(served, statement):
    for wanted in statement["format"]:
        assert served.get(f"metadata?_format={wanted}").status == 200
    for other in ("xml", "ttl", "html", "ndjson", "application/fhir+xml"):
        assert served.get(f"metadata?_format={other}").status == 406


def test_versions_conditions_and_profiles_are_as_declared(served, declared):
    for kind, resource in declared.items():
        found = served.get(f"{kind}?_count=500").of_mode("match")
        read = served.get(f"{kind}/{found[0]['id']}")
        versioned = resource["versioning"] == "versioned"
        assert ("versionId" in read.json.get("meta", {})) == versioned
        assert ("ETag" in read.headers) == versioned
        assert (resource.get("conditionalRead") == "full-support") == versioned
        if versioned:
            again = served.get(
                f"{kind}/{found[0]['id']}", if_none_match=read.headers["ETag"]
            )
            assert again.status == 304
        claimed = {
            url for each in found for url in each.get("meta", {}).get("profile", ())
        }
        of_hand_made = {PROFILE} if kind == "Observation" else set()
        assert claimed == {*resource.get("supportedProfile", ()), *of_hand_made}


def test_the_compartment_that_is_declared_works(served, statement):
    (compartment,) = statement["rest"][0]["compartment"]
    assert compartment.endswith("/patient")
    (patient, *_) = served.get("Patient").ids
    assert served.get(f"Patient/{patient}/ImagingSelection").ids
    assert served.get(f"Patient/{patient}/ImagingStudy").ids
    for kind in ("Device", "Practitioner", "Encounter", "RelatedPerson"):
        assert served.get(f"{kind}/a/ImagingSelection").status == 404


def test_the_operations_that_are_declared_work(served, declared):
    operations = {
        (kind, operation["name"]): operation["definition"]
        for kind, resource in declared.items()
        for operation in resource.get("operation", ())
    }
    assert len(operations) == 2
    for (kind, name), definition in operations.items():
        (identity,) = served.get(f"{kind}?_count=1").ids
        if not definition.startswith("http://hl7.org/"):
            query = f"OperationDefinition?url={definition}"
            (found,) = served.get(query).of_mode("match")
            assert found["code"] == name
        assert served.get(f"{kind}/{identity}/${name}").status != 404
    for name in ("validate", "everything", "meta", "export", "contours"):
        for kind in declared:
            if (kind, name) not in operations:
                assert served.get(f"{kind}/{identity}/${name}").status == 404
            assert served.get(f"{kind}/${name}").status == 404
        assert served.get(f"${name}").status == 404


def test_no_other_type_and_no_other_interaction_is_served(served, declared):
    assert declared.keys() == TYPES.keys()
    assert declared.keys() < OTHERS
    for kind in OTHERS:
        for path in (kind, f"{kind}/_search", f"{kind}/a", f"{kind}/_history"):
            for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
                answer = served.get(path, method)
                read = method == "GET" and path in {kind, f"{kind}/a"}
                read = read or (method == "GET" and path == f"{kind}/_history")
                search = method == "POST" and path.endswith("_search")
                if kind not in declared:
                    assert answer.status == 404
                elif not (read or search):
                    assert answer.status in {404, 405}
    assert served.get("_history").status == 200
    for path in ("_search", "$export"):
        assert served.get(path).status == 404
    for method, status in (("GET", 400), ("POST", 415)):
        assert served.get("", method).status == status
