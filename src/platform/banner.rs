//! The first lines: where everything is and what to try.

use esteira_config::Settings;

use super::running::Platform;
use crate::roles::Role;

pub fn print(platform: &Platform, roles: &[Role]) {
    let settings = &platform.settings;
    if roles.len() < Role::ALL.len() {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        println!("esteira {} is running", names.join(", "));
        return;
    }
    let url = |port: u16| format!("http://{}:{port}", settings.host);
    println!("esteira is ready");
    println!("  users     {}/docs", url(settings.users_port));
    println!("  products  {}/docs", url(settings.products_port));
    println!("  orders    {}/docs", url(settings.orders_port));
    println!("  queries   {}/docs", url(settings.query_port));
    println!("  console   {}", url(settings.console_port));
    println!("  engines   {}", engines(settings));
    println!("try");
    println!("  scripts/demo");
    println!(
        "  curl {}/users --json '{{\"name\": \"Ana Souza\", \"email\": \"ana@example.com\"}}'",
        url(settings.users_port)
    );
    println!("  curl {}/q/users", url(settings.query_port));
    println!("stop with Ctrl-C");
}

fn engines(settings: &Settings) -> String {
    let data = settings.data_dir.display();
    let store = settings.mysql_dsn.as_ref().map_or_else(|| format!("{data}/store.db"), ToString::to_string);
    let log = settings.kafka_brokers.as_ref().map_or_else(|| format!("{data}/log.db"), ToString::to_string);
    let views = settings.mongo_uri.as_ref().map_or_else(|| format!("{data}/views.db"), ToString::to_string);
    format!("{store} → {log} → {views}")
}
