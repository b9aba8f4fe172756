import pytest


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://a.example", None),
        (("*",), "https://a.example", "*"),
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", None),
    ],
)
def test_pages_of_other_origins_may_read_when_configured(
    served, origins, origin, allowed
):
    served.with_site(cors_origins=origins)
    for path in ("metadata", "nothing"):
        answer = served.get(path, origin=origin)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    security = served.get("metadata").json["rest"][0]["security"]
    assert security["cors"] is bool(origins)


@pytest.mark.usefixtures("ids")
def test_what_an_answer_varies_by_is_said(served):
    served.with_site(cors_origins=("https://a.example",))
    for path in ("metadata", "ImagingSelection", "nothing"):
        for headers in ({}, {"origin": "https://b.example"}):
            answer = served.get(path, **headers)
            assert answer.headers["Vary"] == "Accept, Origin"
    assert served.get("/imaging-selection/status").headers["Vary"] == "Origin"


@pytest.mark.parametrize("origins", [(), ("*",)])
def test_an_answer_that_is_the_same_for_all_does_not_vary_by_origin(served, origins):
    served.with_site(cors_origins=origins)
    for headers in ({}, {"origin": "https://b.example"}):
        assert served.get("metadata", **headers).headers["Vary"] == "Accept"


@pytest.mark.parametrize("origins", [("*",), ("https://a.example",)])
def test_a_page_that_may_read_may_read_the_version_too(served, origins):
    served.with_site(cors_origins=origins)
    answer = served.get("metadata", origin="https://a.example")
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert exposed == "ETag, Last-Modified"
    other = served.get("metadata")
    assert other.headers.keys() == {"Cache-Control", "ETag", "Vary"}
