//! Running a view's query for all windows or for some.
//!
//! In: an engine that sees what the view reads, and the windows wanted. Out: the rows of each
//! window, in the order of the key and in the stored types. Invariants: what is read of each
//! input is limited to the moments of the wanted windows, so that one dirty hour costs one hour;
//! the rows of a window do not depend on which other windows are wanted. Deliberately absent:
//! where rows are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray as _, Int64Array};
use datafusion::arrow::compute::{cast, concat_batches, partition};
use datafusion::arrow::datatypes::{
    DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemoryCatalogProviderList, MemorySchemaProvider};
use datafusion::common::{ScalarValue, TableReference};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::{DataFrame, Expr, SessionConfig, SessionContext, col, lit};

use super::{Error, View};
use crate::projection::store::Manifest;
use crate::projection::table::{BaseTable, moment_type};
use crate::projection::view::{ColumnKind, Layer, Width};
use crate::projection::window::{BUCKETS, DirtySet};

/// More ranges than this are read as one.
const RANGES: usize = 64;

/// An engine that sees the base tables and nothing else.
pub(crate) fn session(tables: Vec<BaseTable>) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema("ledgerline", "public");
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    options.execution.parquet.schema_force_view_types = false;
    // Mistakes in a question are told with the place they stand at.
    options.sql_parser.collect_spans = true;
    let context = SessionContext::new_with_config(config);
    super::functions::register(&context);
    context.register_udf(window_bucket());
    layers(&context)?;
    for table in tables {
        let provider = MemTable::try_new(table.schema, vec![table.batches])?;
        context.register_table(table.name, Arc::new(provider))?;
    }
    Ok(context)
}

/// An empty schema for each layer.
fn layers(context: &SessionContext) -> Result<(), DataFusionError> {
    let catalog = context.catalog("ledgerline");
    let catalog = catalog.ok_or_else(|| DataFusionError::Internal("no catalog".to_owned()))?;
    for layer in Layer::ALL {
        drop(catalog.register_schema(layer.as_str(), Arc::new(MemorySchemaProvider::new()))?);
    }
    Ok(())
}

/// The name of a view as the engine has it.
pub(crate) fn table_of(view: &View) -> TableReference {
    TableReference::partial(view.layer.as_str(), view.name.clone())
}

/// `window_bucket(text)`: which of the buckets a text lies in.
fn window_bucket() -> ScalarUDF {
    let run = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let texts = arrays
            .first()
            .ok_or_else(|| DataFusionError::Execution("window_bucket takes one text".to_owned()))?;
        let texts = cast(texts, &DataType::Utf8)?;
        let buckets: Int64Array =
            texts.as_string::<i32>().iter().map(|it| it.map(bucket)).collect();
        Ok(ColumnarValue::Array(Arc::new(buckets)))
    };
    let types = vec![DataType::Utf8];
    create_udf("window_bucket", types, DataType::Int64, Volatility::Immutable, Arc::new(run))
}

/// The bucket a text lies in.
fn bucket(text: &str) -> i64 {
    let hash = blake3::hash(text.as_bytes());
    let first = hash.as_bytes().first().copied().unwrap_or_default();
    i64::from(first) % BUCKETS
}

fn failed(view: &View) -> impl Fn(DataFusionError) -> Error {
    let view = view.table();
    move |source| Error::Compute { view: view.clone(), source: Box::new(source) }
}

/// The Arrow type a column is stored in.
pub(crate) fn arrow_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Int64 => DataType::Int64,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Moment => moment_type(),
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Binary => DataType::Binary,
    }
}

/// The stored form of a type: one integer, one text, one moment.
pub(super) fn normalised_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => moment_type(),
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => normalised_type(values),
        other if other.is_integer() => DataType::Int64,
        other => other.clone(),
    }
}

