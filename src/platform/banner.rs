//! The first lines: where everything is and what to try.

use serde_json::{Map, Value, json};

use super::places::Places;
use super::running::Platform;
use crate::commands::print::{Unwritable, say};
use crate::roles::Role;

pub fn print(platform: &Platform, roles: &[Role], as_json: bool) -> Result<(), Unwritable> {
    if as_json {
        return say!("{}", document(platform, roles));
    }
    if roles.len() == Role::ALL.len() {
        return print_all(platform);
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    say!("esteira {} is running", names.join(", "))
}

fn print_all(platform: &Platform) -> Result<(), Unwritable> {
    let url = |role| platform.url(role).unwrap_or_default();
    let Places { store, log, views } = Places::of(&platform.settings);
    let (users, queries) = (url(Role::Users), url(Role::Query));
    say!("esteira is ready")?;
    say!("  users     {users}/docs")?;
    say!("  products  {}/docs", url(Role::Products))?;
    say!("  orders    {}/docs", url(Role::Orders))?;
    say!("  queries   {queries}/docs")?;
    say!("  console   {}", url(Role::Console))?;
    say!("  engines   {store} → {log} → {views}")?;
    say!("try")?;
    say!("  scripts/demo")?;
    say!("  curl {users}/users --json '{{\"name\": \"Ana Souza\", \"email\": \"ana@example.com\"}}'")?;
    say!("  curl {queries}/q/users")?;
    say!("stop with Ctrl-C")
}

/// One line, for whoever started this process: its roles, where each listens, its engines.
fn document(platform: &Platform, roles: &[Role]) -> Value {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let urls: Map<String, Value> =
        roles.iter().filter_map(|role| Some((role.name().to_owned(), platform.url(*role)?.into()))).collect();
    json!({ "roles": names, "urls": urls, "engines": Places::of(&platform.settings) })
}
