//! What the targets share.

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
