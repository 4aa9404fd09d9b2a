//! InitProducerId v0-5. v2 is flexible, v3 lets a producer ask for the next epoch of its own id.

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct InitProducerIdRequest<'a> {
        /// Transactional id, or null.
        transactional_id: Option<&'a str> [..],
        /// Milliseconds after which an open transaction is aborted.
        transaction_timeout_ms: i32 [..],
        /// Producer id, or -1.
        producer_id: i64 [3..] = -1,
        /// Producer epoch, or -1.
        producer_epoch: i16 [3..] = -1,
    }
}

wire_struct! {
    /// The answer.
    pub struct InitProducerIdResponse {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Producer id, or -1.
        producer_id: i64 [..] = -1,
        /// Producer epoch, or -1.
        producer_epoch: i16 [..],
    }
}
