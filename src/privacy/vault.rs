//! Keys and what is done with them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::Mac as _;
use sha2::Sha256;

use super::key_file::{self, Key};
use crate::base::{PersonName, PhoneNumber, RecordingId, SubjectId, hex, unhex};

/// The vault cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A key file cannot be used.
    #[error("use key file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The installation key has the wrong length.
    #[error(
        "use key file {0}: wanted 32 bytes; restore it from a backup, as all look-ups depend on it"
    )]
    WrongLength(PathBuf),
    /// No key: erased, or another installation's log.
    #[error("open the data of {0}: its key is destroyed or was never here")]
    NoKey(SubjectId),
    /// Not what this key sealed.
    #[error("open the data of {0}: the ciphertext does not fit the key")]
    Tampered(SubjectId),
}

/// Keys of an installation and of its subjects.
pub struct Vault {
    installation: Key,
    subjects: BTreeMap<SubjectId, Key>,
    file: File,
    path: PathBuf,
}

/// Where random bytes come from: the operating system in production, a seed in simulation.
type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

impl Vault {
    /// Opens the keys in a folder, making them where there are none.
    ///
    /// # Errors
    /// [`VaultError::File`] and [`VaultError::WrongLength`], with the path.
    pub fn open(folder: &Path, random: Random<'_>) -> Result<Self, VaultError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| VaultError::File { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let installation_path = folder.join("installation.key");
        let installation = installation_key(&installation_path, random)?;
        let path = folder.join("subjects.keys");
        let (file, subjects) = key_file::open(&path).map_err(failed(&path))?;
        Ok(Self { installation, subjects, file, path })
    }

    /// The hash a number is looked up by: HMAC-SHA256 under the installation's key, hexadecimal.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    pub fn phone_hash(&self, phone: &PhoneNumber) -> String {
        let mut mac = hmac::Hmac::<Sha256>::new_from_slice(&self.installation)
            .expect("HMAC takes keys of any length");
        mac.update(phone.reveal().as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Makes keys for new subjects and puts them on disk with one sync.
    ///
    /// # Errors
    /// [`VaultError::File`]; then none of the subjects has a key.
    pub fn register(
        &mut self,
        subjects: &[SubjectId],
        random: Random<'_>,
    ) -> Result<(), VaultError> {
        let mut records = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let mut key = Key::default();
            random(&mut key);
            records.push((*subject, key));
        }
        key_file::append(&mut self.file, &records)
            .map_err(|source| VaultError::File { path: self.path.clone(), source })?;
        self.subjects.extend(records);
        Ok(())
    }

    /// Seals number and name under the subject's key; the subject's id is bound in.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] where the subject was not registered.
    pub fn seal(
        &self,
        subject: SubjectId,
        phone: &PhoneNumber,
        name: &PersonName,
        random: Random<'_>,
    ) -> Result<String, VaultError> {
        let cipher = self.cipher(subject)?;
        let mut nonce = [0u8; 12];
        random(&mut nonce);
        let clear = format!("{}\n{}", phone.reveal(), name.reveal());
        let payload = Payload { msg: clear.as_bytes(), aad: subject.0.as_bytes() };
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| VaultError::Tampered(subject))?;
        Ok(hex(&nonce) + &hex(&sealed))
    }

    /// Opens what [`Vault::seal`] made.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] where the key is gone, [`VaultError::Tampered`] where it does not fit.
    pub fn open_sealed(
        &self,
        subject: SubjectId,
        ciphertext: &str,
    ) -> Result<(PhoneNumber, PersonName), VaultError> {
        let cipher = self.cipher(subject)?;
        let tampered = || VaultError::Tampered(subject);
        let bytes = unhex(ciphertext).ok_or_else(tampered)?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or_else(tampered)?;
        let payload = Payload { msg: sealed, aad: subject.0.as_bytes() };
        let clear = cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| tampered())?;
        let clear = String::from_utf8(clear).map_err(|_| tampered())?;
        let (phone, name) = clear.split_once('\n').ok_or_else(tampered)?;
        Ok((phone.parse().map_err(|_| tampered())?, PersonName::new(name)))
    }

    /// Whether a subject's data can be opened: it was registered here and not erased.
    pub fn has_key(&self, subject: SubjectId) -> bool {
        self.subjects.contains_key(&subject)
    }

    /// The key that seals one recording of a subject: HMAC-SHA256 under the subject's key, so
    /// that it goes with that one.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] where the subject is erased or was never known here.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    pub fn recording_key(
        &self,
        subject: SubjectId,
        recording: RecordingId,
    ) -> Result<[u8; 32], VaultError> {
        let key = self.subjects.get(&subject).ok_or(VaultError::NoKey(subject))?;
        let mut mac =
            hmac::Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(b"recording");
        mac.update(recording.0.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    /// Destroys a subject's key. Whether there was one.
    ///
    /// A file without it takes the old one's place, durably; then it is blotted out of the old
    /// one, which another link may still name. Copies made before are beyond reach.
    ///
    /// # Errors
    /// [`VaultError::File`]; then the key may still be on disk.
    pub fn destroy(&mut self, subject: SubjectId) -> Result<bool, VaultError> {
        if !self.subjects.contains_key(&subject) {
            return Ok(false);
        }
        let mut left = self.subjects.clone();
        left.remove(&subject);
        let records: Vec<_> = left.iter().map(|(subject, key)| (*subject, *key)).collect();
        let failed = |source| VaultError::File { path: self.path.clone(), source };
        let fresh_path = self.path.with_extension("keys.new");
        std::fs::remove_file(&fresh_path).or_else(missing_is_fine).map_err(failed)?;
        let mut fresh = key_file::private(&fresh_path).map_err(failed)?;
        key_file::append(&mut fresh, &records).map_err(failed)?;
        std::fs::rename(&fresh_path, &self.path).map_err(failed)?;
        sync_folder_of(&self.path).map_err(failed)?;
        let mut old = std::mem::replace(&mut self.file, fresh);
        self.subjects = left;
        key_file::blot(&mut old, subject)
            .map_err(|source| VaultError::File { path: self.path.clone(), source })?;
        Ok(true)
    }

    fn cipher(&self, subject: SubjectId) -> Result<ChaCha20Poly1305, VaultError> {
        let key = self.subjects.get(&subject).ok_or(VaultError::NoKey(subject))?;
        Ok(ChaCha20Poly1305::new(&(*key).into()))
    }
}

fn missing_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Makes a rename in a file's folder durable.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Reads the installation's key, or makes it by temporary file, sync and rename.
fn installation_key(path: &Path, random: Random<'_>) -> Result<Key, VaultError> {
    let failed = |source| VaultError::File { path: path.to_owned(), source };
    match File::open(path) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(failed)?;
            bytes.try_into().map_err(|_| VaultError::WrongLength(path.to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut key = Key::default();
            random(&mut key);
            let fresh_path = path.with_extension("key.new");
            std::fs::remove_file(&fresh_path).or_else(missing_is_fine).map_err(failed)?;
            let mut fresh = key_file::private(&fresh_path).map_err(failed)?;
            fresh.write_all(&key).map_err(failed)?;
            fresh.sync_data().map_err(failed)?;
            std::fs::rename(&fresh_path, path).map_err(failed)?;
            sync_folder_of(path).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}
