//! Base tables as the engine sees them.
//!
//! In: rows that do not change any more, and what a question asks of them. Out: the batches that
//! may have such rows. A question for what changed after a position, or for one span of time,
//! makes and reads the chunks alone that can hold an answer. Invariant: no row that is asked for
//! is left out; the engine filters what is given once more.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::Session;
use datafusion::common::ScalarValue;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;

use crate::projection::table::{FactTable, Piece, Span};
use crate::projection::tables::Tables;

/// One base table at one position.
pub(crate) struct FactProvider {
    tables: Arc<Tables>,
    /// Among all of them.
    place: usize,
}

impl FactProvider {
    /// The table of this name, where there is one.
    pub(crate) fn find(tables: &Arc<Tables>, name: &str) -> Option<Arc<dyn TableProvider>> {
        let place = tables.all().iter().position(|table| table.name() == name)?;
        Some(Arc::new(Self { tables: tables.clone(), place }))
    }

    fn with<T>(
        &self,
        give: impl FnOnce(&dyn FactTable) -> Result<T, DataFusionError>,
    ) -> Result<T, DataFusionError> {
        match self.tables.all().get(self.place) {
            Some(table) => give(*table),
            None => Err(DataFusionError::Internal("a base table went away".to_owned())),
        }
    }
}

impl fmt::Debug for FactProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base table {} at {:?}", self.place, self.tables.position())
    }
}

/// An engine that sees base tables and nothing else. They cost nothing until they are read.
pub(crate) fn session_of(tables: &Tables) -> Result<SessionContext, DataFusionError> {
    let context = super::session(Vec::new())?;
    let tables = Arc::new(tables.frozen());
    for table in tables.all() {
        if let Some(provider) = FactProvider::find(&tables, table.name()) {
            drop(context.register_table(table.name(), provider)?);
        }
    }
    Ok(context)
}

impl TableProvider for FactProvider {
    fn schema(&self) -> SchemaRef {
        let schema = self.with(|table| Ok(table.schema()));
        schema.unwrap_or_else(|_| Arc::new(Schema::empty()))
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        self.with(|table| {
            let told = filters.iter().map(|filter| match narrow(table, filter, Span::ALL) {
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            });
            Ok(told.collect())
        })
    }

    // Written out as the trait's macro does it.
    fn scan<'a, 'b, 'c, 'd, 'f>(
        &'a self,
        _: &'b dyn Session,
        projection: Option<&'c Vec<usize>>,
        filters: &'d [Expr],
        _: Option<usize>,
    ) -> BoxFuture<'f, Result<Arc<dyn ExecutionPlan>, DataFusionError>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        'd: 'f,
        Self: 'f,
    {
        let plan = self.with(|table| {
            let span = filters
                .iter()
                .fold(Span::ALL, |span, filter| narrow(table, filter, span).unwrap_or(span));
            scanned(table, table.pieces(span), projection)
        });
        Box::pin(std::future::ready(plan))
    }
}

/// Reads pieces in their order.
fn scanned(
    table: &dyn FactTable,
    pieces: Vec<Piece>,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let hot = pieces.iter().map(|piece| match piece {
        Piece::Hot(rows) => Some(rows.batch()),
        Piece::Cold(_) => None,
    });
    // What is in memory as a whole tells how many rows it has.
    if let Some(batches) = hot.collect::<Option<Result<Vec<_>, _>>>() {
        let plan =
            MemorySourceConfig::try_new_exec(&[batches?], table.schema(), projection.cloned())?;
        return Ok(plan);
    }
    let schema = match projection {
        Some(columns) => Arc::new(table.schema().project(columns)?),
        None => table.schema(),
    };
    let stream = Arc::new(Pieces { pieces, schema: schema.clone(), columns: projection.cloned() });
    let none = std::iter::empty();
    Ok(Arc::new(StreamingTableExec::try_new(schema, vec![stream], None, none, false, None)?))
}

/// Rows in memory and on disk, one piece after the other.
struct Pieces {
    pieces: Vec<Piece>,
    /// Of the columns that are asked for.
    schema: SchemaRef,
    columns: Option<Vec<usize>>,
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pieces", self.pieces.len())
    }
}

/// Batches, or why there are no more.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch, DataFusionError>> + Send>;

impl PartitionStream for Pieces {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, columns) = (self.schema.clone(), self.columns.clone());
        let batches = self.pieces.clone().into_iter().flat_map(move |piece| -> Batches {
            let batches: Batches = match piece {
                Piece::Hot(rows) => {
                    let batch = rows.batch().and_then(|batch| match &columns {
                        Some(columns) => batch.project(columns),
                        None => Ok(batch),
                    });
                    Box::new(std::iter::once(batch.map_err(DataFusionError::from)))
                }
                Piece::Cold(file) => match file.read(columns.as_deref()) {
                    Ok(batches) => Box::new(batches.map(|it| it.map_err(DataFusionError::from))),
                    Err(error) => Box::new(std::iter::once(Err(error.into()))),
                },
            };
            let schema = schema.clone();
            Box::new(batches.map(move |batch| ordered(&batch?, &schema)))
        });
        let batches = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

/// The columns as they were asked for; a file gives them as they stand in it.
fn ordered(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, DataFusionError> {
    let column = |field: &Arc<Field>| {
        let column = batch.column_by_name(field.name());
        column.cloned().ok_or_else(|| DataFusionError::Internal("a column went away".to_owned()))
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// A span with a filter on it; nothing where the filter says nothing about a span.
fn narrow(table: &dyn FactTable, filter: &Expr, span: Span) -> Option<Span> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
    let (column, op, value) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
        (Expr::Literal(value, _), Expr::Column(column)) => (column, op.swap()?, value),
        _ => return None,
    };
    let (range, value) = match value {
        ScalarValue::Int64(Some(value)) if column.name == "last_position" => (span.changed, *value),
        ScalarValue::TimestampMicrosecond(Some(value), _) if column.name == table.moment() => {
            (span.moment, *value)
        }
        _ => return None,
    };
    let (first, last) = range;
    let range = match op {
        Operator::Gt => (first.max(value.saturating_add(1)), last),
        Operator::GtEq => (first.max(value), last),
        Operator::Lt => (first, last.min(value.saturating_sub(1))),
        Operator::LtEq => (first, last.min(value)),
        Operator::Eq => (first.max(value), last.min(value)),
        _ => return None,
    };
    Some(match column.name == "last_position" {
        true => Span { changed: range, ..span },
        false => Span { moment: range, ..span },
    })
}
