// @kurrent/kurrentdb-client or @eventstore/db-client, clients that others wrote, against
// `ledgerline log serve`.
//
// Arguments: the package, the connection string, and another one whose user may only read, or
// "-" without users. Where the packages are comes from NODE_PATH.
// Prints one line of JSON per check: its name, whether it held, and what was seen where it did
// not. A line with "ask" asks the test for something: to kill or to stop the server and start it
// again.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { once } = require("node:events");

const [PACKAGE, URI, READER] = process.argv.slice(2);
const db = require(PACKAGE);
const Client = db.KurrentDBClient ?? db.EventStoreDBClient;
// The same things have two names.
const STATE = db.KurrentDBClient ? "streamState" : "expectedRevision";
const [EXPECTED, ACTUAL] = db.KurrentDBClient
  ? ["expectedState", "actualState"]
  : ["expectedVersion", "actualVersion"];
const { ANY, NO_STREAM, STREAM_EXISTS, START, END, FORWARDS, BACKWARDS } = db;

let client = Client.connectionString(URI);
const checks = [];
const check = (name, run) => checks.push([name, run]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const fresh = (name = "order") => `${name}-${randomUUID()}`;
const event = (n = 0, type = "OrderPlaced", more = {}) =>
  db.jsonEvent({ id: randomUUID(), type, data: { n }, ...more });
const events = (count, type) => Array.from({ length: count }, (_, n) => event(n, type));
const ids = (list) => list.map((one) => one.id);
const append = (stream, list, state = ANY) =>
  client.appendToStream(stream, list, { [STATE]: state });

async function all(reading) {
  const found = [];
  for await (const { event: one } of reading) found.push(one);
  return found;
}

const read = (stream, options) => all(client.readStream(stream, options));
const readIds = async (stream, options) => ids(await read(stream, options));

// So many events of a subscription, which ends then.
async function take(subscription, count) {
  const found = [];
  for await (const { event: one } of subscription) {
    found.push(one);
    if (found.length === count) break;
  }
  return found;
}

async function fails(action, type, more = {}) {
  let error;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `no ${type}`);
  assert.equal(error.type, type, String(error.stack));
  for (const [name, value] of Object.entries(more)) assert.deepEqual(error[name], value, name);
}

const conflict = (action, expected, actual) =>
  fails(action, "wrong-expected-version", { [EXPECTED]: expected, [ACTUAL]: actual });

async function start() {
  for await (const one of client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })) {
    return one.event.position;
  }
  return START;
}

// --- append

check("append_to_no_stream", async () => {
  const [stream, written] = [fresh(), events(3)];
  const result = await append(stream, written, NO_STREAM);
  assert.equal(result.success, true);
  assert.equal(result.nextExpectedRevision, 2n);
  assert.equal(result.position.commit, result.position.prepare);
  assert.deepEqual(await readIds(stream), ids(written));
});

check("append_at_a_revision", async () => {
  const [stream, written] = [fresh(), events(3)];
  await append(stream, written.slice(0, 2), NO_STREAM);
  const result = await append(stream, written.slice(2), 1n);
  assert.equal(result.nextExpectedRevision, 2n);
  assert.deepEqual((await read(stream)).map((one) => one.revision), [0n, 1n, 2n]);
});

check("append_to_anything_and_to_what_exists", async () => {
  const [stream, written] = [fresh(), events(2)];
  await append(stream, written.slice(0, 1), ANY);
  await append(stream, written.slice(1), STREAM_EXISTS);
  assert.deepEqual(await readIds(stream), ids(written));
});

check("append_to_what_should_exist", () =>
  conflict(() => append(fresh(), events(1), STREAM_EXISTS), "stream_exists", "no_stream"));

check("conflicts_say_what_was_expected_and_what_is", async () => {
  const stream = fresh();
  await append(stream, events(3), NO_STREAM);
  await conflict(() => append(stream, events(1), NO_STREAM), "no_stream", 2n);
  await conflict(() => append(stream, events(1), 1n), 1n, 2n);
  await conflict(() => append(stream, events(1), 7n), 7n, 2n);
  await conflict(() => append(fresh(), events(1), 0n), 0n, "no_stream");
  assert.equal((await read(stream)).length, 3);
});

check("a_conflict_can_be_an_answer", async () => {
  const stream = fresh();
  await append(stream, events(3), NO_STREAM);
  const quiet = Client.connectionString(`${URI}&throwOnAppendFailure=false`);
  const result = await quiet.appendToStream(stream, events(1), { [STATE]: NO_STREAM });
  assert.equal(result.success, false);
  await quiet.dispose();
});

