//! Sockets, threads, wakes and timers around the sans-IO parts.
