// fhir-kit-client against the FHIR base in FHIR_BASE: http://hl7.org/fhir/R4/http.html

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { CapabilityTool, Client } from 'fhir-kit-client';

const baseUrl = process.env.FHIR_BASE;
const client = new Client({ baseUrl });
const system = 'http://example.org/fhir-kit';
const mark = randomUUID();
const patient = (value, more = {}) => ({
  resourceType: 'Patient',
  identifier: [{ system, value: `${mark}-${value}` }],
  name: [{ family: `Kit ${value}` }],
  ...more,
});
const create = (value, more) => client.create({ resourceType: 'Patient', body: patient(value, more) });
const found = (bundle) => (bundle.entry ?? []).filter((entry) => entry.search?.mode === 'match').map((entry) => entry.resource.id);

async function refused(request, status, code) {
  await assert.rejects(request, (error) => {
    assert.equal(error.response.status, status);
    assert.equal(error.response.data.resourceType, 'OperationOutcome');
    assert.equal(error.response.data.issue[0].code, code);
    return true;
  });
}

test('capability statement', async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, '4.0.1');
  const tool = new CapabilityTool(statement);
  assert.ok(tool.serverCan('transaction'));
  assert.ok(tool.serverCan('history-system'));
  for (const interaction of ['read', 'vread', 'update', 'patch', 'delete', 'create', 'search-type', 'history-instance']) {
    assert.ok(tool.resourceCan('Patient', interaction), interaction);
  }
  assert.ok(tool.resourceSearch('Patient', 'birthdate'));
  assert.ok(tool.serverSearch('_lastUpdated'));
});

test('create, read, vread, update, patch, history, delete', async () => {
  const created = await create('life');
  const { response } = Client.httpFor(created);
  assert.equal(response.status, 201);
  assert.match(response.headers.get('location'), new RegExp(`^${baseUrl}/Patient/${created.id}/_history/1$`));
  const id = created.id;
  assert.deepEqual(await client.read({ resourceType: 'Patient', id }), created);
  const updated = await client.update({ resourceType: 'Patient', id, body: { ...created, active: true } });
  assert.equal(updated.meta.versionId, '2');
  const jsonPatch = [{ op: 'replace', path: '/active', value: false }];
  const patched = await client.patch({ resourceType: 'Patient', id, jsonPatch });
  assert.equal(patched.active, false);
  assert.deepEqual(await client.vread({ resourceType: 'Patient', id, version: '1' }), created);
  const history = await client.history({ resourceType: 'Patient', id });
  assert.deepEqual(history.entry.map((entry) => entry.request.method), ['PATCH', 'PUT', 'POST']);
  await client.delete({ resourceType: 'Patient', id });
  await refused(client.read({ resourceType: 'Patient', id }), 410, 'deleted');
  assert.equal((await client.typeHistory({ resourceType: 'Patient' })).type, 'history');
  assert.equal((await client.systemHistory()).type, 'history');
});

test('update with If-Match', async () => {
  const created = await create('if-match');
  const update = (version) =>
    client.update({
      resourceType: 'Patient',
      id: created.id,
      body: { ...created, active: true },
      options: { headers: { 'If-Match': `W/"${version}"` } },
    });
  await refused(update(7), 412, 'conflict');
  assert.equal((await update(1)).meta.versionId, '2');
});

test('conditional create and conditional update', async () => {
  const value = `${mark}-once`;
  const headers = { 'If-None-Exist': `identifier=${system}|${value}` };
  const once = () => client.create({ resourceType: 'Patient', body: patient('once'), options: { headers } });
  const first = await once();
  const second = await once();
  assert.equal(Client.httpFor(second).response.status, 200);
  const searchParams = { identifier: `${system}|${value}` };
  const updated = await client.update({ resourceType: 'Patient', searchParams, body: patient('once', { active: true }) });
  assert.deepEqual([updated.id, updated.meta.versionId], [first.id, '2']);
});

test('search by GET and by POST, paging there and back', async () => {
  const ids = [];
  for (let number = 0; number < 7; number += 1) ids.push((await create(`page${number}`, { birthDate: `2001-01-0${number + 1}` })).id);
  const identifier = ids.map((_, number) => `${system}|${mark}-page${number}`).join(',');
  const searchParams = { identifier, _count: 3, _sort: '-birthdate' };
  const byPost = await client.resourceSearch({ resourceType: 'Patient', searchParams, options: { postSearch: true } });
  assert.deepEqual(found(byPost), ids.toReversed().slice(0, 3));
  let page = await client.resourceSearch({ resourceType: 'Patient', searchParams });
  const seen = [];
  let last = page;
  while (page) {
    seen.push(...found(page));
    last = page;
    page = await client.nextPage({ bundle: page });
  }
  assert.deepEqual(seen, ids.toReversed());
  assert.deepEqual(found(await client.prevPage({ bundle: last })), ids.toReversed().slice(3, 6));
  assert.equal(last.total, 7);
});

test('includes, chains, compartments, system search', async () => {
  const subject = await create('included');
  const code = { coding: [{ system, code: mark }] };
  const body = { resourceType: 'Observation', status: 'final', code, subject: { reference: `Patient/${subject.id}` } };
  const observation = await client.create({ resourceType: 'Observation', body });
  const included = await client.search({ resourceType: 'Observation', searchParams: { code: `${system}|${mark}`, _include: 'Observation:subject' } });
  assert.deepEqual(included.entry.map((entry) => [entry.search.mode, entry.resource.id]), [['match', observation.id], ['include', subject.id]]);
  const chained = await client.search({ resourceType: 'Observation', searchParams: { 'subject:Patient.identifier': `${system}|${mark}-included` } });
  assert.deepEqual(found(chained), [observation.id]);
  const compartment = { resourceType: 'Patient', id: subject.id };
  assert.deepEqual(found(await client.compartmentSearch({ resourceType: 'Observation', compartment })), [observation.id]);
  const everywhere = await client.systemSearch({ searchParams: { _type: 'Patient,Observation', _id: `${subject.id},${observation.id}` } });
  assert.deepEqual(found(everywhere).toSorted(), [subject.id, observation.id].toSorted());
  assert.deepEqual(await client.resolve({ reference: `Patient/${subject.id}` }), subject);
  assert.equal((await client.resolve({ reference: observation.subject.reference, context: observation })).id, subject.id);
});

test('transaction and batch', async () => {
  const fullUrl = `urn:uuid:${randomUUID()}`;
  const body = (type) => ({
    resourceType: 'Bundle',
    type,
    entry: [
      { fullUrl, resource: patient(type), request: { method: 'POST', url: 'Patient' } },
      { request: { method: 'GET', url: `Patient?identifier=${system}|${mark}-${type}` } },
    ],
  });
  for (const type of ['transaction', 'batch']) {
    const answer = await client[type]({ body: body(type) });
    assert.equal(answer.type, `${type}-response`);
    assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '200']);
    assert.equal(answer.entry[1].resource.total, 1);
  }
});

test('errors are OperationOutcomes', async () => {
  await refused(client.read({ resourceType: 'Patient', id: 'not-there' }), 404, 'not-found');
  await refused(client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', gender: 'x' } }), 422, 'code-invalid');
  await refused(client.search({ resourceType: 'Patient', searchParams: { nonsense: '1' } }), 400, 'not-supported');
});
