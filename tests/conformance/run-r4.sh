#!/usr/bin/env bash
# Validates resources in R4 with HL7's own validator: R4 4.0.1, the cross-version profile, and mCODE's RadiotherapyVolume.
#
#   tests/conformance/run-r4.sh FOLDER      what r4.py has written: resources and definitions, a folder for each form
#
# Each of rejected-r4/ must be refused for its reason. run.sh comes before: it has compiled the validator. Every warning must be in accepted-warnings-r4.json, with a reason.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for form in "$1"/*/; do
    # The broken resources are in the form of the later state of the package.
    rejected=()
    [[ $form == */Extensions/ ]] && rejected=(--expect-rejection "$here/rejected-r4")
    java -Xmx2g -XX:+UseParallelGC -cp "$here/target/classes:$(<"$here/target/classpath")" Conformance --r4 \
        --definitions "$here/definitions" --definitions "$here/r4-definitions" --definitions "$form/definitions" \
        --accepted-warnings "$here/accepted-warnings-r4.json" "${rejected[@]}" "$form"*.ndjson
done
