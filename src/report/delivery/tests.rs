use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::base::Millis;
use crate::event::ReportKind;
use crate::event_log::{EmbeddedLog, LogOptions};
use crate::projection::history::{append, campaign};
use crate::projection::sql::LogReader;
use crate::report::{Language, Security, Server, Thresholds};

/// A clock that is set by hand.
#[derive(Default)]
struct Hands(Mutex<Timestamp>);

impl Hands {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(text.parse().expect("a moment"))))
    }

    fn set(&self, text: &str) {
        *self.0.lock().expect("not poisoned") = text.parse().expect("a moment");
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}

/// What a mail server of one message for each connection does with it.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Takes,
    RefusesRecipient,
    RefusesMessage,
    VanishesAfterMessage,
}

/// A mail server that says what it is told to; gives the messages it was given whole.
async fn server(does: Manner) -> (Server, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let messages = taken.clone();
    drop(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, does, &messages).await;
        }
    }));
    (Server::new("127.0.0.1", port, Security::None).expect("on this machine"), taken)
}

async fn serve(stream: tokio::net::TcpStream, does: Manner, messages: &Mutex<Vec<String>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut say = async |text: &str| drop(write.write_all(format!("{text}\r\n").as_bytes()).await);
    say("220 here").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "DATA" => {
                say("354 go on").await;
                let mut message = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    message.push_str(&line);
                    message.push('\n');
                }
                messages.lock().expect("not poisoned").push(message);
                match does {
                    Manner::VanishesAfterMessage => return,
                    Manner::RefusesMessage => say("554 5.7.1 ada@example.com sends spam").await,
                    _ => say("250 taken").await,
                }
            }
            "RCPT" if does == Manner::RefusesRecipient => {
                say("550 5.1.1 <ada@example.com> is unknown").await;
            }
            "QUIT" => {
                say("221 bye").await;
                return;
            }
            _ => say("250 good").await,
        }
    }
}

fn plan(catch_up_days: u64) -> Plan {
    Plan {
        id: ReportPlanId::new("daily").expect("a slug"),
        kind: ReportKind::Daily,
        offset: crate::base::UtcOffset::UTC,
        delay: Millis(600_000),
        is_mailed: true,
        catch_up: Millis(catch_up_days * 86_400_000),
    }
}

fn day(text: &str) -> Period {
    let utc = crate::base::UtcOffset::UTC;
    Period::parse(crate::report::Width::Day, utc, text).expect("a day")
}

/// A platform's log and folder.
struct Site {
    folder: tempfile::TempDir,
    log: Arc<EmbeddedLog>,
    clock: Arc<Hands>,
    desks: AtomicU64,
}

impl Site {
    async fn new(now: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        append(folder.path(), &campaign(42, 30)).await;
        let clock = Hands::at(now);
        let log = Self::log(&folder, &clock);
        Self { folder, log, clock, desks: AtomicU64::new(0) }
    }

    fn log(folder: &tempfile::TempDir, clock: &Arc<Hands>) -> Arc<EmbeddedLog> {
        let path = folder.path().join("log");
        let (log, _) =
            EmbeddedLog::open(&path, LogOptions::default(), clock.clone()).expect("opens");
        Arc::new(log)
    }

    async fn desk(&self, server: &Server) -> Desk {
        self.desk_of(plan(7), server).await
    }

    async fn desk_of(&self, plan: Plan, server: &Server) -> Desk {
        let mut settings = Settings::new(Language::English, Thresholds::default());
        settings.mail_through(server.clone(), "reports@example.com").expect("an address");
        let to = ["Ada <ada@example.com>", "bo@example.com"];
        settings.plan(plan, [Form::Html], to).expect("addresses");
        let (log, data_dir) = (self.log.clone(), self.folder.path().to_owned());
        let open: OpenEngine = Box::new(move || {
            let (reader, data_dir) = (LogReader::over(log.clone()), data_dir.clone());
            Box::pin(async move { Ok(Arc::new(Box::pin(Engine::over(reader, &data_dir)).await?)) })
        });
        // Two of the same seed would give their facts the same ids.
        let ids = Rng::from_seed(self.desks.fetch_add(1, Ordering::Relaxed));
        let desk = Desk::open(
            self.log.clone(),
            self.clock.clone(),
            ids,
            settings,
            self.folder.path(),
            open,
        );
        desk.await.expect("opens")
    }

