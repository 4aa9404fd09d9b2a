//! Values of every field type, by seed.

use std::borrow::Cow;

use crate::codec::{ErrorCode, Form, RecordBytes, Uuid};

/// A small generator: the same seed gives the same values.
#[derive(Debug, Clone)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// A type of which a test can have a value that survives `form`.
pub(crate) trait Sample: Sized {
    fn sample(seed: &mut Seed, form: Form) -> Self;
}

const TEXTS: [&str; 5] = [
    "",
    "a",
    "orders.new",
    "größe",
    "a text of more than 127 bytes, so that its compact length needs two bytes on the wire: \
     .............................................................",
];

macro_rules! integers {
    ($($int:ty)*) => {$(
        impl Sample for $int {
            fn sample(seed: &mut Seed, _: Form) -> Self {
                match seed.below(4) {
                    0 => 0,
                    1 => -1,
                    2 => seed.below(100) as $int,
                    _ => seed.next() as $int,
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64);

impl Sample for bool {
    fn sample(seed: &mut Seed, _: Form) -> Self {
        seed.below(2) == 0
    }
}

impl Sample for Uuid {
    fn sample(seed: &mut Seed, _: Form) -> Self {
        Self([seed.next() as u8; 16])
    }
}

impl Sample for ErrorCode {
    fn sample(seed: &mut Seed, _: Form) -> Self {
        Self::ALL[seed.below(Self::ALL.len() as u64) as usize]
    }
}

impl Sample for &str {
    fn sample(seed: &mut Seed, _: Form) -> Self {
        TEXTS[seed.below(TEXTS.len() as u64) as usize]
    }
}

impl Sample for &[u8] {
    fn sample(seed: &mut Seed, form: Form) -> Self {
        <&str>::sample(seed, form).as_bytes()
    }
}

impl Sample for Cow<'_, str> {
    fn sample(seed: &mut Seed, form: Form) -> Self {
        Cow::Borrowed(<&str>::sample(seed, form))
    }
}

impl Sample for Cow<'_, [u8]> {
    fn sample(seed: &mut Seed, form: Form) -> Self {
        Cow::Borrowed(<&[u8]>::sample(seed, form))
    }
}

impl Sample for RecordBytes<'_> {
    fn sample(seed: &mut Seed, form: Form) -> Self {
        Self::Slice(<&[u8]>::sample(seed, form))
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(seed: &mut Seed, form: Form) -> Self {
        (!form.nullable || seed.below(3) > 0).then(|| T::sample(seed, form))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(seed: &mut Seed, form: Form) -> Self {
        let element = Form { nullable: true, ..form };
        (0..seed.below(4)).map(|_| T::sample(seed, element)).collect()
    }
}
