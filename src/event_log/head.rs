//! The signed head: what an auditor keeps elsewhere, to prove later that nothing changed.
//!
//! In: a log and a signing key. Out: a small JSON document; from a document, whether its
//! signature holds. The bytes that are signed stand in `docs/log-format.md`.
//!
//! Invariants: a head names whole frames that were synced before it was signed, so a crash
//! cannot make a true head look like a truncated log; the key's file is readable by its owner
//! only; the secret half is in no message, document or backup.
//!
//! Deliberately absent: keeping the document: a head in the same place as the log proves
//! nothing against whoever can write both. Nor does the signature prove when it was made.
//! Sources: RFC 8032 (Ed25519); BLAKE3 specification.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::folder::LogFolder;
use super::load::OpenError;
use super::storage::Storage;
use super::walk::{Walked, segment_names, walk};
use crate::base::{Clock, Timestamp, hex, unhex};

/// What a document calls itself.
const FORMAT: &str = "ledgerline-log-head-1";
/// What the signed bytes begin with.
const MAGIC: &[u8; 8] = b"LGHEAD01";
/// The length of the signed bytes.
const SIGNED: usize = 128;

/// A head with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// BLAKE3 of the header of the log's first segment: which log it is.
    pub log: [u8; 32],
    /// Events up to the head: the last one has this position less one.
    pub events: u64,
    /// BLAKE3 of the frame that ends there; of the first segment's header in an empty log.
    pub head_hash: [u8; 32],
    /// When that frame was recorded.
    pub recorded_at: Timestamp,
    /// When the head was signed, by the clock of the machine that did.
    pub signed_at: Timestamp,
    /// Who signed.
    pub public_key: [u8; 32],
    /// Over the 128 bytes of the others.
    pub signature: [u8; 64],
}

/// A head as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    log: String,
    events: u64,
    position: Option<u64>,
    head_hash: String,
    recorded_at: String,
    signed_at: String,
    public_key: String,
    signature: String,
}

/// Why there is no head, or why it proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Not a document of this kind.
    #[error("read head: {0}")]
    Malformed(String),
    /// Signed by another key than the one that was named.
    #[error(
        "check head: it was signed by the key {found}, not by {wanted}; take the public key from where it was noted, not from the machine that keeps the log"
    )]
    AnotherKey {
        /// The key in the document, hexadecimal.
        found: String,
        /// The key that was named, hexadecimal.
        wanted: String,
    },
    /// The signature does not fit: the document was changed, or was never signed.
    #[error("check head: the signature does not fit; the document was changed after it was signed")]
    Signature,
    /// A key file cannot be used.
    #[error("use signing key {path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What the system says, or what is wrong.
        source: io::Error,
    },
    /// The log cannot be walked.
    #[error("take the head of the log")]
    Log(#[source] OpenError),
    /// No segment.
    #[error("take the head of the log: there is no log in {0}")]
    NoLog(PathBuf),
}

/// A signing key.
#[derive(Debug)]
pub struct HeadKey {
    key: SigningKey,
    /// It did not exist before.
    pub is_new: bool,
}

impl HeadKey {
    /// Reads a key, 32 bytes in a file of its own.
    ///
    /// # Errors
    /// [`HeadError::Key`].
    pub fn open(path: &Path) -> Result<Self, HeadError> {
        let failed = |source| HeadError::Key { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(64).read_to_end(&mut bytes).map_err(failed)?;
        let secret: [u8; 32] = bytes.try_into().map_err(|_| {
            failed(io::Error::new(io::ErrorKind::InvalidData, "wanted 32 bytes; it is no key"))
        })?;
        Ok(Self { key: SigningKey::from_bytes(&secret), is_new: false })
    }

    /// Reads a key, or makes one where there is no file: 32 random bytes, readable by its owner
    /// only, durable before it is used.
    ///
    /// # Errors
    /// [`HeadError::Key`].
    pub fn open_or_make(path: &Path) -> Result<Self, HeadError> {
        let failed = |source| HeadError::Key { path: path.to_owned(), source };
        if path.try_exists().map_err(failed)? {
            return Self::open(path);
        }
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| failed(io::Error::other(error)))?;
        // Whole under another name first: a crash leaves no half key. A link fails where another
        // process was quicker, whose key is then the one.
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(failed)?;
        let written = file.write_all(&secret).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| std::fs::hard_link(&fresh, path));
        // The name is of no use any more, whatever came of it.
        drop(std::fs::remove_file(&fresh));
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Self::open(path),
            other => other.map_err(failed)?,
        }
        let synced = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(synced).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Self { key: SigningKey::from_bytes(&secret), is_new: true })
    }

    /// The public half, hexadecimal.
    pub fn public_key(&self) -> String {
        hex(self.key.verifying_key().as_bytes())
    }

    /// Takes and signs the head of the log in a folder, also while a process writes to it. The
    /// whole log is walked and compared on the way.
    ///
    /// # Errors
    /// [`HeadError::Log`] where it is damaged or cannot be read, [`HeadError::NoLog`].
    pub fn head(
        &self,
        folder: impl Into<LogFolder>,
        clock: &dyn Clock,
        progress: &mut dyn FnMut(u64),
    ) -> Result<SignedHead, HeadError> {
        let folder = folder.into();
        let storage = folder.storage();
        let mut bytes = 0;
        let walked = walk(&storage, &mut |step| {
            if let super::walk::Seen::Frame { frame, .. } = step {
                bytes += frame.bytes.len() as u64;
                progress(bytes);
            }
            ControlFlow::Continue(())
        })
        .map_err(HeadError::Log)?;
        settle(folder.path(), &*storage).map_err(HeadError::Log)?;
        self.sign(&walked, clock.now()).ok_or_else(|| HeadError::NoLog(folder.path().to_owned()))
    }

    /// Signs what was walked over. Nothing where that was nothing.
    pub(super) fn sign(&self, walked: &Walked, now: Timestamp) -> Option<SignedHead> {
        let mut head = SignedHead {
            log: walked.log?,
            events: walked.next,
            head_hash: walked.previous,
            recorded_at: walked.recorded_at,
            signed_at: now,
            public_key: *self.key.verifying_key().as_bytes(),
            signature: [0; 64],
        };
        head.signature = self.key.sign(&head.signed_bytes()).to_bytes();
        Some(head)
    }
}

