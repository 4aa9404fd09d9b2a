//! Whole messages: headers, pieces, versions.

use bytes::Bytes;

use crate::codec::messages::*;
use crate::codec::*;

fn frame(bytes: &[u8]) -> &[u8] {
    match split(bytes, FRAME_BYTES_MAX).unwrap() {
        Split::Whole { frame, consumed } if consumed == bytes.len() => frame,
        other => panic!("not one whole frame: {other:?}"),
    }
}

#[test]
fn headers_follow_the_version() {
    for version in ApiKey::Metadata.versions() {
        let mut out = Vec::new();
        let body = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
        encode_request(version, 77, None, &body, &mut out);
        let (header, request) = decode_request(frame(&out)).unwrap();
        let expected = RequestHeader { api: ApiKey::Metadata, version, correlation_id: 77, client_id: None };
        assert_eq!((header, request), (expected, Request::Metadata(body)));

        let mut out = Vec::new();
        let body = MetadataResponse { controller_id: 1, ..MetadataResponse::default() };
        header.respond(&body, &mut out);
        let (correlation_id, response) =
            decode_response::<MetadataRequest<'_>>(version, frame(&out)).unwrap();
        assert_eq!(correlation_id, 77);
        assert_eq!(response.controller_id, if version == 0 { -1 } else { 1 });
    }
}

#[test]
fn api_versions_from_the_future_gets_the_oldest_form() {
    // ApiVersions v5 with client id "c", as a client that is newer than we are.
    let bytes = [0, 18, 0, 5, 0, 0, 0, 9, 0, 1, b'c', 0, 2, b'k', 2, b'1', 0];
    let Err(RequestError::UnsupportedVersion(header)) = decode_request(&bytes) else {
        panic!("version 5 is not ours")
    };
    assert_eq!((header.api, header.version, header.correlation_id), (ApiKey::ApiVersions, 5, 9));
    let mut out = Vec::new();
    let apis = [ApiKey::Produce, ApiKey::ApiVersions];
    header.at_version(0).respond(&ApiVersionsResponse::unsupported_version(&apis), &mut out);
    let expected = [0, 0, 0, 22, 0, 0, 0, 9, 0, 35, 0, 0, 0, 2, 0, 0, 0, 0, 0, 13, 0, 18, 0, 0, 0, 4];
    assert_eq!(out, expected);
}

#[test]
fn api_versions_has_the_old_response_header_always() {
    let mut out = Vec::new();
    encode_request(4, 1, Some("c"), &ApiVersionsRequest::default(), &mut out);
    let (header, _) = decode_request(frame(&out)).unwrap();
    assert_eq!(header.client_id, Some("c"));
    let mut out = Vec::new();
    header.respond(&ApiVersionsResponse::advertising(&[ApiKey::Fetch]), &mut out);
    // Correlation id, error, one key, its versions, its tags, throttle, tags.
    assert_eq!(out[4..], [0, 0, 0, 1, 0, 0, 2, 0, 1, 0, 4, 0, 18, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn unknown_apis_and_versions_are_told_apart() {
    let unknown = [0x7f, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(decode_request(&unknown), Err(RequestError::UnknownApi { api_key: 0x7f00 }));
    let produce_v2 = [0, 0, 0, 2, 0, 0, 0, 1];
    assert!(matches!(decode_request(&produce_v2), Err(RequestError::UnsupportedVersion(_))));
    assert_eq!(decode_request(&[0, 0]), Err(RequestError::Malformed(WireError::Truncated)));
}

#[test]
fn a_fetch_response_shares_its_records() {
    let partition = |index, pieces: &[&'static [u8]]| FetchPartitionResponse {
        partition_index: index,
        records: RecordBytes::Pieces(pieces.iter().map(|piece| Bytes::from_static(piece)).collect()),
        ..FetchPartitionResponse::default()
    };
    let body = FetchResponse {
        responses: vec![FetchTopicResponse {
            topic: "t".into(),
            partitions: vec![partition(0, &[b"one", b"two"]), partition(1, &[]), partition(2, &[b"three"])],
            ..FetchTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    for version in ApiKey::Fetch.versions() {
        let header = RequestHeader { api: ApiKey::Fetch, version, correlation_id: 5, client_id: None };
        let mut whole = Vec::new();
        header.respond(&body, &mut whole);
        let pieces = header.respond_in_pieces(&body);
        assert_eq!(pieces.len(), whole.len());
        assert_eq!(pieces.slices().collect::<Vec<_>>().concat(), whole);
        let pieces = pieces.into_bytes();
        assert_eq!(pieces.concat(), whole);
        assert!(pieces.iter().any(|piece| piece == "three"));

        let (_, response) = decode_response::<FetchRequest<'_>>(version, frame(&whole)).unwrap();
        let records = |index: usize| &response.responses[0].partitions[index].records;
        assert_eq!(*records(0), RecordBytes::Slice(b"onetwo"));
        // Empty, never null: librdkafka refuses null.
        assert_eq!(*records(1), RecordBytes::Slice(b""));
        assert_eq!(*records(2), RecordBytes::Slice(b"three"));
    }
}

#[test]
fn nulls_that_a_version_cannot_say_are_written_empty() {
    let response = JoinGroupResponse { protocol_name: None, ..JoinGroupResponse::default() };
    for (version, expected) in [(6, Some("")), (7, None)] {
        let header = RequestHeader { api: ApiKey::JoinGroup, version, correlation_id: 5, client_id: None };
        let mut out = Vec::new();
        header.respond(&response, &mut out);
        let (_, read) = decode_response::<JoinGroupRequest<'_>>(version, frame(&out)).unwrap();
        assert_eq!(read.protocol_name.as_deref(), expected);
    }
}
