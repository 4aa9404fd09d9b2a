//! The one broker of the cluster: DescribeCluster, and what other answers say of it.

use super::call::Call;
use crate::codec::ErrorCode;
use crate::codec::messages::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};

/// Rights as bits (KIP-430), while every identity may do everything: read, write, create, delete, alter, describe,
/// describe and alter configurations.
pub(super) const TOPIC_RIGHTS: i32 = 0b1101_1111_1000;
/// Create, alter, describe, cluster action, describe and alter configurations, idempotent write.
pub(super) const CLUSTER_RIGHTS: i32 = 0b1_1111_1010_0000;
/// Nobody asked for rights.
pub(super) const RIGHTS_UNASKED: i32 = i32::MIN;

/// Kind of endpoint that a broker is.
const BROKERS: i8 = 1;

/// What clients connect to.
pub(super) struct Endpoint {
    pub(super) node_id: i32,
    pub(super) host: String,
    pub(super) port: i32,
}

impl Endpoint {
    /// The advertised address, else the one that the client reached: as a literal, because a name such as
    /// `localhost` may resolve to another family.
    pub(super) fn of(call: &Call<'_, '_, '_>) -> Self {
        let settings = &call.service.settings;
        let (host, port) = match &settings.advertised {
            Some((host, port)) => (host.clone(), *port),
            None => (call.ends.local.ip().to_canonical().to_string(), call.ends.local.port()),
        };
        Self { node_id: settings.node_id, host, port: port.into() }
    }
}

pub(super) fn describe(call: &mut Call<'_, '_, '_>, request: &DescribeClusterRequest) {
    let endpoint_type = if call.version() >= 1 { request.endpoint_type } else { BROKERS };
    if endpoint_type != BROKERS {
        // 2 asks for controllers, which listen elsewhere in Kafka, too.
        let known = endpoint_type == 2;
        let code = if known { ErrorCode::MismatchedEndpointType } else { ErrorCode::UnsupportedEndpointType };
        let text = "The request was sent to an endpoint of type BROKER.";
        let answer = DescribeClusterResponse {
            error_code: code,
            error_message: Some(text.into()),
            endpoint_type: BROKERS,
            ..Default::default()
        };
        return call.respond(&answer);
    }
    let endpoint = Endpoint::of(call);
    let rights = request.include_cluster_authorized_operations;
    let answer = DescribeClusterResponse {
        cluster_id: call.service.settings.cluster_id.as_str().into(),
        controller_id: endpoint.node_id,
        brokers: vec![DescribeClusterBroker {
            broker_id: endpoint.node_id,
            host: endpoint.host.into(),
            port: endpoint.port,
            rack: None,
            is_fenced: false,
        }],
        cluster_authorized_operations: if rights { CLUSTER_RIGHTS } else { RIGHTS_UNASKED },
        ..Default::default()
    };
    call.respond(&answer);
}
