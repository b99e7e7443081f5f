//! `MONGO_URI`: the driver parses it; here it is recognised, and hidden where it is secret.

use std::fmt;

use crate::rule::{MASK, Rule, Show};

/// A MongoDB connection string. `Debug` and `Display` hide its password.
#[derive(Clone, Eq, PartialEq)]
pub struct MongoUri(String);

impl MongoUri {
    /// The connection string with its password, for the driver.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn rule() -> Rule<Self> {
        let rule = Rule::new("connection", "mongodb://[user:password@]host[:port][/database]", |text| {
            let rest = text.strip_prefix("mongodb://").or_else(|| text.strip_prefix("mongodb+srv://"));
            let rest = rest.ok_or("it does not begin with mongodb:// or mongodb+srv://")?;
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let hosts = authority.rsplit('@').next().unwrap_or_default();
            if hosts.is_empty() { Err("it has no host".into()) } else { Ok(Self(text.to_owned())) }
        });
        rule.showing(Show::Masked(mask))
    }
}

impl fmt::Display for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

impl fmt::Debug for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hides the password, and the options that can carry credentials.
fn mask(uri: &str) -> String {
    let (address, options) =
        uri.split_once('?').map_or((uri, None), |(address, options)| (address, Some(options)));
    let mut masked = mask_password(address);
    if let Some(options) = options {
        let shown: Vec<String> = options.split('&').map(mask_option).collect();
        masked.push('?');
        masked.push_str(&shown.join("&"));
    }
    masked
}

fn mask_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return MASK.to_owned() };
    // A password with an unescaped slash is wrong, and must not be shown all the same: the last @ counts.
    let Some((login, hosts)) = rest.rsplit_once('@') else { return address.to_owned() };
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:{MASK}@{hosts}"),
        None => address.to_owned(),
    }
}

fn mask_option(option: &str) -> String {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let lower = name.to_ascii_lowercase();
    let secret =
        ["password", "token", "secret", "authmechanismproperties"].iter().any(|word| lower.contains(word));
    if secret && !value.is_empty() { format!("{name}={MASK}") } else { option.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_is_kept_and_shown_without_its_password() {
        let uri =
            "mongodb://ana:p%40ss@a:27017,b:27017/ecommerce?replicaSet=rs0&tlsCertificateKeyFilePassword=x";
        let parsed = (MongoUri::rule().parse)(uri).unwrap();
        assert_eq!(parsed.reveal(), uri);
        let shown =
            "mongodb://ana:***@a:27017,b:27017/ecommerce?replicaSet=rs0&tlsCertificateKeyFilePassword=***";
        assert_eq!((parsed.to_string().as_str(), format!("{parsed:?}").as_str()), (shown, shown));
    }

    #[test]
    fn a_password_with_raw_slashes_and_ats_is_hidden_too() {
        assert_eq!(mask("mongodb://ana:p/a@s@host/db"), "mongodb://ana:***@host/db");
        assert_eq!(mask("mongodb://host/db"), "mongodb://host/db");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["localhost:27017", "mongodb://", "mongodb://ana:x@", "http://host"] {
            assert!((MongoUri::rule().parse)(text).is_err(), "{text}");
        }
    }
}