check("repeat_is_recorded_once", async () => {
  const [stream, written] = [fresh(), events(3)];
  const first = await append(stream, written, NO_STREAM);
  assert.deepEqual(await append(stream, written, NO_STREAM), first);
  assert.deepEqual(await append(stream, written, ANY), first);
  await append(stream, events(1), 2n);
  assert.deepEqual(await append(stream, written, NO_STREAM), first);
  assert.equal((await read(stream)).length, 4);
});

check("half_a_repeat_is_a_conflict", async () => {
  const [stream, written] = [fresh(), events(2)];
  await append(stream, written, NO_STREAM);
  await conflict(() => append(stream, [written[0], event()], NO_STREAM), "no_stream", 1n);
});

check("append_of_a_thousand_in_parts", async () => {
  const [stream, written] = [fresh(), events(1000)];
  await client.appendToStream(stream, written, { [STATE]: NO_STREAM, batchAppendSize: 4096 });
  assert.deepEqual(await readIds(stream), ids(written));
});

check("append_of_too_many_bytes", async () => {
  const data = new Uint8Array(1_100_000);
  const large = db.binaryEvent({ type: "Large", data });
  await fails(() => append(fresh(), [large]), "maximum-append-size-exceeded", {
    maxAppendSize: 1_048_576,
  });
});

check("many_appends_outstanding_keep_their_order", async () => {
  const [stream, written] = [fresh(), events(500)];
  const results = await Promise.all(written.map((one) => append(stream, [one], ANY)));
  assert.deepEqual(results.map((one) => one.nextExpectedRevision), written.map((_, n) => BigInt(n)));
  assert.deepEqual(await readIds(stream), ids(written));
});

check("a_conflict_among_outstanding_appends_harms_no_other", async () => {
  const [stream, other] = [fresh(), fresh()];
  const list = [
    append(stream, events(1), NO_STREAM),
    append(stream, events(1), NO_STREAM),
    append(other, events(1), NO_STREAM),
    append(stream, events(1), 0n),
  ];
  const kinds = (await Promise.allSettled(list)).map((one) => one.status);
  assert.deepEqual(kinds, ["fulfilled", "rejected", "fulfilled", "fulfilled"]);
});

// --- what comes back

check("json_binary_and_metadata_come_back_as_they_were", async () => {
  const stream = fresh();
  const octets = Uint8Array.from({ length: 256 }, (_, n) => n);
  const written = [
    event(1, "Ä-注", { metadata: { $correlationId: "7", deep: [1, "ü"] } }),
    db.binaryEvent({ type: "Octets", data: octets, metadata: octets }),
    event(2),
  ];
  await append(stream, written, NO_STREAM);
  const [text, binary, bare] = await read(stream);
  assert.deepEqual(text.data, { n: 1 });
  assert.equal(text.type, "Ä-注");
  assert.equal(text.isJson, true);
  assert.deepEqual(text.metadata, { $correlationId: "7", deep: [1, "ü"] });
  assert.equal(binary.isJson, false);
  assert.deepEqual(Uint8Array.from(binary.data), octets);
  assert.deepEqual(Uint8Array.from(binary.metadata), octets);
  assert.equal(bare.metadata?.length ?? 0, 0);
  assert.ok(text.created, "a time of recording");
});

// --- read

check("read_a_stream_both_ways", async () => {
  const [stream, written] = [fresh(), events(5)];
  await append(stream, written, NO_STREAM);
  const order = ids(written);
  const back = [...order].reverse();
  assert.deepEqual(await readIds(stream, { direction: FORWARDS, fromRevision: START }), order);
  assert.deepEqual(await readIds(stream, { direction: BACKWARDS, fromRevision: END }), back);
  assert.deepEqual(await readIds(stream, { maxCount: 2 }), order.slice(0, 2));
  assert.deepEqual(await readIds(stream, { fromRevision: 2n }), order.slice(2));
  assert.deepEqual(await readIds(stream, { fromRevision: 2n, direction: BACKWARDS }), back.slice(2));
  assert.deepEqual(await readIds(stream, { fromRevision: 9n }), []);
});

check("read_a_stream_that_is_not_there", async () => {
  const stream = fresh();
  await fails(() => read(stream), "stream-not-found", { streamName: stream });
});

check("read_a_long_stream", async () => {
  const [stream, written] = [fresh(), events(3000)];
  await append(stream, written, NO_STREAM);
  assert.deepEqual(await readIds(stream), ids(written));
});

