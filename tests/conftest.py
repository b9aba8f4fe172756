"""What all tests share: fixtures, and the markers that follow from the fixtures."""

import os
import subprocess

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = (
    "support.programs",
    "support.orthanc",
    "support.postgres",
    "support.hapi_server",
)

# A skip that CI expects; any other one fails its run.
EXPECTED_SKIPS = ()

# How many examples a property is tried with: a few in a quick run, which are others in
# each run; `--hypothesis-profile thorough` for many.
for name, count in (("quick", 25), ("thorough", 200)):
    settings.register_profile(
        name,
        max_examples=count,
        deadline=None,  # other programs may have the processor
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
        ],
    )
settings.load_profile("quick")


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden resources anew, for review",
    )


def pytest_sessionfinish(session, exitstatus):
    """Fail a run of CI with skipped tests: what is skipped is not tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    reasons = {report.longrepr[2] for report in reporter.stats.get("skipped", ())}
    unexpected = [reason for reason in reasons if reason not in EXPECTED_SKIPS]
    if unexpected and exitstatus == 0:
        print("\nskipped, which CI does not allow:", *unexpected, sep="\n  ")  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def thorough(pytestconfig):
    """Whether this run takes its time: `--hypothesis-profile thorough`."""
    return pytestconfig.getoption("--hypothesis-profile") == "thorough"


@pytest.fixture
def run():
    """Runs a program to its end; returns its output and exit status."""

    def run_program(*arguments, **options):
        return subprocess.run(
            list(map(str, arguments)), capture_output=True, check=False, **options
        )

    return run_program
