//! `ledgerline bench sip-parse`: SIP messages read on one core, beside rsip in the same run.
//!
//! In: how long. Out: messages a second of each, in rounds that take turns, the best round of
//! each. Every message is read to its end, and with it the headers that decide what becomes of
//! it: Via, From, To, Call-ID, CSeq, Contact, Max-Forwards, the Request-URI. rsip reads the same
//! headers into its types; it does not check which stand twice, nor lengths, nor characters.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::log::now;
use super::messages::MESSAGES;
use crate::cli::{Common, Format, output};
use crate::sip::is_usable;

/// How long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds of each reader.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// Messages of one round.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    messages: u64,
}

#[derive(Debug, Default, Serialize)]
struct Figures {
    messages: u64,
    bytes_per_message: usize,
    ours_per_second: f64,
    rsip_per_second: f64,
    ratio: f64,
}

/// Runs `ledgerline bench sip-parse`.
///
/// # Errors
/// Where a message of the set cannot be read.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let figures = measure(args.rounds, args.messages)?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(rounds: u32, messages: u64) -> anyhow::Result<Figures> {
    let set: Vec<Vec<u8>> =
        MESSAGES.iter().map(|text| text.replace('\n', "\r\n").into_bytes()).collect();
    for (datagram, text) in set.iter().zip(MESSAGES) {
        let first = text.lines().next().unwrap_or_default();
        anyhow::ensure!(is_usable(datagram), "read {first}: ours says no");
        anyhow::ensure!(rsip_reads(datagram), "read {first}: rsip says no");
    }
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds.max(1) {
        ours = ours.min(round(&set, messages, is_usable));
        theirs = theirs.min(round(&set, messages, rsip_reads));
    }
    let rate = |took: Duration| messages as f64 / took.as_secs_f64();
    Ok(Figures {
        messages,
        bytes_per_message: set.iter().map(Vec::len).sum::<usize>() / set.len().max(1),
        ours_per_second: rate(ours),
        rsip_per_second: rate(theirs),
        ratio: rate(ours) / rate(theirs),
    })
}

fn round(set: &[Vec<u8>], messages: u64, reads: impl Fn(&[u8]) -> bool) -> Duration {
    let start = now();
    let mut good = 0_u64;
    for (datagram, _) in set.iter().cycle().zip(0..messages) {
        good += u64::from(reads(std::hint::black_box(datagram)));
    }
    std::hint::black_box(good);
    start.elapsed()
}

/// The same headers as rsip's types.
fn rsip_reads(datagram: &[u8]) -> bool {
    use rsip::headers::ToTypedHeader as _;
    use rsip::message::HeadersExt as _;
    let Ok(message) = rsip::SipMessage::try_from(datagram) else { return false };
    let has = |result: Result<bool, rsip::Error>| result.unwrap_or(false);
    let typed =
        has(message.via_header().and_then(|one| one.typed()).map(|one| one.branch().is_some()))
            && has(message.from_header().and_then(|one| one.typed()).map(|_| true))
            && has(message.to_header().and_then(|one| one.typed()).map(|_| true))
            && has(message.cseq_header().and_then(|one| one.typed()).map(|_| true))
            && has(message.call_id_header().map(|_| true));
    typed && message.contact_headers().iter().all(|one| one.typed().is_ok())
}

fn text(figures: &Figures) -> String {
    format!(
        "{} messages a round, {} bytes each in the middle\n\
         ours {:>9.0}/s on one core\nrsip {:>9.0}/s\nratio {:>8.2}\n",
        figures.messages,
        figures.bytes_per_message,
        figures.ours_per_second,
        figures.rsip_per_second,
        figures.ratio,
    )
}
