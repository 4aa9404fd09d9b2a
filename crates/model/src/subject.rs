//! Subjects and filters: dot-separated tokens, `*` for one token, `>` for one or more at the end.
//!
//! All three wires name messages by subject inside the broker; each wire maps its own names at its edge.
//! Subjects are bytes: NATS does not ask for UTF-8.

use std::fmt;

/// The longest subject or filter that the broker takes, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 64 << 10;

/// The most tokens that a subject or filter has. What walks a tree of filters goes one call deeper per token. Nothing
/// that fits into a control line of NATS (4 KiB) has more.
pub const SUBJECT_TOKENS_MAX: usize = 2048;

/// A validated filter: non-empty tokens, wildcards only as whole tokens, `>` only at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Filter(Box<[u8]>);

/// Why bytes are not a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No bytes, or a token without bytes.
    #[error("a subject token is empty")]
    EmptyToken,
    /// `>` stands before the last token.
    #[error("`>` may only be the last token")]
    FullWildcardInside,
    /// Space, tab, CR, LF or NUL.
    #[error("a subject may not contain white space or NUL")]
    WhiteSpace,
    /// More than [`SUBJECT_BYTES_MAX`] bytes.
    #[error("a subject may have at most {SUBJECT_BYTES_MAX} bytes")]
    TooLong,
    /// More than [`SUBJECT_TOKENS_MAX`] tokens.
    #[error("a subject may have at most {SUBJECT_TOKENS_MAX} tokens")]
    TooDeep,
}

impl Filter {
    /// Checks `bytes` and keeps a copy.
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, FilterError> {
        check(bytes)?;
        Ok(Self(bytes.into()))
    }

    /// The filter as written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True without any wildcard token: the filter is one subject.
    pub fn is_literal(&self) -> bool {
        !tokens(&self.0).any(|token| token == b"*" || token == b">")
    }

    /// Does this filter match the literal subject?
    pub fn matches(&self, subject: &[u8]) -> bool {
        let mut subject_tokens = tokens(subject);
        for token in tokens(&self.0) {
            match (token, subject_tokens.next()) {
                (_, None) => return false,
                (b">", Some(_)) => return true,
                (b"*", Some(_)) => {}
                (literal, Some(other)) if literal == other => {}
                _ => return false,
            }
        }
        subject_tokens.next().is_none()
    }

    /// Is there a subject that both filters match?
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut left, mut right) = (tokens(&self.0), tokens(&other.0));
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(b">"), Some(_)) | (Some(_), Some(b">")) => return true,
                (Some(a), Some(b)) if a == b || a == b"*" || b == b"*" => {}
                _ => return false,
            }
        }
    }

    /// Does this filter match every subject that `other` matches?
    pub fn covers(&self, other: &Self) -> bool {
        let (mut mine, mut theirs) = (tokens(&self.0), tokens(&other.0));
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return true,
                (Some(b">"), Some(_)) => return true,
                (Some(b"*"), Some(token)) if token != b">" => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.0.escape_ascii())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl TryFrom<Vec<u8>> for Filter {
    type Error = FilterError;
    fn try_from(bytes: Vec<u8>) -> Result<Self, FilterError> {
        check(&bytes)?;
        Ok(Self(bytes.into()))
    }
}

impl From<Filter> for Vec<u8> {
    fn from(filter: Filter) -> Self {
        filter.0.into()
    }
}

/// The tokens of a subject or filter, in order.
pub type MatchTokens<'a> = std::slice::Split<'a, u8, fn(&u8) -> bool>;

/// Splits at dots.
pub fn tokens(subject: &[u8]) -> MatchTokens<'_> {
    subject.split(|byte| *byte == b'.')
}

/// Can a message be published under these bytes: tokens non-empty, no wildcard token, no white space?
pub fn is_literal_subject(subject: &[u8]) -> bool {
    check(subject).is_ok() && !tokens(subject).any(|token| token == b"*" || token == b">")
}

fn check(bytes: &[u8]) -> Result<(), FilterError> {
    if bytes.len() > SUBJECT_BYTES_MAX {
        return Err(FilterError::TooLong);
    }
    let mut full_wildcard = false;
    for (depth, token) in tokens(bytes).enumerate() {
        if depth == SUBJECT_TOKENS_MAX {
            return Err(FilterError::TooDeep);
        }
        if full_wildcard {
            return Err(FilterError::FullWildcardInside);
        }
        if token.is_empty() {
            return Err(FilterError::EmptyToken);
        }
        if token.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)) {
            return Err(FilterError::WhiteSpace);
        }
        full_wildcard = token == b">";
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        Filter::new(text.as_bytes()).expect("a good filter")
    }

    #[test]
    fn matches_as_the_guide_tables_say() {
        for (pattern, subject, expected) in [
            ("events.*.created", "events.user.created", true),
            ("events.*.created", "events.user.updated", false),
            ("events.*.created", "events.user.created.v2", false),
            ("logs.>", "logs.info", true),
            ("logs.>", "logs.warn.api.timeout", true),
            ("logs.>", "logs", false),
            (">", "a.b", true),
            ("a.*", "a", false),
            ("*a.b", "xa.b", false),
        ] {
            assert_eq!(filter(pattern).matches(subject.as_bytes()), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn refuses_what_is_no_filter() {
        for (bytes, error) in [
            (&b""[..], FilterError::EmptyToken),
            (b"a..b", FilterError::EmptyToken),
            (b"a.>.b", FilterError::FullWildcardInside),
            (b"a b", FilterError::WhiteSpace),
        ] {
            assert_eq!(Filter::new(bytes), Err(error));
        }
        let deep = |tokens: usize| Filter::new(["*"].repeat(tokens).join(".").as_bytes());
        assert!(deep(SUBJECT_TOKENS_MAX).is_ok());
        assert_eq!(deep(SUBJECT_TOKENS_MAX + 1), Err(FilterError::TooDeep));
        assert!(is_literal_subject(b"a.b*"));
        assert!(!is_literal_subject(b"a.*"));
    }

    #[test]
    fn overlap_and_cover() {
        for (left, right, overlaps, covers) in [
            ("a.*", "a.b", true, true),
            ("a.b", "a.*", true, false),
            ("a.>", "a.*.c", true, true),
            ("a.*", "a.>", true, false),
            ("a.*.c", "a.b.*", true, false),
            ("a", "b", false, false),
        ] {
            assert_eq!(filter(left).overlaps(&filter(right)), overlaps, "{left} {right}");
            assert_eq!(filter(left).covers(&filter(right)), covers, "{left} {right}");
        }
    }
}
