from hypothesis import given
from hypothesis import strategies as st
from imaging_selection.search.parse_criterion import split, unescape


@given(st.lists(st.text(max_size=9), min_size=1, max_size=5), st.sampled_from(",|$"))
def test_splitting_is_the_inverse_of_joining_what_is_escaped(parts, separator):
    def escaped(text):
        for letter in "\\,|$":
            text = text.replace(letter, f"\\{letter}")
        return text

    joined = separator.join(map(escaped, parts))
    assert [unescape(part) for part in split(joined, separator)] == parts
