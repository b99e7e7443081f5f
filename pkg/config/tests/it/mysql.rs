//! Which settings of a MySQL connection fit together.

use crate::{load, refusal};

const CA_FILE: (&str, &str) = ("ESTEIRA_MYSQL_CA_FILE", "/ca.pem");

#[test]
fn authorities_are_for_a_certificate_that_is_verified() {
    for dsn in ["ana@tcp(db)/shop?tls=true", "mysql://ana@db/shop?ssl-mode=VERIFY_CA"] {
        assert!(load(&[("MYSQL_DSN", dsn), CA_FILE], "").is_ok(), "{dsn}");
    }
    for dsn in ["ana@tcp(db)/shop", "ana@tcp(db)/shop?tls=skip-verify", "mysql://ana@db/shop"] {
        let text = refusal(&[("MYSQL_DSN", dsn), CA_FILE], "");
        assert!(text.starts_with("ESTEIRA_MYSQL_CA_FILE: ") && text.contains("tls=true"), "{text}");
    }
    assert!(refusal(&[CA_FILE], "").ends_with("it has no effect without MYSQL_DSN"));
}
