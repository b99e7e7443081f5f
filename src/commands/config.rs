//! `esteira config`: the effective settings and where each came from.

use std::process::ExitCode;

use esteira_config::{Settings, render};

pub fn config(settings: &Settings) -> ExitCode {
    print!("{}", render(settings.effective()));
    ExitCode::SUCCESS
}
