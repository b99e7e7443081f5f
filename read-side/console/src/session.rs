//! The sessions of browsers, in memory: whoever restarts the process signs in again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use uuid::Uuid;

use crate::access::hash;

const COOKIE: &str = "esteira_session";
const LIFETIME: Duration = Duration::from_hours(12);
/// Beyond this the oldest session ends.
const MOST: usize = 1_000;

/// Hashes of ids, each with the end of its session.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Instant>>);

impl Sessions {
    pub(crate) fn begin(&self) -> String {
        let (id, now) = (random(), Instant::now());
        let mut open = self.open();
        open.retain(|_, end| *end > now);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, end)| **end).map(|(id, _)| *id)
        {
            open.remove(&oldest);
        }
        open.insert(hash(&id), now + LIFETIME);
        id
    }

    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.open().get(&hash(id)).is_some_and(|end| *end > Instant::now())
    }

    pub(crate) fn end(&self, id: &str) {
        self.open().remove(&hash(id));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id in the request's cookie.
pub(crate) fn of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// `Set-Cookie` for a session, or for its end. `encrypted`: the browser came by HTTPS.
pub(crate) fn cookie(id: Option<&str>, encrypted: bool) -> String {
    let age = if id.is_some() { LIFETIME.as_secs() } else { 0 };
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}", id.unwrap_or_default())
}

/// 244 random bits.
pub(crate) fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_until_it_is_ended() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin(), sessions.begin());
        assert_ne!(one, other);
        sessions.end(&one);
        assert!(!sessions.is_open(&one) && sessions.is_open(&other) && !sessions.is_open(""));
    }

    #[test]
    fn the_oldest_session_gives_way() {
        let sessions = Sessions::default();
        let first = sessions.begin();
        for _ in 0..MOST {
            sessions.begin();
        }
        assert!(!sessions.is_open(&first));
        assert_eq!(sessions.open().len(), MOST);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; esteira_session=abc; c=d".parse().unwrap());
        assert_eq!(of(&headers), Some("abc"));
        assert!(cookie(Some("abc"), true).ends_with("; Secure"));
        assert!(cookie(None, false).contains("Max-Age=0"));
    }
}
