//! Running a view's query for all windows or for some.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray as _};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, Expr, SessionConfig, SessionContext, col, lit};

use super::{Error, View};
use crate::projection::table::{BaseTable, moment_type};

/// An engine that sees the base tables and nothing else.
pub(crate) fn session(tables: Vec<BaseTable>) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema("ledgerline", "public");
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    options.execution.parquet.schema_force_view_types = false;
    let context = SessionContext::new_with_config(config);
    super::functions::register(&context);
    for table in tables {
        let provider = MemTable::try_new(table.schema, vec![table.batches])?;
        context.register_table(table.name, Arc::new(provider))?;
    }
    Ok(context)
}

fn failed(view: &View) -> impl Fn(DataFusionError) -> Error {
    let view = view.table();
    move |source| Error::Compute { view: view.clone(), source: Box::new(source) }
}

async fn plan(context: &SessionContext, view: &View) -> Result<DataFrame, Error> {
    let frame = context.sql(&view.sql).await.map_err(failed(view))?;
    let got: BTreeSet<&str> =
        frame.schema().fields().iter().map(|field| field.name().as_str()).collect();
    let told: BTreeSet<&str> =
        view.grain.iter().chain(&view.measures).map(String::as_str).collect();
    if got != told {
        let list = |set: BTreeSet<&&str>| set.into_iter().copied().collect::<Vec<_>>().join(", ");
        let problem = format!(
            "grain and measures do not name its columns: only in the query [{}], only in the head [{}]",
            list(got.difference(&told).collect()),
            list(told.difference(&got).collect())
        );
        return Err(Error::Shape { view: view.table(), problem });
    }
    Ok(frame)
}

/// The stored form of a type: one integer, one text, one moment.
fn normalised_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => moment_type(),
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        other if other.is_integer() => DataType::Int64,
        other => other.clone(),
    }
}

/// The schema a view is stored in.
pub(crate) async fn normalised_schema(
    context: &SessionContext,
    view: &View,
) -> Result<SchemaRef, Error> {
    let frame = plan(context, view).await?;
    Ok(normalised(frame.schema().as_arrow()))
}

fn normalised(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|it| Field::new(it.name(), normalised_type(it.data_type()), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The windows that rows changed after a position lie in.
pub(super) async fn dirty(
    context: &SessionContext,
    view: &View,
    after: Option<u64>,
) -> Result<BTreeSet<i64>, Error> {
    let mut windows = BTreeSet::new();
    let unit = view.width.as_str();
    let after = after.map_or_else(|| "-1".to_owned(), |position| position.to_string());
    for input in &view.inputs {
        let from = &input.from;
        let until = input
            .until
            .as_ref()
            .map_or_else(|| from.clone(), |until| format!("coalesce({until}, {from})"));
        let sql = format!(
            "select distinct date_trunc('{unit}', {from}) as first, \
             date_trunc('{unit}', {until}) as last \
             from {} where last_position > {after}",
            input.table
        );
        let frame = context.sql(&sql).await.map_err(failed(view))?;
        for batch in frame.collect().await.map_err(failed(view))? {
            let firsts = moments(&batch, 0)?;
            let lasts = moments(&batch, 1)?;
            for (first, last) in firsts.into_iter().zip(lasts) {
                let mut window = first;
                while window <= last {
                    windows.insert(window);
                    window += view.width.micros();
                }
            }
        }
    }
    Ok(windows)
}

fn moments(batch: &RecordBatch, column: usize) -> Result<Vec<i64>, Error> {
    let moments = cast(batch.column(column), &moment_type())?;
    let moments = moments.as_primitive::<TimestampMicrosecondType>();
    Ok(moments.iter().flatten().collect())
}

/// A view's rows by window: of all windows, or of those named. A window without rows is left
/// out. Rows stand in the order of the grain.
pub(super) async fn compute(
    context: &SessionContext,
    view: &View,
    windows: Option<&BTreeSet<i64>>,
) -> Result<BTreeMap<i64, RecordBatch>, Error> {
    let mut frame = plan(context, view).await?;
    if let Some(windows) = windows {
        let starts = windows.iter().map(|start| {
            lit(ScalarValue::TimestampMicrosecond(Some(*start), Some(Arc::from("UTC"))))
        });
        let wanted: Expr = col(&view.window).in_list(starts.collect(), false);
        frame = frame.filter(wanted).map_err(failed(view))?;
    }
    let order = view.grain.iter().map(|column| col(column).sort(true, true)).collect();
    let frame = frame.sort(order).map_err(failed(view))?;
    let schema = normalised(frame.schema().as_arrow());
    let mut batches = Vec::new();
    for batch in frame.collect().await.map_err(failed(view))? {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        batches.push(RecordBatch::try_new(schema.clone(), columns)?);
    }
    let all = concat_batches(&schema, &batches)?;
    split(view, &all)
}

/// Cuts rows in the order of the window into one piece for each.
fn split(view: &View, all: &RecordBatch) -> Result<BTreeMap<i64, RecordBatch>, Error> {
    let column = all.schema().index_of(&view.window)?;
    let moments = all.column(column).as_primitive::<TimestampMicrosecondType>();
    let mut pieces = BTreeMap::new();
    let mut start = 0;
    while start < all.num_rows() {
        if moments.is_null(start) {
            let problem = format!("{} must not be null: it decides the window", view.window);
            return Err(Error::Shape { view: view.table(), problem });
        }
        let window = moments.value(start);
        let is_same = |row: &usize| !moments.is_null(*row) && moments.value(*row) == window;
        let length = (start..all.num_rows()).take_while(is_same).count();
        pieces.insert(window, all.slice(start, length));
        start += length;
    }
    Ok(pieces)
}
