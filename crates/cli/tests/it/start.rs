//! Starting and stopping as an operator sees it.

use crate::binary::{Binary, FREE_PORTS, command};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn starts_fast_and_stops_cleanly() {
    let folder = tempfile::tempdir().expect("a directory");
    let start = Instant::now();
    let binary = Binary::start(folder.path());
    // 100 ms is the aim on an idle machine; tests run beside others.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(binary.terminate().success());
    assert!(Binary::start(folder.path()).terminate().success());
}

#[test]
fn a_busy_port_names_the_listener_the_address_and_the_flag() {
    let folder = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = command(folder.path())
        .args(["--nats", &address, "--kafka", "off", "--mqtt", "off", "--mqtt-ws", "off", "--http", "off"])
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for part in ["nats", address.as_str(), "--nats"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let _first = Binary::start(folder.path());
    let output =
        command(folder.path()).args(FREE_PORTS).stderr(Stdio::piped()).output().expect("the binary runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("data directory"), "{output:?}");
}

#[test]
fn a_public_address_without_authentication_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let output = command(folder.path())
        .args(["--nats", "0.0.0.0:0", "--kafka", "off", "--mqtt", "off", "--mqtt-ws", "off", "--http", "off"])
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--insecure-anonymous"));
}

#[test]
fn http_answers_its_own_name_only() {
    let folder = tempfile::tempdir().expect("a directory");
    let binary = Binary::start(folder.path());
    for (host, expected) in [("127.0.0.1", "200"), ("evil.example", "403")] {
        let mut stream = TcpStream::connect(binary.address("http")).expect("it accepts");
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}");
    }
}
