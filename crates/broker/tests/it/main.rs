//! A broker inside a test, as an application's tests use it.

mod counts;
mod ends;
#[cfg(target_os = "linux")]
mod leaves_nothing;
mod starts;
mod wires;
