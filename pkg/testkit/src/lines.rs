//! What is logged.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;

/// Wants every event and writes none.
///
/// As long as a process has a single subscriber, an event that another thread reaches first is taken for one that nobody
/// wants, for good ([tokio-rs/tracing#3611](https://github.com/tokio-rs/tracing/issues/3611)).
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Registry::default()));

/// Log lines as text.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Those that `subscriber`, given where to write, writes on this thread until the guard is dropped.
    pub fn of<S: Subscriber + Send + Sync + 'static>(
        subscriber: impl FnOnce(Self) -> S,
    ) -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let lines = Self::default();
        let guard = set_default(subscriber(lines.clone()));
        (lines, guard)
    }

    /// # Panics
    ///
    /// If what was written is no UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_another_thread_reached_first_is_logged() {
        let reached = || tracing::info!("reached");
        let (lines, _logged) = Lines::of(|lines| tracing_subscriber::fmt().with_writer(lines).finish());
        std::thread::spawn(reached).join().unwrap();
        reached();
        assert_eq!(lines.text().lines().count(), 1);
    }
}
