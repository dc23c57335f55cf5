//! All rows of one base table, which can be seen as they were while they go on changing.
//!
//! In: typed rows, pushed in the order of the log and changed in place. Out: copies that cost
//! next to nothing, and record batches. Invariants: a row is never removed, so its place is its
//! identity; a copy never changes; a change touches the row, its chunk and its group alone, and
//! only chunks with a changed row are made into batches again, when somebody asks. A group of
//! rows that nobody changes any more may lie on disk; a late change brings it back.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use super::{ColdFile, Row};
use crate::base::Timestamp;

/// Rows of one record batch. What a change copies where a copy of the table is about: so many
/// pointers.
pub(crate) const CHUNK: usize = if cfg!(test) { 32 } else { 1_024 };
/// Chunks of one group. Few in tests, so that small histories have many groups.
const GROUP: usize = if cfg!(test) { 2 } else { 64 };

/// A row of a base table: it says which event changed it last, and when it happened.
pub(crate) trait Fact: Row + Clone + Send + Sync + 'static {
    /// The column with the moment that a row is filed under. It never changes.
    const MOMENT: &'static str;
    /// That moment.
    fn moment(&self) -> Timestamp;
    /// The last event that changed this row.
    fn last_position(&self) -> i64;
}

/// Which rows are asked for. Both ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// The last event that changed them.
    pub(crate) changed: (i64, i64),
    /// The moment they are filed under. Units: µs.
    pub(crate) moment: (i64, i64),
}

impl Span {
    /// All of them.
    pub(crate) const ALL: Self =
        Self { changed: (i64::MIN, i64::MAX), moment: (i64::MIN, i64::MAX) };

    /// What lies in no other.
    const NOTHING: Self = Self { changed: (i64::MAX, i64::MIN), moment: (i64::MAX, i64::MIN) };

    /// What lies around both.
    fn and(self, other: &Self) -> Self {
        let around = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        Self {
            changed: around(self.changed, other.changed),
            moment: around(self.moment, other.moment),
        }
    }

    /// What all rows of a chunk lie in, one by one.
    fn around<R: Fact>(rows: &[Arc<R>]) -> Self {
        rows.iter().fold(Self::NOTHING, |span, row| {
            let (position, moment) = (row.last_position(), row.moment().as_micros());
            span.and(&Self { changed: (position, position), moment: (moment, moment) })
        })
    }

    /// Whether a row may be in both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let meet = |a: (i64, i64), b: (i64, i64)| a.0 <= b.1 && b.0 <= a.1;
        meet(self.changed, other.changed) && meet(self.moment, other.moment)
    }
}

/// Rows whose batch is made once.
#[derive(Debug)]
struct Chunk<R> {
    rows: Vec<Arc<R>>,
    made: OnceLock<RecordBatch>,
    span: OnceLock<Span>,
}

/// To be changed: what was made from it does not count any more.
impl<R> Clone for Chunk<R> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), made: OnceLock::new(), span: OnceLock::new() }
    }
}

type Chunks<R> = Vec<Arc<Chunk<R>>>;

/// Rows that are in memory, or on disk.
#[derive(Debug)]
enum Group<R> {
    Hot(Chunks<R>),
    Cold {
        file: Arc<ColdFile>,
        /// What is in it, for who looks at single rows.
        read: OnceLock<Chunks<R>>,
    },
}

impl<R> Clone for Group<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Hot(chunks) => Self::Hot(chunks.clone()),
            Self::Cold { file, read } => Self::Cold { file: file.clone(), read: read.clone() },
        }
    }
}

impl<R: Fact> Group<R> {
    /// The rows; none where they cannot be read.
    fn chunks(&self) -> &[Arc<Chunk<R>>] {
        match self {
            Self::Hot(chunks) => chunks,
            Self::Cold { file, read } => read.get_or_init(|| read_back(file).unwrap_or_default()),
        }
    }

    /// The rows, to be changed; nothing where they cannot be read.
    fn thaw(&mut self) -> Option<&mut Chunks<R>> {
        if let Self::Cold { file, read } = self {
            let chunks = read.take().filter(|chunks| !chunks.is_empty());
            *self = Self::Hot(match chunks {
                Some(chunks) => chunks,
                None => read_back(file)?,
            });
        }
        match self {
            Self::Hot(chunks) => Some(chunks),
            Self::Cold { .. } => None,
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Hot(chunks) => chunks.iter().map(|chunk| chunk.rows.len()).sum(),
            Self::Cold { file, .. } => file.entry().rows,
        }
    }

