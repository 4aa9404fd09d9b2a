//! What a NATS client stored comes back to NATS clients byte for byte.

use crate::binary::Binary;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Header blocks that no client writes from its own list of headers, but that nats-server passes on as they are.
const BLOCKS: [&[u8]; 6] = [
    b"NATS/1.0\r\nA: b\r\n\r\n",
    b"NATS/1.0\r\nA:  b\r\nA:c \r\na: d\r\n\r\n",
    b"NATS/1.0 100 Some Status\r\nA: b\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\nA: b\r\n\r\n",
    b"NATS/1.0\r\nNot-UTF-8: \xff\xfe\r\n\r\n",
    b"NATS/1.0\r\nStele-Null: 1\r\n\r\n",
];

#[test]
fn header_blocks_come_back_from_a_stream_as_they_were() {
    let folder = tempfile::tempdir().expect("a directory");
    let binary = Binary::start(folder.path());
    let mut socket = TcpStream::connect(binary.address("nats")).expect("it accepts");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
    let mut said = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB in 1\r\n".to_vec();
    publish("$JS.API.STREAM.CREATE.S", "in", br#"{"name":"S","subjects":["s"]}"#, &mut said);
    exchange(&mut socket, &mut said, b"stream_create_response");
    let consumer = br#"{"stream_name":"S","config":{"durable_name":"C","name":"C","ack_policy":"explicit"}}"#;
    publish("$JS.API.CONSUMER.CREATE.S.C", "in", consumer, &mut said);
    exchange(&mut socket, &mut said, b"consumer_create_response");
    for block in BLOCKS {
        let (head, total) = (block.len(), block.len() + 2);
        said.extend_from_slice(format!("HPUB s in {head} {total}\r\n").as_bytes());
        said.extend_from_slice(block);
        said.extend_from_slice(b"v\n\r\n");
    }
    publish("$JS.API.CONSUMER.MSG.NEXT.S.C", "in", br#"{"batch":6,"expires":9000000000}"#, &mut said);
    let heard = exchange(&mut socket, &mut said, b"Stele-Null: 1\r\n\r\nv\n\r\n");
    for (block, sequence) in BLOCKS.iter().zip(1..) {
        let lengths = format!("{} {}\r\n", block.len(), block.len() + 2);
        let expected = [lengths.as_bytes(), block, b"v\n\r\n"].concat();
        assert!(holds(&heard, &expected), "block {sequence}: {}", String::from_utf8_lossy(&heard));
    }
}

/// Says it, and hears until these bytes came.
fn exchange(socket: &mut TcpStream, said: &mut Vec<u8>, until: &[u8]) -> Vec<u8> {
    socket.write_all(said).expect("it reads");
    said.clear();
    let mut heard = Vec::new();
    while !holds(&heard, until) {
        let mut buffer = [0; 4096];
        let read = socket.read(&mut buffer).expect("the answers come");
        assert!(read > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&buffer[..read]);
    }
    heard
}

fn holds(heard: &[u8], expected: &[u8]) -> bool {
    heard.windows(expected.len()).any(|window| window == expected)
}

fn publish(subject: &str, reply: &str, body: &[u8], said: &mut Vec<u8>) {
    said.extend_from_slice(format!("PUB {subject} {reply} {}\r\n", body.len()).as_bytes());
    said.extend_from_slice(body);
    said.extend_from_slice(b"\r\n");
}
