//! Where a wire listens: an address, a free port, or not at all.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where a wire listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On both loopback addresses, [::1] where the host has IPv6.
    Loopback(u16),
    /// On this address; port 0 picks a free one.
    On(SocketAddr),
    /// Not at all.
    Off,
}

/// What was written is neither `HOST:PORT` nor `off`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither ADDRESS:PORT (as 127.0.0.1:4222, port 0 picks a free one) nor `off`")]
pub struct ListenParseError(String);

impl FromStr for Listen {
    type Err = ListenParseError;

    fn from_str(text: &str) -> Result<Self, ListenParseError> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::On).map_err(|_| ListenParseError(text.into()))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(port) => write!(f, "127.0.0.1:{port}"),
            Self::On(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Listen {
    /// The addresses to bind; the first one must succeed, the others where the host has them.
    pub(crate) fn addresses(self) -> Vec<SocketAddr> {
        match self {
            Self::Off => Vec::new(),
            Self::On(address) => vec![address],
            Self::Loopback(port) => {
                vec![
                    SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                    SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
                ]
            }
        }
    }

    /// Does it listen where other machines can reach it?
    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::On(address) if !address.ip().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_command_line_says() {
        assert_eq!("off".parse(), Ok(Listen::Off));
        assert_eq!("127.0.0.1:0".parse(), Ok(Listen::On(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))));
        assert!("localhost".parse::<Listen>().is_err());
        assert!("0.0.0.0:1".parse::<Listen>().expect("an address").is_public());
        assert!(!Listen::Loopback(1).is_public());
    }
}