check("read_all_both_ways", async () => {
  const written = events(6);
  const streams = [fresh(), fresh()];
  const fromPosition = await start();
  for (const [n, one] of written.entries()) await append(streams[n % 2], [one]);
  const wanted = new Set(ids(written));
  const found = (await all(client.readAll({ fromPosition }))).filter((one) => wanted.has(one.id));
  assert.deepEqual(ids(found), ids(written));
  for (const { position } of found) assert.equal(position.commit, position.prepare);
  const back = await all(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 3 }));
  assert.deepEqual(ids(back), ids(written).reverse().slice(0, 3));
  const third = found[2].position;
  const on = await all(client.readAll({ fromPosition: third, maxCount: 1 }));
  assert.deepEqual(ids(on), [found[2].id]);
  const before = await all(
    client.readAll({ fromPosition: third, direction: BACKWARDS, maxCount: 1 }),
  );
  assert.deepEqual(ids(before), [found[1].id]);
});

// --- subscriptions

check("follow_a_stream_from_its_start_and_live", async () => {
  const [stream, written] = [fresh(), events(4)];
  await append(stream, written.slice(0, 2));
  const subscription = client.subscribeToStream(stream);
  const caughtUp = once(subscription, "caughtUp");
  const taken = take(subscription, 4);
  await caughtUp;
  await append(fresh(), events(1));
  await append(stream, written.slice(2));
  assert.deepEqual(ids(await taken), ids(written));
});

check("follow_a_stream_after_a_revision_and_from_its_end", async () => {
  const [stream, written] = [fresh(), events(4)];
  await append(stream, written.slice(0, 3));
  const after = client.subscribeToStream(stream, { fromRevision: 0n });
  assert.deepEqual(ids(await take(after, 2)), ids(written.slice(1, 3)));
  const live = client.subscribeToStream(stream, { fromRevision: END });
  const taken = take(live, 1);
  await once(live, "confirmation");
  await append(stream, written.slice(3));
  assert.deepEqual(ids(await taken), ids(written.slice(3)));
});

check("follow_all_and_live", async () => {
  const written = events(4);
  const fromPosition = await start();
  await append(fresh(), written.slice(0, 2));
  const subscription = client.subscribeToAll({ fromPosition });
  const caughtUp = once(subscription, "caughtUp");
  const taken = take(subscription, 4);
  await caughtUp;
  await append(fresh(), written.slice(2));
  assert.deepEqual(ids(await taken), ids(written));
});

check("follow_all_through_filters", async () => {
  const fromPosition = await start();
  const type = `Rare${randomUUID().slice(0, 8)}`;
  const name = `leads${randomUUID().slice(0, 8)}`;
  const rare = events(2, type);
  await append(`${name}-1`, rare.slice(0, 1));
  await append(fresh(), events(10));
  await append(`${name}-2`, rare.slice(1));
  const filters = [
    db.eventTypeFilter({ prefixes: [type] }),
    db.eventTypeFilter({ regex: `^${type}$` }),
    db.streamNameFilter({ prefixes: [`${name}-`] }),
    db.streamNameFilter({ regex: `^${name}-\\d$` }),
  ];
  for (const filter of filters) {
    const subscription = client.subscribeToAll({ fromPosition, filter });
    assert.deepEqual(ids(await take(subscription, 2)), ids(rare));
  }
});

check("checkpoints_are_never_ahead", async () => {
  const fromPosition = await start();
  const type = `Rare${randomUUID().slice(0, 8)}`;
  await append(fresh(), events(25));
  const last = await append(fresh(), events(1, type));
  const marks = [];
  const filter = db.eventTypeFilter({
    prefixes: [type],
    checkpointInterval: 1,
    maxSearchWindow: 5,
    checkpointReached: (_, position) => marks.push(position.commit),
  });
  const found = await take(client.subscribeToAll({ fromPosition, filter }), 1);
  assert.equal(found[0].position.commit, last.position.commit);
  assert.ok(marks.length >= 4, `${marks}`);
  assert.deepEqual(marks, [...marks].sort((a, b) => Number(a - b)));
  assert.ok(marks.every((mark) => mark <= last.position.commit), `${marks}`);
});

check("system_events_can_be_left_out", async () => {
  const fromPosition = await start();
  const [stream, written] = [fresh(), events(2)];
  await append(stream, written.slice(0, 1));
  await client.setStreamMetadata(stream, { maxCount: 5 });
  await append(stream, written.slice(1));
  const filter = db.excludeSystemEvents();
  const subscription = client.subscribeToAll({ fromPosition, filter });
  assert.deepEqual(ids(await take(subscription, 2)), ids(written));
});

check("a_filter_that_is_none_is_refused", async () => {
  const filter = db.eventTypeFilter({ regex: "(" });
  await assert.rejects(take(client.subscribeToAll({ filter }), 1), /regular expression/);
});

// --- metadata, delete, tombstone

