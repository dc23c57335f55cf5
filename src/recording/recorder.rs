//! The recorder: one thread that seals and spools what all calls give, and one that stores.
//!
//! In: pieces from taps, several times a second a sync. Out: whole recordings for the thread that
//! stores them, and what became of each as [`News`].

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::seal::{Sealer, Sound};
use super::spool::{Spool, SpoolError};
use super::storing::{Job, Storing};
use super::tap::{Piece, RecordingTap, silence};
use super::{Coding, Header, RecordingKey, RecordingMetrics, Store};
use crate::base::{CallId, Clock, LegId, Millis, RecordingId, SubjectId, Timestamp};
use crate::event::{RecordingDeleted, RecordingDeletion, RecordingFailed, RecordingStored};

/// From one sync to the next. With a piece of 100 ms and what media hold back, a crash costs less
/// than a second.
const SYNC_EVERY: Millis = Millis(400);
/// How often a disk that took nothing is tried again.
const PROBE_EVERY: Millis = Millis(5_000);

/// The recorder cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Its spool cannot be opened.
    #[error("record calls: {0}")]
    Spool(#[from] SpoolError),
    /// There is no thread to be had.
    #[error("record calls: start a thread: {0}")]
    Thread(io::Error),
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// The customer's leg.
    pub leg_id: LegId,
    /// Whose key seals it.
    pub subject_id: SubjectId,
    /// How sound is kept.
    pub coding: Coding,
}

/// What became of a recording, to be written down as a fact.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It is safe. The spool keeps it until [`Recorder::recorded`].
    Stored(RecordingStored),
    /// It could not go on.
    Failed(RecordingFailed),
    /// It is gone.
    Deleted(RecordingDeleted),
}

/// A recording to be removed from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// Where it lies, as its fact says.
    pub location: String,
    /// Why.
    pub reason: RecordingDeletion,
    /// Who asked for it.
    pub by: Option<String>,
}

/// Where the spool is, and how much may wait in it.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// The spool's folder.
    pub spool: PathBuf,
    /// Units: bytes.
    pub spool_max: u64,
}

/// What an earlier process left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Recordings of which [`News`] will follow.
    pub kept: BTreeSet<RecordingId>,
    /// Recordings that were cut off and now have an end.
    pub cut: u64,
    /// Recordings that wait to be stored, those included.
    pub waiting: u64,
    /// Bytes of an unfinished write, left out.
    pub torn_bytes: u64,
}

/// What the recorder's thread is told.
pub(super) enum Command {
    Begin { recording: Recording, key: RecordingKey },
    Piece { id: RecordingId, piece: Piece },
    End { id: RecordingId, dropped_ms: u32 },
    Recorded { id: RecordingId },
    Remove(Removal),
    Stop,
}

