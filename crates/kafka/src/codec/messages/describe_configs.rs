//! DescribeConfigs v1-4. v3 can add documentation and types, v4 is flexible.

use std::borrow::Cow;

use crate::codec::ErrorCode;
use crate::codec::fields::wire_struct;

wire_struct! {
    /// A request.
    pub struct DescribeConfigsRequest<'a> {
        /// The resources.
        resources: Vec<DescribeConfigsResource<'a>> [..],
        /// Whether to list synonyms.
        include_synonyms: bool [..],
        /// Whether to add documentation.
        include_documentation: bool [3..],
    }
}

wire_struct! {
    /// A resource asked for.
    pub struct DescribeConfigsResource<'a> {
        /// Kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8 [..],
        /// Name of the resource.
        resource_name: &'a str [..],
        /// Names of the entries wanted; null for all.
        configuration_keys: Option<Vec<&'a str>> [..],
    }
}

wire_struct! {
    /// The answer.
    pub struct DescribeConfigsResponse<'a> {
        /// Milliseconds for which the client shall be silent because of a quota.
        throttle_time_ms: i32 [..],
        /// One result for each thing asked.
        results: Vec<DescribeConfigsResult<'a>> [..],
    }
}

wire_struct! {
    /// A resource with its entries.
    pub struct DescribeConfigsResult<'a> {
        /// Zero, or what went wrong.
        error_code: ErrorCode [..],
        /// Words for the error, or null.
        error_message: Option<Cow<'a, str>> [..],
        /// Kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8 [..],
        /// Name of the resource.
        resource_name: Cow<'a, str> [..],
        /// Configuration entries.
        configs: Vec<DescribeConfigsResourceResult<'a>> [..],
    }
}

wire_struct! {
    /// A configuration entry.
    pub struct DescribeConfigsResourceResult<'a> {
        /// Name of the entry.
        name: Cow<'a, str> [..],
        /// Value, or null.
        value: Option<Cow<'a, str>> [..],
        /// Whether it cannot be changed.
        read_only: bool [..],
        /// Where the value comes from: 1 topic, 2 broker (dynamic), 3 default broker (dynamic), 4 broker file,
        /// 5 default, 6 broker logger, 7 client metrics, 8 group; -1 unknown.
        config_source: i8 [..] = -1,
        /// Whether the value is a secret, then null.
        is_sensitive: bool [..],
        /// Where else the value could come from, the strongest first.
        synonyms: Vec<DescribeConfigsSynonym<'a>> [..],
        /// Type: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8 [3..],
        /// Documentation, or null.
        documentation: Option<Cow<'a, str>> [3..],
    }
}

wire_struct! {
    /// Another source of an entry.
    pub struct DescribeConfigsSynonym<'a> {
        /// Name of the synonym.
        name: Cow<'a, str> [..],
        /// Value, or null.
        value: Option<Cow<'a, str>> [..],
        /// Where it comes from, as `config_source`.
        source: i8 [..],
    }
}
