//! `MYSQL_DSN`: the DSN of Go's driver, or a `mysql://` URL.

mod go;
mod url;

use std::fmt;
use std::path::PathBuf;

use crate::error::ConfigError;
use crate::rule::{MASK, Reason, Rule, Secret, Show};
use crate::settings::Settings;

/// The port of a MySQL server that names none.
const PORT: u16 = 3306;

/// Where MySQL is and who we are there. `Debug` and `Display` hide the password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MysqlDsn {
    /// The user.
    pub user: String,
    /// The password, if there is one.
    pub password: Option<Secret>,
    /// Where the server listens.
    pub address: MysqlAddress,
    /// The database.
    pub database: String,
    /// Whether the connection is encrypted.
    pub tls: MysqlTls,
}

/// Where a MySQL server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MysqlAddress {
    /// Over the network.
    Tcp {
        /// A name or an address, an IPv6 one without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// By a Unix socket.
    Socket(PathBuf),
}

/// Whether a connection to MySQL is encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MysqlTls {
    /// Never: the default of Go's driver.
    Disabled,
    /// If the server can: the default of `mysql://` URLs, as MySQL's own programs have it.
    Preferred,
    /// Always, without a look at the certificate.
    Required,
    /// Always, with a certificate of a known authority.
    VerifyCa,
    /// Always, with a certificate for this host.
    VerifyIdentity,
}

impl MysqlDsn {
    /// Reads either form.
    ///
    /// # Errors
    /// What is wrong, without the password.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let dsn = if text.starts_with("mysql://") { url::parse(text) } else { go::parse(text) }?;
        if dsn.user.is_empty() {
            return Err("it has no user".into());
        }
        if dsn.database.is_empty() {
            return Err("it has no database".into());
        }
        Ok(dsn)
    }

    /// The DSN of another database of the same server, as Go writes it, with the password.
    pub fn reveal_for(&self, database: &str) -> String {
        let password = self.password.as_ref().map(|password| format!(":{}", password.reveal()));
        let address = match &self.address {
            MysqlAddress::Tcp { host, port } if host.contains(':') => format!("tcp([{host}]:{port})"),
            MysqlAddress::Tcp { host, port } => format!("tcp({host}:{port})"),
            MysqlAddress::Socket(path) => format!("unix({})", path.display()),
        };
        let tls = match self.tls {
            MysqlTls::Disabled => "false",
            MysqlTls::Preferred => "preferred",
            MysqlTls::Required => "skip-verify",
            MysqlTls::VerifyCa => "verify-ca",
            MysqlTls::VerifyIdentity => "true",
        };
        format!("{}{}@{address}/{database}?tls={tls}", self.user, password.unwrap_or_default())
    }

    pub(crate) fn rule() -> Rule<Self> {
        let allowed = "user:password@tcp(host:port)/database, user:password@unix(/path)/database or mysql://user:password@host:port/database";
        let mask = |text: &str| Self::parse(text).map_or_else(|_| text.to_owned(), |dsn| dsn.to_string());
        Rule::new("connection", allowed, Self::parse).showing(Show::Masked(mask))
    }
}

/// # Errors
/// If there are authorities to trust and the DSN does not look at certificates.
pub(crate) fn check_authorities(settings: &Settings) -> Result<(), ConfigError> {
    if settings.mysql_ca_file.is_none() {
        return Ok(());
    }
    let problem = match settings.mysql_dsn.as_ref().map(|dsn| dsn.tls) {
        Some(MysqlTls::VerifyCa | MysqlTls::VerifyIdentity) => return Ok(()),
        Some(MysqlTls::Disabled | MysqlTls::Preferred | MysqlTls::Required) => {
            "it has no effect while MYSQL_DSN does not ask for a verified certificate, by tls=true in Go's form or ssl-mode=VERIFY_IDENTITY in a URL"
        }
        None => "it has no effect without MYSQL_DSN",
    };
    Err(ConfigError::Inconsistent { name: "ESTEIRA_MYSQL_CA_FILE", problem: problem.to_owned() })
}

