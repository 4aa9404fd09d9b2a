//! FindCoordinator and InitProducerId: this broker coordinates every group, and no transactions.

use super::call::Call;
use super::cluster::Endpoint;
use super::errors;
use crate::codec::ErrorCode;
use crate::codec::messages::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest,
    InitProducerIdResponse,
};
use stele_model::{GroupCommand, GroupReply, Outcome, Request};

/// The kind of key that names a group.
const GROUP: i8 = 0;
/// From this version on several keys are asked for.
const BATCHED: i16 = 4;

pub(super) fn find(call: &mut Call<'_, '_, '_>, request: &FindCoordinatorRequest<'_>) {
    // For transactions and share groups no retry helps, and this code is one that no client retries.
    let (error_code, text) = match request.key_type {
        GROUP => (ErrorCode::None, None),
        1 => (ErrorCode::UnsupportedVersion, Some("transactions are not offered")),
        2 => (ErrorCode::UnsupportedVersion, Some("share groups are not offered")),
        _ => (ErrorCode::InvalidRequest, Some("the kind of key is unknown")),
    };
    let endpoint = match error_code {
        ErrorCode::None => Endpoint::of(call),
        _ => Endpoint { node_id: -1, host: String::new(), port: -1 },
    };
    let error_message = text.map(Into::into);
    let answer = if call.version() < BATCHED {
        FindCoordinatorResponse {
            error_code,
            error_message,
            node_id: endpoint.node_id,
            host: endpoint.host.into(),
            port: endpoint.port,
            ..Default::default()
        }
    } else {
        let coordinator = |key: &&str| Coordinator {
            key: (*key).to_owned().into(),
            node_id: endpoint.node_id,
            host: endpoint.host.clone().into(),
            port: endpoint.port,
            error_code,
            error_message: error_message.clone(),
        };
        let coordinators = request.coordinator_keys.iter().map(coordinator).collect();
        FindCoordinatorResponse { coordinators, ..Default::default() }
    };
    call.respond(&answer);
}

pub(super) fn init_producer_id(call: &mut Call<'_, '_, '_>, request: &InitProducerIdRequest<'_>) {
    if request.transactional_id.is_some() {
        return call.respond(&refused(ErrorCode::UnsupportedVersion));
    }
    call.ask_one(Request::Group(GroupCommand::NewProducerId), |outcome, call| {
        let answer = match outcome {
            Outcome::Group(GroupReply::Producer(producer_id)) => {
                InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() }
            }
            Outcome::Failed(error) => refused(errors::group_code(&error)),
            _ => refused(ErrorCode::UnknownServerError),
        };
        call.respond(&answer);
    });
}

fn refused(error_code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse { error_code, producer_id: -1, producer_epoch: -1, ..Default::default() }
}
