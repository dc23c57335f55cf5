//! The same by the `eventstore` crate, over a socket.

use std::sync::Arc;

use eventstore::{
    Client, EventData, NakAction, PersistentSubscriptionOptions,
    PersistentSubscriptionToAllOptions, ReplayParkedMessagesOptions, StreamPosition,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::access::Access;
use crate::event_log::{EmbeddedLog, EventLog, LogOptions};
use crate::kurrentdb::server::{APPEND_MAX, ServeOptions, serve};
use crate::runtime::clock::SystemClock;

async fn append(client: &Client, stream: &str, count: u64) {
    let events: Vec<_> =
        (0..count).map(|number| EventData::json("OrderPlaced", &number).expect("JSON")).collect();
    client.append_to_stream(stream, &Default::default(), events).await.expect("an append");
}

/// Makes a group, consumes, parks, replays and looks.
async fn consume(client: &Client) -> eventstore::Result<()> {
    append(client, "orders", 3).await;
    let mut options = PersistentSubscriptionOptions::default().start_from(StreamPosition::Start);
    options.settings_mut().max_retry_count = 7;
    client.create_persistent_subscription("orders", "g", &options).await?;
    let again = client.create_persistent_subscription("orders", "g", &options).await;
    assert!(matches!(again, Err(eventstore::Error::ResourceAlreadyExists)), "{again:?}");
    let mut consumer =
        client.subscribe_to_persistent_subscription("orders", "g", &Default::default()).await?;
    let parked = consumer.next().await?;
    consumer.nack(parked, NakAction::Park, "for a test").await?;
    for want in 1..3 {
        let event = consumer.next().await?;
        assert_eq!(event.get_original_event().revision, want);
        consumer.ack(event).await?;
    }
    loop {
        let info =
            client.get_persistent_subscription_info("orders", "g", &Default::default()).await?;
        assert_eq!(info.settings.map(|settings| settings.max_retry_count), Some(7));
        if info.stats.parked_message_count == 1 {
            break;
        }
    }
    client.replay_parked_messages("orders", "g", &ReplayParkedMessagesOptions::default()).await?;
    let replayed = consumer.next().await?;
    assert_eq!(replayed.event.as_ref().map(|event| event.revision), Some(0));
    consumer.ack(replayed).await?;

    let options = PersistentSubscriptionToAllOptions::default().start_from(StreamPosition::Start);
    client.create_persistent_subscription_to_all("all", &options).await?;
    let mut of_all =
        client.subscribe_to_persistent_subscription_to_all("all", &Default::default()).await?;
    let first = of_all.next().await?;
    assert_eq!(first.get_original_event().position.commit, 0);
    of_all.ack(first).await?;
    let listed = client.list_all_persistent_subscriptions(&Default::default()).await?;
    assert_eq!(listed.len(), 2);
    client.delete_persistent_subscription("orders", "g", &Default::default()).await?;
    let ended = consumer.next().await;
    assert!(ended.is_err(), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn the_rust_client_consumes() {
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
    let client = Client::new(settings).expect("a client");
    consume(&client).await.expect("all of it");
    drop(client);
    stop.send(()).expect("a server");
    serving.await.expect("no panic").expect("served");
}
