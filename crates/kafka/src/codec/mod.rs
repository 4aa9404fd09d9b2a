//! The Kafka codec: bytes to messages and back, for the broker and for clients.
//!
//! A message is described once ([`messages`], one file per API) and both directions follow from it. Requests
//! borrow from their frame; a response takes borrowed or owned strings; record batches pass as bytes.
//!
//! ```
//! use stele_kafka::codec::{self, Request, Split, messages::HeartbeatResponse};
//!
//! fn receive(input: &[u8], out: &mut Vec<u8>) -> Result<usize, Box<dyn std::error::Error>> {
//!     let Split::Whole { frame, consumed } = codec::split(input, codec::FRAME_BYTES_MAX)? else { return Ok(0) };
//!     let (header, request) = codec::decode_request(frame)?;
//!     match request {
//!         Request::Heartbeat(heartbeat) => {
//!             assert_eq!(heartbeat.group_id, "g");
//!             header.respond(&HeartbeatResponse::default(), out);
//!         }
//!         _ => {}
//!     }
//!     Ok(consumed)
//! }
//! # let mut input = Vec::new();
//! # let heartbeat = codec::messages::HeartbeatRequest { group_id: "g", ..Default::default() };
//! # codec::encode_request(4, 7, Some("me"), &heartbeat, &mut input);
//! # let mut out = Vec::new();
//! # assert_eq!(receive(&input, &mut out).ok(), Some(input.len()));
//! # assert_eq!(codec::decode_response::<codec::messages::HeartbeatRequest<'_>>(4, &out[4..]).ok(),
//! #     Some((7, HeartbeatResponse::default())));
//! ```
//!
//! Invariants: no bytes of a peer panic; decoding allocates at most the frame's length plus
//! [`DECODED_EXTRA_BYTES_MAX`], and never for elements that the frame cannot hold.

mod api;
mod error_code;
mod fields;
mod frame;
mod message;
pub mod messages;
mod reader;
#[cfg(test)]
pub(crate) mod tests;
mod wire;
mod writer;

#[allow(unused_imports, reason = "for tests and fuzz targets")]
pub(crate) use api::for_each_api;
pub use api::{ApiKey, Request, RequestBody, ResponseBody};
pub use error_code::ErrorCode;
pub use frame::{FRAME_BYTES_MAX, FRAME_PREFIX_BYTES, FrameError, Split, split};
pub use message::{
    RequestError, RequestHeader, ResponsePieces, decode_request, decode_response, encode_request,
};
pub use reader::{DECODED_EXTRA_BYTES_MAX, Reader, WireError};
pub use wire::{Form, RecordBytes, Uuid, Wire};
pub use writer::Writer;
