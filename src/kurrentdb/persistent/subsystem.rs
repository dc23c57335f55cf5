//! All groups of a server: made, changed, deleted, found again at the next start.
//!
//! Invariants: a change is durable before it is confirmed and before it takes effect; changes
//! are made one after the other, and whole, even if who asked has gone. A group that is deleted
//! loses its checkpoint before its name, so that one of the same name never starts in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, mpsc, oneshot};

use super::config::{ALL, Config, Entry, key};
use super::consumers::{About, ConsumerId};
use super::records::{self, Names};
use super::refusal::Refusal;
use super::runner::{self, Command, Delivery, Tools};
use super::settings::StartFrom;
use super::source::Source;
use super::statistics::Statistics;
use crate::base::Clock;
use crate::event::StreamName;
use crate::event_log::EventLog;
use crate::kurrentdb::server::pulse::Pulse;

/// A running group.
struct Running {
    entry: Entry,
    commands: mpsc::Sender<Command>,
}

#[derive(Default)]
struct State {
    config: Config,
    /// By their keys.
    running: BTreeMap<String, Running>,
    is_ready: bool,
}

struct Shared {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    state: Mutex<State>,
    consumers: AtomicU64,
}

/// The persistent subscriptions of a served log.
#[derive(Clone)]
pub(in crate::kurrentdb) struct Subsystem(Arc<Shared>);

/// A consumer's place in a group.
pub(super) struct Seat {
    pub(super) id: ConsumerId,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) deliveries: mpsc::Receiver<Delivery>,
}

/// Whether a group is to be made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Create,
    Update,
}

impl Subsystem {
    /// Reads which groups there are, and starts them. Where they cannot be read, every call is
    /// answered so until [`Self::restart`].
    pub(in crate::kurrentdb) async fn start(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { log, clock, pulse, state, consumers: AtomicU64::new(0) });
        let mut state = shared.state.lock().await;
        shared.load(&mut state).await;
        drop(state);
        Self(shared)
    }

    /// Ends all groups, each with a checkpoint of what is done.
    pub(in crate::kurrentdb) async fn stop(&self) {
        let mut state = self.0.state.lock().await;
        state.is_ready = false;
        stop_all(&mut state).await;
    }

    /// Ends all groups and starts them again.
    pub(super) async fn restart(&self) -> Result<(), Refusal> {
        self.whole(|shared| async move {
            let mut state = shared.state.lock().await;
            stop_all(&mut state).await;
            shared.load(&mut state).await;
            if state.is_ready { Ok(()) } else { Err(Refusal::NotReady) }
        })
        .await
    }

    /// Makes or changes a group.
    pub(super) async fn change(
        &self,
        entry: Entry,
        change: Change,
        by: String,
    ) -> Result<(), Refusal> {
        self.whole(move |shared| async move {
            let mut state = shared.ready().await?;
            shared.change(&mut state, entry, change, by).await
        })
        .await
    }

    /// Deletes a group.
    pub(super) async fn delete(
        &self,
        stream: String,
        group: String,
        by: String,
    ) -> Result<(), Refusal> {
        self.whole(move |shared| async move {
            let mut state = shared.ready().await?;
            shared.delete(&mut state, &stream, &group, by).await
        })
        .await
    }

    /// Gives parked events of a group again.
    pub(super) async fn replay_parked(
        &self,
        stream: &str,
        group: &str,
        stop_at: Option<u64>,
    ) -> Result<(), Refusal> {
        let (commands, _) = self.find(stream, group).await?;
        let sent = commands.send(Command::Replay(stop_at)).await;
        sent.map_err(|_| dropped(stream, group))
    }

    /// A place for a consumer in a group.
    pub(super) async fn connect(
        &self,
        stream: &str,
        group: &str,
        about: About,
    ) -> Result<Seat, Refusal> {
        let (commands, _) = self.find(stream, group).await?;
        let id = ConsumerId(self.0.consumers.fetch_add(1, Ordering::Relaxed));
        // Room for what it asked for, and as much again for what it is given again meanwhile.
        let (sender, deliveries) = mpsc::channel(about.capacity.saturating_mul(2).min(1 << 20));
        let (reply, answer) = oneshot::channel();
        let command = Command::Connect { id, about, deliveries: sender, reply };
        commands.send(command).await.map_err(|_| dropped(stream, group))?;
        match answer.await {
            Ok(true) => Ok(Seat { id, commands, deliveries }),
            Ok(false) => Err(Refusal::Full { stream: stream.to_owned(), group: group.to_owned() }),
            Err(_) => Err(dropped(stream, group)),
        }
    }

    /// What there is to tell of one group.
    pub(super) async fn info(
        &self,
        stream: &str,
        group: &str,
    ) -> Result<(Entry, Statistics), Refusal> {
        let (commands, entry) = self.find(stream, group).await?;
        self.measure(entry, &commands).await.ok_or_else(|| dropped(stream, group))
    }

    /// What there is to tell of all groups, or of those of one stream.
    pub(super) async fn list(
        &self,
        stream: Option<&str>,
    ) -> Result<Vec<(Entry, Statistics)>, Refusal> {
        let found: Vec<_> = {
            let state = self.0.ready().await?;
            let of_stream =
                |running: &&Running| stream.is_none_or(|stream| running.entry.stream == stream);
            let running = state.running.values().filter(of_stream);
            running.map(|running| (running.entry.clone(), running.commands.clone())).collect()
        };
        if found.is_empty()
            && let Some(stream) = stream
        {
            return Err(does_not_exist(stream, ""));
        }
        let mut told = Vec::with_capacity(found.len());
        for (entry, commands) in found {
            // One that is deleted in the meantime is not there.
            told.extend(self.measure(entry, &commands).await);
        }
        Ok(told)
    }

    async fn measure(
        &self,
        entry: Entry,
        commands: &mpsc::Sender<Command>,
    ) -> Option<(Entry, Statistics)> {
        let (reply, answer) = oneshot::channel();
        commands.send(Command::Measure(reply)).await.ok()?;
        let mut statistics = answer.await.ok()?;
        if !statistics.is_live {
            // A group that is behind knows only what it has read.
            let end = self.0.end(&entry).await;
            statistics.last_known =
                statistics.last_known.max(end.and_then(|end| end.checked_sub(1)));
        }
        Some((entry, statistics))
    }

    async fn find(
        &self,
        stream: &str,
        group: &str,
    ) -> Result<(mpsc::Sender<Command>, Entry), Refusal> {
        let state = self.0.ready().await?;
        let running = state.running.get(&key(stream, group));
        let running = running.filter(|running| running.entry.stream == stream);
        match running {
            Some(running) => Ok((running.commands.clone(), running.entry.clone())),
            None => Err(does_not_exist(stream, group)),
        }
    }

    /// Does something to its end, whether or not who asked is still there.
    async fn whole<F>(&self, work: impl FnOnce(Arc<Shared>) -> F) -> Result<(), Refusal>
    where
        F: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        match tokio::spawn(work(self.0.clone())).await {
            Ok(result) => result,
            Err(error) => {
                assert!(!error.is_panic(), "a change of a persistent subscription does not panic");
                Err(Refusal::NotReady)
            }
        }
    }
}