check("stream_metadata_and_max_count", async () => {
  const [stream, written] = [fresh(), events(5)];
  await append(stream, written);
  await client.setStreamMetadata(stream, { maxCount: 2, mine: "yes" });
  const { metadata } = await client.getStreamMetadata(stream);
  assert.deepEqual({ ...metadata }, { maxCount: 2, mine: "yes" });
  assert.deepEqual(await readIds(stream), ids(written.slice(3)));
  await client.setStreamMetadata(stream, { truncateBefore: 1 });
  assert.deepEqual(await readIds(stream), ids(written.slice(1)));
});

check("delete_and_go_on", async () => {
  const [stream, written] = [fresh(), events(3)];
  await append(stream, written.slice(0, 2));
  await fails(() => client.deleteStream(stream, { expectedRevision: 0n }), "wrong-expected-version");
  const { position } = await client.deleteStream(stream, { expectedRevision: 1n });
  assert.equal(position.commit, position.prepare);
  await fails(() => read(stream), "stream-not-found");
  await append(stream, written.slice(2), NO_STREAM);
  const found = await read(stream);
  assert.deepEqual(found.map((one) => [one.id, one.revision]), [[written[2].id, 2n]]);
});

check("tombstone_is_for_good", async () => {
  const stream = fresh();
  await append(stream, events(2));
  await fails(
    () => client.tombstoneStream(stream, { expectedRevision: 0n }),
    "wrong-expected-version",
  );
  await client.tombstoneStream(stream, { expectedRevision: 1n });
  await fails(() => append(stream, events(1)), "stream-deleted", { streamName: stream });
  await fails(() => read(stream), "stream-deleted");
  await fails(() => client.deleteStream(stream), "stream-deleted");
  await fails(() => take(client.subscribeToStream(stream), 1), "stream-deleted");
});

// --- who and where

check("discovery_finds_it", async () => {
  const [scheme, rest] = URI.split("://");
  const found = Client.connectionString(`${scheme}+discover://${rest}`);
  const result = await found.appendToStream(fresh(), events(1));
  assert.equal(result.success, true);
  await found.dispose();
});

if (READER !== "-") {
  check("a_wrong_password_is_refused", async () => {
    const other = Client.connectionString(URI.replace("changeit", "changeme"));
    await fails(() => other.appendToStream(fresh(), events(1)), "access-denied");
    await fails(() => take(other.subscribeToAll(), 1), "access-denied");
    await other.dispose();
  });

  check("a_reader_reads_and_does_not_write", async () => {
    const stream = fresh();
    await append(stream, events(1));
    const reader = Client.connectionString(READER);
    assert.equal((await all(reader.readStream(stream))).length, 1);
    await fails(() => reader.appendToStream(stream, events(1)), "access-denied");
    await fails(() => reader.deleteStream(stream), "access-denied");
    await reader.dispose();
  });
}

// Follows a stream and all streams while the server goes and comes back.
async function across(ask) {
  const [stream, written] = [fresh(), events(60)];
  const fromPosition = await start();
  await append(stream, written.slice(0, 20));
  const found = { stream: [], all: [] };
  const sources = {
    stream: (after) => client.subscribeToStream(stream, { fromRevision: after?.revision ?? START }),
    all: (after) => client.subscribeToAll({ fromPosition: after?.position ?? fromPosition }),
  };
  let half;
  const both = new Promise((resolve) => {
    half = () => found.stream.length >= 20 && found.all.length >= 20 && resolve();
  });
  let broken;
  const bothBroke = new Promise((resolve) => {
    let breaks = 0;
    broken = () => ++breaks === 2 && resolve();
  });
  const follow = async (name) => {
    const list = found[name];
    while (list.length < 60) {
      try {
        for await (const { event: one } of sources[name](list.at(-1))) {
          list.push(one);
          half();
          if (list.length === 60) return;
        }
        throw new Error("a subscription ended in silence");
      } catch (error) {
        if (error.type !== "unavailable" && error.type !== "cancelled") throw error;
        broken();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const following = Promise.all([follow("stream"), follow("all")]);
  await Promise.race([both, following]);
  say({ ask });
  // What is followed ends with an error, never in silence.
  await Promise.race([bothBroke, following]);
  const until = Date.now() + 60_000;
  for (const batch of [written.slice(20, 40), written.slice(40)]) {
    for (;;) {
      try {
        // The same ids again: whether the first time counted does not matter.
        await append(stream, batch, ANY);
        break;
      } catch (error) {
        if (Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  await following;
  assert.deepEqual(ids(found.stream), ids(written));
  assert.deepEqual(ids(found.all), ids(written));
}

check("nothing_is_lost_or_repeated_across_a_kill", () => across("kill"));
check("nothing_is_lost_or_repeated_across_a_stop", () => across("stop"));

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
