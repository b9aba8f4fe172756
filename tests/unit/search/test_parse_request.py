from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.errors import SearchError
from imaging_selection.search.parameters import PARAMETERS
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import parse_search

NAMES = (
    *PARAMETERS,
    *(
        "_id:not",
        "patient:Patient",
        "patient:identifier",
        "code:text",
        "roi-name:exact",
    ),
    *("_count", "_sort", "_total", "_summary", "_elements", "_include", "_cursor"),
)


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.text())))
def test_no_search_raises_anything_but_a_search_error(pairs):
    try:
        search = parse_search(pairs, Context(maximum=9))
    except SearchError as error:
        names = {None, "query", *(name for name, _ in pairs)}
        assert error.parameter in names  # noqa: PT017
    else:
        assert 0 <= search.query.count <= 9
        lowered = {("_count", str(search.query.count))}
        assert set(search.applied) <= set(pairs) | lowered
        assert set(search.ignored) <= {name for name, _ in pairs}
