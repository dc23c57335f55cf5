//! For tests: a log whose positions are far apart, as those of a KurrentDB server are.

use super::{
    AllRead, AppendError, Appended, BoxFuture, Direction, EventLog, ReadError, StreamAppend,
    StreamInfo, StreamRead, Subscription, SubscriptionError, SubscriptionItem, SubscriptionSource,
};
use crate::event::{ExpectedRevision, NewEvent, Recorded, StreamName};

const STEP: u64 = 1_000;
const FIRST: u64 = 7;

/// Another log with every position `p` shown as `p * 1000 + 7`.
pub(crate) struct Spread<L>(pub(crate) L);

const fn apart(position: u64) -> u64 {
    position * STEP + FIRST
}

fn spread(mut recorded: Recorded) -> Recorded {
    recorded.position = apart(recorded.position);
    recorded
}

fn spread_answer(answer: Appended) -> Appended {
    Appended {
        first_position: apart(answer.first_position),
        last_position: apart(answer.last_position),
        ..answer
    }
}

struct Source(Subscription);

impl SubscriptionSource for Source {
    fn next(&mut self) -> BoxFuture<'_, Result<SubscriptionItem, SubscriptionError>> {
        Box::pin(async move {
            Ok(match self.0.next().await? {
                SubscriptionItem::Event(recorded) => SubscriptionItem::Event(spread(recorded)),
                SubscriptionItem::CaughtUp => SubscriptionItem::CaughtUp,
            })
        })
    }
}

impl<L: EventLog> EventLog for Spread<L> {
    fn append(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<Appended, AppendError>> {
        Box::pin(async move { Ok(spread_answer(self.0.append(stream, expected, events).await?)) })
    }

    fn append_many(
        &self,
        batch: Vec<StreamAppend>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, AppendError>> {
        Box::pin(async move {
            Ok(self.0.append_many(batch).await?.into_iter().map(spread_answer).collect())
        })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        from: StreamRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, ReadError>> {
        Box::pin(async move {
            let read = self.0.read_stream(stream, from, direction, max).await?;
            Ok(read.into_iter().map(spread).collect())
        })
    }

    fn read_all(
        &self,
        from: AllRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        Box::pin(async move {
            let from = match (from, direction) {
                (AllRead::Position(at), Direction::Forwards) => {
                    AllRead::Position(at.saturating_sub(FIRST).div_ceil(STEP))
                }
                (AllRead::Position(at), Direction::Backwards) if at < FIRST => return Ok(vec![]),
                (AllRead::Position(at), Direction::Backwards) => {
                    AllRead::Position((at - FIRST) / STEP)
                }
                (end, _) => end,
            };
            let read = self.0.read_all(from, direction, max).await?;
            Ok(read.into_iter().map(spread).collect())
        })
    }

    fn check(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<Option<u64>, AppendError>> {
        self.0.check(stream, expected)
    }

    fn stream<'a>(
        &'a self,
        stream: &'a StreamName,
    ) -> BoxFuture<'a, Result<StreamInfo, ReadError>> {
        self.0.stream(stream)
    }

    fn delete(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        Box::pin(async move { Ok(apart(self.0.delete(stream, expected).await?)) })
    }

    fn tombstone(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        Box::pin(async move { Ok(apart(self.0.tombstone(stream, expected).await?)) })
    }

    fn head(&self) -> Option<u64> {
        self.0.head().map(apart)
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<u64>, ReadError>> {
        Box::pin(async move { Ok(self.0.look().await?.map(apart)) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }

    fn subscribe_all(&self, after: Option<u64>) -> Subscription {
        let after = after.map(|after| after.saturating_sub(FIRST) / STEP);
        Subscription::new(Box::new(Source(self.0.subscribe_all(after))))
    }
}
