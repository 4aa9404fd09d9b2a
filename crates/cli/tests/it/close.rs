//! How a connection ends: the peer sees the end at once, and reads what was said before it.

use crate::binary::Binary;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// MQTT 3.1.1 and 5, clean, without a client id, with no keep-alive.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";
const CONNECT_5: &[u8] = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00";
const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x01\x00\x01t\x00";
const PUBLISH: &[u8] = b"\x30\x05\x00\x01txy";
const DISCONNECT: &[u8] = b"\xe0\x00";

fn connect(binary: &Binary) -> TcpStream {
    let stream = TcpStream::connect(binary.address("mqtt")).expect("it accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a limit");
    stream
}

fn exchange(stream: &mut TcpStream, sent: &[u8], answer_length: usize) -> Vec<u8> {
    stream.write_all(sent).expect("it reads");
    let mut answer = vec![0; answer_length];
    stream.read_exact(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_receiver_that_says_goodbye_sees_the_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let binary = Binary::start(folder.path());
    for _ in 0..30 {
        let (mut receiver, mut sender) = (connect(&binary), connect(&binary));
        exchange(&mut receiver, CONNECT, 4);
        exchange(&mut sender, CONNECT, 4);
        exchange(&mut receiver, SUBSCRIBE, 5);
        sender.write_all(PUBLISH).expect("it reads");
        let mut message = [0; PUBLISH.len()];
        receiver.read_exact(&mut message).expect("the message comes");
        for client in [&mut sender, &mut receiver] {
            client.write_all(DISCONNECT).expect("it reads");
            assert_eq!(client.read(&mut [0; 8]).expect("an end, no reset and no silence"), 0);
        }
    }
}

#[test]
fn last_words_reach_a_peer_that_still_sends() {
    let folder = tempfile::tempdir().expect("a directory");
    let binary = Binary::start(folder.path());
    for _ in 0..10 {
        let mut client = connect(&binary);
        exchange(&mut client, CONNECT_5, 5);
        // A packet of a type that is not there, and much that nobody will read.
        let mut garbage = vec![0; 512 << 10];
        garbage[..2].copy_from_slice(b"\x00\x00");
        client.write_all(&garbage).expect("all is taken");
        let mut words = Vec::new();
        client.read_to_end(&mut words).expect("an end, no reset");
        assert!(words.ends_with(&[0xe0, 1, 0x81]), "DISCONNECT, malformed packet: {words:?}");
    }
}
