# The project's commands; README.md says what each is for.

HTTP_PORT  ?= 8042
DICOM_PORT ?= 4242
STORAGE    ?= var
CONFIG     ?=

ORTHANC_PYTHON := /usr/share/orthanc/plugins/libOrthancPython.so
PACKAGES       := orthanc orthanc-python python3-venv
BENCH          ?= full
BENCH_PACKAGES := wrk
TEST_PACKAGES  := dcmtk postgresql orthanc-postgresql orthanc-dicomweb nginx
BROWSER_PACKAGES := chromium fonts-dejavu-core
JAVA_PACKAGES  := default-jdk-headless maven

.PHONY: run test soak setup develop lint conformance matrix bench example screenshots \
        clean

run: setup
	@exec .venv/bin/imaging-selection serve --http-port $(HTTP_PORT) \
	    --dicom-port $(DICOM_PORT) --storage "$(STORAGE)" \
	    $(if $(CONFIG),--config "$(CONFIG)")

# The .venv must be of the Python that orthanc-python embeds, not of the first in PATH.
setup:
	@.ci/packages $(PACKAGES)
	@python=$$(ldd $(ORTHANC_PYTHON) | grep -o 'libpython3\.[0-9]*' | head -1 | sed 's/lib//'); \
	if ! .venv/bin/$$python -c '' 2>/dev/null; then \
	    rm -rf .venv && /usr/bin/$$python -m venv .venv; \
	fi
	@$(MAKE) --no-print-directory .venv/runtime

.venv/runtime: plugin/requirements.txt pyproject.toml
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement plugin/requirements.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

develop: setup
	@.ci/packages $(TEST_PACKAGES) $(BROWSER_PACKAGES)
	@command -v npm >/dev/null || .ci/packages nodejs npm
	@command -v javac >/dev/null && command -v mvn >/dev/null || .ci/packages $(JAVA_PACKAGES)
	@$(MAKE) --no-print-directory .venv/development

.venv/development: .venv/runtime
	.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

lint: develop
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

test: lint
	.venv/bin/pytest

# The long runs: crashes, bursts and sweeps in numbers; prints what it measures.
soak: develop
	.venv/bin/pytest -m soak tests/soak

# Judges what the plugin makes with HL7's own validator; Maven fetches it once.
conformance: develop
	.venv/bin/python tests/conformance/resources.py target/conformance
	.venv/bin/python tests/conformance/answers.py target/conformance
	tests/conformance/run.sh --definitions target/conformance/definitions target/conformance

# The tests on each Orthanc that Debian has, in roots of their own (as root); SUITES=sid
# for one of them.
matrix: develop
	@.ci/packages debootstrap
	@PYTHONPATH=tests PACKAGES="$(PACKAGES) $(TEST_PACKAGES)" \
	    .venv/bin/python tests/matrix/run.py $(SUITES)

# Every figure of the performance budget, with the peers; BENCH=quick is a look at it.
bench: develop target/bench/peers/installed
	@.ci/packages $(BENCH_PACKAGES)
	PYTHONPATH=tests .venv/bin/python -m bench --scale $(BENCH)

# A peer that cannot be installed here is missing in the table, and said to be.
target/bench/peers/installed: tests/bench/peers.txt
	@mkdir -p target/bench
	.venv/bin/python -m venv --clear target/bench/peers
	-target/bench/peers/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# The bundled example, written anew by the project's own code (same bytes each time).
example: develop
	PYTHONPATH=tests .venv/bin/python tests/support/example.py

# The pictures of the README, of the bundled example: needs Orthanc and a browser.
screenshots: develop
	PYTHONPATH=tests .venv/bin/python tests/browser/screenshots.py

clean:
	rm -rf .venv var target build
