//! The parts that read what strangers send, by themselves: they build in seconds, with the
//! fuzzer's instruments in them. The files here are links to the platform's own.

#![allow(dead_code, unused_imports, reason = "what only other parts of the platform use")]

pub mod base;
pub mod media;
pub mod sip;

/// The datagrams of an input: four bytes 0xFF stand between two.
pub fn datagrams(input: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(4).position(|four| four == [0xFF; 4]) {
        all.push(&rest[..at]);
        rest = &rest[at + 4..];
    }
    all.push(rest);
    all
}
