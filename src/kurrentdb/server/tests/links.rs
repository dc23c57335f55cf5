//! Links and system streams by the `eventstore` crate, over a socket.

use std::sync::Arc;

use eventstore::{
    Client, EventData, PersistentSubscriptionOptions, ReadAllOptions, ReadStreamOptions,
    ResolvedEvent, StreamPosition, SubscribeToAllOptions, SubscribeToStreamOptions,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::access::Access;
use crate::event_log::{EmbeddedLog, EventLog, LogOptions};
use crate::kurrentdb::server::{APPEND_MAX, ServeOptions, serve};
use crate::runtime::clock::SystemClock;

/// Runs a client against a server over a log of its own.
async fn served<F: Future<Output = eventstore::Result<()>>>(run: impl FnOnce(Client) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SystemClock::new());
    let opened = EmbeddedLog::open(folder.path(), LogOptions::default(), clock.clone());
    let log: Arc<dyn EventLog> = Arc::new(opened.expect("a log").0);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let options = ServeOptions {
        access: Access::open(),
        tls: None,
        append_bytes_max: APPEND_MAX,
        intake: None,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        serve(log, listener, clock, options, async { drop(stopped.await) }).await
    });
    let settings = format!("esdb://{address}?tls=false").parse().expect("settings");
    run(Client::new(settings).expect("a client")).await.expect("all of it");
    stop.send(()).expect("a server");
    serving.await.expect("no panic").expect("served");
}

async fn append(client: &Client, stream: &str, numbers: std::ops::Range<u64>) {
    let events: Vec<_> =
        numbers.map(|number| EventData::json("OrderPlaced", &number).expect("JSON")).collect();
    client.append_to_stream(stream, &Default::default(), events).await.expect("an append");
}

async fn link(client: &Client, stream: &str, data: &'static str) {
    let event = EventData::binary("$>", data.into());
    client.append_to_stream(stream, &Default::default(), event).await.expect("an append");
}

/// Where an event stands, and where the link does that led to it.
fn told(found: &ResolvedEvent) -> (Option<String>, Option<String>) {
    let of = |event: &eventstore::RecordedEvent| format!("{}@{}", event.revision, event.stream_id);
    (found.event.as_ref().map(of), found.link.as_ref().map(of))
}

fn some(event: &str, link: &str) -> (Option<String>, Option<String>) {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (text(event), text(link))
}

async fn read(
    client: &Client,
    stream: &str,
    options: &ReadStreamOptions,
) -> eventstore::Result<Vec<(Option<String>, Option<String>)>> {
    let mut events = client.read_stream(stream, options).await?;
    let mut found = Vec::new();
    while let Some(event) = events.next().await? {
        found.push(told(&event));
    }
    Ok(found)
}

#[tokio::test]
async fn system_streams_are_read_with_and_without_what_they_point_at() {
    served(|client| async move {
        append(&client, "order-1", 0..2).await;
        append(&client, "order-2", 2..3).await;
        append(&client, "other", 3..4).await;
        let plain = ReadStreamOptions::default();
        let resolving = plain.clone().resolve_link_tos();
        let links = read(&client, "$ce-order", &plain).await?;
        let own = |at: u64| some(&format!("{at}@$ce-order"), "");
        assert_eq!(links, [own(0), own(1), own(2)]);
        let found = read(&client, "$ce-order", &resolving).await?;
        let both = |event, at: u64| some(event, &format!("{at}@$ce-order"));
        let wanted = [both("0@order-1", 0), both("1@order-1", 1), both("0@order-2", 2)];
        assert_eq!(found, wanted);
        let backwards = resolving.clone().backwards().position(StreamPosition::End).max_count(2);
        let found = read(&client, "$et-OrderPlaced", &backwards).await?;
        let wanted = [some("0@other", "3@$et-OrderPlaced"), some("0@order-2", "2@$et-OrderPlaced")];
        assert_eq!(found, wanted);
        // What is not there, is refused.
        let missing = read(&client, "$ce-none", &resolving).await;
        assert!(matches!(missing, Err(eventstore::Error::ResourceNotFound)), "{missing:?}");
        let event = EventData::json("x", &1).expect("JSON");
        let refused = client.append_to_stream("$ce-order", &Default::default(), event).await;
        assert!(refused.is_err(), "{refused:?}");
        // A link stays when its event is hidden.
        client.delete_stream("order-1", &Default::default()).await?;
        let found = read(&client, "$ce-order", &resolving).await?;
        assert_eq!(found.first(), Some(&some("", "0@$ce-order")));
        assert_eq!(found.get(2), Some(&both("0@order-2", 2)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn links_that_clients_wrote_are_resolved_where_that_is_asked_for() {
    served(|client| async move {
        append(&client, "a", 0..3).await;
        for data in ["2@a", "0@a", "9@a", "1@none", "no link"] {
            link(&client, "links", data).await;
        }
        let resolving = ReadStreamOptions::default().resolve_link_tos();
        let found = read(&client, "links", &resolving).await?;
        let of = |event, at: u64| some(event, &format!("{at}@links"));
        assert_eq!(found, [of("2@a", 0), of("0@a", 1), of("", 2), of("", 3), of("", 4)]);
        let all = ReadAllOptions::default().position(StreamPosition::Start).resolve_link_tos();
        let mut events = client.read_all(&all).await?;
        let mut found = Vec::new();
        while let Some(event) = events.next().await? {
            found.push(told(&event));
        }
        assert_eq!(found.len(), 8);
        assert_eq!(found.get(2..5), Some(&[some("2@a", ""), of("2@a", 0), of("0@a", 1)][..]));
        let all = SubscribeToAllOptions::default().position(StreamPosition::Start);
        let mut events = client.subscribe_to_all(&all.resolve_link_tos()).await;
        for wanted in found {
            assert_eq!(told(&events.next().await?), wanted);
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn system_streams_are_followed() {
    served(|client| async move {
        append(&client, "order-1", 0..3).await;
        let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(0));
        let mut resolved =
            client.subscribe_to_stream("$ce-order", &options.clone().resolve_link_tos()).await;
        let mut plain = client.subscribe_to_stream("$ce-order", &options).await;
        let group = PersistentSubscriptionOptions::default()
            .start_from(StreamPosition::Start)
            .resolve_link_tos(true);
        client.create_persistent_subscription("$ce-order", "g", &group).await?;
        let mut consumer = client
            .subscribe_to_persistent_subscription("$ce-order", "g", &Default::default())
            .await?;
        for number in 0..6u64 {
            if number == 3 {
                append(&client, "x", 3..4).await;
                append(&client, "order-2", 3..6).await;
            }
            let event = match number {
                0..3 => format!("{number}@order-1"),
                _ => format!("{}@order-2", number - 3),
            };
            let link = format!("{number}@$ce-order");
            let given = consumer.next().await?;
            assert_eq!(told(&given), some(&event, &link));
            consumer.ack(given).await?;
            if number > 0 {
                assert_eq!(told(&resolved.next().await?), some(&event, &link));
                assert_eq!(told(&plain.next().await?), some(&link, ""));
            }
        }
        Ok(())
    })
    .await;
}
