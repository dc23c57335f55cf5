// System streams and links by @kurrent/kurrentdb-client or @eventstore/db-client, clients that
// others wrote, against `ledgerline log serve`.
//
// Arguments: the package, the connection string, and another one whose user may only read, or
// "-" without users. Where the packages are comes from NODE_PATH.
// Prints one line of JSON per check: its name, whether it held, and what was seen where it did
// not. A line with "ask" asks the test for something: to stop the server and start it again.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { once } = require("node:events");

const [PACKAGE, URI] = process.argv.slice(2);
const db = require(PACKAGE);
const Client = db.KurrentDBClient ?? db.EventStoreDBClient;
const { START, END, FORWARDS, BACKWARDS } = db;
const toStream = db.persistentSubscriptionToStreamSettingsFromDefaults;

const client = Client.connectionString(URI);
const checks = [];
const check = (name, run) => checks.push([name, run]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const fresh = (name = "order") => `${name}-${randomUUID()}`;
const category = () => `kind${randomUUID().replaceAll("-", "")}`;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const event = (n = 0, type = "OrderPlaced") => db.jsonEvent({ id: randomUUID(), type, data: { n } });
const events = (count, type) => Array.from({ length: count }, (_, n) => event(n, type));
const link = (target) =>
  db.binaryEvent({ id: randomUUID(), type: "$>", data: Buffer.from(target) });
const ids = (list) => list.map((one) => one.id);
const text = (one) => Buffer.from(one.data).toString();

async function append(stream, list) {
  await client.appendToStream(stream, list);
  return list;
}

async function read(stream, options = {}) {
  const found = [];
  for await (const one of client.readStream(stream, { direction: FORWARDS, ...options })) {
    found.push(one);
  }
  return found;
}

// The next events of a subscription, which stays open.
async function take(iterator, count) {
  const found = [];
  while (found.length < count) {
    const { value, done } = await iterator.next();
    assert.ok(!done, "the subscription ended");
    found.push(value);
  }
  return found;
}

// Five events in two streams of a category, with others between.
async function made(kind) {
  const written = await append(`${kind}-1`, events(2));
  await append(fresh(), events(1));
  written.push(...(await append(`${kind}-2`, events(2))));
  written.push(...(await append(`${kind}-1`, events(1))));
  return written;
}

check("a_category_is_read_both_ways", async () => {
  const kind = category();
  const written = await made(kind);
  const plain = (await read(`$ce-${kind}`)).map((one) => one.event);
  const targets = [`0@${kind}-1`, `1@${kind}-1`, `0@${kind}-2`, `1@${kind}-2`, `2@${kind}-1`];
  assert.deepEqual(plain.map(text), targets);
  assert.deepEqual(plain.map((one) => [one.type, Number(one.revision)]), [0, 1, 2, 3, 4].map((n) => ["$>", n]));
  const found = await read(`$ce-${kind}`, { resolveLinkTos: true });
  assert.deepEqual(ids(found.map((one) => one.event)), ids(written));
  assert.deepEqual(ids(found.map((one) => one.link)), ids(plain));
  const options = { direction: BACKWARDS, fromRevision: 3n, maxCount: 2, resolveLinkTos: true };
  const backwards = (await read(`$ce-${kind}`, options)).map((one) => one.event);
  assert.deepEqual(ids(backwards), [written[3].id, written[2].id]);
});

check("a_category_is_followed_live", async () => {
  const kind = category();
  const written = await append(`${kind}-1`, events(2));
  const options = { fromRevision: START, resolveLinkTos: true };
  const subscription = client.subscribeToStream(`$ce-${kind}`, options);
  const iterator = subscription[Symbol.asyncIterator]();
  assert.deepEqual(ids((await take(iterator, 2)).map((one) => one.event)), ids(written));
  await append(fresh(), events(1));
  const more = await append(`${kind}-2`, events(3));
  const found = await take(iterator, 3);
  assert.deepEqual(ids(found.map((one) => one.event)), ids(more));
  assert.deepEqual(found.map((one) => Number(one.link.revision)), [2, 3, 4]);
  await subscription.unsubscribe();
});

check("a_group_shares_a_category", async () => {
  const kind = category();
  const settings = toStream({ startFrom: START, resolveLinkTos: true });
  await client.createPersistentSubscriptionToStream(`$ce-${kind}`, "g", settings);
  const subscription = client.subscribeToPersistentSubscriptionToStream(`$ce-${kind}`, "g");
  const iterator = subscription[Symbol.asyncIterator]();
  const written = await append(`${kind}-1`, events(2));
  written.push(...(await append(`${kind}-2`, events(2))));
  const found = [];
  for (let n = 0; n < 4; n += 1) {
    const [one] = await take(iterator, 1);
    await subscription.ack(one);
    found.push(one);
  }
  assert.deepEqual(ids(found.map((one) => one.event)), ids(written));
  assert.deepEqual(found.map((one) => Number(one.link.revision)), [0, 1, 2, 3]);
  await subscription.unsubscribe();
});

check("events_of_a_type", async () => {
  const kind = category();
  const written = await append(fresh(), events(2, kind));
  written.push(...(await append(fresh(), events(1, kind))));
  const found = await read(`$et-${kind}`, { resolveLinkTos: true });
  assert.deepEqual(ids(found.map((one) => one.event)), ids(written));
});

check("streams_are_listed", async () => {
  const kind = category();
  await made(kind);
  const streams = (await read("$streams")).map((one) => text(one.event));
  assert.deepEqual(streams.filter((one) => one.includes(kind)), [`0@${kind}-1`, `0@${kind}-2`]);
  const found = (await read(`$category-${kind}`)).map((one) => [one.event.type, text(one.event)]);
  assert.deepEqual(found, [["$@", `${kind}-1`], ["$@", `${kind}-2`]]);
});

check("links_that_clients_wrote_are_resolved", async () => {
  const [source, stream] = [fresh(), fresh("links")];
  const written = await append(source, events(3));
  const linked = await append(stream, [link(`2@${source}`), link(`0@${source}`)]);
  const found = await read(stream, { resolveLinkTos: true });
  assert.deepEqual(ids(found.map((one) => one.event)), [written[2].id, written[0].id]);
  assert.deepEqual(ids(found.map((one) => one.link)), ids(linked));
  assert.deepEqual(ids((await read(stream)).map((one) => one.event)), ids(linked));
});

check("links_are_resolved_in_all", async () => {
  const source = fresh();
  const { position } = await client.appendToStream(fresh(), events(1));
  const written = await append(source, events(1));
  const linked = await append(fresh("links"), [link(`0@${source}`)]);
  const options = { fromPosition: position, resolveLinkTos: true };
  const found = [];
  for await (const one of client.readAll({ direction: FORWARDS, ...options })) found.push(one);
  const mine = found.filter((one) => one.event?.id === written[0].id);
  assert.deepEqual(mine.map((one) => one.link?.id), [undefined, linked[0].id]);
  const subscription = client.subscribeToAll(options);
  const [one, other] = await take(subscription[Symbol.asyncIterator](), 2);
  assert.deepEqual([one.event.id, other.event.id], [written[0].id, written[0].id]);
  assert.equal(other.link.id, linked[0].id);
  await subscription.unsubscribe();
});

check("a_link_stays_when_its_event_is_gone", async () => {
  const kind = category();
  const written = await made(kind);
  await client.deleteStream(`${kind}-1`);
  assert.equal((await read(`$ce-${kind}`)).length, 6);
  const found = await read(`$ce-${kind}`, { resolveLinkTos: true, maxCount: 5 });
  assert.equal(found.length, 5);
  const there = found.filter((one) => one.event).map((one) => one.event);
  assert.deepEqual(ids(there), [written[2].id, written[3].id]);
});

check("system_streams_are_not_written_to", async () => {
  const kind = category();
  await append(`${kind}-1`, events(1));
  for (const name of [`$ce-${kind}`, "$streams", "$et-OrderPlaced"]) {
    await assert.rejects(() => append(name, events(1)), name);
    await assert.rejects(() => client.deleteStream(name), name);
    await assert.rejects(() => client.setStreamMetadata(name, { maxCount: 9 }), name);
  }
  assert.equal((await read(`$ce-${kind}`)).length, 1);
  await assert.rejects(() => read("$ce-none"), (error) => error.type === "stream-not-found");
});

check("nothing_changes_across_a_stop", async () => {
  const kind = category();
  await made(kind);
  const before = ids((await read(`$ce-${kind}`)).map((one) => one.event));
  const following = client.subscribeToStream(`$ce-${kind}`, { fromRevision: END });
  const confirmed = once(following, "confirmation");
  const gone = take(following[Symbol.asyncIterator](), 1).catch((error) => error);
  await confirmed;
  say({ ask: "stop" });
  // It ends when the server goes: what is read from here on comes from the new one.
  assert.ok((await gone) instanceof Error, "the server goes, but an event comes");
  const deadline = Date.now() + 40_000;
  for (;;) {
    const after = await read(`$ce-${kind}`).catch(() => undefined);
    if (after) {
      assert.deepEqual(ids(after.map((one) => one.event)), before);
      return;
    }
    assert.ok(Date.now() < deadline, "the server does not come back");
    await pause(100);
  }
});

async function main() {
  for (const [name, run] of checks) {
    let timer;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("this takes too long")), 50_000);
    });
    try {
      await Promise.race([run(), limit]);
      say({ check: name, ok: true });
    } catch (error) {
      say({ check: name, ok: false, seen: String(error.stack ?? error) });
    } finally {
      clearTimeout(timer);
    }
  }
  await client.dispose();
  process.exit(0);
}

main();
