//! Several members of a group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use esteira_bus::{Consumer, Record};

use crate::fixture::{DEADLINE, Fixture, WAIT, contract, number, numbered, unique};

contract!(
    two_members_share_the_partitions,
    members_are_told_with_what_they_have,
    a_leavers_partitions_go_to_the_others,
    a_dropped_members_partitions_go_to_the_others,
    offsets_never_go_back_while_members_come_and_go,
);

const PARTITIONS: i32 = 4;

type Member = Box<dyn Consumer>;

/// What members have taken, and which of them last took from each partition.
#[derive(Default)]
struct Seen {
    numbers: BTreeSet<usize>,
    takers: BTreeMap<i32, usize>,
    sent: usize,
}

impl Seen {
    fn note(&mut self, member: usize, records: &[Record]) {
        self.numbers.extend(records.iter().map(number));
        self.takers.extend(records.iter().map(|record| (record.partition, member)));
    }

    fn takers(&self) -> BTreeSet<usize> {
        self.takers.values().copied().collect()
    }
}

/// Publishes, takes and commits with every member in turn until `done`.
async fn run_until(
    fixture: &Fixture,
    topic: &str,
    members: &mut [Member],
    seen: &mut Seen,
    done: impl Fn(&Seen) -> bool,
) {
    let deadline = Instant::now() + DEADLINE;
    while !done(seen) {
        assert!(Instant::now() < deadline, "takers {:?} in time", seen.takers);
        let records =
            (seen.sent..seen.sent + 20).map(|n| numbered(topic, n + 1, 20).pop().unwrap()).collect();
        seen.sent += 20;
        fixture.publish(records).await;
        for (at, member) in members.iter_mut().enumerate() {
            let records = member.take(50, WAIT).await.unwrap();
            seen.note(at, &records);
            member.commit(&records).await.unwrap();
        }
    }
}

async fn drain(members: &mut [Member], seen: &mut Seen) {
    let deadline = Instant::now() + DEADLINE;
    while seen.numbers.len() < seen.sent {
        assert!(Instant::now() < deadline, "{} of {} came", seen.numbers.len(), seen.sent);
        for (at, member) in members.iter_mut().enumerate() {
            let records = member.take(500, WAIT).await.unwrap();
            seen.note(at, &records);
            member.commit(&records).await.unwrap();
        }
    }
}

async fn join(fixture: &Fixture, group: &str, topic: &str) -> Member {
    fixture.log.subscribe(group, &[topic]).await.unwrap()
}

fn shared_by(takers: [usize; 2]) -> impl Fn(&Seen) -> bool {
    move |seen| seen.takers.len() == PARTITIONS as usize && seen.takers() == BTreeSet::from(takers)
}

async fn two_members_share_the_partitions(fixture: Fixture) {
    let (topic, group) = (fixture.topic(PARTITIONS).await, unique("group"));
    let mut members = [join(&fixture, &group, &topic).await, join(&fixture, &group, &topic).await];
    let mut seen = Seen::default();
    run_until(&fixture, &topic, &mut members, &mut seen, shared_by([0, 1])).await;
    drain(&mut members, &mut seen).await;
    let [first, second] = members;
    first.close().await;
    second.close().await;
    let lag: i64 =
        fixture.log.lag(&group, &[&topic]).await.unwrap().iter().map(esteira_bus::PartitionLag::lag).sum();
    assert_eq!(lag, 0);
}

async fn members_are_told_with_what_they_have(fixture: Fixture) {
    let (topic, group) = (fixture.topic(PARTITIONS).await, unique("group"));
    assert_eq!(fixture.log.members(&group).await.unwrap(), []);
    let mut members = [join(&fixture, &group, &topic).await, join(&fixture, &group, &topic).await];
    let mut seen = Seen::default();
    run_until(&fixture, &topic, &mut members, &mut seen, shared_by([0, 1])).await;
    let told = fixture.log.members(&group).await.unwrap();
    assert!(told.len() == 2 && told[0].id != told[1].id, "{told:?}");
    assert!(told.iter().all(|it| !it.client.is_empty() && !it.host.is_empty() && it.partitions.len() == 2));
    let owned: BTreeSet<_> = told.into_iter().flat_map(|member| member.partitions).collect();
    assert_eq!(owned, (0..PARTITIONS).map(|partition| (topic.clone(), partition)).collect());
    for member in members {
        member.close().await;
    }
    assert_eq!(fixture.log.members(&group).await.unwrap(), []);
}

async fn a_leavers_partitions_go_to_the_others(fixture: Fixture) {
    let (topic, group) = (fixture.topic(PARTITIONS).await, unique("group"));
    let mut members = vec![join(&fixture, &group, &topic).await, join(&fixture, &group, &topic).await];
    let mut seen = Seen::default();
    run_until(&fixture, &topic, &mut members, &mut seen, shared_by([0, 1])).await;
    members.pop().unwrap().close().await;
    run_until(&fixture, &topic, &mut members, &mut seen, |seen| seen.takers() == BTreeSet::from([0])).await;
    drain(&mut members, &mut seen).await;
}

async fn a_dropped_members_partitions_go_to_the_others(fixture: Fixture) {
    let (topic, group) = (fixture.topic(PARTITIONS).await, unique("group"));
    let mut members = vec![join(&fixture, &group, &topic).await, join(&fixture, &group, &topic).await];
    let mut seen = Seen::default();
    run_until(&fixture, &topic, &mut members, &mut seen, shared_by([0, 1])).await;
    drop(members.remove(0));
    seen.takers.clear();
    let all = |seen: &Seen| seen.takers.len() == PARTITIONS as usize;
    run_until(&fixture, &topic, &mut members, &mut seen, all).await;
    drain(&mut members, &mut seen).await;
}

/// Members keep what they took before a newcomer came and commit it late: the newcomer's commits must stand.
async fn offsets_never_go_back_while_members_come_and_go(fixture: Fixture) {
    let (topic, group) = (fixture.topic(PARTITIONS).await, unique("group"));
    let mut members = vec![join(&fixture, &group, &topic).await];
    let mut seen = Seen::default();
    let all = |seen: &Seen| seen.takers.len() == PARTITIONS as usize;
    run_until(&fixture, &topic, &mut members, &mut seen, all).await;
    let mut committed = committed_offsets(&fixture, &group, &topic).await;
    for round in 0..3 {
        fixture.publish(numbered(&topic, 20, 20)).await;
        let late = members[0].take(500, WAIT).await.unwrap();
        seen.note(0, &late);
        members.push(join(&fixture, &group, &topic).await);
        run_until(&fixture, &topic, &mut members, &mut seen, shared_by([0, 1])).await;
        members[0].commit(&late).await.unwrap();
        let now = committed_offsets(&fixture, &group, &topic).await;
        assert!(
            committed.iter().all(|(at, offset)| now[at] >= *offset),
            "round {round}: {committed:?}, {now:?}"
        );
        committed = now;
        members.pop().unwrap().close().await;
        seen.takers.clear();
        run_until(&fixture, &topic, &mut members, &mut seen, all).await;
    }
}

async fn committed_offsets(fixture: &Fixture, group: &str, topic: &str) -> BTreeMap<i32, i64> {
    let lags = fixture.log.lag(group, &[topic]).await.unwrap();
    lags.iter().map(|lag| (lag.partition, lag.committed.unwrap_or(0))).collect()
}
