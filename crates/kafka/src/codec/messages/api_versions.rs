//! ApiVersions v0-4. Its response header is never flexible, and a version above ours is answered in the form of v0
//! with UNSUPPORTED_VERSION and the list (KIP-511). v3 is flexible and adds features.

use std::borrow::Cow;

use crate::codec::fields::wire_struct;
use crate::codec::{ApiKey, ErrorCode};

wire_struct! {
    /// A request.
    pub struct ApiVersionsRequest<'a> {
        /// Name of the client library.
        client_software_name: &'a str [3..],
        /// Version of the client library.
        client_software_version: &'a str [3..],
    }
}

wire_struct! {
    /// The answer.
    pub struct ApiVersionsResponse<'a> {
        /// Zero, or UNSUPPORTED_VERSION, then in the form of v0.
        error_code: ErrorCode [..],
        /// APIs with their versions.
        api_keys: Vec<ApiVersion> [..],
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [1..],
        /// Features that the broker knows.
        supported_features: Vec<SupportedFeatureKey<'a>> [3..] tag 0,
        /// Epoch of the finalized features, or -1.
        finalized_features_epoch: i64 [3..] tag 1 = -1,
        /// Features that are on, with their level.
        finalized_features: Vec<FinalizedFeatureKey<'a>> [3..] tag 2,
        /// Of no use any more.
        zk_migration_ready: bool [3..] tag 3,
    }
}

wire_struct! {
    /// Versions of an API.
    pub struct ApiVersion {
        /// Number of the API.
        api_key: i16 [..],
        /// Lowest version.
        min_version: i16 [..],
        /// Highest version.
        max_version: i16 [..],
    }
}

wire_struct! {
    /// A feature with the levels that the broker knows.
    pub struct SupportedFeatureKey<'a> {
        /// Name of the feature.
        name: Cow<'a, str> [3..],
        /// Lowest version.
        min_version: i16 [3..],
        /// Highest version.
        max_version: i16 [3..],
    }
}

wire_struct! {
    /// A feature with the levels that are on.
    pub struct FinalizedFeatureKey<'a> {
        /// Name of the feature.
        name: Cow<'a, str> [3..],
        /// Highest level.
        max_version_level: i16 [3..],
        /// Lowest level.
        min_version_level: i16 [3..],
    }
}

impl ApiVersionsResponse<'_> {
    /// An answer that names `apis` with the versions of this codec. A broker names only what it handles fully.
    pub fn advertising(apis: &[ApiKey]) -> Self {
        let api_keys = apis.iter().map(|api| {
            let versions = api.advertised();
            ApiVersion { api_key: api.code(), min_version: *versions.start(), max_version: *versions.end() }
        });
        Self { api_keys: api_keys.collect(), ..Self::default() }
    }

    /// The answer to a version of ApiVersions that we do not know. It must be sent in the form of v0.
    pub fn unsupported_version(apis: &[ApiKey]) -> Self {
        Self { error_code: ErrorCode::UnsupportedVersion, ..Self::advertising(apis) }
    }
}
