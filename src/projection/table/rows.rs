//! All rows of one base table, which can be seen as they were while they go on changing.
//!
//! In: typed rows, pushed in the order of the log and changed in place. Out: copies that cost
//! next to nothing, and record batches. Invariants: a row is never removed, so its place is its
//! identity; a copy never changes; a change touches the row, its chunk and its group alone, and
//! only chunks with a changed row are made into batches again, when somebody asks.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;

use super::Row;
use crate::base::Timestamp;

/// Rows of one record batch. What a change copies where a copy of the table is about: so many
/// pointers.
const CHUNK: usize = 1_024;
/// Chunks of one group.
const GROUP: usize = 256;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// What all rows of a chunk lie in, one by one.
    fn around<R: Fact>(rows: &[Arc<R>]) -> Self {
        let nothing = (i64::MAX, i64::MIN);
        let wider = |(first, last): (i64, i64), at: i64| (first.min(at), last.max(at));
        rows.iter().fold(Self { changed: nothing, moment: nothing }, |span, row| Self {
            changed: wider(span.changed, row.last_position()),
            moment: wider(span.moment, row.moment().as_micros()),
        })
    }

    /// Whether a row may be in both.
    fn meets(&self, other: &Self) -> bool {
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

type Group<R> = Vec<Arc<Chunk<R>>>;

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
            self.groups.push(Arc::default());
        }
        if let Some(group) = self.groups.last_mut() {
            let group = Arc::make_mut(group);
            if place / CHUNK % GROUP >= group.len() {
                let (made, span) = (OnceLock::new(), OnceLock::new());
                group.push(Arc::new(Chunk { rows: Vec::new(), made, span }));
            }
        }
        if let Some(chunk) = self.chunk_mut(place) {
            chunk.rows.push(Arc::new(row));
        }
        place
    }

    /// The chunk that a place is in, to be changed.
    fn chunk_mut(&mut self, place: usize) -> Option<&mut Chunk<R>> {
        let group = Arc::make_mut(self.groups.get_mut(place / CHUNK / GROUP)?);
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
        let group = self.groups.get(place / CHUNK / GROUP)?;
        group.get(place / CHUNK % GROUP)?.rows.get(place % CHUNK).map(Arc::as_ref)
    }

    /// How many rows there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The place of the first row that is not `before`: rows before it are, none after it is.
    pub(crate) fn partition_point(&self, before: impl Fn(&R) -> bool) -> usize {
        let (mut first, mut end) = (0, self.len);
        while first < end {
            let middle = first + (end - first) / 2;
            if self.get(middle).is_some_and(&before) { first = middle + 1 } else { end = middle }
        }
        first
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk<R>> {
        self.groups.iter().flat_map(|group| group.iter().map(Arc::as_ref))
    }
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
    ///
    /// # Errors
    /// Where a batch cannot be made: one of 2 GiB of text, say.
    fn batches_in(&self, span: Span) -> Result<Vec<RecordBatch>, ArrowError>;
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

    fn batches_in(&self, span: Span) -> Result<Vec<RecordBatch>, ArrowError> {
        let chunks = self.chunks().filter(|chunk| span == Span::ALL || chunk.span().meets(&span));
        chunks.map(Chunk::batch).collect()
    }
}
