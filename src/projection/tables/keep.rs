//! The base tables on disk.
//!
//! In: tables at one position. Out: a Parquet file for each group of rows, and a manifest that
//! names them, below `facts/`; and the same tables again, of which the rows stay on disk until
//! somebody reads or changes them.
//!
//! Invariants: the manifest is replaced last, in one step, so that a kill at any moment leaves
//! the one before with all of its files; a name never has two contents; what is not as it was
//! written counts for nothing: it is named and set aside, and folded and written anew, from the
//! newest earlier day that is whole, else from the log's beginning. One process writes: who holds
//! the lock of the folder. Deliberately absent: anything the log does not have.

mod aside;
mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{Array as _, AsArray as _};
use datafusion::arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use self::aside::{is_earlier, is_ours};
pub use self::check::FactCheck;
use super::known::Known;
use super::{Last, Tables, VERSION};
use crate::base::{AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, MessageId, Timestamp};
use crate::projection::table::{ColdFile, FactTable, FileEntry, GroupState, Piece, replace, write};

/// The format of the manifest.
const FORMAT: u32 = 2;
const MANIFEST: &str = "manifest.json";
/// Earlier manifests that are kept, one a day, for questions as of a moment.
const DAYS: usize = 31;
/// Units: µs.
const DAY: i64 = 86_400_000_000;

/// What is on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// The fold's version and every column; another program's rows are made anew.
    fold: String,
    /// The last position looked at.
    seen: u64,
    /// The last fact, by which a log is known again.
    position: u64,
    event_id: String,
    recorded_at: Timestamp,
    last_at: Timestamp,
    /// What was there lately.
    known: FileEntry,
    tables: BTreeMap<String, Vec<FileEntry>>,
    /// Files of the manifest before, for who is reading them.
    previous: BTreeSet<String>,
}

impl Manifest {
    fn files(&self) -> BTreeSet<String> {
        let files = self.tables.values().flatten().map(|entry| entry.file.clone());
        files.chain([self.known.file.clone()]).collect()
    }
}

/// The head of a manifest, whatever its format.
#[derive(Deserialize)]
struct Made {
    format: u32,
    fold: String,
}

/// Tables on disk, at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The last position looked at.
    pub(crate) seen: u64,
    /// The manifest's name.
    name: String,
}

/// Where base tables are kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
}

/// The name of a group's file.
fn file_name(table: &str, number: usize, group: &GroupState) -> String {
    format!("{table}/{number:06}-{}-{}.parquet", group.rows, group.span.changed.1)
}

/// The name of an earlier day's manifest.
fn earlier(seen: u64) -> String {
    format!("manifest-{seen}.json")
}

