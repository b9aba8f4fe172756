import pytest
from imaging_selection.api.http import Request, Route
from imaging_selection.api.responses import HttpError
from imaging_selection.api.route_table import RouteTable, refuse_unfit
from imaging_selection.errors import SearchError


def route(path, method="GET", media="fhir", operation="read"):
    return Route(method, path, print, operation, media)


LIST, ONE = route("/a/"), route("/a/{id}/b/{name}")
POSTED = route("/a/_search", "POST")
TABLE = RouteTable([LIST, ONE, POSTED])


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a", (LIST, ())),
        ("/a/", (LIST, ())),
        ("/a/1/b/2$.x", (ONE, ("1", "2$.x"))),
        ("/a/é/b/ ", (ONE, ("é", " "))),
        ("/a//b/2", None),
        ("/a/1/b/", None),
        ("/a/_1/b/2", None),
        ("/a/$1/b/2", None),
        ("/a/1/b/2/", None),
        ("/a/1/b/2\0", None),
        ("/a/\n/b/2", None),
        ("/a\0", None),
        ("/A", None),
        ("", None),
    ],
)
def test_a_path_leads_to_its_route_or_to_none(path, found):
    assert TABLE.find(Request("GET", path)) == found


def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has():
    for path, allowed in (("/a", "GET"), ("/a/_search", "POST")):
        with pytest.raises(HttpError) as caught:
            TABLE.find(Request("PUT", path))
        assert caught.value.status == 405
        assert caught.value.headers == {"Allow": allowed}


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        (route("/a"), True),
        (route("/a", operation="$contours"), True),
        (route("/a", operation="search-type"), False),  # it parses its parameters
        (route("/a", operation="capabilities"), False),
        (route("/a", media="json"), False),
        (route("/a", media="page"), False),
    ],
)
def test_a_resource_that_a_path_names_takes_no_patient(given, is_refused):
    request = Request("GET", "/a", (("_format", "json"), ("patient", "b")))
    if not is_refused:
        refuse_unfit(request, given)
        return
    with pytest.raises(SearchError) as caught:
        refuse_unfit(request, given)
    assert caught.value.parameter == "patient"
