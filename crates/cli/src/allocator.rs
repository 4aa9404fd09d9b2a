//! glibc's allocator, told to give large blocks back.
//!
//! Each large block that is freed makes glibc keep larger ones for itself from then on: a few messages of many MiB, and
//! the process stays that large for ever. Fixed thresholds end that. glibc reads them from the environment before `main`
//! begins, and setting them later takes unsafe code; so the program starts itself once more, in the same process.

/// Blocks from this size on go back to the system as they are freed.
const BLOCK_BYTES: &str = "1048576";
/// Free memory at the end of a heap that is kept.
const KEPT_BYTES: &str = "4194304";

const BLOCK: &str = "MALLOC_MMAP_THRESHOLD_";
const KEPT: &str = "MALLOC_TRIM_THRESHOLD_";

/// Returns in a process with thresholds: those of the operator, or ours. Where it cannot start again it goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn settle() {
    use std::os::unix::process::CommandExt;
    if std::env::var_os(BLOCK).is_some() || std::env::var_os(KEPT).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // Comes back only with an error.
    let _ = command.args(arguments).env(BLOCK, BLOCK_BYTES).env(KEPT, KEPT_BYTES).exec();
}

/// Other allocators need no telling.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn settle() {
    let _ = (BLOCK, KEPT, BLOCK_BYTES, KEPT_BYTES);
}
