import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.errors import SearchError
from imaging_selection.search.criteria import Order, Position
from imaging_selection.search.cursor import format_cursor, parse_cursor
from imaging_selection.search.parameter import ParameterType
from imaging_selection.search.parameters import SORTABLE, TYPES
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import parse_search

KEYS = st.integers(0, 2**63 - 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NUMBERS = st.integers(1 - 2**63, 2**63 - 1)


SORTS = [(kind, name) for kind, names in SORTABLE.items() for name in names]


def is_date(kind, name):
    return TYPES[kind][name].type is ParameterType.DATE


POSITIONS = st.tuples(
    st.just("ImagingSelection"),
    st.builds(Position, st.just(Order()), st.none(), KEYS),
) | st.builds(
    lambda sort, descending, text, number, key: (
        sort[0],
        Position(Order(sort[1], descending), number if is_date(*sort) else text, key),
    ),
    st.sampled_from(SORTS),
    st.booleans(),
    TEXTS,
    NUMBERS,
    KEYS,
)


@given(POSITIONS)
def test_a_cursor_leads_back_to_its_position(kind_and_position):
    kind, position = kind_and_position
    order = position.order
    sort = [("_sort", "-" * order.descending + order.parameter)]
    pairs = [*(sort if order.parameter else []), ("_cursor", format_cursor(position))]
    assert parse_search(pairs, Context(kind)).query.after == position


def test_a_cursor_of_several_keys_is_of_that_order_alone():
    sort = ("_sort", "-issued,roi-name,_id")
    order = parse_search([sort], Context()).query.order
    position = Position(order, 7, 1, ("name", "id-1"))
    cursor = ("_cursor", format_cursor(position))
    assert parse_search([sort, cursor], Context()).query.after == position
    for other in (
        "-issued",
        "-issued,roi-name",
        "-issued,_id,roi-name",
        "-issued,-roi-name,_id",
    ):
        with pytest.raises(SearchError):
            parse_search([("_sort", other), cursor], Context())


def cursor_of(json):
    return base64.urlsafe_b64encode(json).decode().rstrip("=")


@pytest.mark.parametrize(
    "json",
    [
        b'["issued",true,"text",1]',
        b'["issued",true,null,1]',
        b'["issued",true,true,1]',
        b'["issued",true,9223372036854775808,1]',
        b'["issued",true,7,null]',
        b'["issued",true,7,false]',
        b'["issued",true,7,1.5]',
        b'["issued",1,7,1]',
        b'["issued",false,7,1]',
        b'["_lastUpdated",true,7,1]',
        b'["issued_low",true,7,1]',
        b'["",false,null,1]',
        b'["issued",true,7]',
        b'["issued",true,7,1,["_id",false,"a"]]',
        b'["issued",true,7,1,["_id"]]',
        b'["issued",true,7,1,9]',
        b"7",
        b"",
    ],
)
def test_a_cursor_of_another_form_or_order_is_refused(json):
    with pytest.raises(SearchError) as error:
        parse_cursor(cursor_of(json), Order("issued", descending=True))
    assert error.value.parameter == "_cursor"


@pytest.mark.parametrize("value", [None, 7, "NUL \0"])
def test_a_cursor_whose_value_is_no_text_is_refused_where_texts_are_sorted(value):
    order = Order("roi-name")
    with pytest.raises(SearchError):
        parse_cursor(format_cursor(Position(order, value, 1)), order)


@pytest.mark.parametrize("text", ["%", "é", "WzEsMl0===", "a"])
def test_a_cursor_that_is_no_base64_is_refused(text):
    with pytest.raises(SearchError):
        parse_cursor(text, Order())
