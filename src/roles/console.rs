//! The operator's side: the console, and the API that the tools use.

use std::sync::Arc;

use esteira_config::Tokens;
use esteira_console::{Console, Guard};
use esteira_web::ApiInfo;

use super::Role;
use crate::admin::Admin;
use crate::platform::{Platform, groups, schemas};

const API: ApiInfo = ApiInfo {
    title: "Esteira operator",
    description: "What the tools of the command line ask: dead letters, engines. With `ESTEIRA_ADMIN_TOKEN` set it wants \
                  that as a bearer token; without, it answers on a loopback address only.",
    version: env!("CARGO_PKG_VERSION"),
};

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let settings = &platform.settings;
    let guard = Guard::new(settings.admin_token.iter().flat_map(Tokens::reveal), &settings.host);
    let admin = Admin::new(settings, &platform.engines, platform.health.clone())?;
    let console = Console {
        letters: admin.letters.clone(),
        views: Arc::clone(platform.engines.views()?),
        projector: Arc::clone(&admin.projector),
        groups: groups(settings),
        schemas: schemas(),
        health: platform.health.clone(),
        guard: guard.clone(),
        stop: platform.stop_token(),
    };
    platform.serve(Role::Console, admin.router(guard), API);
    platform.show(console);
    Ok(())
}
