//! Session descriptions, as offers and as answers to ours: none panics, and what we answer with
//! can be answered again.

#![no_main]

use std::net::SocketAddr;

use ledgerline::media;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let local: SocketAddr = ([192, 0, 2, 10], 4_000).into();
    let text = String::from_utf8_lossy(input);
    if let Ok((answer, _)) = media::answer(&text, local, 7) {
        assert!(answer.len() < text.len() * 4 + 2_000, "answers grow");
        let _again = media::answer_again(&text, local, 7, 2);
        let _other = media::answer(&answer, local, 8);
    }
    let _accepted = media::accept(&text, &media::offer(local, 7));
});
