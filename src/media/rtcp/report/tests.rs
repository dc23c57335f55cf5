use proptest::prelude::*;

use super::*;
use crate::media::rtcp::COMPOUND_MAX;
use crate::media::rtcp::write::Writer;

const INFO: SenderInfo =
    SenderInfo { ntp: 0x0123_4567_89AB_CDEF, rtp: 160_000, packets: 1_000, octets: 160_000 };
const REPORT: ReportBlock = ReportBlock {
    ssrc: 0xAABB_CCDD,
    fraction_lost: 12,
    cumulative_lost: -3,
    highest: 0x0001_FFFF,
    jitter: 24,
    last_report: 0x4567_89AB,
    delay: 65_536,
};

fn compound() -> Vec<u8> {
    let mut buffer = [0; COMPOUND_MAX];
    let mut writer = Writer::new(&mut buffer);
    writer.report(7, Some(INFO), Some(REPORT));
    writer.description(7, b"0123456789abcdef");
    writer.goodbye(7);
    let length = writer.length();
    buffer[..length].to_vec()
}

#[test]
fn what_is_written_is_read_again() {
    let bytes = compound();
    let mut packets = read(&bytes).expect("our own").packets();
    let Some(RtcpPacket::SenderReport { ssrc: 7, info: INFO, blocks }) = packets.next() else {
        panic!("wanted the report");
    };
    assert_eq!(blocks.collect::<Vec<_>>(), [REPORT]);
    let Some(RtcpPacket::SourceDescription(names)) = packets.next() else {
        panic!("wanted the name");
    };
    assert_eq!(names.collect::<Vec<_>>(), [(7, Some(&b"0123456789abcdef"[..]))]);
    let Some(RtcpPacket::Goodbye(sources)) = packets.next() else {
        panic!("wanted the goodbye");
    };
    assert_eq!(sources.collect::<Vec<_>>(), [7]);
    assert_eq!(packets.next(), None);
}

#[test]
fn a_compound_cut_anywhere_inside_a_packet_is_refused() {
    let bytes = compound();
    for end in 0..bytes.len() {
        let is_whole = [52, 80].contains(&end); // behind the report, behind the name
        assert_eq!(read(&bytes[..end]).is_ok(), is_whole, "{end} bytes");
    }
}

#[test]
fn counts_that_promise_more_than_there_is_are_refused() {
    let mut bytes = compound();
    bytes[0] = 0x82; // two blocks, one there
    let wanted = RtcpError::Short { offset: 0, length: 52, wanted: 76 };
    assert_eq!(read(&bytes), Err(wanted));
    // A name longer than its packet.
    let mut bytes = compound();
    bytes[52 + 9] = 200;
    assert!(matches!(read(&bytes), Err(RtcpError::Short { offset: 52, .. })));
    // A reason longer than its packet.
    let bytes = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 2, 0, 0, 0, 7, 4, b'b', b'y', b'e'];
    assert!(matches!(read(&bytes), Err(RtcpError::Short { offset: 8, .. })));
}

#[test]
fn what_is_no_rtcp_is_refused() {
    let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 7];
    assert!(read(&goodbye).is_ok());
    // How baresip opens its way out.
    assert!(read(b"\x80\xCC\x00\x03\x00\x00\x00\x07PINGPONG").is_ok());
    assert_eq!(read(&[0x80, 199, 0, 1, 0, 0, 0, 7]), Err(RtcpError::First(199)));
    assert_eq!(
        read(&[0x40, 201, 0, 1, 0, 0, 0, 7]),
        Err(RtcpError::Version { offset: 0, version: 1 })
    );
    assert_eq!(read(&[]), Err(RtcpError::Short { offset: 0, length: 0, wanted: 4 }));
}

#[test]
fn only_the_last_packet_is_padded() {
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let padded = [0xA0, 201, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4];
    let read_of = |parts: &[&[u8]]| read(&parts.concat()).is_ok();
    assert!(read_of(&[&padded]));
    assert!(read_of(&[&report, &padded]));
    assert!(!read_of(&[&padded, &report]));
    // More than there is, none, and no whole words.
    for padding in [0, 3, 12, 255] {
        let mut wrong = padded;
        wrong[11] = padding;
        assert!(!read_of(&[&wrong]), "{padding}");
    }
}

#[test]
fn lost_packets_have_a_sign_in_24_bits() {
    for lost in [0, 1, -1, 0x7F_FFFF, -0x80_0000] {
        let mut buffer = [0; COMPOUND_MAX];
        let mut writer = Writer::new(&mut buffer);
        writer.report(1, None, Some(ReportBlock { cumulative_lost: lost, ..REPORT }));
        let length = writer.length();
        let Some(RtcpPacket::ReceiverReport { mut blocks, .. }) =
            read(&buffer[..length]).expect("our own").packets().next()
        else {
            panic!("wanted a receiver report");
        };
        assert_eq!(blocks.next().map(|block| block.cumulative_lost), Some(lost));
    }
}

#[test]
fn a_packet_without_room_is_left_out_whole() {
    let mut buffer = [0; 30];
    let mut writer = Writer::new(&mut buffer);
    writer.report(1, None, None);
    writer.report(1, Some(INFO), Some(REPORT));
    assert_eq!(writer.length(), 8);
}

fn walk(bytes: &[u8]) {
    let Ok(compound) = read(bytes) else {
        return;
    };
    for packet in compound.packets() {
        match packet {
            RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks, .. } => {
                assert!(blocks.count() <= 31);
            }
            RtcpPacket::SourceDescription(names) => assert!(names.count() <= 31),
            RtcpPacket::Goodbye(sources) => assert!(sources.count() <= 31),
            RtcpPacket::Other { .. } => {}
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        walk(&bytes);
    }

    #[test]
    fn almost_good_bytes_never_panic(
        at in 0..88_usize, byte in any::<u8>(), also in 0..88_usize, other in any::<u8>(),
        end in 0..=88_usize,
    ) {
        let mut bytes = compound();
        bytes[at] = byte;
        bytes[also] = other;
        walk(&bytes[..end]);
    }

    #[test]
    fn every_name_is_read_again(cname in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut buffer = [0; COMPOUND_MAX];
        let mut writer = Writer::new(&mut buffer);
        writer.report(1, None, None);
        writer.description(2, &cname);
        let length = writer.length();
        let packet = read(&buffer[..length]).expect("our own").packets().nth(1);
        let Some(RtcpPacket::SourceDescription(mut names)) = packet else {
            panic!("wanted a name");
        };
        prop_assert_eq!(names.next(), Some((2, Some(&cname[..]))));
    }
}