/// Makes what was read durable: a reader sees frames before their writer has synced them, and
/// what is said of them must survive a crash. Where the files cannot be synced, since the file
/// system is read-only, nobody writes them either.
///
/// # Errors
/// [`OpenError::Io`].
pub(super) fn settle(folder: &Path, storage: &dyn Storage) -> Result<(), OpenError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| OpenError::Io { action: "sync", path, source }
    };
    let names = segment_names(storage)?;
    // The writer may have begun another segment since; the one before it is synced by then.
    for (_, name) in names.iter().rev().take(2) {
        let path = folder.join(name);
        let file = File::open(&path).map_err(failed(&path))?;
        file.sync_data().or_else(read_only_is_fine).map_err(failed(&path))?;
    }
    let file = File::open(folder).map_err(failed(folder))?;
    file.sync_all().or_else(read_only_is_fine).map_err(failed(folder))
}

fn read_only_is_fine(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput => Ok(()),
        _ => Err(error),
    }
}

impl SignedHead {
    /// The bytes that are signed.
    pub(super) fn signed_bytes(&self) -> [u8; SIGNED] {
        let mut bytes = [0; SIGNED];
        let fields: [&[u8]; 7] = [
            MAGIC,
            &self.log,
            &self.events.to_le_bytes(),
            &self.head_hash,
            &self.recorded_at.as_micros().to_le_bytes(),
            &self.signed_at.as_micros().to_le_bytes(),
            &self.public_key,
        ];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// Checks the signature, and who signed where `public_key` says who should have.
    ///
    /// Without `public_key` the document vouches for itself: that shows a slip, not a forger.
    ///
    /// # Errors
    /// [`HeadError::AnotherKey`], [`HeadError::Signature`].
    pub fn check(&self, public_key: Option<&[u8; 32]>) -> Result<(), HeadError> {
        if let Some(wanted) = public_key.filter(|wanted| **wanted != self.public_key) {
            let (found, wanted) = (hex(&self.public_key), hex(wanted));
            return Err(HeadError::AnotherKey { found, wanted });
        }
        VerifyingKey::from_bytes(&self.public_key)
            .and_then(|key| {
                key.verify_strict(&self.signed_bytes(), &Signature::from_bytes(&self.signature))
            })
            .map_err(|_| HeadError::Signature)
    }

    /// The document: one JSON object on several lines, a line feed at its end.
    ///
    /// # Panics
    /// Never: texts and numbers always serialise.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.document()).unwrap_or_default() + "\n"
    }

    fn document(&self) -> Document {
        Document {
            format: FORMAT.to_owned(),
            log: hex(&self.log),
            events: self.events,
            position: self.events.checked_sub(1),
            head_hash: hex(&self.head_hash),
            recorded_at: self.recorded_at.to_string(),
            signed_at: self.signed_at.to_string(),
            public_key: hex(&self.public_key),
            signature: hex(&self.signature),
        }
    }

    /// Reads a document. The signature is not checked here.
    ///
    /// # Errors
    /// [`HeadError::Malformed`], with what is wrong.
    pub fn from_json(text: &str) -> Result<Self, HeadError> {
        let malformed = |what: &str| HeadError::Malformed(what.to_owned());
        let document: Document =
            serde_json::from_str(text).map_err(|error| HeadError::Malformed(error.to_string()))?;
        if document.format != FORMAT {
            return Err(HeadError::Malformed(format!("format must be {FORMAT}")));
        }
        if document.position != document.events.checked_sub(1) {
            return Err(malformed("position must be events less one"));
        }
        let time = |text: &str| {
            text.parse().map_err(|error: crate::base::TimestampError| {
                HeadError::Malformed(error.to_string())
            })
        };
        let head = Self {
            log: bytes("log", &document.log)?,
            events: document.events,
            head_hash: bytes("head_hash", &document.head_hash)?,
            recorded_at: time(&document.recorded_at)?,
            signed_at: time(&document.signed_at)?,
            public_key: bytes("public_key", &document.public_key)?,
            signature: bytes("signature", &document.signature)?,
        };
        Ok(head)
    }
}

impl Serialize for SignedHead {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SignedHead {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(deserializer)?;
        let text = serde_json::to_string(&document).map_err(serde::de::Error::custom)?;
        Self::from_json(&text).map_err(serde::de::Error::custom)
    }
}

/// The bytes of a hexadecimal field.
fn bytes<const N: usize>(field: &str, text: &str) -> Result<[u8; N], HeadError> {
    unhex(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        HeadError::Malformed(format!("{field} must be {} hexadecimal digits", 2 * N))
    })
}

/// A public key as it is written down, 64 hexadecimal digits.
///
/// # Errors
/// [`HeadError::Malformed`].
pub fn public_key(text: &str) -> Result<[u8; 32], HeadError> {
    bytes("public key", text.trim())
}
