//! Sockets, wakes and timers around the sans-IO parts. One task per connection, on the runtime of the caller.
//!
//! ```text
//!  listener ─ accept ─→ drive (one task): flush ─ attend ─ read ─→ core::Connection
//!                         ↑ wake                                    │ writes to other outlets
//!                       outbox  ←──────────────────────────────────┘
//! ```
//!
//! An idle connection holds no buffer: reads go through the worker's scratch, unfinished bytes sit in a vector that is
//! freed when empty, and an outbox is empty unless its socket refused bytes.

mod clock;
mod connections;
mod deadlines;
mod drive;
mod framed;
#[doc(hidden)]
pub mod fuzzing;
mod internal;
mod listener;
mod outbox;
mod stage;
mod tcp_outlet;
mod unfinished;
pub mod websocket;
mod worker;

pub use clock::Clock;
pub use deadlines::Deadlines;
pub use framed::WebSocketRules;
pub use listener::{Bound, Hosted, Listener, ListenerError, Peer, SessionFactory, Stop};
pub use outbox::{Outbox, Overflow, Pipe};
