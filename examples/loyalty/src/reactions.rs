//! What the service does about events of others. It reads two topics, so they may come in any order.

use esteira_events::{Event, EventType, Payload};
use esteira_reactions::React;

use crate::service::{Command, Loyalty};

impl React for Loyalty {
    const GROUP: &'static str = "loyalty-consumer";
    const EVENTS: &'static [EventType] = &[EventType::UserCreated, EventType::UserDeleted];

    fn react(event: &Event) -> Option<Command> {
        if let Payload::UserCreated(created) = &event.payload {
            Some(Command::Open { user_id: created.user.id.0 })
        } else if let Payload::UserDeleted(deleted) = &event.payload {
            Some(Command::Close { user_id: deleted.user_id.0 })
        } else {
            None
        }
    }
}
