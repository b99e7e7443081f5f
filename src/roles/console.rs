//! The operator's side.

use esteira_web::ApiInfo;

use super::Role;
use crate::admin::Admin;
use crate::platform::Platform;

const API: ApiInfo = ApiInfo {
    title: "Esteira operator",
    description: "What the tools of the command line ask: dead letters, engines. With `ESTEIRA_ADMIN_TOKEN` set it wants \
                  that as a bearer token; without, it answers on a loopback address only.",
    version: env!("CARGO_PKG_VERSION"),
};

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let routes = Admin::new(&platform.settings, &platform.engines)?.router();
    platform.serve(Role::Console, routes, API);
    Ok(())
}
