//! Gives freed memory back to the operating system.
//!
//! glibc keeps small freed blocks for itself until a large one is freed beside them. After thousands of connections
//! have closed, that is all of their memory. This crate exists so that all others can forbid unsafe code.

/// Returns whole free pages of all of the allocator's arenas. Walks the heap and takes the arenas' locks one after the
/// other: milliseconds for some ten MiB, so not on a thread that serves sockets. Does nothing where the allocator is not
/// glibc's.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "malloc_trim has no safe form")]
pub fn give_back() {
    // SAFETY: malloc_trim(3) takes a number, is thread-safe, and moves or frees no block that is in use.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// See the other one.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}

#[cfg(test)]
mod tests {
    /// The blocks that are in use stay as they are.
    #[test]
    fn what_is_in_use_stays() {
        let blocks: Vec<Vec<u8>> = (0..10_000_usize).map(|number| vec![number as u8; 100]).collect();
        let kept: Vec<&Vec<u8>> = blocks.iter().step_by(7).collect();
        super::give_back();
        assert!(kept.iter().zip((0..).step_by(7)).all(|(block, number)| block[99] == number as u8));
    }
}
