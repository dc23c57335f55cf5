use super::disk::{Disk, Fault};
use super::*;

fn open_on(disk: &Disk, options: LogOptions) -> (EmbeddedLog, OpenReport) {
    disk.strike_folders(false);
    EmbeddedLog::open_with(Arc::new(disk.clone()), options, clock()).expect("a log")
}

/// One failing write or sync at any moment; what was acknowledged is there after a restart of
/// the program, and after one of the machine.
#[tokio::test]
async fn the_first_failure_poisons_the_writer_and_loses_nothing_acknowledged() {
    let faults = [Fault::WriteError, Fault::Full, Fault::TornWrite, Fault::SyncError];
    for zero_ahead_bytes in [0, 512] {
        for fault in faults {
            for after in 0..12 {
                for is_machine in [false, true] {
                    let disk = Disk::new(after);
                    let options = LogOptions { zero_ahead_bytes, ..small() };
                    let (log, _) = open_on(&disk, options.clone());
                    disk.arm(fault, after);
                    fail_once(&log, fault).await;
                    let acknowledged = all(&log).await;
                    drop(log);
                    disk.disarm();
                    if is_machine {
                        disk.crash();
                    }
                    let what = format!("{fault:?} after {after}, machine: {is_machine}");
                    let (log, report) = open_on(&disk, options.clone());
                    let found = all(&log).await;
                    assert!(found.starts_with(&acknowledged), "{what}: {report:?}");
                    assert!(found.len() <= acknowledged.len() + 1, "{what}: {report:?}");
                    // The append in doubt is repeated, and stands once.
                    let next = acknowledged.len() as u64;
                    let again = append(&log, "a", next..next + 1).await;
                    assert_eq!(again.first_position, next, "{what}");
                    assert_eq!(again.is_repeat, found.len() as u64 == next + 1, "{what}");
                    // And what was found is durable by now.
                    drop(log);
                    disk.crash();
                    assert_eq!(all(&open_on(&disk, options).0).await.len() as u64, next + 1);
                }
            }
        }
    }
}

/// Appends until the fault strikes, and sees how it is reported.
async fn fail_once(log: &EmbeddedLog, fault: Fault) {
    let mut follower = log.subscribe_all(None);
    let mut number = 0;
    let refused = loop {
        let answer = log.append(stream("a"), ExpectedRevision::Any, vec![event(number)]).await;
        match answer {
            Ok(done) => assert_eq!(done.first_position, number),
            Err(error) => break error,
        }
        assert_eq!(follower.next_event().await.expect("an event").position, number);
        number += 1;
        assert!(number < 100, "the fault strikes");
    };
    let text = refused.to_string();
    assert!(matches!(refused, AppendError::WriterFailed(_)), "{text}");
    assert!(text.contains("/disk/segment-"), "{text}");
    match fault {
        Fault::Full => assert!(text.contains("the disk is full; free some space"), "{text}"),
        Fault::SyncError => assert!(text.contains("failed to sync"), "{text}"),
        _ => assert!(text.contains("failed to write"), "{text}"),
    }
    assert!(log.failure().is_some());
    // Nothing more is taken, though the disk works again; reading goes on; followers are told.
    let more = log.append(stream("b"), ExpectedRevision::Any, vec![event(500)]).await;
    assert!(matches!(more, Err(AppendError::WriterFailed(_))), "{more:?}");
    assert_eq!(all(log).await.len() as u64, number, "what was not acknowledged is not read");
    loop {
        match follower.next().await {
            Ok(SubscriptionItem::CaughtUp) => {}
            Ok(item) => panic!("{item:?}"),
            Err(error) => break assert!(matches!(error, SubscriptionError::WriterFailed(_))),
        }
    }
}

#[tokio::test]
async fn a_short_write_is_no_failure() {
    for after in 0..40 {
        let disk = Disk::new(after);
        let (log, _) = open_on(&disk, small());
        disk.arm(Fault::ShortWrite, after);
        for number in 0..20 {
            append(&log, "a", number..number + 1).await;
        }
        assert!(!disk.disarm() || after > 20, "the short write happened");
        drop(log);
        disk.crash();
        assert!(all(&open_on(&disk, small()).0).await.iter().map(as_new).eq((0..20).map(event)));
    }
}

/// Where the disk is too full to write zeros ahead, the zeros that are there will do.
#[tokio::test]
async fn appends_go_on_until_the_disk_is_really_full() {
    let disk = Disk::new(1);
    let options = LogOptions { zero_ahead_bytes: 4_096, ..LogOptions::default() };
    let (log, _) = open_on(&disk, options.clone());
    append(&log, "a", 0..1).await;
    disk.arm(Fault::Full, 0);
    let mut number = 1;
    let refused = loop {
        match log.append(stream("a"), ExpectedRevision::Any, vec![event(number)]).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(number > 10, "{number} events went into 4 KiB");
    assert!(refused.to_string().contains("the disk is full"), "{refused}");
    drop(log);
    disk.disarm();
    let (log, _) = open_on(&disk, options);
    assert_eq!(all(&log).await.len() as u64, number);
    assert_eq!(append(&log, "a", number..number + 1).await.first_position, number);
}

#[tokio::test]
async fn opening_fails_clearly_where_the_repair_cannot_be_made_durable() {
    let disk = Disk::new(3);
    disk.strike_folders(false);
    let (log, _) = open_on(&disk, small());
    append(&log, "a", 0..2).await;
    drop(log);
    for fault in [Fault::WriteError, Fault::SyncError] {
        disk.arm(fault, 0);
        let opened = EmbeddedLog::open_with(Arc::new(disk.clone()), small(), clock());
        let Err(refused) = opened else { panic!("opened in spite of {fault:?}") };
        assert!(refused.to_string().contains("repair /disk/segment-"), "{refused}");
    }
    assert_eq!(all(&open_on(&disk, small()).0).await.len(), 2);
}

/// A clock that breaks, as a stand-in for any bug in the writer.
struct BrokenClock(AtomicI64);

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        let left = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(left > 0, "the clock is broken, as the test wants it");
        Timestamp::EPOCH
    }
}

#[tokio::test]
async fn a_writer_that_panics_closes_the_log_and_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock: Arc<dyn Clock> = Arc::new(BrokenClock(AtomicI64::new(2)));
    let log = EmbeddedLog::open(folder.path(), small(), clock).expect("a log").0;
    append(&log, "a", 0..1).await;
    let refused = log.append(stream("a"), ExpectedRevision::Any, vec![event(1)]).await;
    assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    assert_eq!(all(&log).await.len(), 1);
    log.close().await;
    assert_eq!(all(&open(folder.path(), small())).await.len(), 1, "the folder is free");
}
