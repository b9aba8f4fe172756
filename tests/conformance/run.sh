#!/usr/bin/env bash
# Validates FHIR resources with HL7's own validator: base R5, the profiles they claim, and terminology that is public.
#
#   tests/conformance/run.sh [--definitions FILE|FOLDER] [FILE|FOLDER]...     .json holds one resource, .ndjson one a line
#
# The project's own examples come first: accepted/ must pass, and each of rejected/ must be refused for its reason in
# reasons.json, so that a validator which accepts everything is detected. Every warning must be in accepted-warnings.json,
# with a reason. Maven downloads the validator once; the validation itself uses no network.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
guide=$root/../shared/ig
statement=$root/plugin/imaging_selection/data/StructureDefinition-region-in-space.json

for command in java javac mvn; do
    if ! command -v "$command" >/dev/null; then
        echo "$command is missing: apt-get install default-jdk-headless maven" >&2
        exit 2
    fi
done

mvn --quiet --batch-mode --file "$here/pom.xml" compile dependency:build-classpath

arguments=(--definitions "$here/definitions" --statement "$statement")
for own in "$root"/plugin/imaging_selection/data/StructureDefinition-*.json; do
    [[ $own == "$statement" ]] || arguments+=(--definitions "$own")
done
if [[ -d $guide ]]; then
    # Not its subfolders: the guide's example report is DICOM JSON, no FHIR resource.
    for each in "$guide"/*.json; do
        arguments+=(--definitions "$each")
    done
    echo "definitions: FHIR R5 5.0.0, the guide in $(realpath --relative-to="$root" "$guide"), our statement of region-in-space"
else
    echo "definitions: FHIR R5 5.0.0, our statement of region-in-space (the guide is not on this machine)"
fi

exec java -Xmx2g -XX:+UseParallelGC -cp "$here/target/classes:$(<"$here/target/classpath")" Conformance "${arguments[@]}" \
    --accepted-warnings "$here/accepted-warnings.json" \
    --expect-rejection "$here/rejected" \
    "$here/accepted" "$statement" "$@"
