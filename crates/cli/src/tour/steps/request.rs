//! NATS asks, MQTT 5 answers.

use crate::tour::report::Wire;
use crate::tour::stage::{Scene, Stage};
use anyhow::ensure;

const SUBJECT: &str = "svc.lamp";
const TOPIC: &str = "svc/lamp";
const QUESTION: &str = "are you on?";
const ANSWER: &str = "on, at 40 %";

pub(super) async fn act(stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let nats = stage.nats(Wire::Nats).await?;
    let mut lamp = stage.mqtt("lamp").await?;
    lamp.subscribe(TOPIC).await?;
    let (answer, asked) = tokio::try_join!(nats.request(SUBJECT, QUESTION), lamp.answer(ANSWER))?;
    scene.sent(Wire::Nats, format!("{SUBJECT}  {QUESTION}"));
    ensure!(asked == QUESTION, "the lamp was asked `{asked}`");
    scene.received(Wire::Mqtt, format!("{TOPIC}  {asked}"));
    scene.sent(Wire::Mqtt, format!("to the response topic  {ANSWER}"));
    ensure!(answer == ANSWER, "the answer is `{answer}`");
    scene.received(Wire::Nats, format!("in the inbox  {answer}"));
    scene.by_hand(&[
        "nats reply svc.lamp 'on, at 40 %'",
        "mosquitto_rr -V 5 -t svc/lamp -e answers/me -m 'are you on?'    # the other way round",
    ]);
    lamp.close().await
}
