// What a user of the SMART client does, against the open server whose address is given.
import assert from "node:assert/strict";
import smart from "fhirclient";

const [serverUrl, patient] = process.argv.slice(2);
const memory = new Map();
const storage = {
  get: async (key) => memory.get(key),
  set: async (key, value) => (memory.set(key, value), value),
  unset: async (key) => memory.delete(key),
};
const request = { headers: { host: "client-113047" }, url: "/", socket: {} };
const client = smart(request, {}, () => storage).client({ serverUrl });

const pages = [];
await client.request(`ImagingSelection?patient=${patient}&_count=3`, {
  pageLimit: 0,
  onPage: (bundle) => pages.push(bundle),
});
assert.ok(pages.length > 2);
const seen = pages.flatMap((page) => page.entry.map(({ resource }) => resource.id));
assert.equal(new Set(seen).size, seen.length);

const flat = await client.request(
  `ImagingSelection?patient.identifier=clients-1&derived-from:ImagingStudy.modality=RTSTRUCT`,
  { pageLimit: 0, flat: true },
);
// The source images are of another study.
const ofStudy = seen.filter((id) => !id.includes("-images-"));
assert.deepEqual(new Set(flat.map(({ id }) => id)), new Set(ofStudy));

const resolved = await client.request(`ImagingSelection/${seen[0]}`, {
  resolveReferences: ["subject", "derivedFrom"],
});
assert.equal(resolved.subject.resourceType, "Patient");
assert.equal(resolved.derivedFrom[0].resourceType, "ImagingStudy");

const everything = await client.request(`${patient}/$everything`, { flat: true });
assert.ok(everything.length > seen.length);

const batch = await client.request({
  url: "/",
  method: "POST",
  headers: { "Content-Type": "application/fhir+json" },
  body: JSON.stringify({
    resourceType: "Bundle",
    type: "batch",
    entry: seen.map((id) => ({
      request: { method: "GET", url: `ImagingSelection/${id}` },
    })),
  }),
});
assert.deepEqual(
  batch.entry.map(({ resource }) => resource.id),
  seen,
);

await assert.rejects(
  () => client.request("ImagingSelection/unknown-113047"),
  (error) => error.status === 404 || error.statusCode === 404,
);
console.log(JSON.stringify({ seen: seen.length }));
