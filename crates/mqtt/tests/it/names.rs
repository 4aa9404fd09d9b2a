//! Topics and subjects: rows measured on nats-server, and the properties of the mapping.

use proptest::prelude::*;
use stele_mqtt::mapping::{
    SubjectFilters, write_filters, write_key, write_subject, write_topic, write_topic_of_key,
};
use stele_mqtt::topic::{TopicFilter, TopicName};

fn subject(topic: &str) -> String {
    let mut out = Vec::new();
    write_subject(TopicName::parse(topic).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

fn topic(subject: &str) -> Option<String> {
    let mut out = Vec::new();
    write_topic(subject.as_bytes(), &mut out).ok()?;
    Some(String::from_utf8(out).unwrap())
}

fn filters(filter: &str) -> (Vec<String>, SubjectFilters) {
    let mut out = Vec::new();
    let found = write_filters(TopicFilter::parse(filter).unwrap(), &mut out);
    assert_eq!(found.length, out.len());
    let full = String::from_utf8(out).unwrap();
    let parent = found.parent_length.map(|length| full[..length].to_owned());
    (std::iter::once(full).chain(parent).collect(), found)
}

fn rows(file: &str) -> impl Iterator<Item = Vec<&str>> {
    file.lines()
        .filter(|line| !line.starts_with('#') || line.starts_with("#\t"))
        .map(|line| line.split('\t').collect())
}

#[test]
fn topics_map_as_in_nats_server() {
    let measured = include_str!("data/nats_server_topics.tsv");
    let escaped = include_str!("data/escaped_topics.tsv");
    let mut count = 0;
    for row in rows(measured).chain(rows(escaped)) {
        assert_eq!(subject(row[0]), row[1], "{row:?}");
        assert_eq!(topic(row[1]).as_deref(), Some(row[0]), "{row:?}");
        count += 1;
    }
    assert!(count > 45, "{count}");
}

#[test]
fn filters_map_as_in_nats_server() {
    for row in rows(include_str!("data/nats_server_filters.tsv")) {
        assert_eq!(filters(row[0]).0, row[1..], "{row:?}");
    }
}

#[test]
fn subjects_without_a_topic_are_told() {
    for subject in [
        "", ".", "a.", ".a", "a..b", "/", "a/b", "a./b", "a.b/", "a///b", "+", "#", "a.+.b", "a+", "*", ">",
        "a.*", "a b", "a\u{a0}", "a/=41", "a/=2a", "/=2Ab", "a/=2", "a/=00", "/=0A", "/=FF", "/=C2",
    ] {
        assert_eq!(topic(subject), None, "{subject:?}");
    }
    assert!(write_topic(b"a\xff", &mut Vec::new()).is_err());
}

#[test]
fn keys_hold_only_what_buckets_allow() {
    for (topic, key) in
        [("a/b.c", "a.b//c"), ("$x/é", "/=24x./=C3/=A9"), ("a*/ =", "a/=2A./=20="), ("/:", "/./=3A")]
    {
        let mut out = Vec::new();
        write_key(TopicName::parse(topic).unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), key);
    }
    assert!(write_topic_of_key(b"a*", &mut Vec::new()).is_err());
}

/// Levels of few letters, so that names and filters meet, with everything that the mapping treats specially.
fn level() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec![
            "a", "b", ".", "*", ">", " ", "=", "2", "A", "\u{a0}", "\u{3000}", "é", "€", "$",
        ]),
        0..4,
    )
    .prop_map(|parts| parts.concat())
}

fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(level(), 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("not empty", |name| !name.is_empty())
}

fn filter_for(name: &str, choices: &[u8], extra: &str) -> String {
    let mut levels: Vec<String> = name.split('/').map(str::to_owned).collect();
    for (level, choice) in levels.iter_mut().zip(choices) {
        match choice % 4 {
            0 => *level = "+".to_owned(),
            1 if *choice > 200 => *level = extra.to_owned(),
            _ => {}
        }
    }
    match choices.last().map(|choice| choice % 5) {
        Some(0) => levels.push("#".to_owned()),
        Some(1) => *levels.last_mut().unwrap() = "#".to_owned(),
        Some(2) => {
            levels.pop();
            levels.push("+".to_owned());
            levels.push("#".to_owned());
        }
        _ => {}
    }
    levels.join("/")
}

/// NATS matching, by its definition.
fn nats_matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for pattern in filter.split('.') {
        match (pattern, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (pattern, Some(token)) if pattern == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

proptest! {
    #[test]
    fn every_topic_comes_back(name in prop_oneof![name(), "[^+#\0-\u{1f}\u{7f}-\u{9f}]{1,12}"]) {
        let (mut key, mut back) = (Vec::new(), Vec::new());
        write_key(TopicName::parse(&name).unwrap(), &mut key);
        prop_assert!(key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_=./".contains(byte)));
        prop_assert_eq!(write_topic_of_key(&key, &mut back), Ok(()));
        prop_assert_eq!(back, name.as_bytes());
        let subject = subject(&name);
        prop_assert_eq!(topic(&subject), Some(name));
        prop_assert!(stele_model::is_literal_subject(subject.as_bytes()));
        for token in subject.split('.') {
            prop_assert!(!token.is_empty() && token != "*" && token != ">");
            prop_assert!(!token.contains(|c: char| c.is_whitespace() || c.is_control()));
        }
    }

    #[test]
    fn no_two_subjects_are_one_topic(subject in "[ab/=.2A0 *>]{1,8}") {
        if let Some(topic) = topic(&subject) {
            prop_assert_eq!(self::subject(&topic), subject);
        }
    }

    #[test]
    fn a_filter_matches_what_its_subject_filters_match(
        a in name(), b in name(), choices in proptest::collection::vec(any::<u8>(), 1..6), extra in level()
    ) {
        let text = filter_for(&a, &choices, &extra);
        let Ok(filter) = TopicFilter::parse(&text) else { return Ok(()) };
        let (mapped, found) = filters(&text);
        for name in [&a, &b] {
            let expected = filter.matches(TopicName::parse(name).unwrap());
            let subject = subject(name);
            let hidden = found.hides_reserved && name.starts_with('$');
            let actual = !hidden && mapped.iter().any(|filter| nats_matches(filter, &subject));
            prop_assert_eq!(actual, expected, "{} {} {:?} {}", text, name, mapped, subject);
        }
    }
}
