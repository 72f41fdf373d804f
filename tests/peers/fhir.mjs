// fhir-kit-client against a running gateway. Usage: fhir.mjs BASE_URL PERSON_SYSTEM
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

// The library has no entry for `require`, and `import` does not look in NODE_PATH: its own entry is imported by its path.
const folder = pathToFileURL(`${process.env.NODE_PATH}/fhir-kit-client/`);
const { exports, main } = JSON.parse(readFileSync(new URL('package.json', folder)));
const root = exports?.['.'] ?? exports;
const entry = [root?.import?.default, root?.import, root?.default, root, main].find((path) => typeof path === 'string');
const { Client } = await import(new URL(entry, folder));

const [, , baseUrl, system] = process.argv;
const client = new Client({ baseUrl });

const statement = await client.capabilityStatement();
assert.equal(statement.resourceType, 'CapabilityStatement');

const patient = {
  resourceType: 'Patient', gender: 'male', birthDate: '1970-05-06',
  identifier: [{ system, value: 'fhir-kit-client' }],
};
const person = await client.create({ resourceType: 'Patient', body: patient });
const observation = {
  resourceType: 'Observation', status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
  subject: { reference: `Patient/${person.id}` },
  effectiveDateTime: '2019-04-05',
  valueQuantity: { value: 80.5, system: 'http://unitsofmeasure.org', code: 'kg' },
};
const created = await client.create({ resourceType: 'Observation', body: observation });
const read = await client.read({ resourceType: 'Observation', id: created.id });
assert.equal(read.dataAbsentReason.coding[0].code, 'masked');
const found = await client.search({ resourceType: 'Observation', searchParams: { _id: created.id } });
assert.equal(found.total, 1);

const put = { resource: { ...observation, id: 'kit' }, request: { method: 'PUT', url: 'Observation/kit' } };
const answer = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry: [put] } });
assert.equal(answer.entry[0].response.status, '201');
await assert.rejects(client.delete({ resourceType: 'Observation', id: 'kit' }));
console.log('fhir-kit-client agrees');
