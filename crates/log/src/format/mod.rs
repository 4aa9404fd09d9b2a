//! What stands on the medium, one file per persisted type. All integers are little-endian.
//!
//! A lane file is one [`file_header`] page followed by groups without padding. A group is any number of
//! frames ([`frame`]) and one commit record ([`commit`]) that repeats their list; it counts only as a whole.

pub(crate) mod commit;
pub(crate) mod file_header;
pub(crate) mod frame;

/// Reads fixed-width integers from a slice whose length the caller has checked.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests;
