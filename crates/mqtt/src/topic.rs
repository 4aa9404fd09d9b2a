//! Topic names and topic filters (MQTT 5 §4.7, §4.8.2).
//!
//! A value of these types obeys every rule; nobody checks again. They borrow from the packet.
//!
//! Beyond the specification: a name or filter has at most [`LEVELS_MAX`] levels (a deep tree of `+` is an attack on
//! the processor), and holds no control characters (§1.5.4 discourages them, and terminals and logs suffer).

use crate::ReasonCode;
use std::fmt;
use thiserror::Error;

/// Bytes of a name or filter at most: what the length before a string can say.
pub const TOPIC_BYTES_MAX: usize = 65_535;
/// Levels of a name or filter at most.
pub const LEVELS_MAX: usize = 128;

/// The name under which a message is published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a str);

/// A pattern of names: `+` stands for one level, a last `#` for any number, the level before it included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a str);

/// What SUBSCRIBE and UNSUBSCRIBE name: a filter, perhaps shared with a group (`$share/group/filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionTopic<'a> {
    /// The share name: not empty, without `/`, `+` and `#`.
    pub group: Option<&'a str>,
    /// The filter of the messages.
    pub filter: TopicFilter<'a>,
}

/// Why a text is no topic name, no filter or no shared subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TopicError {
    /// MQTT-4.7.3-1.
    #[error("empty (MQTT-4.7.3-1)")]
    Empty,
    /// MQTT-4.7.3-3.
    #[error("longer than 65,535 bytes (MQTT-4.7.3-3)")]
    TooLong,
    /// More than [`LEVELS_MAX`] levels.
    #[error("more than 128 levels")]
    TooManyLevels,
    /// MQTT-4.7.3-2.
    #[error("U+0000 (MQTT-4.7.3-2)")]
    Null,
    /// U+0001 to U+001F or U+007F to U+009F.
    #[error("a control character (MQTT 5 §1.5.4)")]
    Control,
    /// A wildcard in a name (MQTT-3.3.2-2), or in a filter beside other characters or before the end (MQTT-4.7.1-1, -2).
    #[error("a wildcard where none may stand (MQTT-3.3.2-2, MQTT-4.7.1)")]
    Wildcard,
    /// A share name that is empty or holds `+` or `#` (MQTT-4.8.2-1, -2), or no filter after it.
    #[error("not of the form $share/name/filter (MQTT-4.8.2-1)")]
    Share,
}

impl TopicError {
    /// The reason that a PUBLISH with such a name gets.
    pub fn publish_reason(self) -> ReasonCode {
        match self {
            Self::TooManyLevels => ReasonCode::TOPIC_NAME_INVALID,
            _ => ReasonCode::MALFORMED_PACKET,
        }
    }

    /// The code that SUBACK and UNSUBACK of MQTT 5 hold for such a filter; below 5 it is 0x80.
    pub fn subscribe_reason(self) -> ReasonCode {
        ReasonCode::TOPIC_FILTER_INVALID
    }
}

impl<'a> TopicName<'a> {
    /// Checks a topic name.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        check_characters(text, |byte| byte == b'+' || byte == b'#')?;
        Ok(Self(text))
    }

    /// A name that is known to obey the rules: it was made from one.
    pub(crate) fn trusted(text: &'a str) -> Self {
        debug_assert!(Self::parse(text).is_ok(), "{text:?} is no topic name");
        Self(text)
    }

    /// The name.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels, some of them perhaps empty.
    pub fn levels(self) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        self.0.split('/')
    }

    /// Whether the name starts with `$` and thus hides from leading wildcards (MQTT-4.7.2-1).
    pub fn is_reserved(self) -> bool {
        self.0.starts_with('$')
    }
}

impl<'a> TopicFilter<'a> {
    /// Checks a filter. `$share/…` is an ordinary filter here; see [`SubscriptionTopic::parse`].
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        check_characters(text, |_| false)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let whole = match level {
                "+" => true,
                "#" => levels.peek().is_none(),
                _ => memchr::memchr2(b'+', b'#', level.as_bytes()).is_none(),
            };
            if !whole {
                return Err(TopicError::Wildcard);
            }
        }
        Ok(Self(text))
    }

    /// The filter.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels, wildcards included.
    pub fn levels(self) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        self.0.split('/')
    }

    /// Whether any level is a wildcard.
    pub fn has_wildcard(self) -> bool {
        memchr::memchr2(b'+', b'#', self.0.as_bytes()).is_some()
    }

    /// Whether the first level is a wildcard, so that reserved names do not match (MQTT-4.7.2-1).
    pub fn has_leading_wildcard(self) -> bool {
        self.0.starts_with(['+', '#'])
    }

    /// Whether a message with this name is meant. The reference that the router is tested against, not the router:
    /// its time is linear in the levels.
    pub fn matches(self, name: TopicName<'_>) -> bool {
        if name.is_reserved() && self.has_leading_wildcard() {
            return false;
        }
        let mut names = name.levels();
        for level in self.levels() {
            if level == "#" {
                return true;
            }
            match names.next() {
                Some(name) if level == "+" || level == name => {}
                Some(_) => return false,
                // The name has ended: only `#` may follow, which also matches the level before it (§4.7.1.2).
                None => return false,
            }
        }
        names.next().is_none()
    }
}