impl fmt::Display for MysqlDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        if self.password.is_some() {
            write!(f, ":{MASK}")?;
        }
        match &self.address {
            MysqlAddress::Tcp { host, port } if host.contains(':') => write!(f, "@tcp([{host}]:{port})")?,
            MysqlAddress::Tcp { host, port } => write!(f, "@tcp({host}:{port})")?,
            MysqlAddress::Socket(path) => write!(f, "@unix({})", path.display())?,
        }
        write!(f, "/{}", self.database)
    }
}

/// The last of `options` that speaks of encryption, in Go's words (`tls=true`) or MySQL's (`ssl-mode=REQUIRED`).
fn tls_option(
    options: impl Iterator<Item = (String, String)>,
    default: MysqlTls,
) -> Result<MysqlTls, Reason> {
    let mut tls = default;
    for (name, value) in options {
        if ["tls", "ssl-mode", "sslmode"].contains(&name.to_ascii_lowercase().as_str()) {
            tls = named_tls(&value).ok_or_else(|| format!("{name}={value} is unknown"))?;
        }
    }
    Ok(tls)
}

fn named_tls(value: &str) -> Option<MysqlTls> {
    Some(match value.to_ascii_lowercase().replace('-', "_").as_str() {
        "false" | "0" | "disabled" => MysqlTls::Disabled,
        "preferred" => MysqlTls::Preferred,
        "skip_verify" | "required" => MysqlTls::Required,
        "verify_ca" => MysqlTls::VerifyCa,
        "true" | "1" | "verify_identity" => MysqlTls::VerifyIdentity,
        _ => return None,
    })
}

/// Percent-decodes one part.
fn decode(part: &str) -> Result<String, Reason> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = if *first == b'%' { tail.get(..2).and_then(hex) } else { None };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_shown_the_same_and_without_the_password() {
        let forms = [
            "root:hunter2@tcp(db:3306)/ecommerce?tls=true",
            "mysql://root:hunter2@db/ecommerce?ssl-mode=VERIFY_IDENTITY",
        ];
        for form in forms {
            let dsn = MysqlDsn::parse(form).unwrap();
            assert_eq!(dsn.to_string(), "root:***@tcp(db:3306)/ecommerce");
            assert!(!format!("{dsn:?}").contains("hunter2"));
            assert_eq!(dsn.tls, MysqlTls::VerifyIdentity);
        }
    }

    #[test]
    fn an_address_and_a_socket_are_shown_as_go_writes_them() {
        for text in ["ana@tcp([::1]:3307)/shop", "ana@unix(/run/mysqld/mysqld.sock)/shop"] {
            assert_eq!(MysqlDsn::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_dsn_for_another_database_reads_back() {
        let forms = [
            "root:hu@n/t:er@tcp(db:3306)/shop?tls=skip-verify",
            "ana@tcp([::1]:3307)/shop",
            "mysql://ana@db/shop?ssl-mode=VERIFY_CA",
            "ana@unix(/run/mysqld/mysqld.sock)/shop?tls=true",
        ];
        for form in forms {
            let dsn = MysqlDsn::parse(form).unwrap();
            let other = MysqlDsn { database: "other".into(), ..dsn.clone() };
            assert_eq!(MysqlDsn::parse(&dsn.reveal_for("other")).unwrap(), other);
        }
    }

    #[test]
    fn every_name_for_encryption_is_known() {
        let names = [
            "false",
            "DISABLED",
            "preferred",
            "skip-verify",
            "REQUIRED",
            "VERIFY_CA",
            "true",
            "verify-identity",
        ];
        assert!(names.iter().all(|name| named_tls(name).is_some()));
        assert_eq!(named_tls("custom"), None);
    }
}
