//! Values that decode, found by trying: noise made of what messages consist of.

/// Values tried for one message.
const NOISES: u64 = 400;

/// Pieces of one noise; a message that needs more reads zeros.
const PIECES: usize = 60;

/// No seed is larger; a fuzzer grows it where that helps.
const BYTES_MAX: usize = 160;

/// Lengths of 0 and 1, short strings, small numbers: in the classic notation, and in the compact one.
const VOCABULARIES: [[&[u8]; 8]; 2] = [
    [&[0, 0, 0, 1], &[0, 0, 0, 0], &[0, 1, b'a'], &[0, 0], &[0], &[1], &[0, 7], &[0xff, 0xff]],
    [&[1], &[2, b'b'], &[2], &[1, 1], &[0], &[0, 0, 0, 7], &[3, b'c', b'd'], &[1]],
];

/// The same noises at every call.
pub(super) fn noises() -> impl Iterator<Item = Vec<u8>> {
    (0..NOISES).map(|number| {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut noise = Vec::new();
        let vocabulary = VOCABULARIES[number as usize % 2];
        for _ in 0..PIECES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise.extend_from_slice(vocabulary[(state >> 20) as usize % vocabulary.len()]);
        }
        noise.resize(noise.len() + 512, 0);
        noise
    })
}

/// The largest value that `write` makes of a noise, within the bound; the default where none decodes.
pub(super) fn largest<'n>(
    default: Vec<u8>,
    noises: &'n [Vec<u8>],
    write: impl Fn(&'n [u8]) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let fitting = noises.iter().filter_map(|noise| write(noise)).filter(|bytes| bytes.len() <= BYTES_MAX);
    fitting.max_by_key(Vec::len).unwrap_or(default)
}
