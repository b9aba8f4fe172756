// What a user of fhir-kit-client does, against the server whose address is given.
import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";

const [baseUrl, patient] = process.argv.slice(2);
const client = new Client({ baseUrl });

const statement = await client.capabilityStatement();
assert.equal(statement.fhirVersion, "5.0.0");

let page = await client.search({
  resourceType: "ImagingSelection",
  searchParams: { patient, _count: 3 },
});
const seen = [];
while (page) {
  seen.push(...page.entry.map((entry) => entry.resource.id));
  page = await client.nextPage({ bundle: page });
}
assert.equal(new Set(seen).size, seen.length);

const posted = await client.search({
  resourceType: "ImagingSelection",
  searchParams: { patient, _summary: "count" },
  options: { postSearch: true },
});
assert.equal(posted.total, seen.length);

const read = await client.read({ resourceType: "ImagingSelection", id: seen[0] });
assert.equal(read.id, seen[0]);

const within = await client.compartmentSearch({
  resourceType: "ImagingSelection",
  compartment: { resourceType: "Patient", id: patient.split("/").pop() },
  searchParams: { _count: 500 },
});
assert.equal(within.entry.length, seen.length);

const version = await client.vread({
  resourceType: "ImagingSelection",
  id: seen[0],
  version: read.meta.versionId,
});
assert.deepEqual(version, read);

const history = await client.history({
  resourceType: "ImagingSelection",
  id: seen[0],
});
assert.equal(history.type, "history");

const resolved = await client.resolve({ reference: read.subject.reference });
assert.equal(resolved.resourceType, "Patient");

await assert.rejects(
  client.read({ resourceType: "ImagingSelection", id: "unknown-113047" }),
  (error) => {
    assert.equal(error.response.status, 404);
    assert.equal(error.response.data.resourceType, "OperationOutcome");
    return true;
  },
);
await assert.rejects(
  client.search({
    resourceType: "ImagingSelection",
    searchParams: { issued: "23.May.2009" },
  }),
  (error) => {
    assert.equal(error.response.status, 400);
    assert.deepEqual(error.response.data.issue[0].expression, ["http.issued"]);
    return true;
  },
);
console.log(JSON.stringify({ seen: seen.length }));
