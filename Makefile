# The project's commands; docs/develop.md says what each is for.

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

# The tests that need nothing but Python.
FAST := not orthanc and not postgres and not browser and not java and not npm \
        and not installation and not soak and not spark
# Those that start servers, or programs by others.
SERVERS := not installation and not soak and not spark and not ($(FAST))

.PHONY: run check test soak spark setup venv tools develop lint conformance matrix bench \
        example screenshots clean

run: setup
	@exec .venv/bin/imaging-selection serve --http-port $(HTTP_PORT) \
	    --dicom-port $(DICOM_PORT) --storage "$(STORAGE)" \
	    $(if $(CONFIG),--config "$(CONFIG)")

setup:
	@.ci/packages $(PACKAGES)
	@$(MAKE) --no-print-directory venv

# A .venv of the Python that orthanc-python embeds, which may not be the first in PATH.
# Without orthanc-python (make check), python3 will do.
venv:
	@python=$$(ldd $(ORTHANC_PYTHON) 2>/dev/null | grep -o 'libpython3\.[0-9]*' | head -1 | sed 's/lib/\/usr\/bin\//'); \
	python=$${python:-python3}; \
	if ! .venv/bin/$$(basename $$python) -c '' 2>/dev/null; then \
	    rm -rf .venv && $$python -m venv .venv; \
	fi
	@$(MAKE) --no-print-directory .venv/runtime

.venv/runtime: plugin/requirements.txt pyproject.toml
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement plugin/requirements.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

tools: venv
	@$(MAKE) --no-print-directory .venv/development

.venv/development: .venv/runtime
	.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

develop: setup
	@.ci/packages $(TEST_PACKAGES) $(BROWSER_PACKAGES)
	@command -v npm >/dev/null || .ci/packages nodejs npm
	@command -v javac >/dev/null && command -v mvn >/dev/null || .ci/packages $(JAVA_PACKAGES)
	@$(MAKE) --no-print-directory tools

lint: tools
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

# The part that needs nothing but Python, without what takes seconds.
check: lint
	.venv/bin/pytest -n auto -m "$(FAST) and not slow"

# On all cores what needs nothing but Python; one after the other what starts servers.
test: develop lint target/bulk-client/installed
	.venv/bin/pytest --hypothesis-profile thorough -n auto -m "$(FAST)"
	.venv/bin/pytest --hypothesis-profile thorough -m "$(SERVERS)"

# The long runs: crashes, bursts and sweeps; prints what it measures.
soak: develop
	.venv/bin/pytest -m soak tests/soak

# Validates what the plugin makes with HL7's validator, which Maven downloads once.
conformance: develop
	.venv/bin/python tests/conformance/resources.py target/conformance
	.venv/bin/python tests/conformance/answers.py target/conformance
	tests/conformance/run.sh --definitions target/conformance/definitions target/conformance
	.venv/bin/python tests/conformance/r4.py target/conformance target/conformance-r4
	tests/conformance/run-r4.sh target/conformance-r4

# The tests on each Orthanc that Debian has, in roots of their own (as root); SUITES=sid
# for one of them.
matrix: develop
	@.ci/packages debootstrap
	@PYTHONPATH=tests PACKAGES="$(PACKAGES) $(TEST_PACKAGES)" \
	    .venv/bin/python tests/matrix/run.py $(SUITES)

# Every figure of the performance budget, with the peers; BENCH=quick takes minutes.
bench: develop target/bench/peers/installed
	@.ci/packages $(BENCH_PACKAGES)
	PYTHONPATH=tests .venv/bin/python -m bench --scale $(BENCH)

# A peer that cannot be installed here is listed as missing in the table.
target/bench/peers/installed: tests/bench/peers.txt
	@mkdir -p target/bench
	.venv/bin/python -m venv --clear target/bench/peers
	-target/bench/peers/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# A client of Bulk Data for the tests, which needs much that nobody else does.
target/bulk-client/installed: tests/clients/bulk.txt
	@mkdir -p target
	.venv/bin/python -m venv --clear target/bulk-client
	target/bulk-client/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# The program of docs/spark.md, on a local Spark.
spark: develop target/spark/installed
	.venv/bin/pytest -m spark tests/project/test_spark.py

target/spark/installed: tests/project/spark.txt
	@mkdir -p target
	.venv/bin/python -m venv --clear target/spark
	target/spark/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# The bundled example, made by the project's own code: the same bytes each time.
example: develop
	PYTHONPATH=tests .venv/bin/python tests/support/example.py

# The pictures of the documentation, from the example: needs Orthanc and a browser.
screenshots: develop
	PYTHONPATH=tests .venv/bin/python tests/browser/screenshots.py

clean:
	rm -rf .venv var target build
