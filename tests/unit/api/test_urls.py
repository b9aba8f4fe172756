import pytest
from support.served import BASE

FORWARDED = {
    "x_forwarded_proto": "https",
    "x_forwarded_host": "hospital-113047",
    "x_forwarded_prefix": "/orthanc/",
}


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize(
    ("site", "headers", "base"),
    [
        ({}, {}, BASE),
        ({}, {"x_forwarded_host": "evil"}, BASE),
        ({}, {"host": "a b"}, "http://localhost/fhir"),
        ({}, {"host": ""}, "http://localhost/fhir"),
        ({}, {"host": "["}, "http://localhost/fhir"),
        ({}, {"host": "a]b"}, "http://localhost/fhir"),
        ({}, {"host": "[::1]:8042"}, "http://[::1]:8042/fhir"),
        ({"scheme": "https"}, {}, "https://host-113047/fhir"),
        ({"fhir_root": "/r5/api"}, {}, "http://host-113047/r5/api"),
        ({"public_base_url": "https://p/o/fhir"}, {}, "https://p/o/fhir"),
        ({"public_base_url": "https://p/o/fhir"}, FORWARDED, "https://p/o/fhir"),
        ({}, FORWARDED, BASE),
        ({"trust_forwarded_headers": True}, {}, BASE),
        (
            {"trust_forwarded_headers": True},
            FORWARDED,
            "https://hospital-113047/orthanc/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {
                "x_forwarded_host": "p.example:8443, inner",
                "x_forwarded_proto": "https",
                "x_forwarded_prefix": "/orthanc/",
            },
            "https://p.example:8443/orthanc/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {
                "x_forwarded_host": "p.example",
                "x_original_uri": "/my%20orthanc/fhir/ImagingSelection?_count=1",
            },
            "http://p.example/my%20orthanc/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_host": "<script>", "x_forwarded_proto": "javascript"},
            "http://localhost/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_proto": "HTTPS, http", "x_forwarded_prefix": "/a, /b"},
            "https://host-113047/a/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_prefix": "//evil.example"},
            "http://host-113047/evil.example/fhir",
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_forwarded_prefix": "/a/../../b"},
            BASE,
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_original_uri": "https://evil.example/fhir/ImagingSelection?_count=1"},
            BASE,
        ),
        (
            {"trust_forwarded_headers": True},
            {"x_original_uri": "http://[?_count=1"},
            BASE,
        ),
    ],
)
def test_every_address_is_as_the_client_sees_it(served, site, headers, base):
    served.with_site(**site)
    root = site.get("fhir_root", "/fhir")

    answer = served.get(f"{root}/ImagingSelection?_count=1&_include=*", **headers)

    urls = [*answer.links.values(), *(each["fullUrl"] for each in answer.json["entry"])]
    assert answer.links["next"]
    assert all(url.startswith(f"{base}/") for url in urls)
    if "x_original_uri" not in headers:
        statement = served.get(f"{root}/metadata", **headers).json
        assert statement["implementation"]["url"] == base
        served.orthanc.children["series", "s"] = []
        below = served.get("/series/s/imaging-selection", **headers)
        origin = base.removesuffix(root)
        assert below.links == {"self": f"{origin}/series/s/imaging-selection"}


def test_a_trusted_proxy_gives_back_what_orthanc_drops(served, ids):
    wanted = f"?_id={ids.instance},{ids.instance}-1&_id={ids.instance}-1"
    headers = {"x_original_uri": f"/fhir/ImagingSelection{wanted}"}
    arrived = f"ImagingSelection?_id={ids.instance},{ids.instance}-1"

    assert len(served.get(arrived, **headers).ids) == 2
    served.with_site(trust_forwarded_headers=True)
    answer = served.get(arrived, **headers)

    assert answer.ids == [f"{ids.instance}-1"]
    assert answer.links["self"].count("_id=") == 2
    alone = served.get(arrived, x_original_uri="/fhir/ImagingSelection")
    assert len(alone.ids) == 2
    posted = served.post(
        "ImagingSelection/_search",
        [("_id", ids.instance)],
        x_original_uri="/fhir/ImagingSelection/_search?_summary=count",
    )
    assert posted.json["total"] == 1


def test_an_original_address_that_is_none_is_passed_over(served, ids):
    served.with_site(trust_forwarded_headers=True)
    answer = served.get(f"ImagingSelection?_id={ids.instance}", x_original_uri="A://[")
    assert (answer.status, answer.ids) == (200, [ids.instance])
