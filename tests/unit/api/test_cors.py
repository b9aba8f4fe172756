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
        assert served.get(path).headers["Vary"] == "Accept"
        mixed = served.get(path, origin="https://b.example")
        assert mixed.headers["Vary"] == "Accept, Origin"


@pytest.mark.parametrize("origins", [("*",), ("https://a.example",)])
def test_a_page_that_may_read_may_read_the_version_too(served, origins):
    served.with_site(cors_origins=origins)
    answer = served.get("metadata", origin="https://a.example")
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert exposed == "ETag, Last-Modified"
    other = served.get("metadata")
    assert other.headers.keys() == {"ETag", "Vary"}
