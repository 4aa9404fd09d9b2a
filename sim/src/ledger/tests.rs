//! Forged histories: each check fails when it must.
