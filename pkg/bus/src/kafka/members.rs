//! Who is in a group.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::groups::{GroupInfo, GroupMemberInfo};

use super::admin::{CALL_TIMEOUT, blocking};
use super::context::LogContext;
use super::errors::log_error;
use crate::{GroupMember, LogError};

pub(super) async fn of_group(
    metadata: &Arc<BaseConsumer<LogContext>>,
    group: &str,
) -> Result<Vec<GroupMember>, LogError> {
    let (metadata, group) = (Arc::clone(metadata), group.to_owned());
    blocking(move || {
        let list =
            metadata.fetch_group_list(Some(&group), CALL_TIMEOUT).map_err(|error| log_error(&error))?;
        let members = list.groups().iter().filter(|found| found.name() == group).flat_map(GroupInfo::members);
        let member = |member: &GroupMemberInfo| GroupMember {
            id: member.id().to_owned(),
            client: member.client_id().to_owned(),
            // As Kafka prints an address: /127.0.0.1.
            host: member.client_host().trim_start_matches('/').to_owned(),
            partitions: member.assignment().and_then(assigned).unwrap_or_default(),
        };
        Ok(members.map(member).collect())
    })
    .await
}

/// Reads Kafka's `ConsumerProtocolAssignment`: a version, then topics, each with its partitions.
fn assigned(bytes: &[u8]) -> Option<Vec<(String, i32)>> {
    let mut rest = bytes;
    let _version = i16::from_be_bytes(take(&mut rest)?);
    let mut partitions = Vec::new();
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(length)?;
        rest = after;
        let topic = std::str::from_utf8(name).ok()?;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            partitions.push((topic.to_owned(), i32::from_be_bytes(take(&mut rest)?)));
        }
    }
    partitions.sort_unstable();
    Some(partitions)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"\x00\x01\x00\x00\x00\x01\x00\x05order\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x01\xff\xff\xff\xff";

    #[test]
    fn an_assignment_is_read_with_its_partitions_in_order() {
        assert_eq!(assigned(TWO).unwrap(), [("order".to_owned(), 1), ("order".to_owned(), 3)]);
    }

    #[test]
    fn an_assignment_that_is_cut_off_is_none() {
        for length in 0..TWO.len() - 4 {
            assert_eq!(assigned(&TWO[..length]), None, "{length}");
        }
        assert_eq!(assigned(b"\x00\x00\x00\x00\x00\x01\xff\xff"), None);
    }
}
