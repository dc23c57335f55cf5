//! RTCP compounds: reading one never panics, and every packet, report and source in it can be
//! walked.

#![no_main]

use ledgerline::media::rtcp::{self, RtcpPacket};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(compound) = rtcp::read(input) else { return };
    let mut packets = 0;
    for packet in compound.packets() {
        packets += 1;
        let (blocks, sources) = match packet {
            RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks, .. } => {
                (blocks.count(), 0)
            }
            RtcpPacket::SourceDescription(names) => (0, names.count()),
            RtcpPacket::Goodbye(sources) => (0, sources.count()),
            RtcpPacket::Other { .. } => (0, 0),
        };
        assert!(blocks <= 31 && sources <= 31, "{blocks} reports, {sources} sources");
    }
    assert!(packets > 0 && packets <= input.len() / 4, "{packets} of {}", input.len());
});
