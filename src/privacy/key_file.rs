//! The key file: fixed records of 52 bytes — subject id (16), key (32), CRC32C (4) — appended
//! and synced. A key of zeros marks a destroyed one. A torn last record is cut at open.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use uuid::Uuid;

use crate::base::SubjectId;

pub(super) type Key = [u8; 32];

const RECORD: usize = 52;
/// What stands where a key was.
const DESTROYED: Key = [0; 32];

/// Opens (or makes) the file and reads every key.
pub(super) fn open(path: &Path) -> std::io::Result<(File, BTreeMap<SubjectId, Key>)> {
    let mut file = private(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut keys = BTreeMap::new();
    let mut whole = 0;
    for record in bytes.chunks_exact(RECORD) {
        let Some((subject, key)) = decode(record) else { break };
        if key != DESTROYED {
            keys.insert(subject, key);
        }
        whole += RECORD;
    }
    if whole + RECORD <= bytes.len() {
        let problem = format!("record at byte {whole} is damaged; restore the file from a backup");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, problem));
    }
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::End(0))?;
    Ok((file, keys))
}

/// Appends records with one sync.
pub(super) fn append(file: &mut File, records: &[(SubjectId, Key)]) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(records.len() * RECORD);
    for (subject, key) in records {
        bytes.extend(encode(*subject, key));
    }
    file.write_all(&bytes)?;
    file.sync_data()
}

/// Writes zeros over a subject's key, in place.
pub(super) fn blot(file: &mut File, subject: SubjectId) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
        if decode(record).is_some_and(|(found, _)| found == subject) {
            file.seek(SeekFrom::Start((index * RECORD) as u64))?;
            file.write_all(&encode(subject, &DESTROYED))?;
        }
    }
    file.sync_data()
}

fn encode(subject: SubjectId, key: &Key) -> Vec<u8> {
    let mut record = Vec::with_capacity(RECORD);
    record.extend_from_slice(subject.0.as_bytes());
    record.extend_from_slice(key);
    let sum = crc32c::crc32c(&record);
    record.extend_from_slice(&sum.to_le_bytes());
    record
}

/// Opens a file only its owner may read, making it where it is missing.
pub(super) fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn decode(record: &[u8]) -> Option<(SubjectId, Key)> {
    let (body, sum) = record.split_at_checked(RECORD - 4)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(sum.try_into().ok()?) {
        return None;
    }
    let (subject, key) = body.split_at_checked(16)?;
    Some((SubjectId(Uuid::from_slice(subject).ok()?), key.try_into().ok()?))
}
