//! `ledgerline log read`: events, one per line.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::point::Point;
use super::{Common, Format, open, output};
use crate::event::{Recorded, StreamName};
use crate::event_log::{AllRead, Direction, EventLog, ReadError, StreamRead};

/// Events read at once.
const PAGE: usize = 1_024;
/// How often `--follow` looks for new events.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// What to print, and from where to where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to begin: a position, a time such as 2026-11-21T09:30:00Z, start or end.
    /// [default: start; backwards: end]
    #[arg(long, value_name = "POSITION|TIME|start|end")]
    from: Option<Point>,
    /// The last position or time to print.
    #[arg(long, value_name = "POSITION|TIME")]
    until: Option<Point>,
    /// Only events of this type, such as `CallEnded`; several are separated by commas.
    #[arg(long = "type", value_name = "NAME", value_delimiter = ',')]
    event_types: Vec<String>,
    /// Only events of this stream, such as `campaign-demo`.
    #[arg(long, value_name = "NAME", conflicts_with = "category")]
    stream: Option<StreamName>,
    /// Only events of streams of this category, which is what their names begin with before the
    /// first dash, such as `call`.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Newest first.
    #[arg(long, conflicts_with = "follow")]
    backwards: bool,
    /// Print at most this many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Go on with new events as they are written, until Ctrl-C.
    #[arg(long)]
    follow: bool,
}

