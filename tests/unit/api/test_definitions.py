from imaging_selection.api.definitions import all_definitions
from imaging_selection.search.elements import ELEMENTS
from support.served import parse_r5


def test_every_definition_is_one_of_r5_and_has_its_own_address(served):
    (rest,) = served.get("metadata").json["rest"]
    declared = {each["type"]: each for each in rest["resource"]}
    definitions = list(all_definitions())
    for each in definitions:
        parse_r5(each)
    urls = [each["url"] for each in definitions]
    assert len(urls) == len(set(urls))
    own = {
        parameter["definition"]
        for resource in declared.values()
        for parameter in resource["searchParam"]
        if "orthanc" in parameter["definition"]
    }
    assert own == {url for url in urls if "SearchParameter" in url}
    for each in definitions:
        if each["resourceType"] == "SearchParameter":
            (base,) = each["base"]
            path = each["expression"].removeprefix(f"{base}.")
            element = path.rpartition(")")[2].removeprefix(".").partition(".")[0]
            assert element in ELEMENTS[base]


def test_every_definition_is_served_under_its_id(served):
    for each in all_definitions():
        answer = served.get(f"{each['resourceType']}/{each['id']}")
        assert answer.json == each