    /// The facts of a day's report, as they stand in the log.
    async fn facts(&self, period: &str) -> Vec<String> {
        let stream = StreamName::new(format!("report-daily-{period}")).expect("a name");
        let page = self.log.read_stream(&stream, StreamRead::Start, Direction::Forwards, 100).await;
        page.expect("reads").into_iter().map(|fact| fact.event_type).collect()
    }

    /// Everything in the log, as text.
    async fn everything(&self) -> String {
        let from = crate::event_log::AllRead::Start;
        let all = self.log.read_all(from, Direction::Forwards, 100_000).await.expect("reads");
        all.iter().map(|fact| String::from_utf8_lossy(&fact.data).into_owned()).collect()
    }
}

fn told(done: &[Done]) -> Vec<String> {
    done.iter().map(|done| format!("{}: {}", done.period, done.what)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_made_and_mailed_once() {
    let (server, messages) = server(Manner::Takes).await;
    let site = Site::new("2026-11-22T00:10:00Z").await;
    let mut desk = site.desk(&server).await;
    let done = desk.step().await.expect("steps");
    let told = told(&done);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("2026-11-21: made, true at log position"), "{told:?}");
    assert_eq!(told[1], "2026-11-21: sent");
    assert_eq!(desk.step().await.expect("steps"), []);
    assert_eq!(desk.wake(), Some("2026-11-23T00:10:00Z".parse().expect("a moment")));
    // Neither does another one that begins anew.
    assert_eq!(site.desk(&server).await.step().await.expect("steps"), []);
    assert_eq!(site.facts("2026-11-21").await, ["ReportMade", "ReportSending", "ReportSent"]);
    let messages = messages.lock().expect("not poisoned").clone();
    assert_eq!(messages.len(), 1);
    for part in ["Subject: Daily report 2026-11-21", "To: Ada <ada@example.com>, bo@example.com"] {
        assert!(messages[0].contains(part), "lacks {part}: {}", messages[0]);
    }
    let page = desk.page(&plan(7).id, day("2026-11-21"));
    assert!(std::fs::read_to_string(page).expect("kept").contains("Daily report 2026-11-21"));
    let everything = site.everything().await;
    assert!(!everything.contains("@example.com>,") && !everything.contains("ada@"));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_away_are_three_reports_in_order() {
    let (server, messages) = server(Manner::Takes).await;
    let site = Site::new("2026-11-22T00:10:00Z").await;
    drop(site.desk(&server).await.step().await.expect("steps"));
    site.clock.set("2026-11-25T08:00:00Z");
    let done = site.desk(&server).await.step().await.expect("steps");
    let sent: Vec<_> = done.iter().filter(|done| done.what == What::Sent).collect();
    let periods: Vec<_> = sent.iter().map(|done| done.period.to_string()).collect();
    assert_eq!(periods, ["2026-11-22", "2026-11-23", "2026-11-24"]);
    let messages = messages.lock().expect("not poisoned").clone();
    let subjects: Vec<_> = messages
        .iter()
        .filter_map(|message| message.lines().find(|line| line.starts_with("Subject")))
        .collect();
    let wanted: Vec<_> =
        periods.iter().map(|period| format!("Subject: Daily report {period}")).collect();
    assert_eq!(subjects[1..], wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_made_only() {
    let (server, messages) = server(Manner::Takes).await;
    let site = Site::new("2026-11-22T00:10:00Z").await;
    drop(site.desk_of(plan(1), &server).await.step().await.expect("steps"));
    site.clock.set("2026-11-25T00:10:00Z");
    let done = site.desk_of(plan(1), &server).await.step().await.expect("steps");
    let made = done.iter().filter(|done| matches!(done.what, What::Made(_))).count();
    let sent = done.iter().filter(|done| done.what == What::Sent).count();
    // The 22nd to the 24th; what ended at the begin of the 24th is over a day old.
    assert_eq!((made, sent), (3, 1), "{:?}", told(&done));
    assert_eq!(messages.lock().expect("not poisoned").len(), 2);
    assert_eq!(site.facts("2026-11-22").await, ["ReportMade"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_certain_and_tried_again_in_order() {
    let site = Site::new("2026-11-22T00:10:00Z").await;
    let (refusing, _) = server(Manner::RefusesRecipient).await;
    let done = site.desk(&refusing).await.step().await.expect("steps");
    assert_eq!(told(&done)[1..], ["2026-11-21: not sent: name recipient 1 of 2: refused with 550"]);
    // A day later the first one is still not sent: the next one is made and waits its turn.
    site.clock.set("2026-11-23T00:10:00Z");
    let (spam, messages) = server(Manner::RefusesMessage).await;
    let mut desk = site.desk(&spam).await;
    let words = told(&desk.step().await.expect("steps"));
    assert_eq!(words[0], "2026-11-21: not sent: give the message: refused with 554");
    assert!(words[1].starts_with("2026-11-22: made"), "{words:?}");
    assert_eq!(words.len(), 2);
    assert_eq!(messages.lock().expect("not poisoned").len(), 1);
    // Once a server takes them, both go, the older one first.
    site.clock.set("2026-11-23T00:13:00Z");
    let (good, messages) = server(Manner::Takes).await;
    let done = site.desk(&good).await.step().await.expect("steps");
    assert_eq!(told(&done), ["2026-11-21: sent", "2026-11-22: sent"]);
    let messages = messages.lock().expect("not poisoned").clone();
    let id = |message: &String| {
        message.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned)
    };
    assert_ne!(id(&messages[0]), id(&messages[1]));
    let everything = site.everything().await;
    assert!(!everything.contains("ada@"), "words of the server are not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_sent_is_not_sent_again() {
    let site = Site::new("2026-11-22T00:10:00Z").await;
    let (vanishing, messages) = server(Manner::VanishesAfterMessage).await;
    let mut desk = site.desk(&vanishing).await;
    let done = desk.step().await.expect("steps");
    assert!(matches!(done[1].what, What::Unknown(_)), "{done:?}");
    site.clock.set("2026-11-22T18:00:00Z");
    assert_eq!(desk.step().await.expect("steps"), []);
    assert_eq!(site.desk(&vanishing).await.step().await.expect("steps"), []);
    assert_eq!(messages.lock().expect("not poisoned").len(), 1);
    let (plan, period) = (plan(7).id, day("2026-11-21"));
    let error = desk.send(&plan, period, false).await.expect_err("not again");
    assert!(error.to_string().contains("it may have been sent; --again"), "{error}");
    // Somebody who looked into the server's log decides, and the message has the same id.
    let (good, again) = server(Manner::Takes).await;
    let done = site.desk(&good).await.send(&plan, period, true).await.expect("sends");
    assert_eq!(done.what, What::Sent);
    let id = |messages: &Mutex<Vec<String>>| {
        let messages = messages.lock().expect("not poisoned");
        let id = messages[0].lines().find(|line| line.starts_with("Message-ID"));
        id.expect("an id").to_owned()
    };
    assert_eq!(id(&messages), id(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_sends() {
    let (server, messages) = server(Manner::Takes).await;
    let site = Site::new("2026-11-22T00:10:00Z").await;
    let mut desks = (site.desk(&server).await, site.desk(&server).await);
    let (one, other) = tokio::join!(desks.0.step(), desks.1.step());
    let done = [one.expect("steps"), other.expect("steps")].concat();
    assert_eq!(done.iter().filter(|done| done.what == What::Sent).count(), 1, "{done:?}");
    assert_eq!(messages.lock().expect("not poisoned").len(), 1);
    assert_eq!(site.facts("2026-11-21").await, ["ReportMade", "ReportSending", "ReportSent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_gone_is_made_again_as_it_was() {
    let site = Site::new("2026-11-22T00:10:00Z").await;
    let (refusing, _) = server(Manner::RefusesRecipient).await;
    let mut desk = site.desk(&refusing).await;
    drop(desk.step().await.expect("steps"));
    let page = desk.page(&plan(7).id, day("2026-11-21"));
    let before = std::fs::read(&page).expect("kept");
    std::fs::remove_file(&page).expect("removes");
    site.clock.set("2026-11-22T00:20:00Z");
    let (good, _) = server(Manner::Takes).await;
    let done = site.desk(&good).await.step().await.expect("steps");
    assert_eq!(told(&done), ["2026-11-21: sent"]);
    assert!(std::fs::read(&page).expect("kept") == before, "as of the same position");
}
