import pytest
from imaging_selection.errors import StoreError
from imaging_selection.sync.retry import FILE_RETRY, OUTAGE_RETRY, Outage, reason_of
from support.syncing import SECRET


@pytest.mark.parametrize(
    ("retry", "attempts", "delay"),
    [
        (FILE_RETRY, 1, 60),
        (FILE_RETRY, 2, 120),
        (FILE_RETRY, 9, 256 * 60),
        (FILE_RETRY, 10, 6 * 3600),
        (FILE_RETRY, 1_000_000, 6 * 3600),
        (OUTAGE_RETRY, 1, 0.2),
        (OUTAGE_RETRY, 6, 6.4),
        (OUTAGE_RETRY, 7, 10),
        (OUTAGE_RETRY, 1_000_000, 10),
    ],
)
def test_the_delay_doubles_up_to_a_maximum(retry, attempts, delay):
    assert retry.delay(attempts) == pytest.approx(delay)


def test_the_reason_repeats_only_messages_of_the_package():
    assert reason_of(StoreError("out of reach")) == "out of reach"
    assert reason_of(KeyError(SECRET)) == "internal error (KeyError)"


def test_an_outage_lasts_until_an_action_succeeds():
    outage = Outage()
    assert (outage.problem, outage.seconds) == (None, 0)
    delays = [outage.add_failure(StoreError(reason)) for reason in ("first", "last")]
    assert delays == [0.2, 0.4]
    assert outage.problem == "last"
    assert outage.seconds > 0
    outage.end()
    assert (outage.problem, outage.seconds) == (None, 0)
    assert outage.add_failure(StoreError("again")) == 0.2


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(caplog):
    outage = Outage()
    for _ in range(3):
        outage.add_failure(StoreError("out of reach"))
    outage.end()
    outage.end()
    assert caplog.messages == [
        "outage, conversions wait: out of reach",
        "the outage is over",
    ]
