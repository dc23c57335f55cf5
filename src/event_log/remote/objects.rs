//! Objects below a prefix of a bucket in an S3-compatible store.
//!
//! In: names and bytes. Out: the same bytes, later. Invariants: what is stored is read back and
//! compared before it counts; no message has a credential, nor what a server answered, since
//! that may repeat one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

use crate::event_log::storage::StoreUnavailable;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take, the body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request that failed is repeated.
const RETRIES: usize = 4;
/// After this, no request is repeated.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// Objects below a prefix of a bucket.
#[derive(Clone, Debug)]
pub struct Objects {
    /// Such as `s3://bucket/prefix`: what the log remembers it by.
    pub place: String,
    /// How it is named in messages, such as `s3://bucket/prefix at https://…`: no credentials.
    pub name: String,
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// What every key begins with; may be empty.
    pub prefix: Path,
}

/// What a store says of an object without giving its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path below the prefix.
    pub path: String,
    /// Its length. Units: bytes.
    pub bytes: u64,
    /// Changes whenever the object is written.
    pub stamp: String,
}

/// Where an S3-compatible store is. The credentials are not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Options {
    /// Such as `https://storage.example.com`; without one, that of AWS for the region.
    pub endpoint: Option<String>,
    /// The region; without one, that of the environment, or `us-east-1`.
    pub region: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// Whether the bucket is in the host name, which then stands in the endpoint, and not in
    /// the path.
    pub is_virtual_hosted: bool,
}

impl S3Options {
    /// Reads `s3://bucket/prefix`; the prefix may be left out.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "wanted s3://bucket/prefix, such as s3://recordings/ledgerline/log";
        let rest = url.strip_prefix("s3://").ok_or(WANTED)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_key = !prefix.starts_with('/') && Path::parse(prefix).is_ok();
        if bucket.is_empty() || !bucket.chars().all(is_plain) || !is_key {
            return Err(WANTED);
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned(), ..Self::default() })
    }

    /// The store as `s3://bucket/prefix`.
    pub fn place(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }
}

impl Objects {
    /// An S3-compatible store, with the credentials of the environment: `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, and what else AWS programs know.
    ///
    /// # Errors
    /// [`StoreUnavailable`] where the options cannot be.
    pub fn s3(options: &S3Options) -> Result<Self, StoreUnavailable> {
        Self::s3_with(AmazonS3Builder::from_env(), options)
    }

    /// As [`Self::s3`], with other credentials.
    ///
    /// # Errors
    /// As there.
    pub fn s3_with(
        builder: AmazonS3Builder,
        options: &S3Options,
    ) -> Result<Self, StoreUnavailable> {
        let endpoint = options.endpoint.as_deref();
        let place = options.place();
        let mut name = place.clone();
        if let Some(endpoint) = endpoint {
            let host = endpoint.rsplit_once('@').map_or(endpoint, |(_, host)| host);
            name = format!("{name} at {host}");
        }
        let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new()
            .with_allow_http(is_plain)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT);
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let mut builder = builder
            .with_bucket_name(&options.bucket)
            .with_virtual_hosted_style_request(options.is_virtual_hosted)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(region) = &options.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let refused = |what: &str| StoreUnavailable {
            server: name.clone(),
            what: format!("cannot be used: {what}"),
            is_down: false,
        };
        let prefix = Path::parse(&options.prefix).map_err(|_| refused("the prefix is no key"))?;
        let store = builder.build().map_err(|_| {
            refused("the endpoint must be a URL, and bucket and region plain names")
        })?;
        Ok(Self { place, name, store: Arc::new(store), prefix })
    }

    pub(super) fn key(&self, path: &str) -> Path {
        let parts = path.split('/').map(object_store::path::PathPart::from);
        self.prefix.parts().chain(parts).collect()
    }

    /// Stores an object, reads it back and compares it.
    ///
    /// # Errors
    /// [`StoreUnavailable`], also where what is read back is something else.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StoreUnavailable> {
        let key = self.key(path);
        let put = self.store.put(&key, bytes.clone().into()).await;
        put.map_err(|error| self.unavailable("store", path, &error))?;
        if self.get(path).await? == bytes {
            Ok(())
        } else {
            Err(self.says(format!("gives back something else than was stored as {key}"), false))
        }
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn get(&self, path: &str) -> Result<Bytes, StoreUnavailable> {
        let failed = |error| self.unavailable("read", path, &error);
        let answer = self.store.get(&self.key(path)).await.map_err(failed)?;
        answer.bytes().await.map_err(failed)
    }

    /// Everything below the prefix, in no order.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn list(&self) -> Result<Vec<Listed>, StoreUnavailable> {
        let below = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let listed = self.store.list(below).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|error| self.unavailable("list", "", &error))?;
        let objects = listed.into_iter().filter_map(|object| {
            let path: Path = object.location.prefix_match(&self.prefix)?.collect();
            let changed = object.last_modified.timestamp_micros();
            let stamp = format!("{changed} {}", object.e_tag.unwrap_or_default());
            Some(Listed { path: path.to_string(), bytes: object.size, stamp })
        });
        Ok(objects.collect())
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn remove(&self, path: &str) -> Result<(), StoreUnavailable> {
        match self.store.delete(&self.key(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unavailable("remove", path, &error)),
        }
    }

    fn unavailable(
        &self,
        action: &str,
        path: &str,
        error: &object_store::Error,
    ) -> StoreUnavailable {
        let (mut why, is_down) = why(error);
        if action != "read" && matches!(error, object_store::Error::NotFound { .. }) {
            "there is no such bucket".clone_into(&mut why);
        }
        let key = if path.is_empty() { self.prefix.clone() } else { self.key(path) };
        self.says(format!("cannot {action} {key}: {why}"), is_down)
    }

    pub(super) fn says(&self, what: String, is_down: bool) -> StoreUnavailable {
        StoreUnavailable { server: self.name.clone(), what, is_down }
    }
}

/// The kind of failure, without what the server said; and whether it may have said nothing.
fn why(error: &object_store::Error) -> (String, bool) {
    use object_store::Error as E;
    let (kind, is_down) = match error {
        E::NotFound { .. } => ("there is no such object", false),
        E::PermissionDenied { .. } => ("these credentials may not do that", false),
        E::Unauthenticated { .. } => ("the credentials are missing or not accepted", false),
        _ if refuses_credentials(error) => ("these credentials may not do that", false),
        _ => ("the store does not answer, or refuses", true),
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return (format!("{kind} ({})", error.kind()), is_down);
        }
        cause = error.source();
    }
    (kind.to_owned(), is_down)
}

/// Whether the server refused the credentials, where the kind of error does not say so: a list
/// that is refused says it in its text alone.
fn refuses_credentials(error: &object_store::Error) -> bool {
    let text = error.to_string();
    ["status code: 401", "status code: 403"].iter().any(|status| text.contains(status))
}
