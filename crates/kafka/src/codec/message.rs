//! Whole messages: header and body, in both directions.

use bytes::Bytes;
use thiserror::Error;

use super::writer::Splice;
use super::{ApiKey, Form, Reader, Request, RequestBody, ResponseBody, Wire, WireError, Writer};

/// The header of a request, versions 1 and 2. Version 0 belonged to an API that Kafka 4 has dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// The API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// Returned in the response, so that the client knows which request it answers.
    pub correlation_id: i32,
    /// What the client calls itself; may be null, need not be unique.
    pub client_id: Option<&'a str>,
}

/// Why a frame is no request that can be handled. Only [`RequestError::UnsupportedVersion`] of ApiVersions
/// has an answer; all else closes the connection, as in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The bytes do not parse.
    #[error("malformed request: {0}")]
    Malformed(#[from] WireError),
    /// No API has this number here.
    #[error("API {api_key} is unknown")]
    UnknownApi {
        /// The number.
        api_key: i16,
    },
    /// The API has no such version here. For ApiVersions answer with
    /// [`ApiVersionsResponse::unsupported_version`](super::messages::ApiVersionsResponse::unsupported_version)
    /// through [`RequestHeader::at_version`]`(0)`.
    #[error("{:?} has no version {}", .0.api, .0.version)]
    UnsupportedVersion(RequestHeader<'static>),
}

/// Decodes one frame (without its length prefix) as a request.
///
/// Bytes after the body are ignored, as Kafka does. Allocates only arrays, bounded by the frame's length and
/// [`DECODED_EXTRA_BYTES_MAX`](super::DECODED_EXTRA_BYTES_MAX); all else is borrowed.
pub fn decode_request(frame: &[u8]) -> Result<(RequestHeader<'_>, Request<'_>), RequestError> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::read(&mut reader)?;
    let request = Request::read(header.api, header.version, &mut reader)?;
    Ok((header, request))
}

/// Appends a request with its length prefix: the client's side. `version` must be one of the API's.
pub fn encode_request<'a, B: RequestBody<'a>>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &B,
    out: &mut Vec<u8>,
) {
    debug_assert!(B::API.versions().contains(&version), "{:?} has no version {version}", B::API);
    let start = reserve_prefix(out);
    let mut writer = Writer::new(out);
    writer.bytes(&B::API.code().to_be_bytes());
    writer.bytes(&version.to_be_bytes());
    writer.bytes(&correlation_id.to_be_bytes());
    // The client id keeps its classic length in flexible headers, so that any broker can read it.
    client_id.write(&mut writer, Form { version, flexible: false, nullable: true });
    if B::API.is_flexible(version) {
        writer.unsigned_varint(0);
    }
    body.write(&mut writer, B::API.form(version));
    let length = out.len() - start;
    set_prefix(out, start, length);
}

/// Decodes one frame (without its length prefix) as the response to a `B` sent at `version`: the client's side.
/// Returns the correlation id, too.
pub fn decode_response<'a, B: RequestBody<'a>>(
    version: i16,
    frame: &'a [u8],
) -> Result<(i32, B::Response), WireError> {
    let mut reader = Reader::new(frame);
    let correlation_id = reader.int32()?;
    if has_flexible_response_header(B::API, version) {
        reader.tagged_fields(|_, _| Ok(()))?;
    }
    let body = B::Response::read(&mut reader, B::API.form(version))?;
    Ok((correlation_id, body))
}

impl<'a> RequestHeader<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, RequestError> {
        let api_key = reader.int16()?;
        let version = reader.int16()?;
        let correlation_id = reader.int32()?;
        let api = ApiKey::from_code(api_key).ok_or(RequestError::UnknownApi { api_key })?;
        if !api.versions().contains(&version) {
            // What follows depends on the version, so the client id is not known.
            let header = RequestHeader { api, version, correlation_id, client_id: None };
            return Err(RequestError::UnsupportedVersion(header));
        }
        let client_id = Wire::read(reader, Form { version, flexible: false, nullable: true })?;
        if api.is_flexible(version) {
            reader.tagged_fields(|_, _| Ok(()))?;
        }
        Ok(Self { api, version, correlation_id, client_id })
    }

    /// The same header without its client id, to keep while the answer is awaited.
    pub fn detached(&self) -> RequestHeader<'static> {
        RequestHeader {
            api: self.api,
            version: self.version,
            correlation_id: self.correlation_id,
            client_id: None,
        }
    }

    /// The same header at another version.
    pub fn at_version(self, version: i16) -> Self {
        Self { version, ..self }
    }

    /// Appends the response to this request, with its length prefix. Shared record bytes are copied.
    pub fn respond<'b, B: ResponseBody<'b>>(&self, body: &B, out: &mut Vec<u8>) {
        let start = reserve_prefix(out);
        self.write_response(body, Writer::new(out));
        let length = out.len() - start;
        set_prefix(out, start, length);
    }

    /// The response to this request, with its length prefix, as pieces: shared record bytes are not copied.
    pub fn respond_in_pieces<'b, B: ResponseBody<'b>>(&self, body: &B) -> ResponsePieces {
        let (mut bytes, mut splices) = (Vec::new(), Vec::new());
        let start = reserve_prefix(&mut bytes);
        self.write_response(body, Writer::with_splices(&mut bytes, &mut splices));
        let mut pieces = ResponsePieces { bytes, splices };
        let length = pieces.len() - start;
        set_prefix(&mut pieces.bytes, start, length);
        pieces
    }

    fn write_response<'b, B: ResponseBody<'b>>(&self, body: &B, mut writer: Writer<'_>) {
        debug_assert_eq!(self.api, B::API, "the response must belong to the request");
        writer.bytes(&self.correlation_id.to_be_bytes());
        if has_flexible_response_header(self.api, self.version) {
            writer.unsigned_varint(0);
        }
        body.write(&mut writer, self.api.form(self.version));
    }
}

/// A response whose record bytes are shared with whoever holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePieces {
    bytes: Vec<u8>,
    splices: Vec<Splice>,
}

impl ResponsePieces {
    /// Bytes in all, the length prefix included.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.splices.iter().map(|splice| splice.bytes.len()).sum::<usize>()
    }

    /// Never: there is a length prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces in order, for a vectored write.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.splices.iter().map(|splice| (splice.at, Some(&splice.bytes)));
        ends.chain([(self.bytes.len(), None)])
            .scan(0, |taken, (end, splice)| {
                let own = &self.bytes[*taken..end];
                *taken = end;
                Some([own, splice.map_or(&[][..], |bytes| bytes)])
            })
            .flatten()
            .filter(|piece| !piece.is_empty())
    }

    /// The pieces in order, owned; nothing is copied.
    pub fn into_bytes(self) -> Vec<Bytes> {
        let own = Bytes::from(self.bytes);
        let mut pieces = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut taken = 0;
        for splice in self.splices {
            pieces.push(own.slice(taken..splice.at));
            pieces.push(splice.bytes);
            taken = splice.at;
        }
        pieces.push(own.slice(taken..));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// ApiVersions answers with the old header always: a client does not know yet which the broker knows.
fn has_flexible_response_header(api: ApiKey, version: i16) -> bool {
    api != ApiKey::ApiVersions && api.is_flexible(version)
}

/// Makes room for the prefix; returns where the message starts.
fn reserve_prefix(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

fn set_prefix(out: &mut [u8], start: usize, length: usize) {
    // Responses are bounded by fetch limits far below 2 GiB; a saturated length ends the connection.
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    out[start - 4..start].copy_from_slice(&length.to_be_bytes());
}
