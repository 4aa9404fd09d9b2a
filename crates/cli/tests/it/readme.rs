//! README's "one message, three readers", as it is printed: the commands are taken from README.md and run, with nothing
//! changed but where the broker listens.

use crate::binary::{Binary, binary};
use crate::nats::Nats;
use std::io::Write;
use std::process::{Command, Stdio};

const README: &str = include_str!("../../../../README.md");

#[test]
fn one_message_has_three_readers() {
    let blocks = consoles(README);
    let [_, serve, message, ..] = blocks.as_slice() else { panic!("README.md has three console blocks") };
    let commands: Vec<&str> = message.iter().filter_map(|line| line.strip_prefix("$ ")).collect();
    let programs: Vec<&str> = commands.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(programs, ["mosquitto_pub", "kcat"]);
    if let Some(missing) = programs.iter().find(|program| !is_installed(program)) {
        return skip(&format!("{missing} is not installed (Debian: apt-get install mosquitto-clients kcat)"));
    }
    let folder = tempfile::tempdir().expect("a directory");
    let broker = start(serve, &folder.path().join("data"));
    let mut printed = String::new();
    for line in &commands {
        printed.push_str(&run(&moved(line, &broker)));
    }
    let expected: String =
        message.iter().filter(|line| !line.starts_with("$ ")).flat_map(|line| [*line, "\n"]).collect();
    assert_eq!(printed, expected, "what README.md says is what is printed");

    let mut nats = Nats::connect(broker.address("nats")).expect("it accepts");
    let (subject, body) = replayed(&mut nats);
    assert_eq!(format!("{subject} {body}\n"), expected, "JetStream replays the same message");
}

/// Reads the stream from its start with a consumer of its own.
fn replayed(nats: &mut Nats) -> (String, String) {
    let consumer =
        r#"{"stream_name":"TELEMETRY","config":{"name":"again","deliver_policy":"all","ack_policy":"none"}}"#;
    let made = nats.request("$JS.API.CONSUMER.CREATE.TELEMETRY.again", consumer).expect("an answer");
    assert!(!made.contains("\"error\""), "{made}");
    nats.ask("$JS.API.CONSUMER.MSG.NEXT.TELEMETRY.again", r#"{"batch":1,"expires":9000000000}"#)
        .expect("it reads");
    let (subject, _, body) = nats.message().expect("the message");
    (subject, body)
}

/// The lines of each console block.
fn consoles(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.any(|line| line == "```console") {
        blocks.push(lines.by_ref().take_while(|line| *line != "```").collect());
    }
    blocks
}

/// Runs what stands behind `serve`, on free ports.
fn start(block: &[&str], data: &std::path::Path) -> Binary {
    let [line] = block else { panic!("one command starts the broker") };
    let (_, options) = line.split_once(" serve ").expect("it serves");
    let mut command = Command::new("sh");
    let script = format!(
        "exec \"$0\" serve {options} --data \"$1\" --nats 127.0.0.1:0 --kafka 127.0.0.1:0 --mqtt 127.0.0.1:0 --http off"
    );
    command.arg("-c").arg(script).arg(binary()).arg(data).stdout(Stdio::piped()).stderr(Stdio::null());
    Binary::launch(&mut command)
}

/// The command, at the ports of this broker.
fn moved(line: &str, broker: &Binary) -> String {
    let mqtt = format!("mosquitto_pub -h 127.0.0.1 -p {}", broker.address("mqtt").port());
    line.replace("mosquitto_pub", &mqtt).replace("127.0.0.1:9092", &broker.address("kafka").to_string())
}

fn run(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().expect("a shell");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn is_installed(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    found.is_ok_and(|found| found.status.success())
}

#[expect(clippy::print_stderr, reason = "a test tells its reader")]
/// Notes that this test found nothing to test with, for the count of `cargo xtask test`.
fn skip(why: &str) {
    let line = format!("readme::one_message_has_three_readers: {why}\n");
    eprint!("skipped: {line}");
    if let Some(log) = std::env::var_os("STELE_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new().append(true).open(log).expect("the list of skips");
        log.write_all(line.as_bytes()).expect("it can be written");
    }
}
