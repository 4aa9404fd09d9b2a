//! `stele stream add`, `ls`, `info` and `rm`: the JetStream API of any server.

use super::At;
use super::messages::print;
use super::sizes::{parse_bytes, parse_time, show_bytes, show_time};
use crate::client::Client;
use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use stele_broker::Filter;

/// Make, list, show and remove streams.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a stream that captures subjects. A Kafka topic of the same name comes with it.
    Add(Box<Add>),
    /// List the streams.
    Ls {
        /// As JSON, one stream per line.
        #[arg(long)]
        json: bool,
    },
    /// Show one stream.
    Info {
        /// The stream.
        name: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove a stream with all its messages and consumers.
    Rm {
        /// The stream.
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its name: letters, digits, `_` and `-`.
    name: String,
    /// What it captures, as 'home.>'; several with commas, or the flag several times. Default: the subject of its own name.
    #[arg(long, value_name = "FILTERS", value_delimiter = ',')]
    subjects: Vec<String>,
    /// Messages are removed at this age, as 7d.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    max_age: Option<i64>,
    /// At most as many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    max_messages: Option<i64>,
    /// At most as many messages per subject.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    max_messages_per_subject: Option<i64>,
    /// At most as many bytes, as 1GiB.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_bytes: Option<i64>,
    /// No message larger than this, as 64KiB.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_message_bytes: Option<i64>,
    /// What goes at a limit: the `old` messages, or the `new` one.
    #[arg(long, value_name = "WHICH", default_value = "old", value_parser = ["old", "new"])]
    discard: String,
    /// When messages go: at the `limits`, once all consumers have them (`interest`), or once one has (`workqueue`).
    #[arg(long, value_name = "WHEN", default_value = "limits", value_parser = ["limits", "interest", "workqueue"])]
    retention: String,
    /// How long message ids are remembered, as 2m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    duplicate_window: Option<i64>,
    /// Words for people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { command, at } = arguments;
    match &command {
        Command::Add(add) => add.check()?,
        Command::Info { name, .. } | Command::Rm { name } => check_name(name)?,
        Command::Ls { .. } => {}
    }
    let mut client = at.server.connect()?;
    match command {
        Command::Add(add) => {
            let reply = call(&mut client, "CREATE", &add.name, &add.config())?;
            let subjects = texts(&reply["config"]["subjects"]).join(", ");
            say(&format!("stream {} captures {subjects}\n", add.name))
        }
        Command::Ls { json } => list(&mut client, json),
        Command::Info { name, json } => {
            let info = call(&mut client, "INFO", &name, &json!({}))?;
            if json { say(&format!("{info}\n")) } else { say(&shown(&info)) }
        }
        Command::Rm { name } => {
            call(&mut client, "DELETE", &name, &json!({}))?;
            say(&format!("stream {name} is removed\n"))
        }
    }
}

impl Add {
    /// What the server would refuse, in words for this command line.
    fn check(&self) -> anyhow::Result<()> {
        check_name(&self.name)?;
        for subject in &self.subjects {
            Filter::new(subject.as_bytes()).map_err(|error| {
                anyhow::anyhow!("--subjects: `{subject}` is not a filter of subjects: {error}")
            })?;
        }
        Ok(())
    }

    fn config(&self) -> Value {
        let mut config = Map::new();
        config.insert("name".into(), json!(self.name));
        if !self.subjects.is_empty() {
            config.insert("subjects".into(), json!(self.subjects));
        }
        let limits = [
            ("max_age", self.max_age),
            ("max_msgs", self.max_messages),
            ("max_msgs_per_subject", self.max_messages_per_subject),
            ("max_bytes", self.max_bytes),
            ("max_msg_size", self.max_message_bytes),
            ("duplicate_window", self.duplicate_window),
        ];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                config.insert(name.into(), json!(limit));
            }
        }
        config.insert("discard".into(), json!(self.discard));
        config.insert("retention".into(), json!(self.retention));
        config.insert("storage".into(), json!("file"));
        config.insert("num_replicas".into(), json!(1));
        // As the clients' key/value and direct reads want it.
        config.insert("allow_direct".into(), json!(true));
        if let Some(description) = &self.description {
            config.insert("description".into(), json!(description));
        }
        Value::Object(config)
    }
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > 249 || !name.bytes().all(fits) {
        bail!("`{name}` is not a stream's name: 1 to 249 letters, digits, `_` and `-`");
    }
    Ok(())
}

