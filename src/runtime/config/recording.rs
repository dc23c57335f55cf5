//! Where recordings of calls are kept, and for how long.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StorePlace;
use crate::recording::{Store, StoreError};

/// What a store in a folder begins with.
pub(super) const FOLDER: &str = "file:";

/// Where recordings of calls are kept, and for how long. Which campaigns are recorded stands
/// with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// Whether anything is recorded. What was recorded before is kept and deleted all the same.
    pub enabled: bool,
    /// The S3-compatible store, `s3://bucket/prefix`, or a folder, `file:/path`; without one,
    /// they lie in the data folder. Credentials come from the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The store's address, such as `https://storage.example.com`; without one, that of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The store's region; without one, `AWS_REGION` of the environment, or `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether the bucket stands in the endpoint's host name and not in the path.
    #[serde(skip_serializing_if = "super::is_false")]
    pub virtual_hosted: bool,
    /// How long recordings are kept. Units: days.
    pub days: u32,
    /// What may wait on the disk to be stored. Units: MiB.
    pub spool_max_mib: u64,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            store: None,
            endpoint: None,
            region: None,
            virtual_hosted: false,
            days: crate::recording::DAYS_MIN,
            spool_max_mib: 8_192,
        }
    }
}

impl RecordingConfig {
    /// The S3-compatible store, if there is one.
    pub fn place(&self) -> Option<StorePlace<'_>> {
        Some(StorePlace {
            store: self.store.as_deref().filter(|store| !store.starts_with(FOLDER))?,
            endpoint: self.endpoint.as_deref(),
            region: self.region.as_deref(),
            virtual_hosted: self.virtual_hosted,
        })
    }

    /// The store. Reaches nothing yet.
    ///
    /// # Errors
    /// [`StoreError`] where the settings cannot be used.
    pub fn open_store(&self, data_dir: &Path) -> Result<Store, StoreError> {
        #[cfg(feature = "s3")]
        if let Some(place) = self.place() {
            return Store::objects(place.objects()?);
        }
        let elsewhere = self.store.as_deref().and_then(|store| {
            let path = store.strip_prefix(FOLDER)?;
            Some(Store::folder(Path::new(path), store.trim_end_matches('/')))
        });
        Ok(elsewhere.unwrap_or_else(|| Store::folder(&data_dir.join("recordings"), "recordings")))
    }
}
