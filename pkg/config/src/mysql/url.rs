//! `mysql://user:password@host:port/database?option=value`.

use url::{Host, Url};

use super::{MysqlAddress, MysqlDsn, MysqlTls, PORT, decode, tls_option};
use crate::rule::{Reason, Secret};

pub(super) fn parse(text: &str) -> Result<MysqlDsn, Reason> {
    let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
    let host = match url.host() {
        Some(Host::Domain(name)) => decode(name)?,
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err("it has no host".into()),
    };
    let socket = url.query_pairs().find(|(name, _)| name == "socket").map(|(_, path)| path.into_owned());
    let tcp = MysqlAddress::Tcp { host, port: url.port().unwrap_or(PORT) };
    Ok(MysqlDsn {
        user: decode(url.username())?,
        password: url.password().map(decode).transpose()?.map(Secret::from),
        address: socket.map_or(tcp, |path| MysqlAddress::Socket(path.into())),
        database: decode(url.path().trim_start_matches('/'))?,
        tls: tls_option(url.query_pairs().into_owned(), MysqlTls::Preferred)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> MysqlAddress {
        MysqlAddress::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn a_url_is_read_and_decoded() {
        let dsn = parse("mysql://ana:p%40s%2Fs@db:3307/shop").unwrap();
        assert_eq!((dsn.user.as_str(), dsn.database.as_str()), ("ana", "shop"));
        assert_eq!(dsn.password.unwrap().reveal(), "p@s/s");
        assert_eq!((dsn.address, dsn.tls), (tcp("db", 3307), MysqlTls::Preferred));
    }

    #[test]
    fn the_address_has_a_default_port_and_may_be_ipv6_or_a_socket() {
        assert_eq!(parse("mysql://a@db/s").unwrap().address, tcp("db", 3306));
        assert_eq!(parse("mysql://a@[::1]/s").unwrap().address, tcp("::1", 3306));
        let socket = parse("mysql://a@localhost/s?socket=/run/my.sock").unwrap().address;
        assert_eq!(socket, MysqlAddress::Socket("/run/my.sock".into()));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let cases = [
            ("mysql://root:hunter2@db:port/shop", "no URL"),
            ("mysql:///shop", "no host"),
            ("mysql://db/shop", "no user"),
            ("mysql://root:hunter2@db", "no database"),
            ("mysql://root:hunter2@db/shop?ssl-mode=maybe", "ssl-mode=maybe"),
        ];
        for (text, expected) in cases {
            let reason = MysqlDsn::parse(text).unwrap_err();
            assert!(reason.contains(expected) && !reason.contains("hunter2"), "{text}: {reason}");
        }
    }
}
