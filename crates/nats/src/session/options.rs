//! What a client says about itself in CONNECT.

use serde_json::{Map, Value};

/// The options that a session acts on. Before CONNECT a client is verbose and pedantic, as for nats-server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    verbose: bool,
    pedantic: bool,
    echo: bool,
    headers: bool,
    no_responders: bool,
    /// CONNECT came.
    connected: bool,
    /// A PING after CONNECT was answered.
    ponged: bool,
    protocol: i8,
}

/// Why a CONNECT ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectFault {
    /// Not a JSON object, or a value of the wrong type; nats-server closes without a word.
    Json,
    /// To be told with this text.
    Refused(&'static str),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            connected: false,
            ponged: false,
            protocol: 0,
        }
    }
}

impl Options {
    /// Takes over what a CONNECT says; what it leaves out stays.
    ///
    /// No authentication is configured on this wire, so credentials are accepted unseen, as by nats-server.
    pub(super) fn connect(&mut self, json: &[u8]) -> Result<(), ConnectFault> {
        let fields = match serde_json::from_slice(json) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Null) => Map::new(),
            _ => return Err(ConnectFault::Json),
        };
        let mut account = false;
        let mut protocol = i64::from(self.protocol);
        // Keys are compared as Go does: without regard to case, the last one wins.
        for (key, value) in &fields {
            match key.to_ascii_lowercase().as_str() {
                "verbose" => read_flag(value, &mut self.verbose)?,
                "pedantic" => read_flag(value, &mut self.pedantic)?,
                "echo" => read_flag(value, &mut self.echo)?,
                "headers" => read_flag(value, &mut self.headers)?,
                "no_responders" => read_flag(value, &mut self.no_responders)?,
                "tls_required" => read_flag(value, &mut false)?,
                "new_account" => read_flag(value, &mut account)?,
                "account" => account |= !read_text(value)?.is_empty(),
                "protocol" if value.is_null() => {}
                "protocol" => protocol = value.as_i64().ok_or(ConnectFault::Json)?,
                "name" | "lang" | "version" | "user" | "pass" | "auth_token" | "jwt" | "nkey" | "sig" => {
                    read_text(value)?;
                }
                _ => {}
            }
        }
        self.connected = true;
        if account {
            return Err(ConnectFault::Refused("Authorization Violation"));
        }
        self.protocol = match protocol {
            0 => 0,
            1 => 1,
            _ => return Err(ConnectFault::Refused("invalid client protocol")),
        };
        if self.no_responders && !self.headers {
            return Err(ConnectFault::Refused("no responders requires headers support"));
        }
        Ok(())
    }

    /// Wants `+OK` after each verb.
    pub(super) fn verbose(self) -> bool {
        self.verbose
    }

    /// Wants its subjects checked.
    pub(super) fn pedantic(self) -> bool {
        self.pedantic
    }

    /// Receives what it publishes.
    pub(super) fn echo(self) -> bool {
        self.echo
    }

    /// Reads and writes headers.
    pub(super) fn headers(self) -> bool {
        self.headers
    }

    /// Wants to be told when a request reaches nobody.
    pub(super) fn no_responders(self) -> bool {
        self.no_responders
    }

    /// Takes INFO at any time.
    pub(super) fn understands_info(self) -> bool {
        self.connected && self.protocol >= 1
    }

    /// True once: at the first PONG of a client that takes INFO at any time.
    pub(super) fn take_first_pong(&mut self) -> bool {
        self.connected && !std::mem::replace(&mut self.ponged, self.connected) && self.understands_info()
    }
}

fn read_flag(value: &Value, flag: &mut bool) -> Result<(), ConnectFault> {
    match value {
        Value::Null => {}
        Value::Bool(value) => *flag = *value,
        _ => return Err(ConnectFault::Json),
    }
    Ok(())
}

fn read_text(value: &Value) -> Result<&str, ConnectFault> {
    match value {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        _ => Err(ConnectFault::Json),
    }
}
