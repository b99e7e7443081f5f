//! How often an address may be wrong.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wrong ones that are looked at in [`WINDOW`].
const ALLOWED: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses that are remembered; beyond that the one whose window ends first is forgotten.
const REMEMBERED: usize = 10_000;

/// Wrong attempts by address, each address with a window of its own.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Window>>);

#[derive(Clone, Copy)]
struct Window {
    end: Instant,
    wrong: u32,
}

impl Attempts {
    /// How long `peer` has to wait before it is listened to; `None` if it need not.
    pub(crate) fn wait(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let window = self.windows().get(&network(peer)).copied()?;
        (window.wrong >= ALLOWED)
            .then(|| window.end.saturating_duration_since(now))
            .filter(|wait| !wait.is_zero())
    }

    pub(crate) fn wrong(&self, peer: IpAddr, now: Instant) {
        let (peer, mut windows) = (network(peer), self.windows());
        if windows.len() >= REMEMBERED && !windows.contains_key(&peer) {
            windows.retain(|_, window| window.end > now);
            let first = windows.iter().min_by_key(|(_, window)| window.end).map(|(peer, _)| *peer);
            if let Some(first) = first.filter(|_| windows.len() >= REMEMBERED) {
                windows.remove(&first);
            }
        }
        let fresh = Window { end: now + WINDOW, wrong: 0 };
        let window = windows.entry(peer).or_insert(fresh);
        if window.end <= now {
            *window = fresh;
        }
        window.wrong += 1;
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<IpAddr, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has an IPv6 address has a network of them.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_is_wrong_too_often_waits_and_no_other_does() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let (one, other) = (peer("192.0.2.1"), peer("192.0.2.2"));
        for _ in 0..ALLOWED {
            assert_eq!(attempts.wait(one, now), None);
            attempts.wrong(one, now);
        }
        assert_eq!(attempts.wait(one, now), Some(WINDOW));
        assert_eq!(attempts.wait(peer("::ffff:192.0.2.1"), now), Some(WINDOW));
        assert_eq!(attempts.wait(other, now), None);
        assert_eq!(attempts.wait(one, now + WINDOW), None);
        attempts.wrong(one, now + WINDOW);
        assert_eq!(attempts.wait(one, now + WINDOW), None);
    }

    #[test]
    fn the_addresses_of_one_network_are_one() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for last in 0..ALLOWED {
            attempts.wrong(peer(&format!("2001:db8::{last}")), now);
        }
        assert!(attempts.wait(peer("2001:db8::ffff"), now).is_some());
        assert_eq!(attempts.wait(peer("2001:db8:0:1::1"), now), None);
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for address in 0..u32::try_from(REMEMBERED).unwrap() + 10 {
            attempts.wrong(IpAddr::from(address.to_be_bytes()), now);
        }
        assert_eq!(attempts.windows().len(), REMEMBERED);
    }
}
