//! Scripts as they lie on disk: read at start, read again when a file changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::{CampaignId, sha256_hex};
use crate::conversation::{Script, ScriptError};

/// A script file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptFileError {
    /// The file cannot be read.
    #[error("read script {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not hold together.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// One script file.
#[derive(Debug)]
struct ScriptFile {
    path: PathBuf,
    changed: Option<SystemTime>,
    script: Arc<Script>,
    hash: String,
}

/// The scripts of all campaigns.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    files: BTreeMap<CampaignId, ScriptFile>,
}

impl Scripts {
    /// Reads a campaign's script.
    pub(crate) fn load(
        &mut self,
        campaign_id: CampaignId,
        path: PathBuf,
    ) -> Result<(), ScriptFileError> {
        let file = open(path)?;
        self.files.insert(campaign_id, file);
        Ok(())
    }

    /// The script a campaign speaks now.
    pub(crate) fn get(&self, campaign_id: &CampaignId) -> Option<Arc<Script>> {
        self.files.get(campaign_id).map(|file| file.script.clone())
    }

    /// SHA-256 of the script's file, hexadecimal.
    pub(crate) fn hash(&self, campaign_id: &CampaignId) -> Option<&str> {
        self.files.get(campaign_id).map(|file| file.hash.as_str())
    }

    /// Reads again what changed on disk; the next call speaks it. A script that does not hold
    /// together is named, and the one before it stays.
    pub(crate) fn refresh(&mut self) -> Vec<CampaignId> {
        let mut changed = Vec::new();
        for (campaign_id, file) in &mut self.files {
            let modified = modified(&file.path);
            if modified == file.changed || modified.is_none() {
                continue;
            }
            file.changed = modified;
            match open(file.path.clone()) {
                Ok(fresh) if fresh.hash != file.hash => {
                    tracing::info!(campaign = %campaign_id, "script changed");
                    *file = fresh;
                    changed.push(campaign_id.clone());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(campaign = %campaign_id, %error, "the script before it stays");
                }
            }
        }
        changed
    }
}

/// Reads a script file.
///
/// # Errors
/// See [`ScriptFileError`].
pub fn read_script(path: &Path) -> Result<Script, ScriptFileError> {
    read(path).map(|(script, _)| script)
}

/// The script and its file's hash.
fn read(path: &Path) -> Result<(Script, String), ScriptFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ScriptFileError::Read { path: path.to_owned(), source })?;
    let script = Script::parse(&path.display().to_string(), &text)?;
    Ok((script, sha256_hex(text.as_bytes())))
}

fn open(path: PathBuf) -> Result<ScriptFile, ScriptFileError> {
    // The time first: what is written meanwhile is then read again.
    let changed = modified(&path);
    let (script, hash) = read(&path)?;
    Ok(ScriptFile { path, changed, script: Arc::new(script), hash })
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
