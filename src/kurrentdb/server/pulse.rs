//! When the log has grown, for readers of one stream.
//!
//! In: a log. Out: a watch whose value is the last durable position. Invariant: the log is
//! followed only while somebody looks, and once for all of them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::event_log::EventLog;

/// How far the log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kurrentdb) struct Beat {
    /// The last position seen.
    pub(in crate::kurrentdb) head: Option<u64>,
    /// Nothing more will come: the log is closed, or its writer failed.
    pub(in crate::kurrentdb) is_over: bool,
}

/// The heart of a served log.
pub(in crate::kurrentdb) struct Pulse {
    log: Arc<dyn EventLog>,
    /// There while a task follows the log.
    beats: Arc<Mutex<Option<watch::Sender<Beat>>>>,
}

impl Pulse {
    pub(in crate::kurrentdb) fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, beats: Arc::default() }
    }

    /// A watch that changes with every growth of the log after this call.
    pub(in crate::kurrentdb) fn watch(&self) -> watch::Receiver<Beat> {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*beats {
            return sender.subscribe();
        }
        let head = self.log.head();
        let (sender, receiver) = watch::channel(Beat { head, is_over: false });
        *beats = Some(sender.clone());
        tokio::spawn(follow(self.log.clone(), head, sender, self.beats.clone()));
        receiver
    }
}

async fn follow(
    log: Arc<dyn EventLog>,
    head: Option<u64>,
    sender: watch::Sender<Beat>,
    beats: Arc<Mutex<Option<watch::Sender<Beat>>>>,
) {
    let mut events = log.subscribe_all(head);
    loop {
        tokio::select! {
            next = events.next_event() => match next {
                Ok(event) => {
                    sender.send_replace(Beat { head: Some(event.position), is_over: false });
                }
                Err(_) => {
                    sender.send_modify(|beat| beat.is_over = true);
                    return;
                }
            },
            () = sender.closed() => {
                let mut beats = beats.lock().unwrap_or_else(PoisonError::into_inner);
                // Somebody may have come in between.
                if sender.receiver_count() == 0 {
                    *beats = None;
                    return;
                }
            }
        }
    }
}
