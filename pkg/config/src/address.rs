//! Hosts with ports.

use std::fmt;

use crate::rule::Rule;

/// Kafka brokers to begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Brokers(Vec<String>);

impl Brokers {
    /// Each broker as `host` or `host:port`.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn rule() -> Rule<Self> {
        Rule::new("addresses", "host:port, several with commas between", |text| {
            let brokers: Vec<String> = text.split(',').map(|broker| broker.trim().to_owned()).collect();
            match brokers.iter().find(|broker| split_host_port(broker).is_none()) {
                Some(wrong) => Err(format!("{wrong:?} is no host:port")),
                None => Ok(Self(brokers)),
            }
        })
    }
}

impl fmt::Display for Brokers {
    /// With commas between, as librdkafka's `bootstrap.servers` wants them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A host and its port, if there is one: `db`, `db:3306`, `[::1]:3306`. `None` if it is neither.
pub(crate) fn split_host_port(address: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
    } else {
        address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port)))
    };
    let legal = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@()?#".contains(c));
    let port = port.map(str::parse).transpose().ok()?;
    (legal && port != Some(0)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        assert_eq!(split_host_port("db"), Some(("db", None)));
        assert_eq!(split_host_port("db:3306"), Some(("db", Some(3306))));
        assert_eq!(split_host_port("[::1]:3306"), Some(("::1", Some(3306))));
        assert_eq!(split_host_port("[::1]"), Some(("::1", None)));
        for text in ["", ":3306", "db:", "db:0", "db:x", "db:70000", "::1", "a b", "http://db:1"] {
            assert_eq!(split_host_port(text), None, "{text}");
        }
    }

    #[test]
    fn brokers_are_a_list() {
        let brokers = (Brokers::rule().parse)("a:9092, b:9093").unwrap();
        assert_eq!((brokers.as_slice().len(), brokers.to_string().as_str()), (2, "a:9092,b:9093"));
        assert!((Brokers::rule().parse)("a:9092,").unwrap_err().contains("no host:port"));
    }
}
