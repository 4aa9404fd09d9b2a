use super::*;
use crate::codec::client;
use proptest::prelude::*;

const LIMITS: ParseLimits = ParseLimits { control_line_bytes_max: 4096, payload_bytes_max: 1 << 20 };

#[test]
fn one_pass_agrees_with_the_model() {
    for subject in [
        "", ".", "a", "a.", ".a", "a..b", "a.b", "*", "a.*", "a.*b", ">", "a.>", "a.>b", "a b", "a\tb", "*.a",
    ] {
        let subject = subject.as_bytes();
        assert_eq!(
            is_publishable(subject),
            stele_model::is_literal_subject(subject),
            "{}",
            subject.escape_ascii()
        );
    }
}

#[test]
fn lengths_are_judged_before_the_payload_comes() {
    for (input, expected) in [
        (&b"PUB a 1048576\r\n"[..], Ok(Step::More(15 + 1_048_576 + 2))),
        (b"PUB a 1048577\r\n", Err(Fault::Payload)),
        (b"PUB a 99999999999999999999\r\n", Err(Fault::Arguments)),
        (b"HPUB a 9 8\r\n", Err(Fault::Arguments)),
        (b"PUB a 1\r\nxy", Err(Fault::UnknownOperation)),
        (b"PUB a 1\r\nx\r", Ok(Step::More(12))),
        (b"G", Err(Fault::UnknownOperation)),
        (b"P", Ok(Step::More(2))),
        (b"PUBx", Err(Fault::UnknownOperation)),
        (b"-ERR 'x'\r\n", Err(Fault::ClientError)),
    ] {
        assert_eq!(parse(input, &LIMITS), expected, "{}", input.escape_ascii());
    }
    assert_eq!(parse(&b"SUB "[..].repeat(2000), &LIMITS), Err(Fault::ControlLine));
}

proptest! {
    #[test]
    fn model_agreement(subject in "[ab.*>\\t \\x00]{0,8}") {
        let subject = subject.as_bytes();
        prop_assert_eq!(is_publishable(subject), stele_model::is_literal_subject(subject));
    }

    #[test]
    fn reads_back_what_a_client_writes(
        subject in "[a-z.]{1,20}", reply in "[a-z.]{0,20}",
        headers in proptest::collection::vec(any::<u8>(), 0..40),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = Vec::new();
        client::publish(subject.as_bytes(), reply.as_bytes(), &headers, &payload, &mut bytes);
        let line = PublishLine {
            subject: subject.as_bytes(), reply: reply.as_bytes(), headers: &headers, payload: &payload,
            with_headers: !headers.is_empty(),
        };
        prop_assert_eq!(parse(&bytes, &LIMITS), Ok(Step::Verb(Verb::Publish(line), bytes.len())));
        for cut in 0..bytes.len() {
            match parse(&bytes[..cut], &LIMITS) {
                Ok(Step::More(needed)) => prop_assert!(needed > cut && needed <= bytes.len()),
                other => prop_assert!(false, "{:?} at {}", other, cut),
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzzing::parse(&bytes);
    }
}