    fn span(&self) -> Span {
        match self {
            Self::Hot(chunks) => {
                chunks.iter().fold(Span::NOTHING, |span, chunk| span.and(chunk.span()))
            }
            Self::Cold { file, .. } => file.entry().span,
        }
    }
}

/// The rows of a file; nothing where they are not what they were.
fn read_back<R: Fact>(file: &ColdFile) -> Option<Chunks<R>> {
    let read = || {
        let mut rows = Vec::with_capacity(file.entry().rows);
        for batch in file.read(None).ok()? {
            rows.extend(R::rows(&batch.ok()?)?.into_iter().map(Arc::new));
        }
        (rows.len() == file.entry().rows).then_some(rows)
    };
    let Some(rows) = read() else {
        file.set_damaged();
        return None;
    };
    let chunk = |rows: &[Arc<R>]| {
        let (rows, made, span) = (rows.to_vec(), OnceLock::new(), OnceLock::new());
        Arc::new(Chunk { rows, made, span })
    };
    Some(rows.chunks(CHUNK).map(chunk).collect())
}

/// All rows of one table.
#[derive(Clone, Debug)]
pub(crate) struct Table<R> {
    groups: Vec<Arc<Group<R>>>,
    len: usize,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { groups: Vec::new(), len: 0 }
    }
}

impl<R: Fact> Chunk<R> {
    /// The rows as Arrow has them.
    fn batch(&self) -> Result<RecordBatch, ArrowError> {
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        let made = R::batch_of(self.rows.iter().map(Arc::as_ref))?;
        // Somebody else may have been quicker, with the same rows.
        drop(self.made.set(made.clone()));
        Ok(made)
    }

    /// What the rows lie in.
    fn span(&self) -> &Span {
        self.span.get_or_init(|| Span::around(&self.rows))
    }
}

impl<R: Fact> Table<R> {
    /// Adds a row and gives its place.
    pub(crate) fn push(&mut self, row: R) -> usize {
        let place = self.len;
        self.len += 1;
        if place / CHUNK / GROUP >= self.groups.len() {
            self.groups.push(Arc::new(Group::Hot(Vec::new())));
        }
        let group = self.groups.last_mut().and_then(|group| Arc::make_mut(group).thaw());
        if let Some(group) = group
            && place / CHUNK % GROUP >= group.len()
        {
            let (made, span) = (OnceLock::new(), OnceLock::new());
            group.push(Arc::new(Chunk { rows: Vec::new(), made, span }));
        }
        if let Some(chunk) = self.chunk_mut(place) {
            chunk.rows.push(Arc::new(row));
        }
        place
    }

    /// The chunk that a place is in, to be changed.
    fn chunk_mut(&mut self, place: usize) -> Option<&mut Chunk<R>> {
        let group = Arc::make_mut(self.groups.get_mut(place / CHUNK / GROUP)?).thaw()?;
        let chunk = Arc::make_mut(group.get_mut(place / CHUNK % GROUP)?);
        chunk.made = OnceLock::new();
        chunk.span = OnceLock::new();
        Some(chunk)
    }

    /// The row at a place, to be changed.
    pub(crate) fn change(&mut self, place: usize) -> Option<&mut R> {
        self.chunk_mut(place)?.rows.get_mut(place % CHUNK).map(Arc::make_mut)
    }

    /// The row at a place.
    pub(crate) fn get(&self, place: usize) -> Option<&R> {
        let group = self.groups.get(place / CHUNK / GROUP)?.chunks();
        group.get(place / CHUNK % GROUP)?.rows.get(place % CHUNK).map(Arc::as_ref)
    }

    /// How many rows there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The place of the first row after a position, in a table whose rows stand in the order of
    /// their positions and never change.
    pub(crate) fn first_after(&self, position: i64) -> usize {
        let is_before = |group: &Arc<Group<R>>| group.span().changed.1 <= position;
        let group = self.groups.partition_point(is_before);
        let Some(chunks) = self.groups.get(group).map(|group| group.chunks()) else {
            return self.len;
        };
        let chunk = chunks.partition_point(|chunk| chunk.span().changed.1 <= position);
        let rows = chunks.get(chunk).map_or(&[][..], |chunk| &chunk.rows);
        let row = rows.partition_point(|row| row.last_position() <= position);
        (group * GROUP + chunk) * CHUNK + row
    }
}

