//! How much one request may name. Small things cost little in a frame and more in the core.

use crate::codec::Request;

/// Things that a request names: topics, partitions, groups, members, entries.
pub(super) fn items(request: &Request<'_>) -> usize {
    fn sum<T>(list: &[T], inner: impl Fn(&T) -> usize) -> usize {
        list.iter().map(|item| 1 + inner(item)).sum()
    }
    fn count<T>(list: &Option<Vec<T>>) -> usize {
        list.as_ref().map_or(0, Vec::len)
    }
    match request {
        Request::Produce(request) => sum(&request.topic_data, |topic| topic.partition_data.len()),
        Request::Fetch(request) => sum(&request.topics, |topic| topic.partitions.len()),
        Request::ListOffsets(request) => sum(&request.topics, |topic| topic.partitions.len()),
        Request::Metadata(request) => count(&request.topics),
        Request::OffsetCommit(request) => sum(&request.topics, |topic| topic.partitions.len()),
        Request::OffsetFetch(request) => {
            let old = request
                .topics
                .as_ref()
                .map_or(0, |topics| sum(topics, |topic| topic.partition_indexes.len()));
            let topics = |topics: &Vec<_>| sum(topics, topic_items);
            old + sum(&request.groups, |group| group.topics.as_ref().map_or(0, topics))
        }
        Request::FindCoordinator(request) => request.coordinator_keys.len(),
        Request::JoinGroup(request) => request.protocols.len(),
        Request::SyncGroup(request) => request.assignments.len(),
        Request::LeaveGroup(request) => request.members.len(),
        Request::DescribeGroups(request) => request.groups.len(),
        Request::DeleteGroups(request) => request.groups_names.len(),
        Request::CreateTopics(request) => {
            sum(&request.topics, |topic| topic.configs.len() + topic.assignments.len())
        }
        Request::DeleteTopics(request) => request.topics.len() + request.topic_names.len(),
        Request::DeleteRecords(request) => sum(&request.topics, |topic| topic.partitions.len()),
        Request::OffsetForLeaderEpoch(request) => sum(&request.topics, |topic| topic.partitions.len()),
        Request::DescribeConfigs(request) => {
            sum(&request.resources, |resource| count(&resource.configuration_keys))
        }
        Request::CreatePartitions(request) => sum(&request.topics, |topic| count(&topic.assignments)),
        Request::ListGroups(request) => request.states_filter.len() + request.types_filter.len(),
        Request::ListPartitionReassignments(_)
        | Request::Heartbeat(_)
        | Request::ApiVersions(_)
        | Request::InitProducerId(_)
        | Request::DescribeCluster(_) => 0,
    }
}

fn topic_items(topic: &crate::codec::messages::OffsetFetchRequestTopics<'_>) -> usize {
    topic.partition_indexes.len()
}
