//! The consumer groups of the platform.

use esteira_bus::Group;
use esteira_config::Settings;
use esteira_events::{EventType, Topics};
use esteira_orders::Orders;
use esteira_products::Products;
use esteira_projector::{GROUP, TOPICS};
use esteira_reactions::React;

/// Those of reactions first, the projector's last.
pub fn groups(settings: &Settings) -> Vec<Group> {
    let topics = Topics::with_prefix(settings.topic_prefix.clone());
    let groups: [(&str, &[EventType]); 3] =
        [(Products::GROUP, Products::EVENTS), (Orders::GROUP, Orders::EVENTS), (GROUP, &TOPICS)];
    let group = |(name, events): (&str, &[EventType])| Group {
        name: format!("{}{name}", settings.group_prefix),
        topics: topics.names(events),
    };
    groups.map(group).into()
}