/// Runs `ledgerline log read`.
pub(super) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let log = runtime.block_on(open(common))?;
    let format = common.format;
    let mut page = String::new();
    let mut show = |events: &[&Recorded]| {
        page.clear();
        for event in events {
            match format {
                Format::Text => page.push_str(&text_line(event)),
                Format::Json => page.push_str(&json_line(event).to_string()),
            }
            page.push('\n');
        }
        output::text(&page)
    };
    runtime.block_on(async {
        tokio::select! {
            printed = print(&*log, args, &mut show) => printed,
            // What was printed is whole lines; whoever follows has seen enough.
            asked = tokio::signal::ctrl_c() => Ok(asked?),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where a read goes on.
enum Cursor {
    All(u64),
    Stream(StreamName, u64),
    /// Nothing is left in this direction.
    Done,
}

impl Cursor {
    /// The next events in a direction; none at the end.
    async fn page(
        &mut self,
        log: &dyn EventLog,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let (page, last) = match self {
            Self::All(next) => {
                let page = log.read_all(AllRead::Position(*next), direction, max).await?;
                let last = page.last().map(|event| event.position);
                (page, last)
            }
            Self::Stream(stream, next) => {
                let from = StreamRead::Revision(*next);
                let page = log.read_stream(stream, from, direction, max).await?;
                let last = page.last().map(|event| event.revision);
                (page, last)
            }
            Self::Done => return Ok(Vec::new()),
        };
        let next = match (direction, last) {
            (_, None) => return Ok(page),
            (Direction::Forwards, Some(last)) => last.checked_add(1),
            (Direction::Backwards, Some(last)) => last.checked_sub(1),
        };
        match (self, next) {
            (Self::All(at) | Self::Stream(_, at), Some(next)) => *at = next,
            (cursor, _) => *cursor = Self::Done,
        }
        Ok(page)
    }

    /// From which number on, of all before `end`, events are not before `point` any more (by
    /// `is_early`). Positions and times both grow with the number.
    async fn search(
        &self,
        log: &dyn EventLog,
        end: u64,
        is_early: &(dyn Fn(&Recorded) -> bool + Sync),
    ) -> Result<u64, ReadError> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut probe = self.at(middle);
            let event = probe.page(log, Direction::Forwards, 1).await?.into_iter().next();
            match event {
                Some(event) if is_early(&event) => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The same cursor at another place.
    fn at(&self, place: u64) -> Self {
        match self {
            Self::Stream(stream, _) => Self::Stream(stream.clone(), place),
            Self::All(_) | Self::Done => Self::All(place),
        }
    }
}

/// The cursor at which reading begins.
async fn begin(log: &dyn EventLog, wanted: &Args) -> Result<Cursor, ReadError> {
    let (cursor, end) = match &wanted.stream {
        Some(stream) => {
            let last = log.stream(stream).await?.last_revision;
            (Cursor::Stream(stream.clone(), 0), last.map_or(0, |last| last.saturating_add(1)))
        }
        None => (Cursor::All(0), log.head().map_or(0, |head| head.saturating_add(1))),
    };
    if !wanted.backwards {
        let from = wanted.from.unwrap_or(Point::Start);
        let place = match (from, &wanted.stream) {
            (Point::Start, _) => 0,
            (Point::Position(position), None) => position,
            _ => cursor.search(log, end, &|event| from.is_after(event)).await?,
        };
        return Ok(cursor.at(place));
    }
    let from = wanted.from.unwrap_or(Point::End);
    let after = cursor.search(log, end, &|event| !from.is_before(event)).await?;
    Ok(after.checked_sub(1).map_or(Cursor::Done, |last| cursor.at(last)))
}

/// Shows what is asked for, page by page.
async fn print(
    log: &dyn EventLog,
    wanted: &Args,
    show: &mut dyn FnMut(&[&Recorded]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let direction = if wanted.backwards { Direction::Backwards } else { Direction::Forwards };
    let mut cursor = begin(log, wanted).await?;
    let mut left = wanted.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let page = cursor.page(log, direction, PAGE).await?;
        if page.is_empty() {
            if !wanted.follow {
                break;
            }
            tokio::time::sleep(FOLLOW_EVERY).await;
            log.look().await?;
            continue;
        }
        let in_reach = page.iter().take_while(|event| !wanted.is_past_end(event)).count();
        let chosen: Vec<_> = page
            .iter()
            .take(in_reach)
            .filter(|event| wanted.chooses(event))
            .take(usize::try_from(left).unwrap_or(PAGE))
            .collect();
        if !chosen.is_empty() {
            show(&chosen)?;
        }
        left -= chosen.len() as u64;
        if in_reach < page.len() {
            break;
        }
        // Gives way to Ctrl-C between pages.
        tokio::task::yield_now().await;
    }
    Ok(())
}

impl Args {
    fn chooses(&self, event: &Recorded) -> bool {
        (self.event_types.is_empty() || self.event_types.contains(&event.event_type))
            && self.category.as_ref().is_none_or(|name| name == event.stream.category())
    }

    /// Whether it and all that follow in this direction are not wanted.
    fn is_past_end(&self, event: &Recorded) -> bool {
        match self.until {
            Some(until) if self.backwards => until.is_after(event),
            Some(until) => until.is_before(event),
            None => false,
        }
    }
}

/// Position, time, type, stream and revision, who, and the fields.
fn text_line(event: &Recorded) -> String {
    let mut line = format!(
        "{:>8}  {}  {:<24} {}@{} by {}  ",
        event.position,
        event.recorded_at,
        event.event_type,
        event.stream,
        event.revision,
        event.actor.as_str(),
    );
    // What could break the line, or move the cursor, is escaped.
    for letter in String::from_utf8_lossy(&event.data).chars() {
        if letter.is_control() {
            let _ = write!(line, "{}", letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

fn json_line(event: &Recorded) -> Value {
    let text = |bytes: &[u8]| {
        serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
    };
    let mut line = json!({
        "position": event.position,
        "stream": event.stream,
        "revision": event.revision,
        "event_id": event.event_id,
        "type": event.event_type,
        "schema_version": event.schema_version,
        "occurred_at": event.occurred_at.to_string(),
        "recorded_at": event.recorded_at.to_string(),
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "actor": event.actor,
        "data": text(&event.data),
    });
    if let (false, Some(line)) = (event.metadata.is_empty(), line.as_object_mut()) {
        line.insert("metadata".to_owned(), text(&event.metadata));
    }
    line
}

#[cfg(test)]
mod tests;
