//! What the disk can do without a log: write, fdatasync, repeat.
//!
//! The file is filled with zeros and synced before the clock starts, and writes go round in it,
//! so that no write changes a length or allocates a block. That is the best a log could meet.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::log::now;

/// A file to write to.
pub(super) struct Bare {
    file: File,
    len: u64,
    at: u64,
}

impl Bare {
    /// Makes a file of zeros.
    ///
    /// # Errors
    /// Where the disk fails or is full.
    pub(super) fn new(path: &Path, len: u64) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let zeros = vec![0; 1 << 20];
        for at in (0..len).step_by(zeros.len()) {
            file.write_all_at(&zeros, at).context("write zeros")?;
        }
        file.sync_all().context("sync zeros")?;
        Ok(Self { file, len, at: 0 })
    }

    /// Writes and syncs blocks of this many bytes for a while. Gives the number and the time.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn write_and_sync(
        &mut self,
        bytes: usize,
        span: Duration,
    ) -> anyhow::Result<(u64, Duration)> {
        let mut block = vec![0xa5; bytes.max(1)];
        let started = now();
        let mut done: u64 = 0;
        while started.elapsed() < span {
            // No two writes are the same.
            for (to, from) in block.iter_mut().zip(done.to_le_bytes()) {
                *to = from;
            }
            if self.at + block.len() as u64 > self.len {
                self.at = 0;
            }
            self.file.write_all_at(&block, self.at).context("write")?;
            self.file.sync_data().context("sync")?;
            self.at += block.len() as u64;
            done += 1;
        }
        Ok((done, started.elapsed()))
    }
}
