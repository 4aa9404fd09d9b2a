//! DescribeCluster v0-2. v1 adds the kind of endpoint, v2 fenced brokers.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct DescribeClusterRequest {
        /// Whether to tell the client's rights on the cluster.
        include_cluster_authorized_operations: bool [..],
        /// Kind of endpoint: 1 brokers, 2 controllers.
        endpoint_type: i8 [1..] = 1,
        /// Whether to list fenced brokers.
        include_fenced_brokers: bool [2..],
    }
}

wire_struct! {
    /// The answer.
    pub struct DescribeClusterResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [..],
        /// Kind of endpoint: 1 brokers, 2 controllers.
        endpoint_type: i8 [1..] = 1,
        /// Cluster id, or null.
        cluster_id: Cow<'a, str> [..],
        /// Broker id of the controller, or -1.
        controller_id: i32 [..] = -1,
        /// The brokers.
        brokers: Vec<DescribeClusterBroker<'a>> [..],
        /// Rights on the cluster as bits; i32::MIN when not asked for.
        cluster_authorized_operations: i32 [..] = i32::MIN,
    }
}

wire_struct! {
    /// A broker.
    pub struct DescribeClusterBroker<'a> {
        /// Broker id.
        broker_id: i32 [..],
        /// Host name or address.
        host: Cow<'a, str> [..],
        /// Port.
        port: i32 [..],
        /// Rack, or null.
        rack: Option<Cow<'a, str>> [..],
        /// Whether the broker is fenced.
        is_fenced: bool [2..],
    }
}
