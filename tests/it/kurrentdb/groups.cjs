// Persistent subscriptions of @kurrent/kurrentdb-client or @eventstore/db-client, clients that
// others wrote, against `ledgerline log serve`.
//
// Arguments: the package, the connection string, and another one whose user may only read, or
// "-" without users. Where the packages are comes from NODE_PATH.
// Prints one line of JSON per check: its name, whether it held, and what was seen where it did
// not. A line with "ask" asks the test for something: to kill or to stop the server and start it
// again.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");

const [PACKAGE, URI, READER] = process.argv.slice(2);
const db = require(PACKAGE);
const Client = db.KurrentDBClient ?? db.EventStoreDBClient;
const { START, END, PARK, RETRY, SKIP, STOP } = db;
const toStream = db.persistentSubscriptionToStreamSettingsFromDefaults;
const toAll = db.persistentSubscriptionToAllSettingsFromDefaults;
// Checkpoints of every event, at once.
const EAGER = { checkPointLowerBound: 1, checkPointUpperBound: 1 };

let client = Client.connectionString(URI);
const checks = [];
const check = (name, run) => checks.push([name, run]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const fresh = (name = "order") => `${name}-${randomUUID()}`;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const event = (n = 0, type = "OrderPlaced") => db.jsonEvent({ id: randomUUID(), type, data: { n } });
const events = (count, type) => Array.from({ length: count }, (_, n) => event(n, type));
const ids = (list) => list.map((one) => one.id);

async function append(stream, list) {
  await client.appendToStream(stream, list);
  return list;
}

// A consumer whose events are taken one by one, and whose end is kept.
class Consumer {
  constructor(subscription) {
    this.subscription = subscription;
    this.iterator = subscription[Symbol.asyncIterator]();
  }

  static of(stream, group, options = {}) {
    return new Consumer(client.subscribeToPersistentSubscriptionToStream(stream, group, options));
  }

  static ofAll(group, options = {}) {
    return new Consumer(client.subscribeToPersistentSubscriptionToAll(group, options));
  }

  async next() {
    const { value, done } = await this.iterator.next();
    assert.ok(!done, "the subscription ended");
    return value;
  }

  async take(count, ack = true) {
    const found = [];
    while (found.length < count) {
      const one = await this.next();
      if (ack) await this.subscription.ack(one);
      found.push(one.event);
    }
    return found;
  }

  async leave() {
    await this.subscription.unsubscribe();
  }
}

async function fails(action, type) {
  let error;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `no ${type}`);
  assert.equal(error.type, type, String(error.stack));
}

// Waits for something to be so.
async function until(look) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    assert.ok(Date.now() < deadline, "it did not come to be so");
    await pause(20);
  }
}

const create = (stream, group, settings = {}) =>
  client.createPersistentSubscriptionToStream(
    stream,
    group,
    toStream({ startFrom: START, ...settings }),
  );

// A stream with events, and a group over it.
async function made(count, settings) {
  const [stream, group] = [fresh(), "group"];
  const written = count ? await append(stream, events(count)) : [];
  await create(stream, group, settings);
  return { stream, group, written };
}

const info = (stream, group) => client.getPersistentSubscriptionToStreamInfo(stream, group);
const done = (stream, group, revision) =>
  until(async () => (await info(stream, group)).stats.lastCheckpointedEventRevision === revision);

check("a_group_is_made_once", async () => {
  const { stream, group } = await made(0);
  await fails(() => create(stream, group), "persistent-subscription-exists");
  await create(stream, "another");
  await client.deletePersistentSubscriptionToStream(stream, group);
  await create(stream, group);
});

check("a_group_that_is_not_there_is_not_found", async () => {
  const [stream, none] = [fresh(), "persistent-subscription-does-not-exist"];
  await fails(() => info(stream, "none"), none);
  await fails(() => client.deletePersistentSubscriptionToStream(stream, "none"), none);
  await fails(() => client.deletePersistentSubscriptionToAll("none"), none);
  await fails(() => client.replayParkedMessagesToStream(stream, "none"), none);
  await fails(() => client.listPersistentSubscriptionsToStream(stream), none);
  await fails(
    () => client.updatePersistentSubscriptionToStream(stream, "none", toStream()),
    none,
  );
  await fails(() => Consumer.of(stream, "none").next(), none);
  await fails(() => Consumer.ofAll("none").next(), none);
});