/// One call of the API about one stream.
fn call(client: &mut Client, verb: &str, name: &str, body: &Value) -> anyhow::Result<Value> {
    let reply = ask(client, &format!("$JS.API.STREAM.{verb}.{name}"), body)?;
    let Some(error) = reply.get("error") else { return Ok(reply) };
    let why = error["description"].as_str().unwrap_or("no reason given");
    let code = error["err_code"].as_u64().unwrap_or_default();
    let advice = match code {
        10_059 => "; `stele stream ls` lists those that are there",
        10_058 => "; `stele stream info NAME` shows how it is set, `stele stream rm NAME` removes it",
        10_065 => "; `stele stream ls` shows which stream captures what",
        _ => "",
    };
    bail!("stream `{name}` at {}: {why} ({code}){advice}", client.server())
}

fn ask(client: &mut Client, subject: &str, body: &Value) -> anyhow::Result<Value> {
    let Some(reply) = client.request(subject, &[], body.to_string().as_bytes())? else {
        bail!(
            "{} serves no streams: nothing answers on `{subject}`; is JetStream on there?",
            client.server()
        );
    };
    serde_json::from_slice(&reply.payload)
        .with_context(|| format!("{} answered something else than JSON on `{subject}`", client.server()))
}

fn list(client: &mut Client, json: bool) -> anyhow::Result<()> {
    let mut streams: Vec<Value> = Vec::new();
    loop {
        let mut page = ask(client, "$JS.API.STREAM.LIST", &json!({ "offset": streams.len() }))?;
        if let Some(error) = page.get("error") {
            bail!("{} does not list its streams: {}", client.server(), error["description"]);
        }
        let total = page["total"].as_u64().unwrap_or_default();
        let Value::Array(found) = page["streams"].take() else { break };
        let end = found.is_empty();
        streams.extend(found);
        if end || streams.len() as u64 >= total {
            break;
        }
    }
    if json {
        let lines: String = streams.iter().map(|stream| format!("{stream}\n")).collect();
        return say(&lines);
    }
    if streams.is_empty() {
        return say("no streams; make one with `stele stream add NAME --subjects 'FILTER'`\n");
    }
    let mut rows = vec![["NAME", "MESSAGES", "BYTES", "CONSUMERS", "SUBJECTS"].map(String::from)];
    for stream in &streams {
        let state = &stream["state"];
        rows.push([
            stream["config"]["name"].as_str().unwrap_or_default().to_owned(),
            number(&state["messages"]).to_string(),
            show_bytes(number(&state["bytes"])),
            number(&state["consumer_count"]).to_string(),
            texts(&stream["config"]["subjects"]).join(", "),
        ]);
    }
    say(&table(&rows))
}

/// Columns as wide as their widest cell; the last one as it is.
fn table(rows: &[[String; 5]]) -> String {
    let widths: Vec<usize> =
        (0..4).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(&row[4]);
        text.push('\n');
    }
    text
}

/// How a limit is written for people.
type Show = fn(i64) -> String;

fn shown(info: &Value) -> String {
    let (config, state) = (&info["config"], &info["state"]);
    let mut lines = vec![
        ("stream", config["name"].as_str().unwrap_or_default().to_owned()),
        ("subjects", texts(&config["subjects"]).join(", ")),
        ("messages", number(&state["messages"]).to_string()),
        ("bytes", show_bytes(number(&state["bytes"]))),
        ("sequences", format!("{} to {}", number(&state["first_seq"]), number(&state["last_seq"]))),
        ("consumers", number(&state["consumer_count"]).to_string()),
        ("retention", config["retention"].as_str().unwrap_or_default().to_owned()),
    ];
    if let Some(description) = config["description"].as_str() {
        lines.insert(1, ("description", description.to_owned()));
    }
    let limits: [(&str, &str, Show); 5] = [
        ("max age", "max_age", show_time),
        ("max messages", "max_msgs", |limit| limit.to_string()),
        ("max messages per subject", "max_msgs_per_subject", |limit| limit.to_string()),
        ("max bytes", "max_bytes", |limit| show_bytes(limit.unsigned_abs())),
        ("max message bytes", "max_msg_size", |limit| show_bytes(limit.unsigned_abs())),
    ];
    for (label, field, show) in limits {
        if let Some(limit) = config[field].as_i64().filter(|limit| *limit > 0) {
            lines.push((label, show(limit)));
        }
    }
    lines.iter().map(|(label, value)| format!("{:<26}{value}\n", format!("{label}:"))).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn say(text: &str) -> anyhow::Result<()> {
    print(text.as_bytes()).map(|_| ())
}
