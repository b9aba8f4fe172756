import pytest
from imaging_selection.host.completeness import completeness


@pytest.mark.parametrize(
    ("known", "pending", "failed", "stored", "is_counted", "expected"),
    [
        pytest.param(0, 0, 0, 0, True, (0, 0, 0, 0), id="nothing"),
        pytest.param(5, 0, 0, 5, True, (5, 5, 0, 0), id="all-converted"),
        pytest.param(5, 0, 2, 3, True, (5, 3, 0, 2), id="some-failed"),
        pytest.param(5, 2, 1, 2, True, (5, 2, 2, 1), id="some-pending"),
        pytest.param(5, 2, 0, 5, True, (5, 3, 2, 0), id="pending-and-stored"),
        pytest.param(5, 0, 1, 0, True, (5, 0, 4, 1), id="rows-missing"),
        pytest.param(5, 0, 0, 9, True, (5, 5, 0, 0), id="more-rows-than-objects"),
        pytest.param(5, 4, 3, 0, True, (5, 0, 4, 1), id="failed-and-pending"),
        pytest.param(5, 5, 9, 9, True, (5, 0, 5, 0), id="all-pending"),
        pytest.param(0, 0, 0, 0, False, (1, 0, 1, 0), id="not-counted"),
        pytest.param(5, 0, 1, 4, False, (6, 4, 1, 1), id="not-counted-none-pending"),
        pytest.param(5, 2, 0, 3, False, (5, 3, 2, 0), id="not-counted-some-pending"),
    ],
)
def test_an_object_in_doubt_is_waiting(  # noqa: PLR0913, PLR0917
    known, pending, failed, stored, is_counted, expected
):
    numbers = completeness(
        known=known,
        pending=pending,
        failed=failed,
        stored=stored,
        is_counted=is_counted,
    )
    assert numbers == expected
    assert numbers.total == numbers.converted + numbers.waiting + numbers.failed
