import pytest
from imaging_selection.viewer.assets import HEADERS, page_response


@pytest.mark.parametrize("name", ["nothing", "", "..", "../routes.py"])
def test_a_name_that_is_no_file_has_no_response(name):
    assert page_response(name) is None


def test_a_file_is_sent_with_the_policy_and_a_tag():
    response = page_response("overview.html")
    assert response.headers.items() > HEADERS.items()
    assert response.headers.keys() == {*HEADERS, "ETag"}
