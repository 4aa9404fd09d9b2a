//! `stele` without a single sync: what the audit of acks must catch (`cargo xtask audit-acks --prove`).

#[path = "../src/main.rs"]
mod stele;

fn main() -> std::process::ExitCode {
    stele::main()
}
