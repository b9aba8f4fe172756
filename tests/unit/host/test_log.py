import logging

import pytest
from imaging_selection.host.log import log_to
from support.fake_orthanc import FakeOrthanc

log = logging.getLogger("imaging_selection.host.test_113047")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.INFO, "info"),
        (logging.WARNING, "warning"),
        (logging.ERROR, "error"),
        (logging.CRITICAL, "error"),
    ],
)
def test_a_record_is_one_line_of_orthancs_log_at_its_level(level, expected):
    host = FakeOrthanc()
    log_to(host.module)
    log.log(level, "first %s", "line\nforged")
    assert host.log == [(expected, "ImagingSelection: first line forged")]


def test_a_second_call_replaces_the_first():
    first, second = FakeOrthanc(), FakeOrthanc()
    log_to(first.module)
    log_to(second.module)
    log.info("once")
    assert (first.log, len(second.log)) == ([], 1)