impl Shared {
    async fn ready(&self) -> Result<tokio::sync::MutexGuard<'_, State>, Refusal> {
        let state = self.state.lock().await;
        if state.is_ready { Ok(state) } else { Err(Refusal::NotReady) }
    }

    async fn load(&self, state: &mut State) {
        match records::read_config(&*self.log).await {
            Ok(config) => {
                for entry in &config.entries {
                    match self.run(entry).await {
                        Ok(running) => {
                            state.running.insert(entry.key(), running);
                        }
                        // It stays in the configuration, for a server that knows it.
                        Err(error) => {
                            tracing::error!(%error, "a persistent subscription is left out")
                        }
                    }
                }
                state.config = config;
                state.is_ready = true;
            }
            Err(error) => {
                state.is_ready = false;
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "persistent subscriptions are not started");
            }
        }
    }

    /// Starts a group.
    async fn run(&self, entry: &Entry) -> Result<Running, Refusal> {
        let (stream, group) = (entry.stream.as_str(), entry.group.as_str());
        let keep = |error| Refusal::keep(stream, group, &error);
        let settings = entry.settings().map_err(|e| Refusal::settings(stream, group, &e))?;
        let tools = Tools {
            log: self.log.clone(),
            clock: self.clock.clone(),
            source: source(entry)?,
            names: Names::of(&entry.key()).map_err(keep)?,
            settings,
        };
        let commands = runner::start(tools, entry.first_place, self.pulse.watch()).await;
        Ok(Running { entry: entry.clone(), commands: commands.map_err(keep)? })
    }

    async fn change(
        &self,
        state: &mut State,
        mut entry: Entry,
        change: Change,
        by: String,
    ) -> Result<(), Refusal> {
        let (stream, group) = (entry.stream.clone(), entry.group.clone());
        let key = entry.key();
        let keep = |error| Refusal::keep(&stream, &group, &error);
        let old = state.running.get(&key);
        match (old, change) {
            (Some(old), _) if old.entry.stream != stream => {
                let reason =
                    format!("its name is that of {} on {}", old.entry.group, old.entry.stream);
                return Err(Refusal::failed(&stream, &group, reason));
            }
            (Some(_), Change::Create) => {
                return Err(Refusal::Exists { stream, group });
            }
            (None, Change::Update) => return Err(does_not_exist(&stream, &group)),
            (Some(old), Change::Update) => entry.filter.clone_from(&old.entry.filter),
            (None, Change::Create) => {}
        }
        let settings = entry.settings().map_err(|e| Refusal::settings(&stream, &group, &e))?;
        let source = source(&entry)?;
        let names = Names::of(&key).map_err(keep)?;
        let end = source.end(&*self.log).await.map_err(|error| keep(error.into()))?;
        match settings.start_from {
            StartFrom::End => entry.first_place = Some(end),
            StartFrom::Place(place) if stream == ALL && place > 0 && place >= end => {
                let reason = "Invalid Start From position: commit position must be less than or equal to the last commit position in the transaction file.";
                return Err(Refusal::failed(&stream, &group, reason));
            }
            StartFrom::Place(_) => {}
        }
        if change == Change::Create {
            // What a group of this name left behind, in a crash or from elsewhere.
            records::forget(&*self.log, &names).await.map_err(keep)?;
        }
        let mut config = state.config.clone();
        match config.entries.iter_mut().rfind(|known| known.key() == key) {
            Some(known) => *known = entry.clone(),
            None => config.entries.push(entry.clone()),
        }
        self.save(state, config, by).await.map_err(keep)?;
        if let Some(old) = state.running.remove(&key) {
            stop(&old.commands, true).await;
        }
        let running = self.run(&entry).await?;
        state.running.insert(key, running);
        Ok(())
    }

    async fn delete(
        &self,
        state: &mut State,
        stream: &str,
        group: &str,
        by: String,
    ) -> Result<(), Refusal> {
        let key = key(stream, group);
        let keep = |error| Refusal::keep(stream, group, &error);
        let is_there = state.running.get(&key).is_some_and(|old| old.entry.stream == stream);
        let Some(old) = state.running.remove(&key).filter(|_| is_there) else {
            return Err(does_not_exist(stream, group));
        };
        stop(&old.commands, false).await;
        let forgotten = async {
            records::forget(&*self.log, &Names::of(&key)?).await?;
            let mut config = state.config.clone();
            config.entries.retain(|entry| entry.key() != key);
            self.save(state, config, by).await
        };
        if let Err(error) = forgotten.await {
            // Some of it may be gone: what is left goes on, at worst from its start.
            let running = self.run(&old.entry).await?;
            state.running.insert(key, running);
            return Err(keep(error));
        }
        Ok(())
    }

    async fn save(
        &self,
        state: &mut State,
        mut config: Config,
        by: String,
    ) -> Result<(), records::KeepError> {
        config.updated = self.clock.now().to_string();
        config.updated_by = Some(by);
        records::write_config(&*self.log, &*self.clock, &config).await?;
        state.config = config;
        Ok(())
    }

    async fn end(&self, entry: &Entry) -> Option<u64> {
        let source = source(entry).ok()?;
        source.end(&*self.log).await.ok()
    }
}

