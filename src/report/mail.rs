//! A report as a message.
//!
//! In: pages, addresses, the time. Out: the message's bytes and its envelope. Invariants: the
//! `Message-ID` follows from the report alone, so a second copy is known as one; no address
//! prints. Deliberately absent: sending.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart};

use crate::base::Timestamp;
use crate::event::ReportMade;

/// People whom reports go to, or the one they come from. Prints as a count.
#[derive(Clone)]
pub(super) struct Addresses(Vec<Mailbox>);

/// A text is no address; it is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("address {place}: wanted one such as \"Ada <ada@example.com>\" or \"ada@example.com\"")]
pub struct AddressError {
    place: usize,
}

impl Addresses {
    pub(super) fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AddressError> {
        let read = |(place, text): (usize, &str)| {
            text.parse().map_err(|_| AddressError { place: place + 1 })
        };
        texts.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses", self.0.len())
    }
}

/// What a message is made of.
pub(super) struct Letter<'a> {
    pub(super) from: &'a Addresses,
    pub(super) to: &'a Addresses,
    pub(super) subject: &'a str,
    pub(super) at: Timestamp,
    pub(super) message_id: &'a str,
    pub(super) text: &'a str,
    pub(super) html: &'a str,
    /// Names, types and bytes.
    pub(super) files: Vec<(String, &'static str, Vec<u8>)>,
}

/// The `Message-ID` of a report; `from` gives its domain.
pub(super) fn message_id(made: &ReportMade, from: &Addresses) -> String {
    let mut hash = blake3::Hasher::new();
    for part in [made.plan.as_str(), &made.period, &made.body_hash] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    let hex = hash.finalize().to_hex();
    let domain = from.0.first().map_or("localhost", |from| from.email.domain());
    format!("<report.{}.{}.{}@{domain}>", made.plan, made.period, &hex[..16])
}

/// A message cannot be put together.
#[derive(Debug, thiserror::Error)]
#[error("write the mail: {0}")]
pub(super) struct LetterError(String);

/// Writes a message.
pub(super) fn write(letter: Letter<'_>) -> Result<(Envelope, Vec<u8>), LetterError> {
    let mut message = Message::builder()
        .subject(letter.subject)
        .date(system_time(letter.at))
        .message_id(Some(letter.message_id.to_owned()))
        // RFC 3834: no holiday notice answers it.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for from in &letter.from.0 {
        message = message.from(from.clone());
    }
    for to in &letter.to.0 {
        message = message.to(to.clone());
    }
    let page = MultiPart::alternative_plain_html(letter.text.to_owned(), letter.html.to_owned());
    let mut parts = MultiPart::mixed().multipart(page);
    for (name, kind, bytes) in letter.files {
        let kind = ContentType::parse(kind).map_err(|error| LetterError(error.to_string()))?;
        parts = parts.singlepart(Attachment::new(name).body(bytes, kind));
    }
    let message = message.multipart(parts).map_err(|error| LetterError(error.to_string()))?;
    Ok((message.envelope().clone(), message.formatted()))
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(at.as_micros()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> ReportMade {
        let examples = crate::event::examples();
        let made = examples.into_iter().find_map(|event| match event {
            crate::event::Event::ReportMade(made) => Some(made),
            _ => None,
        });
        made.expect("an example")
    }

    #[test]
    fn a_message_id_follows_from_the_report() {
        let from = Addresses::parse(["Reports <reports@example.com>"]).expect("an address");
        let id = message_id(&made(), &from);
        assert_eq!(id, message_id(&made(), &from));
        assert!(
            id.starts_with("<report.daily.2026-11-21.") && id.ends_with("@example.com>"),
            "{id}"
        );
        let other = ReportMade { body_hash: "other".to_owned(), ..made() };
        assert_ne!(id, message_id(&other, &from));
    }

    #[test]
    fn addresses_never_print() {
        let to = Addresses::parse(["ada@example.com", "Bo <bo@example.com>"]).expect("two");
        assert_eq!(format!("{to:?}"), "2 addresses");
        let error = Addresses::parse(["ada@example.com", "nobody"]).expect_err("no address");
        assert_eq!(
            error.to_string(),
            "address 2: wanted one such as \"Ada <ada@example.com>\" or \"ada@example.com\""
        );
    }

    #[test]
    fn a_message_holds_both_pages_and_its_files() {
        let from = Addresses::parse(["reports@example.com"]).expect("an address");
        let to = Addresses::parse(["ada@example.com", "bo@example.com"]).expect("two");
        let letter = Letter {
            from: &from,
            to: &to,
            subject: "外呼日报 2026-11-21",
            at: Timestamp::from_micros(1_795_251_600_000_000),
            message_id: "<m@example.com>",
            text: "# A",
            html: "<h1>A</h1>",
            files: vec![("a.pdf".to_owned(), "application/pdf", b"%PDF-".to_vec())],
        };
        let (envelope, bytes) = write(letter).expect("a message");
        assert_eq!(envelope.to().len(), 2);
        let text = String::from_utf8(bytes).expect("ASCII");
        for part in [
            "Message-ID: <m@example.com>",
            "Date: Sat, 21 Nov 2026 09:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "text/plain",
            "text/html",
            "application/pdf",
            "filename=\"a.pdf\"",
        ] {
            assert!(text.contains(part), "lacks {part:?}: {text}");
        }
        assert!(text.is_ascii());
    }
}
