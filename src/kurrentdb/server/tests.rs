mod links;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::read::PageSize;
use super::*;
use crate::base::Timestamp;
use crate::event_log::{EmbeddedLog, LogOptions};

#[test]
fn pages_of_short_events_grow_and_of_long_ones_shrink() {
    let mut size = PageSize::default();
    let first = size.events();
    for _ in 0..20 {
        size.learn(100);
    }
    let most = size.events();
    assert!(most > first && most <= 512, "{first} {most}");
    size.learn(1 << 20);
    assert_eq!(size.events(), first);
    size.learn(200 << 10);
    assert_eq!(size.events(), first, "neither grows nor shrinks");
}

/// A clock that stands still: nothing here depends on what it says.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

/// Serves an empty log in plain text, until the sender is dropped.
async fn serve_plain() -> (SocketAddr, oneshot::Sender<()>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = EmbeddedLog::open(folder.path(), LogOptions::default(), Arc::new(Noon));
    let log: Arc<dyn EventLog> = Arc::new(opened.expect("a log").0);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let options = ServeOptions {
        access: Access::open(),
        tls: None,
        append_bytes_max: APPEND_MAX,
        intake: None,
    };
    tokio::spawn(async move {
        serve(log, listener, Arc::new(Noon), options, async { drop(stopped.await) }).await
    });
    (address, stop, folder)
}

/// What comes before the end of a connection, which may be a reset.
async fn heard(stream: &mut TcpStream) -> usize {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap_or(bytes.len())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_begin_to_speak_is_let_go() {
    let (address, _stop, _folder) = serve_plain().await;
    let begun = tokio::time::Instant::now();
    let mut silent = TcpStream::connect(address).await.expect("a connection");
    let mut slow = TcpStream::connect(address).await.expect("a connection");
    slow.write_all(b"PRI * HTTP/2.0\r\n").await.expect("sent");
    heard(&mut silent).await;
    heard(&mut slow).await;
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(20), "{waited:?}");
}
