//! The first lines: where everything is and what to try.

use esteira_config::Settings;
use serde_json::{Map, Value, json};

use super::running::Platform;
use crate::roles::Role;

pub fn print(platform: &Platform, roles: &[Role], as_json: bool) {
    let settings = &platform.settings;
    if as_json {
        println!("{}", document(settings, roles));
    } else if roles.len() < Role::ALL.len() {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        println!("esteira {} is running", names.join(", "));
    } else {
        print_all(settings);
    }
}

fn print_all(settings: &Settings) {
    let url = |port: u16| url(settings, port);
    let Engines { store, log, views } = Engines::of(settings);
    println!("esteira is ready");
    println!("  users     {}/docs", url(settings.users_port));
    println!("  products  {}/docs", url(settings.products_port));
    println!("  orders    {}/docs", url(settings.orders_port));
    println!("  queries   {}/docs", url(settings.query_port));
    println!("  console   {}", url(settings.console_port));
    println!("  engines   {store} → {log} → {views}");
    println!("try");
    println!("  scripts/demo");
    println!(
        "  curl {}/users --json '{{\"name\": \"Ana Souza\", \"email\": \"ana@example.com\"}}'",
        url(settings.users_port)
    );
    println!("  curl {}/q/users", url(settings.query_port));
    println!("stop with Ctrl-C");
}

/// One line, for whoever started this process: its roles, where each listens, its engines.
fn document(settings: &Settings, roles: &[Role]) -> Value {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let urls: Map<String, Value> = roles
        .iter()
        .filter_map(|role| {
            let (port, _) = role.port(settings, roles.len() == 1)?;
            Some((role.name().to_owned(), url(settings, port).into()))
        })
        .collect();
    let Engines { store, log, views } = Engines::of(settings);
    json!({ "roles": names, "urls": urls, "engines": { "store": store, "log": log, "views": views } })
}

fn url(settings: &Settings, port: u16) -> String {
    format!("http://{}:{port}", settings.host)
}

/// Where each engine is, without passwords.
struct Engines {
    store: String,
    log: String,
    views: String,
}

impl Engines {
    fn of(settings: &Settings) -> Self {
        let data = settings.data_dir.display();
        Self {
            store: settings
                .mysql_dsn
                .as_ref()
                .map_or_else(|| format!("{data}/store.db"), ToString::to_string),
            log: settings
                .kafka_brokers
                .as_ref()
                .map_or_else(|| format!("{data}/log.db"), ToString::to_string),
            views: settings
                .mongo_uri
                .as_ref()
                .map_or_else(|| format!("{data}/views.db"), ToString::to_string),
        }
    }
}