/// Where the events of a group come from.
fn source(entry: &Entry) -> Result<Source, Refusal> {
    let (stream, group) = (entry.stream.as_str(), entry.group.as_str());
    if stream == ALL {
        let filter = entry.event_filter().map_err(|e| Refusal::settings(stream, group, &e))?;
        return Ok(Source::All(filter));
    }
    let name = StreamName::new(stream);
    name.map(Source::Stream).map_err(|_| Refusal::failed(stream, group, "Bad stream name."))
}

async fn stop_all(state: &mut State) {
    let running = std::mem::take(&mut state.running);
    futures::future::join_all(running.values().map(|group| stop(&group.commands, true))).await;
}

/// Ends a group, and waits until it writes nothing more.
async fn stop(commands: &mpsc::Sender<Command>, is_kept: bool) {
    let (reply, answer) = oneshot::channel();
    if commands.send(Command::Stop { is_kept, reply }).await.is_ok() {
        // A task that is gone has stopped, too.
        drop(answer.await);
    }
}

fn does_not_exist(stream: &str, group: &str) -> Refusal {
    Refusal::DoesNotExist { stream: stream.to_owned(), group: group.to_owned() }
}

fn dropped(stream: &str, group: &str) -> Refusal {
    Refusal::Dropped { stream: stream.to_owned(), group: group.to_owned() }
}
