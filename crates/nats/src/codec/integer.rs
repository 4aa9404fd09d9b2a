//! Decimal numbers without allocation.

/// The digits of a number, in a buffer on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    buffer: [u8; 20],
    start: u8,
}

impl Digits {
    /// Writes `number` in decimal.
    pub fn new(mut number: u64) -> Self {
        let mut buffer = [0_u8; 20];
        let mut start = buffer.len();
        loop {
            start -= 1;
            buffer[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { buffer, start: start as u8 };
            }
        }
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer[usize::from(self.start)..]
    }
}

/// Reads a size as nats-server does: one to nine digits and nothing else.
pub fn size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX {
        return None;
    }
    let mut number = 0_usize;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number * 10 + usize::from(value);
    }
    Some(number)
}

const SIZE_DIGITS_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads() {
        for number in [0, 7, 10, 4096, 999_999_999] {
            assert_eq!(size(Digits::new(number).as_bytes()), Some(number as usize));
        }
        assert_eq!(Digits::new(u64::MAX).as_bytes(), b"18446744073709551615");
    }

    #[test]
    fn refuses_what_nats_server_refuses() {
        for digits in [&b""[..], b"-1", b"x", b"1000000000", b"1 ", b"+1"] {
            assert_eq!(size(digits), None);
        }
        assert_eq!(size(b"0001"), Some(1));
    }
}
