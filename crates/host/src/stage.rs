//! Where a connection's task stands.

use stele_model::Close;

/// The life of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Fresh,
    Live,
    /// The session is closed.
    Closing(Closing),
}

/// The last of a connection: its queue leaves, then our side is shut, then what still comes is thrown away until the
/// peer has closed, too. A socket closed with unread input would be reset, and a reset takes the last words with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    /// The peer does not have to close first.
    pub(crate) hurries: bool,
    /// Our side is shut.
    pub(crate) shut: bool,
}

/// Why a step of the drive stops.
pub(crate) enum Halt {
    /// Wait for a wake.
    Wait,
    /// Let others run, then go on.
    Yield,
    End(Close),
}
