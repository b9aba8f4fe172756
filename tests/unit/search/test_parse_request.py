from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.errors import SearchError
from imaging_selection.search.parameters import PARAMETERS, TYPES
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import parse_search

NAMES = (
    *PARAMETERS,
    *("value-quantity", "date", "derived-from:ImagingSelection", "_revinclude"),
    *(
        "_id:not",
        "patient:Patient",
        "patient:identifier",
        "code:text",
        "roi-name:exact",
    ),
    *("_count", "_sort", "_total", "_summary", "_elements", "_include", "_cursor"),
)


VALUES = st.text() | st.from_regex(
    r"(gt|ap|ne|)[0-9.eE+-]{0,9}(\|[a-z]*\|[a-z]*)?", fullmatch=True
)


@given(
    st.sampled_from(sorted(TYPES)),
    st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), VALUES)),
)
def test_no_search_raises_anything_but_a_search_error(kind, pairs):
    try:
        search = parse_search(pairs, Context(kind, maximum=9))
    except SearchError as error:
        names = {None, "query", *(name for name, _ in pairs)}
        assert error.parameter in names  # noqa: PT017
    else:
        assert 0 <= search.query.count <= 9
        lowered = {("_count", str(search.query.count))}
        assert set(search.applied) <= set(pairs) | lowered
        assert set(search.ignored) <= {name for name, _ in pairs}