/// Records. Dropping it puts what came so far on the disk.
#[derive(Debug)]
pub struct Recorder {
    to: Sender<Command>,
    metrics: Arc<RecordingMetrics>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Recorder {
    /// Opens the spool, gives an end to what was cut off, and begins. `is_open` says whether it is
    /// not on record yet what became of a recording; `key` gives the key of one, or nothing where
    /// its subject was erased.
    ///
    /// # Errors
    /// [`RecorderError`].
    pub fn open(
        options: &RecorderOptions,
        store: Store,
        clock: Arc<dyn Clock>,
        is_open: impl Fn(RecordingId) -> bool,
        key: impl Fn(&Header) -> Option<RecordingKey>,
        news: UnboundedSender<News>,
    ) -> Result<(Self, Found), RecorderError> {
        let mut spool = Spool::open(&options.spool, options.spool_max)?;
        let metrics = Arc::new(RecordingMetrics::default());
        let (jobs, queue) = channel();
        let mut found = Found { torn_bytes: spool.torn_bytes(), ..Found::default() };
        let mut whole = Vec::new();
        let left: Vec<_> = spool.recordings().cloned().collect();
        for spooled in left {
            let header = spooled.header;
            let id = header.recording_id;
            if !is_open(id) {
                spool.done(id);
                continue;
            }
            found.kept.insert(id);
            let Some(key) = key(&header) else {
                spool.done(id);
                // Whoever would listen is gone where this fails.
                drop(news.send(News::Deleted(erased(&header))));
                continue;
            };
            if !spooled.is_ended {
                found.cut += 1;
                let end = Sealer::new(&key, &header).seal_cut(spooled.chunks);
                end.iter().for_each(|end| spool.chunk(id, end));
            }
            whole.push((id, key));
        }
        found.waiting = whole.len() as u64;
        spool.sync()?;
        for (id, key) in whole {
            send_to_store(&spool, &metrics, &jobs, id, key);
        }
        let (to, commands) = channel();
        let storing = Storing::new(store, clock.clone(), metrics.clone(), news.clone());
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        // Not waited for: a store that does not answer must not keep a platform from its end.
        drop(
            spawn("recording-store")
                .spawn(move || storing.run(&queue))
                .map_err(RecorderError::Thread)?,
        );
        let now = clock.now();
        let worker = Worker {
            spool,
            clock,
            jobs,
            news,
            metrics: metrics.clone(),
            open: BTreeMap::new(),
            undone: BTreeSet::new(),
            cut: Vec::new(),
            due: now.plus(SYNC_EVERY),
            probe_due: now,
            why: "disk_full",
        };
        let thread = spawn("recorder").spawn(move || worker.run(&commands));
        let thread = Some(thread.map_err(RecorderError::Thread)?);
        Ok((Self { to, metrics, thread }, found))
    }

    /// What a leg's media is to give its sound to.
    pub fn tap(&self, recording: Recording, key: RecordingKey) -> RecordingTap {
        RecordingTap::new(recording, key, self.to.clone(), self.metrics.clone())
    }

    /// The fact that a recording is stored is durable: the spool needs it no more.
    pub fn recorded(&self, id: RecordingId) {
        self.tell(Command::Recorded { id });
    }

    /// Removes a recording from the store; [`News::Deleted`] follows once it is gone.
    pub fn remove(&self, removal: Removal) {
        self.metrics.removing.fetch_add(1, Relaxed);
        self.tell(Command::Remove(removal));
    }

    /// Its figures.
    pub fn metrics(&self) -> Arc<RecordingMetrics> {
        self.metrics.clone()
    }

    /// Whether the disk took nothing last time.
    pub fn is_broken(&self) -> bool {
        self.metrics.is_broken.load(Relaxed)
    }

    /// Whether nothing is recorded and nothing waits to be stored or deleted.
    pub fn is_idle(&self) -> bool {
        let RecordingMetrics { open, waiting, removing, .. } = &*self.metrics;
        [open, waiting, removing].iter().all(|count| count.load(Relaxed) == 0)
    }

    fn tell(&self, command: Command) {
        // A thread that is gone needs nothing told.
        drop(self.to.send(command));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // One that ended badly has said so.
            drop(thread.join());
        }
    }
}

/// A recording that goes on.
struct Open {
    recording: Recording,
    key: RecordingKey,
    /// Known with its first sound.
    sealer: Option<(Sealer, Header)>,
    sound: Sound,
    next: u32,
    is_ended: bool,
}

struct Worker {
    spool: Spool,
    clock: Arc<dyn Clock>,
    jobs: Sender<Job>,
    news: UnboundedSender<News>,
    metrics: Arc<RecordingMetrics>,
    open: BTreeMap<RecordingId, Open>,
    /// Stored, and not yet said so in the spool.
    undone: BTreeSet<RecordingId>,
    /// Cut off by the disk; they get an end once it takes something again.
    cut: Vec<(Header, RecordingKey)>,
    due: Timestamp,
    probe_due: Timestamp,
    /// Why it took nothing last time.
    why: &'static str,
}

