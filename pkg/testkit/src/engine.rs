//! Which engines there are to test on.

use std::env;
use std::io::Write as _;

/// The value of `variable`, where `name` is to be found. Without one the test must pass without that engine, which is
/// said loudly; with `ESTEIRA_REQUIRE_ENGINES=1` it fails.
pub fn engine(name: &str, variable: &str) -> Option<String> {
    let address = env::var(variable).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        assert_ne!(env::var("ESTEIRA_REQUIRE_ENGINES").as_deref(), Ok("1"), "{variable} must be set");
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let line = format!("NOT TESTED ON {} ({variable} is not set): {test}\n", name.to_uppercase());
        // Past the harness, which shows what a passing test prints to nobody, and in one piece.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    address
}
