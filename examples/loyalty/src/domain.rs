//! What may happen to an account, decided by pure functions.

use serde::{Deserialize, Serialize};

/// What a new account has.
pub const WELCOME: i64 = 100;

/// A user's account. A closed one stays, so that an event that comes late finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Open { points: i64 },
    Closed,
}

/// What happens to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointsEvent {
    Opened { points: i64 },
    Redeemed { points: i64 },
    Closed,
}

/// Why points were not redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejected {
    NoAccount { user_id: i64 },
    TooFewPoints { left: i64 },
}

/// Decides whether an account is opened: once, and never after it was closed.
pub fn open(account: Option<Account>) -> Option<PointsEvent> {
    match account {
        None => Some(PointsEvent::Opened { points: WELCOME }),
        Some(Account::Open { .. } | Account::Closed) => None,
    }
}

/// Decides whether an account is closed. One that was never opened is closed too: its opening may come later.
pub fn close(account: Option<Account>) -> Option<PointsEvent> {
    match account {
        None | Some(Account::Open { .. }) => Some(PointsEvent::Closed),
        Some(Account::Closed) => None,
    }
}

/// Decides whether `points` are redeemed.
pub fn redeem(account: Option<Account>, user_id: i64, points: i64) -> Result<PointsEvent, Rejected> {
    match account {
        None | Some(Account::Closed) => Err(Rejected::NoAccount { user_id }),
        Some(Account::Open { points: left }) if left < points => Err(Rejected::TooFewPoints { left }),
        Some(Account::Open { .. }) => Ok(PointsEvent::Redeemed { points }),
    }
}

/// The account after `event`.
pub fn evolve(account: Option<Account>, event: PointsEvent) -> Account {
    match (event, account) {
        (PointsEvent::Opened { points }, _) => Account::Open { points },
        (PointsEvent::Redeemed { points }, Some(Account::Open { points: left })) => {
            Account::Open { points: left - points }
        }
        (PointsEvent::Redeemed { .. }, None | Some(Account::Closed)) | (PointsEvent::Closed, _) => {
            Account::Closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_opened_once_with_the_welcome_points() {
        assert_eq!(open(None), Some(PointsEvent::Opened { points: WELCOME }));
        assert_eq!(open(Some(Account::Open { points: 3 })), None);
    }

    #[test]
    fn opening_and_closing_end_the_same_in_either_order() {
        let opened_first = open(None).map(|event| evolve(None, event));
        assert_eq!(close(opened_first).map(|event| evolve(opened_first, event)), Some(Account::Closed));
        let closed_first = close(None).map(|event| evolve(None, event));
        assert_eq!((closed_first, open(closed_first)), (Some(Account::Closed), None));
    }

    #[test]
    fn no_more_points_are_redeemed_than_there_are() {
        let account = Some(Account::Open { points: 10 });
        assert_eq!(redeem(account, 1, 10), Ok(PointsEvent::Redeemed { points: 10 }));
        assert_eq!(redeem(account, 1, 11), Err(Rejected::TooFewPoints { left: 10 }));
        assert_eq!(redeem(None, 1, 1), Err(Rejected::NoAccount { user_id: 1 }));
    }
}