/// What the fold of this program makes: another one's rows are no use.
fn fold_name() -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&VERSION.to_le_bytes());
    for table in Tables::default().all() {
        hasher.update(table.name().as_bytes());
        for field in table.schema().fields() {
            hasher.update(format!("{}:{}:", field.name(), field.data_type()).as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

impl Kept {
    /// Below a data folder.
    pub(crate) fn below(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("facts") }
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn manifest(&self) -> Option<Manifest> {
        self.manifest_of(MANIFEST)
    }

    /// A manifest of this program. One that is no manifest at all is set aside.
    fn manifest_of(&self, name: &str) -> Option<Manifest> {
        let text = std::fs::read(self.folder.join(name)).ok()?;
        let made: Result<Made, _> = serde_json::from_slice(&text);
        match made {
            Ok(made) if made.format != FORMAT || made.fold != fold_name() => return None,
            Ok(_) => {}
            Err(error) => {
                self.set_aside(name, &format!("it is no manifest: {error}"));
                return None;
            }
        }
        let manifest = serde_json::from_slice(&text);
        if let Err(error) = &manifest {
            self.set_aside(name, &format!("it is no manifest: {error}"));
        }
        manifest.ok()
    }

    /// Whether a file is there as long as a manifest says.
    fn is_there(&self, entry: &FileEntry) -> bool {
        let there = std::fs::metadata(self.folder.join(&entry.file));
        there.is_ok_and(|there| there.len() == entry.bytes)
    }

    /// Puts tables on disk; `known` belongs to them. Gives the files of each table.
    ///
    /// # Errors
    /// Where the disk fails or is full: then the manifest before still counts.
    pub(crate) fn save(&self, tables: &Tables) -> io::Result<BTreeMap<String, Vec<FileEntry>>> {
        let (Some(seen), Some(last)) = (tables.seen, &tables.last) else {
            return Ok(BTreeMap::new());
        };
        // Files of another log may have the names of ours.
        let is_ours =
            |before: &Manifest| tables.event_id(before.position) == Some(before.event_id.as_str());
        let before = self.manifest().filter(is_ours);
        let stored = before.iter().flat_map(|before| before.tables.values().flatten());
        let stored: BTreeMap<&str, &FileEntry> = stored
            .filter(|entry| self.is_there(entry))
            .map(|entry| (entry.file.as_str(), entry))
            .collect();
        let mut files = BTreeMap::new();
        for table in tables.all() {
            let mut entries = Vec::new();
            for (number, group) in table.groups().into_iter().enumerate() {
                let name = file_name(table.name(), number, &group);
                entries.push(match (stored.get(name.as_str()), group.pieces.first()) {
                    (_, Some(Piece::Cold(file))) => file.entry().clone(),
                    (Some(entry), _) => (*entry).clone(),
                    (None, _) => write(&self.folder, name, group.span, &hot(&group.pieces)?)?,
                });
            }
            files.insert(table.name().to_owned(), entries);
        }
        let known = tables.known.encode();
        let name = format!("known-{seen}.bin");
        replace(&self.folder.join(&name), &known)?;
        let manifest = Manifest {
            format: FORMAT,
            fold: fold_name(),
            seen,
            position: last.position,
            event_id: last.event_id.clone(),
            recorded_at: last.recorded_at,
            last_at: tables.last_at,
            known: FileEntry {
                file: name,
                rows: 0,
                bytes: known.len() as u64,
                blake3: blake3::hash(&known).to_hex().to_string(),
                span: crate::projection::table::Span::ALL,
            },
            tables: files.clone(),
            previous: before.iter().flat_map(Manifest::files).collect(),
        };
        let day = |manifest: &Manifest| manifest.last_at.as_micros().div_euclid(DAY);
        if let Some(before) = before.filter(|before| day(before) < day(&manifest)) {
            let text = serde_json::to_vec_pretty(&before).map_err(io::Error::other)?;
            replace(&self.folder.join(earlier(before.seen)), &text)?;
        }
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        replace(&self.folder.join(MANIFEST), &text)?;
        self.remove_strays(&manifest);
        Ok(files)
    }

    /// Manifests of earlier days by position, the last one at the end.
    fn earlier(&self) -> Vec<(u64, String)> {
        let names = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut found: Vec<_> = names.filter_map(|name| Some((is_earlier(&name)?, name))).collect();
        found.sort();
        found
    }

    /// What cannot be removed now is removed next time.
    fn remove_strays(&self, manifest: &Manifest) {
        let mut named = manifest.files();
        named.extend(manifest.previous.iter().cloned());
        let mut earlier = self.earlier();
        for (_, name) in earlier.drain(..earlier.len().saturating_sub(DAYS)) {
            drop(std::fs::remove_file(self.folder.join(name)));
        }
        for (_, name) in earlier {
            named.extend(self.manifest_of(&name).iter().flat_map(Manifest::files));
        }
        let is_named = |name: &str| named.contains(name);
        let folders = manifest.tables.keys().map(|table| format!("{table}/"));
        for below in folders.chain([String::new()]) {
            let Ok(entries) = std::fs::read_dir(self.folder.join(&below)) else { continue };
            for entry in entries.flatten() {
                let name = format!("{below}{}", entry.file_name().to_string_lossy());
                if is_named(&name) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                    continue;
                }
                if is_ours(&name) {
                    drop(std::fs::remove_file(entry.path()));
                } else if !name.starts_with("manifest") {
                    self.set_aside(&name, "it is none of ours");
                }
            }
        }
    }

    /// Where a fold up to a position may go on from, the nearest first: what was put on disk last,
    /// and the last of each earlier day, whose files stay for weeks.
    pub(crate) fn checkpoints(&self, position: u64) -> Vec<Checkpoint> {
        let last = self.manifest().map(|manifest| (manifest.seen, MANIFEST.to_owned()));
        let known = last.into_iter().chain(self.earlier().into_iter().rev());
        let known = known.filter(|(seen, _)| *seen <= position);
        known.map(|(seen, name)| Checkpoint { seen, name }).collect()
    }

    /// The newest tables on disk; nothing where there are none.
    #[cfg(test)]
    pub(crate) fn load(&self) -> Option<Tables> {
        let mut checkpoints = self.checkpoints(u64::MAX).into_iter();
        checkpoints.find_map(|checkpoint| self.load_at(&checkpoint))
    }

    /// The tables of a checkpoint; nothing where they are not whole. What is damaged is named and
    /// set aside, so that it is written anew.
    pub(crate) fn load_at(&self, checkpoint: &Checkpoint) -> Option<Tables> {
        let manifest = self.manifest_of(&checkpoint.name)?;
        let damaged = self.damaged(&manifest);
        if damaged.is_empty() {
            let tables = self.tables(&manifest);
            if tables.is_none() {
                self.set_aside(&checkpoint.name, "its files do not go together");
            }
            return tables;
        }
        for file in damaged {
            self.set_aside(&file, "it is not as it was written");
        }
        if checkpoint.name != MANIFEST {
            self.set_aside(&checkpoint.name, "files that it names are damaged");
        }
        None
    }

    /// Sets a checkpoint aside that was made from another log. Its files go when the next one is
    /// written.
    pub(crate) fn disown(&self, checkpoint: &Checkpoint) {
        self.set_aside(&checkpoint.name, "it was made from another log");
    }

    /// Files that a manifest names and that are not there as they were written.
    fn damaged(&self, manifest: &Manifest) -> Vec<String> {
        let entries = manifest.tables.values().flatten().chain([&manifest.known]);
        let is_damaged =
            |entry: &&FileEntry| !ColdFile::new(&self.folder, (*entry).clone()).is_whole();
        entries.filter(is_damaged).map(|entry| entry.file.clone()).collect()
    }

    fn tables(&self, manifest: &Manifest) -> Option<Tables> {
        let known = std::fs::read(self.folder.join(&manifest.known.file)).ok()?;
        let mut tables = Tables {
            seen: Some(manifest.seen),
            last: Some(Last {
                position: manifest.position,
                event_id: manifest.event_id.clone(),
                recorded_at: manifest.recorded_at,
            }),
            last_at: manifest.last_at,
            known: Known::decode(&known).ok()?,
            ..Tables::default()
        };
        for table in tables.all_mut() {
            let entries = manifest.tables.get(table.name())?;
            let cold = |entry: &FileEntry| ColdFile::new(&self.folder, entry.clone());
            table.adopt(entries.iter().map(cold).collect());
        }
        tables.find_places()?;
        Some(tables)
    }
}

/// The rows of a group in memory.
fn hot(pieces: &[Piece]) -> io::Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for piece in pieces {
        if let Piece::Hot(rows) = piece {
            batches.push(rows.batch().map_err(io::Error::other)?);
        }
    }
    Ok(batches)
}

impl Tables {
    /// The rows as they are now, with what is to be put on disk beside them.
    pub(crate) fn frozen_whole(&self) -> Self {
        Self { known: self.known.clone(), ..self.frozen() }
    }

    /// Lets go of rows that are on disk and that no event since a position has changed. Only
    /// groups that will not grow.
    pub(crate) fn let_go(
        &mut self,
        kept: &Kept,
        files: &BTreeMap<String, Vec<FileEntry>>,
        before: u64,
    ) {
        for table in self.all_mut() {
            let groups = table.groups();
            let Some(entries) = files.get(table.name()) else { continue };
            for (number, (group, entry)) in groups.iter().zip(entries).enumerate() {
                if group.is_full && entry.span.changed.1 < super::int(before) {
                    table.freeze(number, &ColdFile::new(&kept.folder, entry.clone()));
                }
            }
        }
    }

    /// Puts rows on disk that no event since a position has changed, and lets go of them. Only
    /// groups that will not grow. No manifest names their files yet.
    ///
    /// # Errors
    /// Where the disk fails or is full: then the rows stay in memory.
    pub(crate) fn rest(&mut self, kept: &Kept, before: u64) -> io::Result<()> {
        for table in self.all_mut() {
            for (number, group) in table.groups().into_iter().enumerate() {
                let is_hot = matches!(group.pieces.first(), Some(Piece::Hot(_)));
                if is_hot && group.is_full && group.span.changed.1 < super::int(before) {
                    let name = file_name(table.name(), number, &group);
                    let entry = write(&kept.folder, name, group.span, &hot(&group.pieces)?)?;
                    table.freeze(number, &ColdFile::new(&kept.folder, entry));
                }
            }
        }
        Ok(())
    }

    /// Where the row of each thing is, read from the keys.
    fn find_places(&mut self) -> Option<()> {
        let mut places = super::Places::default();
        each(&self.campaigns, &["campaign_id"], |place, key| {
            places.campaigns.insert(CampaignId::new(key.first()?.as_deref()?).ok()?, place);
            Some(())
        })?;
        each(&self.leads, &["lead_id"], |place, key| {
            places.leads.insert(LeadId(id(key.first()?)?), place);
            Some(())
        })?;
        each(&self.attempts, &["call_id", "lead_id"], |place, key| {
            let call_id = CallId(id(key.first()?)?);
            places.attempts.insert(call_id, place);
            places.call_leads.insert(call_id, LeadId(id(key.get(1)?)?));
            Some(())
        })?;
        each(&self.legs, &["leg_id"], |place, key| {
            places.legs.insert(LegId(id(key.first()?)?), place);
            Some(())
        })?;
        each(&self.agents, &["agent_id"], |place, key| {
            places.agents.insert(AgentId::new(key.first()?.as_deref()?).ok()?, place);
            Some(())
        })?;
        each(&self.carriers, &["carrier_id"], |place, key| {
            places.carriers.insert(CarrierId::new(key.first()?.as_deref()?).ok()?, place);
            Some(())
        })?;
        each(&self.calls, &["call_id"], |place, key| {
            places.calls.insert(CallId(id(key.first()?)?), place);
            Some(())
        })?;
        each(&self.messages, &["message_id"], |place, key| {
            places.messages.insert(MessageId(id(key.first()?)?), place);
            Some(())
        })?;
        // An agent whose last interval ended has left.
        let agents = &self.agents;
        let is_here = |place: &usize| agents.get(*place).is_some_and(|it| it.until_at.is_none());
        places.agents.retain(|_, place| is_here(place));
        for (agent_id, place) in &places.agents {
            let Some(interval) = agents.get(*place) else { continue };
            if let ("wrap_up", Some(call_id)) = (interval.state, &interval.call_id) {
                let call = (CallId(call_id.parse().ok()?), interval.from_at);
                places.wrap_ups.insert(agent_id.clone(), call);
            }
        }
        self.places = places;
        Some(())
    }
}

fn id(text: &Option<String>) -> Option<uuid::Uuid> {
    text.as_deref()?.parse().ok()
}

/// Shows some columns of text of each row, with its place.
fn each(
    table: &dyn FactTable,
    columns: &[&str],
    mut show: impl FnMut(usize, &[Option<String>]) -> Option<()>,
) -> Option<()> {
    let schema = table.schema();
    let places: Option<Vec<usize>> =
        columns.iter().map(|column| schema.index_of(column).ok()).collect();
    let mut place = 0;
    for piece in table.pieces(crate::projection::table::Span::ALL) {
        let batches = match piece {
            Piece::Hot(rows) => vec![rows.batch().ok()?.project(places.as_deref()?).ok()?],
            Piece::Cold(file) => {
                file.read(places.as_deref()).ok()?.collect::<Result<_, _>>().ok()?
            }
        };
        for batch in batches {
            let columns: Option<Vec<_>> = columns
                .iter()
                .map(|name| batch.column_by_name(name)?.as_string_opt::<i32>())
                .collect();
            let columns = columns?;
            for row in 0..batch.num_rows() {
                let cell = |column: &&datafusion::arrow::array::StringArray| {
                    column.is_valid(row).then(|| column.value(row).to_owned())
                };
                let cells: Vec<Option<String>> = columns.iter().map(cell).collect();
                show(place, &cells)?;
                place += 1;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
