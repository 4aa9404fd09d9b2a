//! SipHash-1-3 (Aumasson and Bernstein) with a zero key. The standard library has it, too, but does not promise to keep it.

/// Bytes in, 64 bits out.
pub(super) struct Hasher {
    state: [u64; 4],
    /// Bytes that do not fill a word yet, the first one lowest.
    word: u64,
    length: u64,
}

impl Hasher {
    pub(super) fn new() -> Self {
        // "somepseudorandomlygeneratedbytes"
        let state =
            [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
        Self { state, word: 0, length: 0 }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.word |= u64::from(*byte) << (8 * (self.length % 8));
            self.length += 1;
            if self.length.is_multiple_of(8) {
                self.mix();
                self.word = 0;
            }
        }
    }

    pub(super) fn finish(mut self) -> u64 {
        self.word |= self.length << 56;
        self.mix();
        self.state[2] ^= 0xff;
        (0..3).for_each(|_| self.round());
        self.state.iter().fold(0, |hash, part| hash ^ part)
    }

    fn mix(&mut self) {
        self.state[3] ^= self.word;
        self.round();
        self.state[0] ^= self.word;
    }

    fn round(&mut self) {
        let [a, b, c, d] = &mut self.state;
        *a = a.wrapping_add(*b);
        *c = c.wrapping_add(*d);
        *b = b.rotate_left(13) ^ *a;
        *d = d.rotate_left(16) ^ *c;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*b);
        *a = a.wrapping_add(*d);
        *b = b.rotate_left(17) ^ *c;
        *d = d.rotate_left(21) ^ *a;
        *c = c.rotate_left(32);
    }
}
