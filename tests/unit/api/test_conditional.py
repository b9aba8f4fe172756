import pytest


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("if_none_match", 'W/"1"', 304),
        ("if_none_match", '"1"', 304),
        ("if_none_match", 'W/"7", W/"1"', 304),
        ("if_none_match", "*", 304),
        ("if_none_match", 'W/"2"', 200),
        ("if_modified_since", "Fri, 02 Jan 2026 03:04:05 GMT", 304),
        ("if_modified_since", "Fri, 02 Jan 2026 03:04:04 GMT", 200),
        ("if_modified_since", "yesterday", 200),
    ],
)
def test_a_client_that_has_the_version_gets_no_body(served, ids, header, value, status):
    answer = served.get(f"ImagingSelection/{ids.instance}", **{header: value})

    assert answer.status == status
    assert bool(answer.body) == (status == 200)
    assert answer.headers["ETag"] == 'W/"1"'


def test_an_etag_stands_above_a_date(served, ids):
    answer = served.get(
        f"ImagingSelection/{ids.instance}",
        if_none_match='W/"7"',
        if_modified_since="Fri, 02 Jan 2026 03:04:05 GMT",
    )
    assert answer.status == 200


def test_a_statement_that_the_client_has_is_not_sent_again(served):
    etag = served.get("metadata").headers["ETag"]
    again = served.get("metadata", if_none_match=etag)
    assert (again.status, again.body) == (304, b"")
