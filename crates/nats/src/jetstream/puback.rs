//! Publish acknowledgements (PubAck), written by hand: they are the hot answer of JetStream.

use super::errors::ApiError;
use std::io::Write as _;
use stele_model::Outcome;

/// Appends the PubAck for a publish's outcome. False, and nothing is written, when nobody acknowledges: the message
/// was stored by other captures only (semantics 17), or the outcome is none of a publish.
pub fn publish_ack(outcome: &Outcome, domain: Option<&str>, out: &mut Vec<u8>) -> bool {
    match outcome {
        Outcome::Appended(reply) => {
            let Some(stream) = &reply.stream else { return false };
            out.extend_from_slice(b"{\"stream\":");
            write_string(stream.as_str(), out);
            if let Some(domain) = domain {
                out.extend_from_slice(b",\"domain\":");
                write_string(domain, out);
            }
            // Writing into a vector cannot fail.
            let _ = write!(out, ",\"seq\":{}", reply.first + 1);
            if reply.duplicate {
                out.extend_from_slice(b",\"duplicate\":true");
            }
            out.push(b'}');
            true
        }
        Outcome::Failed(error) => {
            out.extend_from_slice(b"{\"error\":");
            // A plain struct of numbers and text always becomes JSON.
            let _ = serde_json::to_writer(&mut *out, &ApiError::from(error));
            out.extend_from_slice(b",\"stream\":\"\",\"seq\":0}");
            true
        }
        _ => false,
    }
}

/// A JSON string; names rarely need escapes.
fn write_string(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let _ = serde_json::to_writer(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stele_model::{AppendReply, Error, StreamName};

    fn ack(outcome: &Outcome, domain: Option<&str>) -> String {
        let mut out = Vec::new();
        publish_ack(outcome, domain, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn acknowledgements_as_nats_server_writes_them() {
        let stored = |duplicate| {
            Outcome::Appended(AppendReply {
                stream: Some(StreamName::new("S\"")),
                first: 5,
                duplicate,
                batches: Vec::new(),
            })
        };
        assert_eq!(ack(&stored(false), None), r#"{"stream":"S\"","seq":6}"#);
        assert_eq!(
            ack(&stored(true), Some("d")),
            r#"{"stream":"S\"","domain":"d","seq":6,"duplicate":true}"#
        );
        assert_eq!(ack(&Outcome::Appended(AppendReply::default()), None), "");
        for (error, code, number, text) in [
            (Error::WrongLastSequence(5), 400, 10071, "wrong last sequence: 5"),
            (Error::WrongLastMessageId(String::new()), 400, 10070, "wrong last msg ID: "),
            (Error::WrongExpectedStream, 400, 10060, "expected stream does not match"),
            (Error::RecordsExceeded, 503, 10077, "maximum messages exceeded"),
            (Error::BytesExceeded, 503, 10077, "maximum bytes exceeded"),
            (Error::SubjectRecordsExceeded, 503, 10077, "maximum messages per subject exceeded"),
            (Error::MessageTooLarge, 400, 10054, "message size exceeds maximum allowed"),
            (Error::FeatureNotAllowed("Nats-Rollup"), 500, 10111, "rollup not permitted"),
            (Error::FeatureNotAllowed("Nats-TTL"), 400, 10166, "per-message TTL is disabled"),
            (Error::InvalidHeader("Nats-TTL"), 400, 10165, "invalid per-message TTL"),
            (Error::FeatureNotAllowed("Nats-Incr"), 400, 10168, "message counters is disabled"),
            (Error::FeatureNotAllowed("Nats-Batch-Id"), 400, 10174, "atomic publish is disabled"),
            (Error::NotAllowed("sealed"), 400, 10109, "invalid operation on sealed stream"),
        ] {
            let expected = format!(
                r#"{{"error":{{"code":{code},"err_code":{number},"description":"{text}"}},"stream":"","seq":0}}"#
            );
            assert_eq!(ack(&Outcome::Failed(error), None), expected);
        }
    }
}
