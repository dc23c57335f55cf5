//! Backups in a bucket of an S3-compatible store.
//!
//! Deliberately absent: a lock. Two backups to one prefix at once may each remove what the other
//! has just replaced.

use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};
use tokio::runtime::Runtime;

use super::{BackupError, BackupPlace};

/// Objects are sent and fetched in parts of this size. Units: bytes.
const PART: usize = 8 << 20;
/// How long a request is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A prefix in a bucket. Its methods wait for the store on a runtime of its own: not to be
/// called from asynchronous code.
#[derive(Debug)]
pub struct ObjectPlace {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    /// How it is named in messages.
    url: String,
    runtime: Runtime,
}

impl ObjectPlace {
    /// A place such as `s3://bucket/prefix`. Credentials and region come from the environment:
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, and `AWS_ENDPOINT` where
    /// `endpoint` is not given.
    ///
    /// # Errors
    /// [`BackupError::Place`] where the address is none, or something is missing.
    pub fn open(url: &str, endpoint: Option<&str>) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Place { action: "open", path: url.to_owned(), source };
        let wrong =
            |what: &str| failed(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
        let rest = url.strip_prefix("s3://").ok_or_else(|| wrong("want s3://bucket/prefix"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("want s3://bucket/prefix"));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        // A store in this house often speaks plain HTTP; which one is meant, the address says.
        let retry = RetryConfig { max_retries: 4, retry_timeout: PATIENCE, ..Default::default() };
        let store = builder
            .with_allow_http(true)
            .with_retry(retry)
            .build()
            .map_err(|error| failed(told(error)))?;
        Self::with_store(Arc::new(store), url, prefix)
    }

    /// A prefix in any store.
    ///
    /// # Errors
    /// [`BackupError::Place`] where there is no runtime to be had.
    pub fn with_store(
        store: Arc<dyn ObjectStore>,
        url: &str,
        prefix: &str,
    ) -> Result<Self, BackupError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(
            |source| BackupError::Place { action: "open", path: url.to_owned(), source },
        )?;
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self { store, prefix, url: url.trim_end_matches('/').to_owned(), runtime })
    }

    fn object(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    fn wait<T>(&self, answer: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        self.runtime.block_on(answer).map_err(told)
    }
}

/// What went wrong, without the store's own words, since they may repeat a credential.
fn told(error: object_store::Error) -> io::Error {
    let (kind, what) = match &error {
        object_store::Error::NotFound { .. } => {
            (io::ErrorKind::NotFound, "there is no such bucket or object")
        }
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => (
            io::ErrorKind::PermissionDenied,
            "the store refuses; look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
        ),
        _ => (io::ErrorKind::Other, "the store refuses, or does not answer"),
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(next) = cause {
        if let Some(system) = next.downcast_ref::<io::Error>() {
            return io::Error::new(kind, format!("{what}: {}", system.kind()));
        }
        cause = next.source();
    }
    io::Error::new(kind, what)
}

/// Fills a buffer as far as the source goes.
fn fill(source: &mut dyn Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl BackupPlace for ObjectPlace {
    fn read<'a>(&'a self, name: &str) -> io::Result<Option<Box<dyn Read + 'a>>> {
        let object = self.object(name);
        match self.wait(self.store.head(&object)) {
            Ok(meta) => Ok(Some(Box::new(Parts {
                place: self,
                object,
                at: 0,
                end: meta.size,
                part: io::Cursor::new(bytes::Bytes::new()),
            }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, source: &mut dyn Read) -> io::Result<()> {
        let object = self.object(name);
        let first = fill(source, PART)?;
        if first.len() < PART {
            self.wait(self.store.put(&object, PutPayload::from(first)))?;
            return Ok(());
        }
        let mut upload = self.wait(self.store.put_multipart(&object))?;
        let mut part = first;
        let sent = loop {
            if part.is_empty() {
                break Ok(());
            }
            if let Err(error) = self.wait(upload.put_part(PutPayload::from(part))) {
                break Err(error);
            }
            match fill(source, PART) {
                Ok(next) => part = next,
                Err(error) => break Err(error),
            }
        };
        let completed = sent.and_then(|()| self.wait(upload.complete()).map(drop));
        if completed.is_err() {
            // The first failure is the one to tell.
            drop(self.wait(upload.abort()));
        }
        completed
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let prefix = Path::from(self.prefix.as_str());
        let objects = self.wait(self.store.list(Some(&prefix)).try_collect::<Vec<_>>())?;
        let start = if self.prefix.is_empty() { 0 } else { prefix.as_ref().len() + 1 };
        let names = objects.iter().filter_map(|object| object.location.as_ref().get(start..));
        Ok(names.map(str::to_owned).collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.wait(self.store.delete(&self.object(name))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn is_held(&self) -> bool {
        false
    }

    fn path(&self, name: &str) -> String {
        if name.is_empty() { self.url.clone() } else { format!("{}/{name}", self.url) }
    }
}

/// An object, fetched part by part.
struct Parts<'a> {
    place: &'a ObjectPlace,
    object: Path,
    at: u64,
    end: u64,
    part: io::Cursor<bytes::Bytes>,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read(buffer)?;
        if read > 0 || buffer.is_empty() || self.at >= self.end {
            return Ok(read);
        }
        let to = self.end.min(self.at + PART as u64);
        let part = self.place.wait(self.place.store.get_range(&self.object, self.at..to))?;
        if part.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += part.len() as u64;
        self.part = io::Cursor::new(part);
        self.part.read(buffer)
    }
}
