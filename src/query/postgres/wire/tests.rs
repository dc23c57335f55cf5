use super::*;

#[test]
fn a_packet_is_taken_once_it_is_whole() {
    let mut bytes = BytesMut::from(&b"Q\0\0\0\x06ab"[..]);
    let rest = bytes.split_off(6);
    assert_eq!(packet(&mut bytes, 1, 100), Ok(None));
    bytes.unsplit(rest);
    bytes.extend_from_slice(b"S");
    assert_eq!(packet(&mut bytes, 1, 100), Ok(Some(Bytes::from_static(b"ab"))));
    assert_eq!(&bytes[..], b"S");
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_it_is_waited_for() {
    let mut bytes = BytesMut::from(&b"Q\x7f\xff\xff\xff"[..]);
    assert_eq!(packet(&mut bytes, 1, 100), Err(Malformed::Long(0x7fff_ffff, 100)));
    let mut bytes = BytesMut::from(&b"Q\0\0\0\x03"[..]);
    assert_eq!(packet(&mut bytes, 1, 100), Err(Malformed::First));
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed_while_its_message_waits() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut client = TcpStream::connect(address).await.expect("a connection");
    let (stream, _) = listener.accept().await.expect("a client");
    let (_stream, watch) = Watch::over(stream).expect("a second descriptor");
    client.write_all(b"nobody reads this").await.expect("write");
    tokio::select! {
        biased;
        () = watch.gone() => panic!("the client is there"),
        () = tokio::task::yield_now() => {}
    }
    drop(client);
    watch.gone().await;
}