/// The schema a view is stored in: what its head declares.
pub(crate) fn stored_schema(view: &View) -> SchemaRef {
    let columns = view.columns.iter();
    let fields = columns.map(|it| Field::new(&it.name, arrow_type(it.kind), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The windows that rows changed after a position lie in. Views it reads say themselves which of
/// their windows changed.
pub(super) async fn dirty(
    context: &SessionContext,
    view: &View,
    after: Option<u64>,
    inputs: &BTreeMap<String, Manifest>,
    widths: &BTreeMap<String, Width>,
) -> Result<DirtySet, Error> {
    let mut dirty = DirtySet::new(view.width);
    for input in &view.inputs {
        if let Some(width) = widths.get(&input.table) {
            let changed = inputs.get(&input.table).into_iter().flat_map(|it| &it.windows);
            for (window, _) in changed.filter(|(_, it)| it.position > after) {
                dirty.touch_window_of(*width, *window);
            }
            continue;
        }
        let until = input.until.as_ref().map_or_else(
            || input.from.clone(),
            |until| format!("coalesce({until}, {})", input.from),
        );
        let (from, what) = (&input.from, view.width.as_str());
        let columns = match view.width {
            Width::Minute | Width::Hour | Width::Day | Width::Week => {
                format!(
                    "date_trunc('{what}', {from}) as first, date_trunc('{what}', {until}) as last"
                )
            }
            Width::Bucket => format!("window_bucket({from}) as bucket"),
            Width::Whole => "0 as whole".to_owned(),
        };
        let after = after.map_or_else(|| "-1".to_owned(), |position| position.to_string());
        let table = &input.table;
        let sql = format!("select distinct {columns} from {table} where last_position > {after}");
        let frame = context.sql(&sql).await.map_err(failed(view))?;
        for batch in frame.collect().await.map_err(failed(view))? {
            touch(&mut dirty, &batch)?;
        }
    }
    Ok(dirty)
}

fn touch(dirty: &mut DirtySet, batch: &RecordBatch) -> Result<(), Error> {
    if dirty.width().micros().is_none() {
        let windows = cast(batch.column(0), &DataType::Int64)?;
        let windows = windows.as_primitive::<Int64Type>();
        windows.iter().flatten().for_each(|window| dirty.insert(window));
        return Ok(());
    }
    let first = cast(batch.column(0), &moment_type())?;
    let last = cast(batch.column(1), &moment_type())?;
    let first = first.as_primitive::<TimestampMicrosecondType>().iter();
    let last = last.as_primitive::<TimestampMicrosecondType>().iter();
    for (first, last) in first.zip(last) {
        if let (Some(first), Some(last)) = (first, last) {
            dirty.touch(first, last);
        }
    }
    Ok(())
}

fn moment(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some(Arc::from("UTC"))))
}

/// Whether something of a row lies in the windows.
fn lies_in(wanted: &DirtySet, from: &str, until: Option<&str>) -> Option<Expr> {
    match wanted.width() {
        Width::Whole => None,
        Width::Bucket => {
            let buckets = wanted.windows().iter().map(|bucket| lit(*bucket)).collect();
            Some(window_bucket().call(vec![col(from)]).in_list(buckets, false))
        }
        Width::Minute | Width::Hour | Width::Day | Width::Week => {
            let ranges = wanted.ranges(RANGES).into_iter().map(|(first, end)| {
                let begins = col(from).lt(moment(end));
                match until {
                    None => begins.and(col(from).gt_eq(moment(first))),
                    Some(until) => {
                        let goes_on = col(until).is_null().or(col(until).gt_eq(moment(first)));
                        begins.and(goes_on)
                    }
                }
            });
            ranges.reduce(Expr::or)
        }
    }
}

/// An engine that sees the inputs of one view, of each only what the wanted windows need.
async fn scope(
    context: &SessionContext,
    view: &View,
    wanted: Option<&DirtySet>,
) -> Result<SessionContext, Error> {
    let state = context.state();
    let config = state.config().clone().with_target_partitions(1);
    let state = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .build();
    let scope = SessionContext::new_with_state(state);
    layers(&scope)?;
    let tables: BTreeSet<&str> = view.inputs.iter().map(|input| input.table.as_str()).collect();
    for name in tables {
        let mut table = context.table(name).await.map_err(failed(view))?;
        let inputs = view.inputs.iter().filter(|input| input.table == name);
        if let Some(wanted) = wanted {
            let needed: Option<Vec<Expr>> =
                inputs.map(|input| lies_in(wanted, &input.from, input.until.as_deref())).collect();
            if let Some(needed) = needed.and_then(|needed| needed.into_iter().reduce(Expr::or)) {
                table = table.filter(needed).map_err(failed(view))?;
            }
        }
        let name = TableReference::parse_str(name);
        scope.register_table(name, table.into_view()).map_err(failed(view))?;
    }
    Ok(scope)
}

/// A view's rows by window: of all windows, or of those wanted. A window without rows is left
/// out.
pub(super) async fn compute(
    context: &SessionContext,
    view: &View,
    wanted: Option<&DirtySet>,
) -> Result<BTreeMap<i64, RecordBatch>, Error> {
    let scope = scope(context, view, wanted).await?;
    let mut frame = scope.sql(&view.sql).await.map_err(failed(view))?;
    if let Some(wanted) = wanted.and_then(|wanted| lies_in(wanted, &view.window, None)) {
        frame = frame.filter(wanted).map_err(failed(view))?;
    }
    let all = collect(frame, view).await?;
    check_key(view, &all)?;
    let mut pieces = split(view, &all)?;
    if let Some(wanted) = wanted {
        pieces.retain(|window, _| wanted.windows().contains(window));
    }
    Ok(pieces)
}

/// All rows in the stored types, in the order of window and key.
async fn collect(frame: DataFrame, view: &View) -> Result<RecordBatch, Error> {
    let mut order = Vec::new();
    if view.width == Width::Bucket {
        order.push(window_bucket().call(vec![col(&view.window)]).sort(true, true));
    }
    order.extend(view.key.iter().map(|column| col(column).sort(true, true)));
    let frame = frame.sort(order).map_err(failed(view))?;
    let schema = stored_schema(view);
    let mut batches = Vec::new();
    for batch in frame.collect().await.map_err(failed(view))? {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        batches.push(RecordBatch::try_new(schema.clone(), columns)?);
    }
    Ok(concat_batches(&schema, &batches)?)
}

/// Two rows of one key would stand in no order of their own.
fn check_key(view: &View, rows: &RecordBatch) -> Result<(), Error> {
    if rows.num_rows() == 0 {
        return Ok(());
    }
    let columns = view.key.iter().map(|name| rows.column_by_name(name).cloned());
    let columns: Option<Vec<ArrayRef>> = columns.collect();
    let keys = partition(&columns.unwrap_or_default())?.len();
    if keys == rows.num_rows() {
        return Ok(());
    }
    let problem = format!(
        "the key ({}) does not tell rows apart: {} rows have {keys} keys",
        view.key.join(", "),
        rows.num_rows()
    );
    Err(Error::Shape { view: view.table(), problem })
}

/// The window of each row; nothing for a row that has none.
fn windows_of(view: &View, rows: &RecordBatch) -> Result<Vec<Option<i64>>, Error> {
    if view.width == Width::Whole {
        return Ok(vec![Some(0); rows.num_rows()]);
    }
    let column = rows.column(rows.schema().index_of(&view.window)?);
    Ok(match view.width {
        Width::Bucket => column.as_string::<i32>().iter().map(|it| it.map(bucket)).collect(),
        _ => column.as_primitive::<TimestampMicrosecondType>().iter().collect(),
    })
}

/// Cuts rows in the order of the window into one piece for each.
pub(super) fn split(view: &View, all: &RecordBatch) -> Result<BTreeMap<i64, RecordBatch>, Error> {
    let windows = windows_of(view, all)?;
    let mut pieces = BTreeMap::new();
    let mut start = 0;
    for run in windows.chunk_by(|a, b| a == b) {
        let window = run.first().copied().flatten();
        let wrong = |problem| Error::Shape { view: view.table(), problem };
        let window = window.ok_or_else(|| {
            wrong(format!("{} must not be null: it decides the window", view.window))
        })?;
        if view.width.micros().is_some() && view.width.start(window) != window {
            let (column, what) = (&view.window, view.width.as_str());
            return Err(wrong(format!("{column} must be the start of a {what}; use date_trunc")));
        }
        pieces.insert(window, all.slice(start, run.len()));
        start += run.len();
    }
    Ok(pieces)
}
