//! `stele stream`, `stele pub` and `stele sub` against a running `stele serve`.

use crate::binary::Binary;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

struct Client {
    url: String,
    _server: Binary,
    _folder: tempfile::TempDir,
}

impl Client {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let server = Binary::start(folder.path());
        Self { url: format!("nats://{}", server.address("nats")), _server: server, _folder: folder }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stele"));
        command.args(words).args(["--server", &self.url]).stdin(Stdio::null());
        command
    }

    /// Standard output of a command that succeeds.
    fn says(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("it runs");
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Standard error of a command that fails.
    fn fails(&self, words: &[&str]) -> String {
        refused(self.command(words).output().expect("it runs"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refused(output: Output) -> String {
    assert!(!output.status.success(), "{}", text(&output.stdout));
    text(&output.stderr)
}

#[test]
fn streams_are_made_listed_shown_and_removed() {
    let client = Client::start();
    assert!(client.says(&["stream", "ls"]).contains("stele stream add"));
    let add = [
        "stream",
        "add",
        "TELEMETRY",
        "--subjects",
        "home.>,office.*",
        "--max-age",
        "7d",
        "--max-bytes",
        "1GiB",
    ];
    assert_eq!(client.says(&add), "stream TELEMETRY captures home.>, office.*\n");
    assert_eq!(
        client.says(&add),
        "stream TELEMETRY captures home.>, office.*\n",
        "the same once more is no error"
    );
    assert_eq!(client.says(&["pub", "home.a", "one", "--ack"]), "stored in TELEMETRY as 1\n");
    let twice = ["pub", "home.a", "two", "-H", "Nats-Msg-Id: 7", "--count", "2", "--ack"];
    assert_eq!(client.says(&twice), "stored in TELEMETRY as 2\nstored in TELEMETRY as 2, as before\n");
    let list = client.says(&["stream", "ls"]);
    let row: Vec<&str> = list.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!((row[0], row[1], &row[5..]), ("TELEMETRY", "2", &["home.>,", "office.*"][..]), "{list}");
    let info = client.says(&["stream", "info", "TELEMETRY"]);
    for expected in
        ["messages:                 2", "max age:                  7d", "max bytes:                1.0 GiB"]
    {
        assert!(info.contains(expected), "{expected} in {info}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&client.says(&["stream", "info", "TELEMETRY", "--json"])).expect("JSON");
    assert_eq!((&json["state"]["messages"], &json["config"]["name"]), (&2.into(), &"TELEMETRY".into()));
    assert_eq!(client.says(&["stream", "rm", "TELEMETRY"]), "stream TELEMETRY is removed\n");
    assert!(client.fails(&["stream", "rm", "TELEMETRY"]).contains("stele stream ls"));
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let client = Client::start();
    client.says(&["stream", "add", "A", "--subjects", "a.>"]);
    for (words, expected) in [
        (
            &["stream", "info", "B"][..],
            &["`B`", "stream not found", client.url.as_str(), "stele stream ls"][..],
        ),
        (&["stream", "add", "A", "--subjects", "b"], &["`A`", client.url.as_str(), "stele stream info"]),
        (&["stream", "add", "B", "--subjects", "a.b"], &["`B`", "overlap", "stele stream ls"]),
        (&["stream", "add", "B", "--subjects", "a..b"], &["--subjects", "`a..b`"]),
        (&["stream", "add", "B.C"], &["`B.C`", "letters"]),
        (&["stream", "add", "B", "--max-age", "7"], &["--max-age", "7d"]),
        (&["pub", "a.*", "x"], &["`a.*`"]),
        (&["pub", "nowhere", "x", "--ack"], &["`nowhere`", client.url.as_str(), "stele stream add"]),
        (&["pub", "a", "x", "-H", "novalue"], &["NAME:VALUE"]),
        (&["sub", "a..b"], &["`a..b`"]),
    ] {
        let said = client.fails(words);
        for part in expected {
            assert!(said.contains(part), "{words:?}: {part} in {said}");
        }
    }
    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stele"));
    let said = refused(
        command.args(["stream", "ls", "--server", &format!("nats://{nobody}")]).output().expect("it runs"),
    );
    for part in [nobody.to_string().as_str(), "stele serve", "--server"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn what_is_published_is_printed() {
    let client = Client::start();
    let mut sub =
        client.command(&["sub", "home.>", "--count", "3"]).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(sub.stdout.take().expect("it was asked for")).lines();
    // The subscription has no voice: publish until it hears.
    let heard = std::thread::spawn(move || lines.next().expect("a line").expect("text"));
    while !heard.is_finished() {
        client.says(&["pub", "home.first", "x"]);
    }
    assert_eq!(heard.join().expect("it heard"), "home.first x");
    sub.kill().expect("it can be stopped");
    sub.wait().expect("it ends");
}

#[test]
fn payloads_come_from_standard_input_and_headers_are_shown() {
    let client = Client::start();
    let mut sub = client
        .command(&["sub", "one"])
        .args(["--count", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let publish = |done: &mut std::process::Child| {
        while done.try_wait().expect("it can be asked").is_none() {
            let mut one = client
                .command(&["pub", "one", "-H", "A: b", "--reply", "there"])
                .stdin(Stdio::piped())
                .spawn()
                .expect("it runs");
            one.stdin.take().expect("it was asked for").write_all(b"piped").expect("it reads");
            assert!(one.wait().expect("it ends").success());
        }
    };
    publish(&mut sub);
    let output = sub.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout), "  A: b\none (answer to there) piped\n");
}