impl<'a> SubscriptionTopic<'a> {
    /// Takes a topic of SUBSCRIBE or UNSUBSCRIBE apart.
    ///
    /// # Errors
    /// The first rule that is broken, by the share name or by the filter. The whole text counts for the length.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        if text.len() > TOPIC_BYTES_MAX {
            return Err(TopicError::TooLong);
        }
        let Some(shared) = text.strip_prefix("$share") else {
            return Ok(Self { group: None, filter: TopicFilter::parse(text)? });
        };
        let Some(shared) = shared.strip_prefix('/') else {
            // `$share` alone names no group; `$shared` is an ordinary filter.
            return if shared.is_empty() {
                Err(TopicError::Share)
            } else {
                Ok(Self { group: None, filter: TopicFilter::parse(text)? })
            };
        };
        let (group, filter) = shared.split_once('/').ok_or(TopicError::Share)?;
        if group.is_empty() || filter.is_empty() || group.contains(['+', '#']) {
            return Err(TopicError::Share);
        }
        check_characters(group, |_| false)?;
        Ok(Self { group: Some(group), filter: TopicFilter::parse(filter)? })
    }
}

impl fmt::Debug for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The rules that names and filters share, in one pass over the bytes.
fn check_characters(text: &str, refused: impl Fn(u8) -> bool) -> Result<(), TopicError> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err(TopicError::Empty);
    }
    if bytes.len() > TOPIC_BYTES_MAX {
        return Err(TopicError::TooLong);
    }
    let mut levels = 1;
    let mut before = 0;
    for &byte in bytes {
        match byte {
            0 => return Err(TopicError::Null),
            0x01..=0x1f | 0x7f => return Err(TopicError::Control),
            // U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
            0x80..=0x9f if before == 0xc2 => return Err(TopicError::Control),
            b'/' => levels += 1,
            other if refused(other) => return Err(TopicError::Wildcard),
            _ => {}
        }
        before = byte;
    }
    if levels > LEVELS_MAX { Err(TopicError::TooManyLevels) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for good in ["a", "/", "//", "a b", "$SYS/x", "\u{feff}a", "ü/€", &"a/".repeat(127)] {
            assert!(TopicName::parse(good).is_ok(), "{good:?}");
        }
        let deep = "a/".repeat(128);
        let long = "a".repeat(65_536);
        for (bad, why) in [
            ("", TopicError::Empty),
            ("a/+", TopicError::Wildcard),
            ("a#", TopicError::Wildcard),
            ("a\0", TopicError::Null),
            ("a\n", TopicError::Control),
            ("a\u{7f}", TopicError::Control),
            ("a\u{85}", TopicError::Control),
            (&deep, TopicError::TooManyLevels),
            (&long, TopicError::TooLong),
        ] {
            assert_eq!(TopicName::parse(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn filters_follow_the_rules() {
        for good in ["#", "+", "/+", "+/+/#", "a/#", "/#", "$share/x", "a//b"] {
            assert!(TopicFilter::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["a#", "#/a", "a+", "+a/b", "a/#/b", "##", "++"] {
            assert_eq!(TopicFilter::parse(bad), Err(TopicError::Wildcard), "{bad:?}");
        }
    }

    #[test]
    fn shared_subscriptions_are_taken_apart() {
        let shared = SubscriptionTopic::parse("$share/g//a/#").expect("an empty first level is fine");
        assert_eq!((shared.group, shared.filter.as_str()), (Some("g"), "/a/#"));
        let plain = SubscriptionTopic::parse("$shared/g/a").expect("another word");
        assert_eq!((plain.group, plain.filter.as_str()), (None, "$shared/g/a"));
        for bad in ["$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/g+/a", "$share/#/a"] {
            assert_eq!(SubscriptionTopic::parse(bad), Err(TopicError::Share), "{bad:?}");
        }
        assert_eq!(SubscriptionTopic::parse("$share/g/a#"), Err(TopicError::Wildcard));
        assert_eq!(SubscriptionTopic::parse("$share/g\u{1}/a"), Err(TopicError::Control));
    }

    #[test]
    fn filters_match_as_the_specification_says() {
        for (filter, name, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/#", "sport", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/a", false),
            ("+/monitor", "$SYS/monitor", false),
            ("$SYS/#", "$SYS/a", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("+/#", "a", true),
            ("/#", "a", false),
            ("a", "A", false),
        ] {
            let filter = TopicFilter::parse(filter).expect("a filter");
            let name = TopicName::parse(name).expect("a name");
            assert_eq!(filter.matches(name), expected, "{filter} {name}");
        }
    }
}
