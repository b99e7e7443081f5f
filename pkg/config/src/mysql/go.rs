//! `[user[:password]@][net[(address)]]/database[?option=value&…]`, as go-sql-driver/mysql reads it.

use super::{MysqlAddress, MysqlDsn, MysqlTls, PORT, decode, tls_option};
use crate::address::split_host_port;
use crate::rule::{Reason, Secret};

/// As the driver does: the last slash begins the database, the last `@` before it ends the login, the first colon
/// ends the user. So a password may contain any of them, unescaped.
pub(super) fn parse(text: &str) -> Result<MysqlDsn, Reason> {
    let (server, database) = text.rsplit_once('/').ok_or("it has no / before the database")?;
    let (database, options) = database.split_once('?').unwrap_or((database, ""));
    let (login, address) = server.rsplit_once('@').unwrap_or(("", server));
    let (user, password) =
        login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    Ok(MysqlDsn {
        user: user.to_owned(),
        password: password.filter(|text| !text.is_empty()).map(|text| Secret::from(text.to_owned())),
        address: parse_address(address)?,
        // The driver decodes the name since 1.8.
        database: decode(database)?,
        tls: tls_option(url::form_urlencoded::parse(options.as_bytes()).into_owned(), MysqlTls::Disabled)?,
    })
}

fn parse_address(text: &str) -> Result<MysqlAddress, Reason> {
    let (net, address) = match text.split_once('(') {
        Some((net, rest)) => (net, rest.strip_suffix(')').ok_or("the address has no closing parenthesis")?),
        None => (text, ""),
    };
    match net {
        "" | "tcp" | "tcp4" | "tcp6" => parse_tcp(address),
        "unix" if address.is_empty() => Ok(MysqlAddress::Socket("/tmp/mysql.sock".into())),
        "unix" => Ok(MysqlAddress::Socket(address.into())),
        _ => Err("the address is neither tcp(host:port) nor unix(/path)".into()),
    }
}

fn parse_tcp(address: &str) -> Result<MysqlAddress, Reason> {
    if address.is_empty() {
        return Ok(MysqlAddress::Tcp { host: "127.0.0.1".into(), port: PORT });
    }
    let (host, port) = split_host_port(address).ok_or("the address is no host:port")?;
    Ok(MysqlAddress::Tcp { host: host.to_owned(), port: port.unwrap_or(PORT) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> MysqlAddress {
        MysqlAddress::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn the_go_env_file_is_read() {
        let dsn = parse("user:password@tcp(mysql:3306)/ecommerce?charset=utf8mb4&parseTime=True&loc=Local")
            .unwrap();
        assert_eq!((dsn.user.as_str(), dsn.database.as_str()), ("user", "ecommerce"));
        assert_eq!(dsn.password.unwrap().reveal(), "password");
        assert_eq!((dsn.address, dsn.tls), (tcp("mysql", 3306), MysqlTls::Disabled));
    }

    #[test]
    fn a_password_may_contain_what_parts_the_rest() {
        let dsn = parse("ana:p:a/s@s?(w)@tcp(db:3307)/shop").unwrap();
        assert_eq!(dsn.password.unwrap().reveal(), "p:a/s@s?(w)");
        assert_eq!(dsn.address, tcp("db", 3307));
    }

    #[test]
    fn the_name_of_the_database_is_decoded() {
        assert_eq!(parse("a@/shop%2F1+1").unwrap().database, "shop/1+1");
    }

    #[test]
    fn the_address_has_defaults_and_may_be_a_socket() {
        assert_eq!(parse("a@tcp(db)/s").unwrap().address, tcp("db", 3306));
        assert_eq!(parse("a@tcp([::1]:1)/s").unwrap().address, tcp("::1", 1));
        assert_eq!(parse("a@tcp/s").unwrap().address, tcp("127.0.0.1", 3306));
        assert_eq!(parse("a@/s").unwrap().address, tcp("127.0.0.1", 3306));
        assert_eq!(
            parse("a@unix(/run/my.sock)/s").unwrap().address,
            MysqlAddress::Socket("/run/my.sock".into())
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let cases = [
            ("root:hunter2@tcp(db:3306)", "no /"),
            ("root:hunter2@tcp(db:3306/shop", "closing parenthesis"),
            ("root:hunter2@tcp(db:port)/shop", "host:port"),
            ("root:hunter2@pipe(x)/shop", "neither tcp"),
            ("root:hunter2@tcp(db)/shop?tls=custom", "tls=custom"),
            ("tcp(db:3306)/shop", "no user"),
            ("root:hunter2@tcp(db:3306)/", "no database"),
        ];
        for (text, expected) in cases {
            let reason = MysqlDsn::parse(text).unwrap_err();
            assert!(reason.contains(expected) && !reason.contains("hunter2"), "{text}: {reason}");
        }
    }
}
