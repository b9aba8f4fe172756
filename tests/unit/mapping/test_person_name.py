import pytest
from imaging_selection.mapping.person_name import human_name_of


@pytest.mark.parametrize(
    ("person_name", "expected"),
    [
        pytest.param(
            "Doe^John Paul^M^Dr^PhD",
            {
                "text": "Dr John Paul M Doe PhD",
                "family": "Doe",
                "given": ["John", "Paul", "M"],
                "prefix": ["Dr"],
                "suffix": ["PhD"],
            },
            id="all-components",
        ),
        pytest.param(
            "Adams^John Robert Quincy^^Rev.^B.A. M.Div.",
            {
                "text": "Rev. John Robert Quincy Adams B.A. M.Div.",
                "family": "Adams",
                "given": ["John", "Robert", "Quincy"],
                "prefix": ["Rev."],
                "suffix": ["B.A.", "M.Div."],
            },
            id="the-example-of-the-standard",
        ),
        pytest.param("Doe", {"text": "Doe", "family": "Doe"}, id="family-name"),
        pytest.param("^Jane^^^", {"text": "Jane", "given": ["Jane"]}, id="given-name"),
        pytest.param(
            " van der Berg ^ Jane ",
            {
                "text": "Jane van der Berg",
                "family": "van der Berg",
                "given": ["Jane"],
            },
            id="a-family-name-of-several-words-is-one",
        ),
        pytest.param(
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            {
                "text": "Tarou Yamada (山田 太郎, やまだ たろう)",
                "family": "Yamada",
                "given": ["Tarou"],
            },
            id="the-other-groups-are-in-the-text",
        ),
        pytest.param(
            "=山田^太郎",
            {"text": "太郎 山田", "family": "山田", "given": ["太郎"]},
            id="ideographic-alone",
        ),
        pytest.param("", {}, id="empty"),
        pytest.param("^^=^ ", {}, id="delimiters-alone"),
        pytest.param(
            "x" * 100, {"text": "x" * 100, "family": "x" * 100}, id="too-long"
        ),
    ],
)
def test_a_person_is_named_by_parts_and_by_a_text(person_name, expected):
    assert human_name_of(person_name) == expected
