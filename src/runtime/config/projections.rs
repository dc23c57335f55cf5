//! Where views are kept besides the data folder, and what both kinds of stores are told.

use serde::{Deserialize, Serialize};

#[cfg(feature = "s3")]
use crate::event_log::{Objects, S3Options, StoreUnavailable};

/// Where views are kept besides the data folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectionsConfig {
    /// The S3-compatible store that has a copy of each view, `s3://bucket/prefix`; without one,
    /// there are no copies. Credentials come from the environment.
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
    /// From one bringing up of the copies to the next. Units: s.
    pub upload_every_s: u64,
}

impl Default for ProjectionsConfig {
    fn default() -> Self {
        Self {
            store: None,
            endpoint: None,
            region: None,
            virtual_hosted: false,
            upload_every_s: 60,
        }
    }
}

impl ProjectionsConfig {
    /// The store, if there is one.
    pub fn place(&self) -> Option<StorePlace<'_>> {
        Some(StorePlace {
            store: self.store.as_deref()?,
            endpoint: self.endpoint.as_deref(),
            region: self.region.as_deref(),
            virtual_hosted: self.virtual_hosted,
        })
    }
}

impl super::SealingConfig {
    /// The store, if there is one.
    pub fn place(&self) -> Option<StorePlace<'_>> {
        Some(StorePlace {
            store: self.store.as_deref()?,
            endpoint: self.endpoint.as_deref(),
            region: self.region.as_deref(),
            virtual_hosted: self.virtual_hosted,
        })
    }
}

/// An S3-compatible store as a file states it.
#[derive(Clone, Copy, Debug)]
pub struct StorePlace<'a> {
    /// `s3://bucket/prefix`.
    pub store: &'a str,
    /// Its address; without one, that of AWS.
    pub endpoint: Option<&'a str>,
    /// Its region.
    pub region: Option<&'a str>,
    /// Whether the bucket stands in the endpoint's host name.
    pub virtual_hosted: bool,
}

#[cfg(feature = "s3")]
impl StorePlace<'_> {
    /// The objects there, with the credentials of the environment. Reaches no store yet.
    ///
    /// # Errors
    /// [`StoreUnavailable`] where the settings cannot be used.
    pub fn objects(&self) -> Result<Objects, StoreUnavailable> {
        let options = S3Options::parse(self.store).map_err(|wanted| StoreUnavailable {
            server: self.store.to_owned(),
            what: wanted.to_owned(),
            is_down: false,
        })?;
        Objects::s3(&S3Options {
            endpoint: self.endpoint.map(str::to_owned),
            region: self.region.map(str::to_owned),
            is_virtual_hosted: self.virtual_hosted,
            ..options
        })
    }
}
