"""The driver of `make matrix`: what it counts, prints and reads."""

import re

import docker_image
import install_page
import pytest
import run
from support.paths import ROOT

PAGE = install_page.PAGE.read_text(encoding="utf-8")
REPORT = """<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/>
</testsuites>"""


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text(REPORT)
    return path


def test_failures_and_errors_are_failed_tests(report):
    assert run.count_tests(report, 1) == (3, 3, 3)


@pytest.mark.parametrize("status", [1, 2, 137])
def test_a_run_that_ended_with_an_error_has_failed(report, tmp_path, status):
    report.write_text(REPORT.replace('"1"', '"0"').replace('"2"', '"0"'))

    assert run.count_tests(report, status) == (6, 1, 3)
    assert run.count_tests(tmp_path / "none.xml", status) == (0, 1, 0)


def test_a_run_without_tests_is_a_failure(tmp_path):
    assert run.count_tests(tmp_path / "none.xml", 0) == (0, 1, 0)


def test_the_last_line_of_the_table_is_the_sum():
    rows = [
        run.Row("one", "1.10.1", "4.0", "3.11.2", 7, 0, 1, 60),
        run.Row("two", passed=4, failed=2, seconds=1234),
    ]

    lines = run.table(rows).splitlines()

    assert lines[0].split() == [
        *("suite", "orthanc", "plugin", "python"),
        *("passed", "failed", "skipped", "seconds"),
    ]
    assert lines[1].split() == ["one", "1.10.1", "4.0", "3.11.2", "7", "0", "1", "60"]
    assert lines[-1] == "11 passed, 2 failed"


def test_every_section_of_the_page_is_typed():
    titles = set(install_page.sections(PAGE))
    typed = set(install_page.scripts(PAGE))

    assert titles - typed == {"Docker"}
    assert len(typed) == 3
    for script in install_page.scripts(PAGE).values():
        assert "curl --silent --fail" in script
        assert "/opt/imaging-selection" in script


def test_a_block_that_is_not_the_content_of_a_file_is_an_error():
    text = "# Install\n\n## A\n\n```json\n{}\n```\n"

    with pytest.raises(ValueError, match="not the content"):
        install_page.scripts(text)


def test_a_file_is_written_as_it_stands():
    text = "# Install\n\n## A\n\nin `/a/b.json`:\n\n```json\n{'$x': \"y\"}\n```\n"

    assert install_page.scripts(text) == {
        "A": """printf %s '{'"'"'$x'"'"': "y"}\n' >/a/b.json"""
    }


def test_the_image_is_made_by_its_own_instructions():
    found = docker_image.scripts(8042, 4242)

    for script in found.values():
        assert "--only-binary=:all:" in script
        assert '"PythonScript": "/python/' in script
    ours, sites = found.values()
    assert "export PYTHONPATH=/python-packages" in ours
    assert re.search(r"cp -R image/orthanc_imaging_selection-\*.whl /tmp/", sites)


def test_the_images_have_the_same_tag():
    tags = {
        re.search(r"FROM (\S+)", text).group(1)
        for text in (PAGE, (ROOT / "docker-compose.yml").read_text())
    }

    assert len(tags) == 1


def test_the_suites_are_those_that_the_page_names():
    assert run.SUITES == ("bookworm", "trixie", "sid")
    assert "Debian 12, 13 and sid" in PAGE