/// Rows that a question reads.
#[derive(Clone)]
pub(crate) enum Piece {
    /// In memory.
    Hot(Arc<dyn Batch>),
    /// On disk.
    Cold(Arc<ColdFile>),
}

/// Rows that are made into a batch when somebody asks.
pub(crate) trait Batch: Send + Sync {
    /// The rows as Arrow has them.
    ///
    /// # Errors
    /// Where a batch cannot be made: one of 2 GiB of text, say.
    fn batch(&self) -> Result<RecordBatch, ArrowError>;
}

impl<R: Fact> Batch for Chunk<R> {
    fn batch(&self) -> Result<RecordBatch, ArrowError> {
        Self::batch(self)
    }
}

/// One group as who stores it sees it.
pub(crate) struct GroupState {
    /// Rows in it.
    pub(crate) rows: usize,
    /// What they lie in.
    pub(crate) span: Span,
    /// Whether no row will be added to it.
    pub(crate) is_full: bool,
    /// What is in it.
    pub(crate) pieces: Vec<Piece>,
}

/// A base table, whatever its rows are.
pub(crate) trait FactTable: Send + Sync {
    /// Its name in SQL.
    fn name(&self) -> &'static str;
    /// Its declared schema.
    fn schema(&self) -> SchemaRef;
    /// The column with the moment that a row is filed under.
    fn moment(&self) -> &'static str;
    /// How many rows there are.
    fn count(&self) -> usize;
    /// The rows of all chunks that may have one in a span.
    fn pieces(&self, span: Span) -> Vec<Piece>;
    /// Its groups in order.
    fn groups(&self) -> Vec<GroupState>;
    /// Lets go of a group that is on disk as it is here.
    fn freeze(&mut self, group: usize, file: &Arc<ColdFile>);
    /// Takes over what is on disk, group by group.
    fn adopt(&mut self, files: Vec<Arc<ColdFile>>);
    /// Whether rows on disk could not be read.
    fn is_damaged(&self) -> bool;
}

impl<R: Fact> FactTable for Table<R> {
    fn name(&self) -> &'static str {
        R::TABLE
    }

    fn schema(&self) -> SchemaRef {
        R::schema()
    }

    fn moment(&self) -> &'static str {
        R::MOMENT
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn pieces(&self, span: Span) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for group in &self.groups {
            match group.as_ref() {
                Group::Hot(chunks) => {
                    let is_asked =
                        |chunk: &&Arc<Chunk<R>>| span == Span::ALL || chunk.span().meets(&span);
                    let chunks = chunks.iter().filter(is_asked);
                    pieces.extend(chunks.map(|chunk| Piece::Hot(chunk.clone())));
                }
                Group::Cold { file, .. } if file.entry().span.meets(&span) => {
                    pieces.push(Piece::Cold(file.clone()));
                }
                Group::Cold { .. } => {}
            }
        }
        pieces
    }

    fn groups(&self) -> Vec<GroupState> {
        let state = |group: &Arc<Group<R>>| GroupState {
            rows: group.rows(),
            span: group.span(),
            is_full: group.rows() == CHUNK * GROUP,
            pieces: match group.as_ref() {
                Group::Hot(chunks) => {
                    chunks.iter().map(|chunk| Piece::Hot(chunk.clone())).collect()
                }
                Group::Cold { file, .. } => vec![Piece::Cold(file.clone())],
            },
        };
        self.groups.iter().map(state).collect()
    }

    fn freeze(&mut self, group: usize, file: &Arc<ColdFile>) {
        if let Some(group) = self.groups.get_mut(group)
            && matches!(group.as_ref(), Group::Hot(_))
            && (group.rows(), group.span()) == (file.entry().rows, file.entry().span)
        {
            *group = Arc::new(Group::Cold { file: file.clone(), read: OnceLock::new() });
        }
    }

    fn adopt(&mut self, files: Vec<Arc<ColdFile>>) {
        self.len = files.iter().map(|file| file.entry().rows).sum();
        let cold = |file| Arc::new(Group::Cold { file, read: OnceLock::new() });
        self.groups = files.into_iter().map(cold).collect();
    }

    fn is_damaged(&self) -> bool {
        self.groups.iter().any(|group| match group.as_ref() {
            Group::Hot(_) => false,
            Group::Cold { file, .. } => file.is_damaged(),
        })
    }
}