check("events_come_from_the_start_and_live", async () => {
  const { stream, group, written } = await made(5, EAGER);
  const consumer = Consumer.of(stream, group);
  const found = await consumer.take(5);
  written.push(...(await append(stream, events(3))));
  found.push(...(await consumer.take(3)));
  assert.deepEqual(ids(found), ids(written));
  assert.deepEqual(found.map((one) => one.revision), [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  await done(stream, group, 7n);
  await consumer.leave();
});

check("a_group_starts_where_it_is_told", async () => {
  const { stream, written } = await made(4);
  await create(stream, "middle", { startFrom: 2n });
  await create(stream, "end", { startFrom: END });
  written.push(...(await append(stream, events(1))));
  const [middle, end] = [Consumer.of(stream, "middle"), Consumer.of(stream, "end")];
  assert.deepEqual(ids(await middle.take(3)), ids(written.slice(2)));
  assert.deepEqual(ids(await end.take(1)), ids(written.slice(4)));
  assert.equal((await info(stream, "middle")).settings.startFrom, 2n);
  assert.equal((await info(stream, "end")).settings.startFrom, END);
  await middle.leave();
  await end.leave();
});

check("nacks_retry_skip_and_stop", async () => {
  const { stream, group, written } = await made(3, EAGER);
  const consumer = Consumer.of(stream, group, { bufferSize: 1 });
  for (const [count, action] of [RETRY, SKIP].entries()) {
    const one = await consumer.next();
    assert.equal(one.event.id, written[0].id);
    assert.equal(one.retryCount, count);
    await consumer.subscription.nack(action, "for a test", one);
  }
  const one = await consumer.next();
  assert.equal(one.event.id, written[1].id);
  await consumer.subscription.nack(STOP, "for a test", one);
  // The one that stopped gets no more; another one gets what it left.
  const other = Consumer.of(stream, group);
  assert.deepEqual(ids(await other.take(2)).sort(), ids(written.slice(1)).sort());
  await done(stream, group, 2n);
  await consumer.leave();
  await other.leave();
});

check("parked_events_are_kept_and_given_again", async () => {
  const { stream, group, written } = await made(2, EAGER);
  const consumer = Consumer.of(stream, group);
  for (let count = 0; count < 2; count += 1) {
    await consumer.subscription.nack(PARK, "for a test", await consumer.next());
  }
  await until(async () => (await info(stream, group)).stats.parkedMessageCount === 2n);
  await client.replayParkedMessagesToStream(stream, group, { stopAt: 1 });
  const again = await consumer.next();
  assert.equal(again.event.id, written[0].id);
  assert.equal(again.link.streamId, `$persistentsubscription-${stream}::${group}-parked`);
  await consumer.subscription.ack(again);
  await until(async () => (await info(stream, group)).stats.parkedMessageCount === 1n);
  await client.replayParkedMessagesToStream(stream, group);
  assert.deepEqual(ids(await consumer.take(1)), ids(written.slice(1)));
  await until(async () => (await info(stream, group)).stats.parkedMessageCount === 0n);
  await consumer.leave();
});

check("an_event_without_an_answer_comes_again_and_is_parked", async () => {
  const { stream, group } = await made(1, { messageTimeout: 300, maxRetryCount: 2 });
  const consumer = Consumer.of(stream, group);
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await consumer.next()).retryCount, count);
  }
  await until(async () => (await info(stream, group)).stats.parkedMessageCount === 1n);
  await consumer.leave();
});

check("consumers_share_in_turn", async () => {
  const { stream, group } = await made(0);
  const consumers = [Consumer.of(stream, group), Consumer.of(stream, group)];
  const both = consumers.map((consumer) => consumer.take(5));
  await until(async () => (await info(stream, group)).connections.length === 2);
  const written = await append(stream, events(10));
  const found = (await Promise.all(both)).flat();
  assert.deepEqual(ids(found).sort(), ids(written).sort());
  for (const consumer of consumers) await consumer.leave();
});

check("what_a_consumer_leaves_goes_to_another", async () => {
  const { stream, group, written } = await made(3);
  const leaver = Consumer.of(stream, group);
  await leaver.take(3, false);
  await leaver.leave();
  const other = Consumer.of(stream, group);
  assert.deepEqual(ids(await other.take(3)), ids(written));
  await other.leave();
});

check("only_so_many_consumers", async () => {
  const { stream, group } = await made(1, { maxSubscriberCount: 1 });
  const consumer = Consumer.of(stream, group);
  await consumer.take(1);
  await fails(() => Consumer.of(stream, group).next(), "maximum-subscribers-reached");
  await consumer.leave();
});

check("all_streams_through_a_filter", async () => {
  const [group, kind] = [fresh("group"), `Kind${randomUUID()}`];
  const written = await append(fresh(), events(2, kind));
  await append(fresh(), events(2));
  await client.createPersistentSubscriptionToAll(
    group,
    toAll({ startFrom: START, ...EAGER }),
    { filter: db.eventTypeFilter({ prefixes: [kind, "none, at all"] }) },
  );
  const consumer = Consumer.ofAll(group);
  const found = await consumer.take(2);
  written.push(...(await append(fresh(), events(1, kind))));
  found.push(...(await consumer.take(1)));
  assert.deepEqual(ids(found), ids(written));
  const look = () => client.getPersistentSubscriptionToAllInfo(group);
  const position = found[2].position;
  await until(async () => (await look()).stats.lastCheckpointedEventPosition);
  assert.deepEqual((await look()).stats.lastKnownEventPosition, position);
  const all = await client.listPersistentSubscriptionsToAll();
  assert.ok(all.some((one) => one.groupName === group));
  await consumer.leave();
  await client.deletePersistentSubscriptionToAll(group);
});

