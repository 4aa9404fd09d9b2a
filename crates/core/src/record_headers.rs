//! Headers in a Kafka record's encoding: count, then name and value, each behind its length (−1: null).

/// The header array of a record that is being made.
#[derive(Debug, Default)]
pub(crate) struct RecordHeaders {
    count: i64,
    pairs: Vec<u8>,
}

impl RecordHeaders {
    /// Adds a pair behind the others.
    pub(crate) fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.count += 1;
        put_varint(name.len() as i64, &mut self.pairs);
        self.pairs.extend_from_slice(name);
        put_varint(value.map_or(-1, |value| value.len() as i64), &mut self.pairs);
        self.pairs.extend_from_slice(value.unwrap_or_default());
    }

    /// The array.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.pairs.len() + 5);
        put_varint(self.count, &mut out);
        out.extend_from_slice(&self.pairs);
        out
    }
}

fn put_varint(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
