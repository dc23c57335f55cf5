use super::disk::Disk;
use super::reopen::frames;
use super::*;
use crate::event_log::index::Index;
use crate::event_log::load::{Loader, Purpose};

/// A disk of which the first reads see a frame half written and the one after it whole: a
/// reader whose pages were fetched while the writer was at work.
struct Racing {
    disk: Disk,
    hole: std::ops::Range<usize>,
    reads: Arc<AtomicI64>,
}

struct RacingFile {
    file: Arc<dyn SegmentFile>,
    hole: std::ops::Range<usize>,
    reads: Arc<AtomicI64>,
}

impl Storage for Racing {
    fn list(&self) -> std::io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str, write: bool) -> std::io::Result<Arc<dyn SegmentFile>> {
        let file = self.disk.open(name, write)?;
        Ok(Arc::new(RacingFile { file, hole: self.hole.clone(), reads: self.reads.clone() }))
    }

    fn create(&self, name: &str) -> std::io::Result<Arc<dyn SegmentFile>> {
        self.disk.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.disk.remove(name)
    }

    fn folder(&self, name: &str) -> std::io::Result<Arc<dyn Storage>> {
        self.disk.folder(name)
    }

    fn sync_directory(&self) -> std::io::Result<()> {
        self.disk.sync_directory()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.disk.path(name)
    }
}

impl SegmentFile for RacingFile {
    fn size(&self) -> std::io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        if self.reads.fetch_sub(1, Ordering::Relaxed) > 0 {
            let from = usize::try_from(offset).expect("small");
            for at in self.hole.clone().filter(|at| (from..from + read).contains(at)) {
                buffer[at - from] = 0;
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn set_size(&self, size: u64) -> std::io::Result<()> {
        self.file.set_size(size)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.file.sync()
    }
}

#[tokio::test]
async fn a_reader_is_not_misled_by_a_frame_that_is_being_written() {
    for hole_of in 0..3 {
        let disk = Disk::new(1);
        let (log, _) =
            EmbeddedLog::open_with(Arc::new(disk.clone()), LogOptions::default(), clock())
                .expect("a log");
        for number in 0..4 {
            append(&log, "a", number..number + 1).await;
        }
        let name = "segment-00000000000000000000.log";
        let file = disk.open(name, false).expect("a file");
        let mut bytes = vec![0; 4_096];
        file.read_at(&mut bytes, 0).expect("bytes");
        let frame = frames(&bytes)[hole_of].clone();
        let racing = |reads| Racing {
            disk: disk.clone(),
            hole: frame.start + 100..frame.end,
            reads: Arc::new(AtomicI64::new(reads)),
        };
        let mut index = Index::default();
        let mut loader = Loader::new(Arc::new(racing(2)), Purpose::Read);
        loader.advance(&mut index).expect("a look at it again, when it is whole");
        assert_eq!(index.next, 4);
        // What does not become whole is damage, and a writer does not wait for it.
        for (reads, purpose) in [(i64::MAX, Purpose::Read), (2, Purpose::Write)] {
            let mut loader = Loader::new(Arc::new(racing(reads)), purpose);
            let refused = loader.advance(&mut Index::default());
            assert!(matches!(refused, Err(OpenError::Corrupt(_))), "{refused:?}");
        }
    }
}
