//! Tells people what happens, as it happens; programs get the report at the end.

use super::report::{Step, Wire};
use std::io::{BufRead, IsTerminal, Write};
use tokio::sync::mpsc;

/// Who listens.
pub(super) enum Narrator {
    /// A program: one document at the end.
    Json,
    /// A reader. `keys`: Enter was pressed; none where nobody can press it.
    Text { keys: Option<mpsc::Receiver<()>> },
}

impl Narrator {
    /// Waits for keys only where both ends are terminals.
    pub(super) fn new(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        let waits = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Self::Text { keys: waits.then(listen_for_enter) }
    }

    pub(super) fn open(&self, listeners: &str) {
        self.say(&format!(
            "A broker of its own runs here, on free ports: {listeners}.\n\
             Its log is in a temporary directory. What a wire acknowledges is on disk; all of it goes at the end.\n\
             By hand, the same works with other people's tools against: stele serve --stream TELEMETRY='home.>'\n"
        ));
    }

    pub(super) fn begin(&self, number: usize, of: usize, title: &str, explanation: &str) {
        self.say(&format!("\n{number}/{of}  {title}\n"));
        for line in wrapped(explanation) {
            self.say(&format!("     {line}\n"));
        }
    }

    pub(super) fn event(&self, wire: Wire, did: &str, what: &str) {
        self.say(&format!("       {:<9} {did:<8}  {what}\n", wire.word()));
    }

    pub(super) fn end(&self, step: &Step) {
        for command in &step.by_hand {
            self.say(&format!("     $ {command}\n"));
        }
        for count in &step.counts {
            self.say(&format!("     {}\n", count.shown()));
        }
        self.say(&format!("     {} ms\n", step.elapsed_ms));
    }

    /// Until somebody presses Enter, where somebody can.
    pub(super) async fn pause(&mut self) {
        if !matches!(self, Self::Text { keys: Some(_) }) {
            return;
        }
        self.say("     Enter goes on ");
        if let Self::Text { keys: Some(keys) } = self {
            // None: the end of the input, after which nobody is waited for.
            let _ = keys.recv().await;
        }
    }

    pub(super) fn say(&self, text: &str) {
        if matches!(self, Self::Text { .. }) {
            say(text);
        }
    }
}

/// Writes to standard output. Where nobody reads any more, the tour still ends by itself and cleans up.
pub(super) fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// A thread that reads lines until the process ends: a read of a terminal cannot be cancelled.
fn listen_for_enter() -> mpsc::Receiver<()> {
    let (pressed, keys) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        while matches!(std::io::stdin().lock().read_line(&mut line), Ok(1..)) {
            line.clear();
            if pressed.blocking_send(()).is_err() {
                return;
            }
        }
    });
    keys
}

/// Lines of a width that every terminal has.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn text_is_wrapped_between_words() {
        let text = "word ".repeat(50);
        let lines = wrapped(&text);
        assert!(lines.iter().all(|line| line.len() <= 100), "{lines:?}");
        assert_eq!(lines.join(" "), text.trim());
    }
}