check("a_change_lets_consumers_go_and_keeps_the_place", async () => {
  const { stream, group, written } = await made(2, EAGER);
  const consumer = Consumer.of(stream, group);
  await consumer.take(2);
  await done(stream, group, 1n);
  const dropped = fails(() => consumer.next(), "persistent-subscription-dropped");
  await client.updatePersistentSubscriptionToStream(
    stream,
    group,
    toStream({ startFrom: START, maxRetryCount: 3 }),
  );
  await dropped;
  assert.equal((await info(stream, group)).settings.maxRetryCount, 3);
  written.push(...(await append(stream, events(1))));
  const other = Consumer.of(stream, group);
  assert.deepEqual(ids(await other.take(1)), ids(written.slice(2)));
  await other.leave();
});

check("groups_are_listed", async () => {
  const { stream, group } = await made(0);
  await create(stream, "another");
  const names = (list) => list.map((one) => one.groupName).sort();
  assert.deepEqual(names(await client.listPersistentSubscriptionsToStream(stream)), [
    "another",
    group,
  ]);
  const all = await client.listAllPersistentSubscriptions();
  assert.equal(all.filter((one) => one.eventSource === stream).length, 2);
});

check("a_group_tells_of_itself", async () => {
  const settings = toStream({
    startFrom: START,
    extraStatistics: true,
    messageTimeout: 12_000,
    maxRetryCount: 4,
    checkPointAfter: 5_000,
    checkPointLowerBound: 3,
    checkPointUpperBound: 30,
    maxSubscriberCount: 6,
    liveBufferSize: 70,
    readBatchSize: 8,
    historyBufferSize: 90,
    consumerStrategyName: db.PINNED_BY_CORRELATION ?? db.PINNED,
  });
  const { stream, group } = await made(5, settings);
  const consumer = Consumer.of(stream, group, { bufferSize: 3 });
  await consumer.take(1);
  const told = await until(async () => {
    const now = await info(stream, group);
    return now.stats.totalItems === 4n && now.status === "Live" ? now : undefined;
  });
  assert.deepEqual(told.settings, settings);
  assert.equal(told.stats.totalInFlightMessages, 3);
  assert.equal(told.stats.lastKnownEventRevision, 4n);
  const [connection] = told.connections;
  assert.equal(connection.availableSlots, 0);
  assert.ok(connection.extraStatistics.has("quintile 3"));
  await consumer.leave();
});

check("groups_start_again", async () => {
  const { stream, group, written } = await made(3, EAGER);
  const consumer = Consumer.of(stream, group, { bufferSize: 1 });
  await consumer.take(1);
  await consumer.next();
  const dropped = fails(() => consumer.next(), "persistent-subscription-dropped");
  await client.restartPersistentSubscriptionSubsystem();
  await dropped;
  const other = Consumer.of(stream, group);
  assert.deepEqual(ids(await other.take(2)), ids(written.slice(1)));
  await other.leave();
});

check("nothing_is_lost_across_a_kill", async () => {
  const { stream, group, written } = await made(6, EAGER);
  const consumer = Consumer.of(stream, group);
  await consumer.take(3);
  await done(stream, group, 2n);
  await consumer.take(2, false);
  say({ ask: "kill" });
  let ended = false;
  while (!ended) ended = await consumer.next().then(() => false, () => true);
  await until(() => info(stream, group).catch(() => undefined));
  const other = Consumer.of(stream, group);
  assert.deepEqual(ids(await other.take(3)), ids(written.slice(3)));
  await other.leave();
});

check("what_is_done_stays_done_across_a_stop", async () => {
  const { stream, group, written } = await made(6);
  const consumer = Consumer.of(stream, group);
  await consumer.take(4);
  await until(async () => (await info(stream, group)).stats.totalInFlightMessages === 2);
  say({ ask: "stop" });
  let ended = false;
  while (!ended) ended = await consumer.next().then(() => false, () => true);
  await until(() => info(stream, group).catch(() => undefined));
  const other = Consumer.of(stream, group);
  assert.deepEqual(ids(await other.take(2)), ids(written.slice(4)));
  await other.leave();
});

if (READER !== "-") {
  check("a_reader_consumes_and_changes_nothing", async () => {
    const { stream, group, written } = await made(1);
    const admin = client;
    const reader = Client.connectionString(READER);
    client = reader;
    try {
      await fails(() => create(stream, "x"), "access-denied");
      const consumer = Consumer.of(stream, group);
      assert.deepEqual(ids(await consumer.take(1)), ids(written));
      await consumer.leave();
    } finally {
      client = admin;
      await reader.dispose();
    }
  });
}

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
