use proptest::prelude::*;

use super::*;

/// A packet of one source, with the extension given as profile and body.
fn packet_with(profile: u16, body: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x90, 0, 0, 7, 0, 0, 0, 160, 0, 0, 0, 1];
    bytes.extend(profile.to_be_bytes());
    bytes.extend(u16::try_from(body.len() / 4).expect("a short body").to_be_bytes());
    bytes.extend(body);
    bytes.extend(payload);
    bytes
}

#[test]
fn what_is_written_reads_back() {
    let bytes = write(8, true, 65_535, u32::MAX, 0xDEAD_BEEF, &[1, 2, 3, 4]);
    let packet = read(&bytes).expect("our own packet");
    assert_eq!(packet.payload, [1, 2, 3, 4]);
    let header = packet.header;
    assert_eq!((header.payload_type, header.marker), (8, true));
    assert_eq!(
        (header.sequence_number, header.timestamp, header.ssrc),
        (65_535, u32::MAX, 0xDEAD_BEEF)
    );
}

#[test]
fn each_malformation_is_named() {
    let check = |bytes: &[u8], want: PacketError| {
        assert_eq!(read(bytes).map(|_| ()), Err(want), "{bytes:02x?}");
    };
    let plain = write(0, false, 1, 2, 3, &[9; 4]);
    check(&[], PacketError::Short { length: 0, wanted: 12 });
    check(&plain[..11], PacketError::Short { length: 11, wanted: 12 });
    check(b"OPTIONS sip:a@b SIP/2.0", PacketError::Version(1));
    let mut sources = plain.clone();
    sources[0] |= 0x0F;
    check(&sources, PacketError::Short { length: 16, wanted: 72 });
    // An element of 16 bytes in an extension of four: this one panics inside the crate.
    check(
        &packet_with(0xBEDE, &[0x1F, 0, 0, 0], &[]),
        PacketError::Element { offset: 16, end: 20 },
    );
    check(
        &packet_with(0xBEDE, &[0, 0, 0, 0x10], &[]),
        PacketError::Element { offset: 19, end: 20 },
    );
    check(&packet_with(0x1000, &[1, 200, 0, 0], &[]), PacketError::Element { offset: 16, end: 20 });
    check(&packet_with(0x1000, &[0, 0, 0, 1], &[]), PacketError::Element { offset: 19, end: 20 });
    // An element that ends inside the payload would eat audio without an error.
    check(
        &packet_with(0xBEDE, &[0x13, 0, 0, 0], &[5; 160]),
        PacketError::Element { offset: 16, end: 20 },
    );
    let mut long = packet_with(0xABCD, &[], &[]);
    long[15] = 9;
    check(&long, PacketError::Short { length: 16, wanted: 52 });
    for (last, padding) in [(0, 0), (5, 5)] {
        let mut padded = plain.clone();
        padded[0] |= 0x20;
        padded[15] = last;
        check(&padded, PacketError::Padding { padding, payload: 4 });
    }
}

#[test]
fn extensions_and_padding_leave_the_payload_alone() {
    let check = |bytes: &[u8], want: &[u8]| {
        assert_eq!(read(bytes).expect("a good packet").payload, want, "{bytes:02x?}");
    };
    check(&packet_with(0xBEDE, &[0x10, 0xAA, 0, 0], &[5; 160]), &[5; 160]);
    check(&packet_with(0x1000, &[1, 1, 0xAA, 0], &[5; 160]), &[5; 160]);
    check(&packet_with(0x1234, &[1, 2, 3, 4], &[5; 160]), &[5; 160]);
    // Element 15 ends the reading; the bytes after it are still extension, not audio.
    check(&packet_with(0xBEDE, &[0xF3, 9, 9, 9, 9, 9, 9, 9], &[5; 160]), &[5; 160]);
    let mut padded = packet_with(0xBEDE, &[0xF0, 9, 9, 9], &[5, 5, 0, 2]);
    padded[0] |= 0x20;
    check(&padded, &[5, 5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The crate reads what it marshals itself; so must we, and the same.
    #[test]
    fn what_the_crate_writes_reads_as_it_reads(
        (marker, payload_type, sequence_number) in any::<(bool, u8, u16)>(),
        (timestamp, ssrc) in any::<(u32, u32)>(),
        csrc in prop::collection::vec(any::<u32>(), 0..15),
        element in prop::option::of(prop::collection::vec(any::<u8>(), 1..16)),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        padding in 0_u8..8,
    ) {
        let mut header = Header {
            version: 2,
            marker,
            payload_type: payload_type & 0x7F,
            sequence_number,
            timestamp,
            ssrc,
            csrc,
            ..Header::default()
        };
        if let Some(element) = element {
            header.set_extension(3, element.into()).expect("an element of RFC 8285");
        }
        let whole = rtp::packet::Packet { header, payload: payload.into() };
        let mut bytes = whole.marshal().expect("a packet").to_vec();
        if padding > 0 {
            bytes[0] |= PADDING_BIT;
            bytes.resize(bytes.len() + usize::from(padding), padding);
        }
        let theirs = rtp::packet::Packet::unmarshal(&mut bytes.as_slice()).expect("a packet");
        let ours = read(&bytes).expect("a packet");
        prop_assert_eq!(ours.payload, &theirs.payload[..]);
        let fields = |header: &Header| {
            let Header { marker, payload_type, sequence_number, timestamp, ssrc, .. } = *header;
            (marker, payload_type, sequence_number, timestamp, ssrc)
        };
        prop_assert_eq!(fields(&ours.header), fields(&theirs.header));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read(&bytes));
    }

    #[test]
    fn mutated_packets_never_panic(
        profile in prop::sample::select(vec![0xBEDE_u16, 0x1000, 0x1001, 0]),
        words in 0_usize..8,
        body in prop::collection::vec(any::<u8>(), 32),
        payload in prop::collection::vec(any::<u8>(), 0..40),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = packet_with(profile, &body[..words * 4], &payload);
        for (place, value) in flips {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        drop(read(&bytes));
        // Whatever is accepted keeps exactly the bytes after its header, less its padding.
        if let Ok(packet) = read(&bytes) {
            let length = packet.payload.len();
            let is_inside = bytes.windows(length.max(1)).any(|window| window == packet.payload);
            prop_assert!(length == 0 || is_inside);
        }
        bytes.truncate(cut.index(bytes.len()));
        drop(read(&bytes));
    }
}
