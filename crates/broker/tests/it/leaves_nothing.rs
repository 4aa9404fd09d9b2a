//! Many brokers in one process, and what is left of them. The counting needs a process of its own: the test starts itself.

use crate::wires;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use stele_broker::{Broker, Data};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Brokers at one time.
const BROKERS: usize = 32;

/// Set in the process that counts.
const ALONE: &str = "STELE_TEST_ALONE";

#[test]
fn brokers_leave_no_thread_no_port_and_no_file() {
    if std::env::var_os(ALONE).is_some() {
        return count();
    }
    let temporary = tempfile::tempdir().expect("a directory");
    let myself = std::env::current_exe().expect("its own path");
    let output = Command::new(myself)
        .args(["--exact", "leaves_nothing::brokers_leave_no_thread_no_port_and_no_file", "--nocapture"])
        .env(ALONE, "1")
        .env("TMPDIR", temporary.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the counting ran: {text}");
    assert_eq!(names_in(temporary.path()), [""; 0], "in the temporary directory");
}

fn count() {
    // The first runtime makes what the process keeps: tokio's signal sockets, where a program uses signals.
    drop(two_workers());
    let before = Held::now();
    let runtime = two_workers();
    // What a first broker sets up once for the process stays, as after any use of a library.
    runtime.block_on(async { Broker::start().await.expect("it starts").stop().await });
    let running = Held::now();
    stop_all(&runtime);
    running.wait_for("after stops");
    drop_all(&runtime);
    running.wait_for("after drops");
    drop(runtime);
    before.wait_for("after the runtime");
}

fn two_workers() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime starts")
}

fn stop_all(runtime: &Runtime) {
    runtime.block_on(async {
        let mut stops = JoinSet::new();
        for broker in start_all().await {
            stops.spawn(broker.stop());
        }
        stops.join_all().await;
    });
}

fn drop_all(runtime: &Runtime) {
    runtime.block_on(async { drop(start_all().await) });
}

/// All at once, each with a round trip on each wire.
async fn start_all() -> Vec<Broker> {
    let mut starts = JoinSet::new();
    for number in 0..BROKERS {
        starts.spawn(async move {
            let data = if number % 2 == 0 { Data::Memory } else { Data::Temporary };
            let broker = Broker::builder().data(data).start().await.expect("it starts");
            wires::round_trips(&broker).await;
            broker
        });
    }
    starts.join_all().await
}

/// What the process has.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    threads: usize,
    /// What each descriptor is, without numbers: sockets are ports.
    descriptors: Vec<String>,
    temporary: Vec<String>,
}

impl Held {
    fn now() -> Self {
        let descriptors = std::fs::read_dir("/proc/self/fd").expect("Linux has it");
        let mut descriptors: Vec<String> = descriptors
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .map(|target| {
                target.to_string_lossy().trim_end_matches(|c: char| "0123456789[]".contains(c)).into()
            })
            .filter(|target: &String| !target.starts_with("/proc/"))
            .collect();
        descriptors.sort();
        Self {
            threads: names_in(Path::new("/proc/self/task")).len(),
            descriptors,
            temporary: names_in(&std::env::temp_dir()),
        }
    }

    /// Tasks of dropped brokers end as the runtime gets to them, and a joined thread leaves /proc a moment later.
    fn wait_for(&self, when: &str) {
        let began = Instant::now();
        loop {
            let now = Self::now();
            if now == *self {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{when}: {now:?} and not {self:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it can be read");
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}
