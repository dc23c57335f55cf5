//! Stored rows of a view as a table of the engine, and which version of a view is served.

use std::sync::Arc;

use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::error::DataFusionError;

use super::check::checked;
use super::compute::stored_schema;
use crate::projection::store::{Manifest, Store};
use crate::projection::view::View;

/// The files that a manifest names; an empty table before the first refresh.
pub(crate) fn provider(
    store: &Store,
    view: &View,
    manifest: Option<&Manifest>,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema = stored_schema(view);
    let mut files = Vec::new();
    for file in manifest.iter().flat_map(|manifest| manifest.files.values()) {
        let path = store.path(view, file);
        let path = std::path::absolute(&path).unwrap_or(path);
        files.push(ListingTableUrl::parse(path.to_string_lossy())?);
    }
    if files.is_empty() {
        return Ok(Arc::new(MemTable::try_new(schema, vec![vec![]])?));
    }
    let format = ParquetFormat::default().with_enable_pruning(true);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension(".parquet");
    let config = ListingTableConfig::new_with_multi_paths(files)
        .with_listing_options(options)
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// The version of each view that is served: the file's own, or, where that is refused, the one
/// that its manifest keeps. One that neither can be had of is frozen.
pub(crate) fn served(store: &Store, views: &[View]) -> Vec<View> {
    if views.iter().all(|view| view.refusal.is_empty()) {
        return views.to_vec();
    }
    let older = |view: &View| {
        let text = store.manifest(view).ok().flatten()?.text;
        View::parse(&view.file, &text).filter(|older| older.refusal.is_empty())
    };
    let texts = views.iter().map(|view| match view.refusal.is_empty() {
        true => View::parse(&view.file, &view.text).unwrap_or_else(|| view.clone()),
        false => older(view).unwrap_or_else(|| view.clone()),
    });
    let mut served = checked(texts.collect());
    for (served, own) in served.iter_mut().zip(views) {
        let is_refused = !served.refusal.is_empty();
        served.is_frozen = is_refused;
        if is_refused {
            // Its columns may be known all the same.
            served.refusal.clone_from(&own.refusal);
        }
        if !own.refusal.is_empty() {
            served.refusal.clone_from(&own.refusal);
        }
    }
    served
}
