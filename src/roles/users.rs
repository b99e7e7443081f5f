//! The users service.

use std::sync::Arc;

use esteira_users::{Users, UsersApi, routes};
use esteira_web::ApiInfo;

use super::Role;
use crate::platform::Platform;

pub const API: ApiInfo = ApiInfo {
    title: "Esteira users",
    description: "Commands for users, and their history.",
    version: env!("CARGO_PKG_VERSION"),
};

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let db = platform.engines.store()?.clone();
    let commands = platform.executor(Arc::new(Users), "user commands")?;
    platform.serve_commands(Role::Users, routes(UsersApi { commands, db }), API);
    Ok(())
}
