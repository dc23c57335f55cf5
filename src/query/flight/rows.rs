//! Rows on their way to a client.
//!
//! In: a plan, once for each row of bound values. Out: batches, in the types that were told when
//! the flight was planned; the metadata of the schema name the log position. Invariants: a few
//! batches are in memory whatever the answer's size; a client that stops reading stops the
//! question, and one that goes away ends it.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use datafusion::arrow::array::RecordBatchOptions;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::watch;
use tonic::Status;

use super::error;
use super::ticket::cancelled;
use crate::query::{Params, Prepared, Running, Session};

/// The key of a schema's metadata that names the last log position its rows see.
pub(super) const POSITION: &str = "ledgerline.position";

/// A question that was planned at a position, once for each row of values.
#[derive(Clone)]
pub(super) struct Planned {
    /// Who asks.
    session: Session,
    /// The plans, with values in the place of parameters.
    runs: Vec<Prepared>,
    /// The columns as they are sent.
    pub(super) schema: SchemaRef,
    /// The last log position that they see; nothing where the log is empty.
    pub(super) position: Option<u64>,
}

impl Planned {
    /// Plans that give the same columns.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where they do not: a parameter that decides a type had values of several.
    pub(super) fn new(
        session: Session,
        question: &Prepared,
        runs: Vec<Prepared>,
    ) -> Result<Self, Status> {
        let position = question.position;
        let first = runs.first().map_or(&question.schema, |run| &run.schema);
        let schema = sent(first, position);
        if runs.iter().any(|run| !is_same(&sent(&run.schema, position), &schema)) {
            return Err(Status::invalid_argument(
                "bind values: rows of values of other types give other columns; bind one type, or write cast($1 as …)",
            ));
        }
        Ok(Self { session, runs, schema, position })
    }
}

fn is_same(one: &Schema, other: &Schema) -> bool {
    let kinds = |schema: &Schema| -> Vec<DataType> {
        schema.fields().iter().map(|field| field.data_type().clone()).collect()
    };
    kinds(one) == kinds(other)
}

/// The columns as they are sent: every client knows these types.
fn sent(schema: &Schema, position: Option<u64>) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let kind = plain(field.data_type());
        // Plans say of some columns that they are never null, and of the same ones that they may.
        Arc::new(Field::new(field.name(), kind, true))
    };
    let mut metadata = std::collections::HashMap::new();
    if let Some(position) = position {
        drop(metadata.insert(POSITION.to_owned(), position.to_string()));
    }
    let fields = schema.fields().iter().map(field).collect::<Vec<_>>();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn plain(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}

fn in_types(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| match column.data_type() == field.data_type() {
        true => Ok(column.clone()),
        false => cast(column, field.data_type()),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns.collect::<Result<_, _>>()?, &options)
}

/// Rows of one flight.
pub(super) struct Flying {
    session: Session,
    left: VecDeque<Prepared>,
    running: Option<Running>,
    schema: SchemaRef,
    cancelled: Option<watch::Receiver<bool>>,
}

impl Flying {
    /// Begins to answer.
    ///
    /// # Errors
    /// What stands in the way of the first run.
    pub(super) async fn start(
        planned: Planned,
        cancelled: Option<watch::Receiver<bool>>,
    ) -> Result<Self, Status> {
        let Planned { session, runs, schema, .. } = planned;
        let mut flying = Self { session, left: runs.into(), running: None, schema, cancelled };
        flying.begin().await?;
        Ok(flying)
    }

    /// Begins the next run, where there is one.
    async fn begin(&mut self) -> Result<(), Status> {
        let Some(next) = self.left.pop_front() else { return Ok(()) };
        let run = self.session.run(&next, Params::default());
        let running = or_cancelled(&mut self.cancelled, run).await?;
        self.running = Some(running.map_err(|error| error::refused(&error))?);
        Ok(())
    }

    /// The next batch.
    async fn next(&mut self) -> Result<Option<RecordBatch>, Status> {
        loop {
            let Some(running) = &mut self.running else { return Ok(None) };
            match or_cancelled(&mut self.cancelled, running.rows.next()).await? {
                Some(Ok(batch)) => {
                    let batch = in_types(&batch, &self.schema);
                    let batch = batch.map_err(|error| error::refused(&error.into()))?;
                    return Ok(Some(batch));
                }
                Some(Err(error)) => return Err(error::refused(&error)),
                None => {
                    self.running = None;
                    self.begin().await?;
                }
            }
        }
    }

    /// How many rows there are. They are thrown away.
    pub(super) async fn count(mut self) -> Result<i64, Status> {
        let mut rows = 0;
        while let Some(batch) = self.next().await? {
            rows += i64::try_from(batch.num_rows()).unwrap_or(0);
        }
        Ok(rows)
    }

    /// The rows as messages.
    pub(super) fn messages(self) -> BoxStream<'static, Result<FlightData, Status>> {
        let schema = self.schema.clone();
        let batches = stream::try_unfold(self, |mut flying| async move {
            let batch = flying.next().await?;
            Ok::<_, FlightError>(batch.map(|batch| (batch, flying)))
        });
        encode(schema, batches.boxed())
    }
}

/// Batches as messages, the schema first even where there is no row.
fn encode(
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, FlightError>>,
) -> BoxStream<'static, Result<FlightData, Status>> {
    let encoder = FlightDataEncoderBuilder::new().with_schema(schema);
    encoder.build(batches).map_err(Status::from).boxed()
}

/// One batch as messages.
pub(super) fn messages(batch: RecordBatch) -> BoxStream<'static, Result<FlightData, Status>> {
    encode(batch.schema(), stream::once(async move { Ok(batch) }).boxed())
}

/// What comes of some work, where it is not cancelled before.
async fn or_cancelled<T>(
    signal: &mut Option<watch::Receiver<bool>>,
    work: impl Future<Output = T>,
) -> Result<T, Status> {
    let is_cancelled = async {
        let is_heard = match signal {
            Some(signal) => signal.wait_for(|is_cancelled| *is_cancelled).await.is_ok(),
            None => false,
        };
        // A sender that is gone cancels nothing any more.
        if !is_heard {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = is_cancelled => Err(cancelled()),
        done = work => Ok(done),
    }
}
