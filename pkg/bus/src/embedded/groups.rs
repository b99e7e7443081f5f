//! Who owns which partition: Kafka's cooperative hand-over within one process. A partition changes hands only when its
//! owner lets go, in its next take or when it leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ownership::TopicPartition;

pub(super) type MemberId = u64;

#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<String, Group>,
    members: MemberId,
}

#[derive(Debug, Default)]
struct Group {
    /// What each member subscribes to.
    members: BTreeMap<MemberId, BTreeSet<String>>,
    owners: BTreeMap<TopicPartition, MemberId>,
}

/// What a member has to give and to take now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HandOver {
    pub(super) lost: Vec<TopicPartition>,
    pub(super) gained: Vec<TopicPartition>,
}

impl Groups {
    pub(super) fn join(&mut self, group: &str, topics: &[&str]) -> MemberId {
        self.members += 1;
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        self.groups.entry(group.to_owned()).or_default().members.insert(self.members, topics);
        self.members
    }

    pub(super) fn leave(&mut self, group: &str, member: MemberId) {
        let Some(state) = self.groups.get_mut(group) else { return };
        state.members.remove(&member);
        state.owners.retain(|_, owner| *owner != member);
        if state.members.is_empty() {
            self.groups.remove(group);
        }
    }

    /// Every member of `group` with what it owns.
    pub(super) fn members(&self, group: &str) -> BTreeMap<MemberId, Vec<TopicPartition>> {
        let Some(group) = self.groups.get(group) else { return BTreeMap::new() };
        let mut members: BTreeMap<MemberId, Vec<TopicPartition>> =
            group.members.keys().map(|member| (*member, Vec::new())).collect();
        for (at, owner) in &group.owners {
            members.entry(*owner).or_default().push(at.clone());
        }
        members
    }

    /// Every topic that some member of `group` subscribes to.
    pub(super) fn topics(&self, group: &str) -> BTreeSet<String> {
        self.groups
            .get(group)
            .into_iter()
            .flat_map(|group| group.members.values().flatten().cloned())
            .collect()
    }

    /// Lets `member` drop what others should have and pick up what is free and should be its own.
    pub(super) fn hand_over(&mut self, group: &str, member: MemberId, all: &[TopicPartition]) -> HandOver {
        let Some(group) = self.groups.get_mut(group) else { return HandOver::default() };
        let plan = group.plan(all);
        let is_planned = |at: &TopicPartition| plan.get(at) == Some(&member);
        let lost = group.owners.iter().filter(|(at, owner)| **owner == member && !is_planned(at));
        let lost: Vec<_> = lost.map(|(at, _)| at.clone()).collect();
        group.owners.retain(|at, owner| *owner != member || is_planned(at));
        let gained = all.iter().filter(|at| is_planned(at) && !group.owners.contains_key(*at));
        let gained: Vec<_> = gained.cloned().collect();
        group.owners.extend(gained.iter().map(|at| (at.clone(), member)));
        HandOver { lost, gained }
    }
}

impl Group {
    /// Who should own what: as now, but for what is free, and for what evens out the members.
    fn plan(&self, all: &[TopicPartition]) -> BTreeMap<TopicPartition, MemberId> {
        let mut loads: BTreeMap<MemberId, usize> = self.members.keys().map(|member| (*member, 0)).collect();
        for owner in self.owners.values() {
            *loads.entry(*owner).or_default() += 1;
        }
        let mut plan = self.owners.clone();
        for at in all {
            if !plan.contains_key(at)
                && let Some(member) = self.least_loaded(&loads, at)
            {
                plan.insert(at.clone(), member);
                *loads.entry(member).or_default() += 1;
            }
        }
        while let Some((at, from, to)) = self.uneven(&plan, &loads) {
            plan.insert(at, to);
            *loads.entry(from).or_default() -= 1;
            *loads.entry(to).or_default() += 1;
        }
        plan
    }

    fn least_loaded(&self, loads: &BTreeMap<MemberId, usize>, at: &TopicPartition) -> Option<MemberId> {
        let subscribed = self.members.iter().filter(|(_, topics)| topics.contains(&at.topic));
        subscribed.map(|(member, _)| *member).min_by_key(|member| loads.get(member))
    }

    /// A partition whose owner has two more than another member that could have it.
    fn uneven(
        &self,
        plan: &BTreeMap<TopicPartition, MemberId>,
        loads: &BTreeMap<MemberId, usize>,
    ) -> Option<(TopicPartition, MemberId, MemberId)> {
        plan.iter().find_map(|(at, owner)| {
            let other = self.least_loaded(loads, at)?;
            (loads.get(&other)? + 1 < *loads.get(owner)?).then(|| (at.clone(), *owner, other))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(topic: &str, count: i32) -> Vec<TopicPartition> {
        (0..count).map(|partition| TopicPartition::new(topic, partition)).collect()
    }

    #[test]
    fn a_newcomer_gets_its_share_only_after_the_owner_lets_go() {
        let mut groups = Groups::default();
        let all = partitions("t", 4);
        let first = groups.join("g", &["t"]);
        assert_eq!(groups.hand_over("g", first, &all).gained.len(), 4);
        let second = groups.join("g", &["t"]);
        assert_eq!(groups.hand_over("g", second, &all), HandOver::default());
        assert_eq!(groups.hand_over("g", first, &all).lost.len(), 2);
        assert_eq!(groups.hand_over("g", second, &all).gained.len(), 2);
        assert_eq!(groups.hand_over("g", first, &all), HandOver::default());
    }

    #[test]
    fn a_leavers_partitions_go_to_who_subscribes_to_them() {
        let mut groups = Groups::default();
        let all = [partitions("t", 2), partitions("u", 2)].concat();
        let first = groups.join("g", &["t", "u"]);
        groups.hand_over("g", first, &all);
        let second = groups.join("g", &["t"]);
        groups.leave("g", first);
        assert_eq!(groups.hand_over("g", second, &all).gained, partitions("t", 2));
    }
}