impl Worker {
    fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let left = Duration::from_millis(self.due.since(self.clock.now()).0);
            match commands.recv_timeout(left) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.clock.now();
            if now >= self.due {
                self.sync(now);
                self.due = now.plus(SYNC_EVERY);
            }
        }
        let now = self.clock.now();
        self.sync(now);
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Begin { recording, key } => {
                let (sealer, sound, next, is_ended) = (None, Sound::default(), 0, false);
                let open = Open { recording, key, sealer, sound, next, is_ended };
                self.open.insert(recording.recording_id, open);
            }
            Command::Piece { id, piece } => {
                self.metrics.underway.fetch_sub(1, Relaxed);
                if let Some(open) = self.open.get_mut(&id) {
                    open.take(piece, &mut self.spool);
                }
            }
            Command::End { id, dropped_ms } => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.drop_sound(dropped_ms);
                    open.is_ended = true;
                }
            }
            Command::Recorded { id } => {
                self.undone.insert(id);
            }
            Command::Remove(removal) => drop(self.jobs.send(Job::Remove(removal))),
            Command::Stop => {}
        }
    }

    /// Seals and spools what came since the last time.
    fn sync(&mut self, now: Timestamp) {
        if self.metrics.is_broken.load(Relaxed) && !self.is_mended(now) {
            self.give_up(self.why);
            return;
        }
        let mut millis = 0;
        for (id, open) in &mut self.open {
            millis += open.put_chunk(*id, &mut self.spool);
        }
        for id in &self.undone {
            self.spool.done(*id);
        }
        match self.spool.sync() {
            Ok(()) => {
                self.undone.clear();
                self.metrics.spooled_ms.fetch_add(millis, Relaxed);
                self.pass_on_ended();
            }
            Err(error) => {
                tracing::error!(%error, "recordings stop");
                self.metrics.is_broken.store(true, Relaxed);
                self.probe_due = now.plus(PROBE_EVERY);
                self.why = error.reason();
                self.give_up(self.why);
            }
        }
    }

    /// Tries a disk that took nothing. Whether it does now.
    fn is_mended(&mut self, now: Timestamp) -> bool {
        if now < self.probe_due {
            return false;
        }
        self.probe_due = now.plus(PROBE_EVERY);
        for id in &self.undone {
            self.spool.done(*id);
        }
        if self.spool.sync().is_err() || self.spool.probe().is_err() {
            return false;
        }
        self.undone.clear();
        let cut = std::mem::take(&mut self.cut);
        for (header, key) in &cut {
            let id = header.recording_id;
            let chunks = self.spool.recording(id).map(|spooled| spooled.chunks);
            let end = chunks.and_then(|chunks| Sealer::new(key, header).seal_cut(chunks));
            end.iter().for_each(|end| self.spool.chunk(id, end));
        }
        if let Err(error) = self.spool.sync() {
            tracing::error!(%error, "recordings stay cut");
            self.cut = cut;
            return false;
        }
        for (header, key) in cut {
            send_to_store(&self.spool, &self.metrics, &self.jobs, header.recording_id, key);
        }
        self.metrics.is_broken.store(false, Relaxed);
        tracing::info!("recordings go on");
        true
    }

    /// Ends every recording that goes on: the disk takes nothing.
    fn give_up(&mut self, reason: &'static str) {
        for (id, open) in std::mem::take(&mut self.open) {
            self.fail(&open.recording, reason);
            self.metrics.open.fetch_sub(1, Relaxed);
            if let Some((_, header)) = open.sealer
                && self.spool.recording(id).is_some()
            {
                self.cut.push((header, open.key));
            }
        }
    }

    fn fail(&self, recording: &Recording, reason: &'static str) {
        self.metrics.failed.fetch_add(1, Relaxed);
        let Recording { call_id, leg_id, recording_id, .. } = *recording;
        let fact = RecordingFailed { call_id, leg_id, recording_id, reason: reason.to_owned() };
        drop(self.news.send(News::Failed(fact)));
    }

    /// Those that ended and are whole in the spool go on to the store.
    fn pass_on_ended(&mut self) {
        let ended: Vec<_> =
            self.open.iter().filter(|(_, open)| open.is_ended).map(|(id, _)| *id).collect();
        for id in ended {
            let Some(open) = self.open.remove(&id) else { continue };
            if open.sealer.is_some() {
                send_to_store(&self.spool, &self.metrics, &self.jobs, id, open.key);
            } else {
                self.fail(&open.recording, "nothing_kept");
            }
            // After what waits was counted, so that it never seems idle between the two.
            self.metrics.open.fetch_sub(1, Relaxed);
        }
    }
}

impl Open {
    fn take(&mut self, piece: Piece, spool: &mut Spool) {
        if self.sealer.is_none() {
            let Recording { recording_id, call_id, leg_id, subject_id, coding } = self.recording;
            let started_at = piece.at;
            let header = Header { recording_id, call_id, leg_id, subject_id, started_at, coding };
            spool.begin(&header);
            self.sealer = Some((Sealer::new(&self.key, &header), header));
        }
        self.drop_sound(piece.dropped_ms);
        self.sound.audio.extend(piece.audio);
    }

    fn drop_sound(&mut self, millis: u32) {
        self.sound.dropped_ms += millis;
        self.sound.audio.extend(silence(self.recording.coding, millis));
    }

    /// Gives the spool what there is. How long it is, in ms.
    fn put_chunk(&mut self, id: RecordingId, spool: &mut Spool) -> u64 {
        let Some((sealer, _)) = &self.sealer else { return 0 };
        if self.sound.audio.is_empty() && !self.is_ended {
            return 0;
        }
        let sound = std::mem::take(&mut self.sound);
        let Some(chunk) = sealer.seal(self.next, &sound, self.is_ended) else { return 0 };
        self.next += 1;
        spool.chunk(id, &chunk);
        chunk.millis()
    }
}

/// Gives a whole recording to the thread that stores.
fn send_to_store(
    spool: &Spool,
    metrics: &RecordingMetrics,
    jobs: &Sender<Job>,
    id: RecordingId,
    key: RecordingKey,
) {
    if let Some(spooled) = spool.recording(id) {
        metrics.waiting.fetch_add(1, Relaxed);
        drop(jobs.send(Job::Store { spooled: spooled.clone(), key }));
    }
}

/// The fact that a recording of somebody erased is gone.
fn erased(header: &Header) -> RecordingDeleted {
    let Header { call_id, recording_id, .. } = *header;
    RecordingDeleted { call_id, recording_id, reason: RecordingDeletion::Erasure, by: None }
}
