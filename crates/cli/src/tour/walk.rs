//! The tour from its start to its end, whatever the end is.

use super::narrator::{Narrator, say};
use super::report::{Report, Step};
use super::stage::{Scene, Stage};
use super::steps::Plan;
use anyhow::Context;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long what was interrupted may take to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The exit code; everything is said.
pub(super) fn run(json: bool) -> u8 {
    let start = Instant::now();
    let mut report = Report::default();
    let mut narrator = Narrator::new(json);
    if let Err(error) = stay_for_the_tour(&mut report, &mut narrator) {
        report.error = Some(format!("{error:#}"));
    }
    report.elapsed_ms = milliseconds(start);
    if json {
        say(&format!("{:#}\n", report.json()));
    }
    let code = report.code();
    match report.failure() {
        // Nobody is left to tell when this fails, too.
        Some(failure) => drop(writeln!(std::io::stderr(), "error: {failure}")),
        None => narrator.say(&format!(
            "\nThat was the tour: {} steps in {} ms, every count of the broker equal to its clients'.\n",
            report.steps.len(),
            report.elapsed_ms
        )),
    }
    code
}

/// Everything that must be gone afterwards begins and ends here.
fn stay_for_the_tour(report: &mut Report, narrator: &mut Narrator) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // The clients' blocking calls are made by the caller; the broker always has threads of its own.
        .worker_threads(2)
        .enable_all()
        .thread_name("stele-tour")
        .build()
        .context("the worker threads cannot be started")?;
    // Before there is anything to clean up.
    let signals = listen_for_signals(&runtime)?;
    let directory = tempfile::Builder::new().prefix("stele-tour-").tempdir().with_context(|| {
        let place = std::env::temp_dir();
        format!(
            "no temporary directory can be made in {}; set TMPDIR to one that can be written",
            place.display()
        )
    })?;
    let walked = runtime.block_on(until_a_signal(signals, report, narrator, directory.path()));
    // Who writes to the directory goes before it.
    runtime.shutdown_timeout(LAST_WORDS);
    let removed = directory.close().context("the temporary directory cannot be removed");
    walked.and(removed)
}

fn listen_for_signals(runtime: &Runtime) -> anyhow::Result<[Signal; 2]> {
    let _context = runtime.enter();
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?])
}

async fn until_a_signal(
    [mut interrupted, mut terminated]: [Signal; 2],
    report: &mut Report,
    narrator: &mut Narrator,
    directory: &Path,
) -> anyhow::Result<()> {
    let walked = tokio::select! {
        walked = Box::pin(walk(report, narrator, directory)) => Some(walked),
        _ = interrupted.recv() => None,
        _ = terminated.recv() => None,
    };
    report.interrupted = walked.is_none();
    walked.unwrap_or_else(|| Err(anyhow::anyhow!("interrupted")))
}

async fn walk(report: &mut Report, narrator: &mut Narrator, directory: &Path) -> anyhow::Result<()> {
    let mut stage = Some(Stage::open(directory).await?);
    narrator.open(&stage.as_ref().map(Stage::listeners).unwrap_or_default());
    for (index, plan) in Plan::ALL.into_iter().enumerate() {
        narrator.begin(index + 1, Plan::ALL.len(), plan.title(), plan.explanation());
        let step = play(plan, &mut stage, narrator).await;
        narrator.end(&step);
        let failed = step.failure().is_some();
        report.steps.push(step);
        if failed {
            break;
        }
        if index + 1 < Plan::ALL.len() {
            narrator.pause().await;
        }
    }
    if let Some(stage) = stage {
        stage.close().await;
    }
    Ok(())
}

/// One step with its counts; what goes wrong stands in it.
async fn play(plan: Plan, stage: &mut Option<Stage>, narrator: &Narrator) -> Step {
    let start = Instant::now();
    let mut scene = Scene { narrator, events: Vec::new(), by_hand: Vec::new() };
    let played = act(plan, stage, &mut scene).await;
    let (traffic, counts, error) = match (played, stage) {
        (Ok(()), Some(stage)) => match stage.counts().await {
            Ok(counts) => (stage.traffic(), counts, None),
            Err(error) => (stage.traffic(), Vec::new(), Some(format!("{error:#}"))),
        },
        (Ok(()), None) => (Vec::new(), Vec::new(), Some("no broker is left".to_owned())),
        (Err(error), stage) => {
            let traffic = stage.as_ref().map(Stage::traffic).unwrap_or_default();
            (traffic, Vec::new(), Some(format!("{error:#}")))
        }
    };
    let Scene { events, by_hand, .. } = scene;
    let elapsed_ms = milliseconds(start);
    Step { name: plan.name(), title: plan.title(), elapsed_ms, events, by_hand, traffic, counts, error }
}

/// A step that begins with a restart gets its stage anew.
async fn act(plan: Plan, stage: &mut Option<Stage>, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    if plan.restarts() {
        let before = stage.take().context("a broker runs")?;
        *stage = Some(before.restart().await?);
    }
    let stage = stage.as_mut().context("a broker runs")?;
    stage.mark();
    plan.act(stage, scene).await
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
