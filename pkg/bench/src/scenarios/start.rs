//! How large the program is and how soon it is ready.

use std::time::Duration;

use crate::Bench;
use crate::platform::{Platform, RUN};
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "start";
/// The median of so many starts on what an earlier one has made.
const STARTS: usize = 5;
const MIB: f64 = 1024.0 * 1024.0;

impl Bench {
    #[expect(clippy::cast_precision_loss, reason = "a file is far below 2^53 bytes")]
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let size = std::env::current_exe()?.metadata()?.len() as f64 / MIB;
        self.tell(Figure::new(NAME, "program", size, "MiB").at_most(40.0));
        let (first, later) = self
            .in_sandbox(async |_, sandbox| {
                let first = started(sandbox).await?;
                let mut later = Vec::new();
                for _ in 0..STARTS {
                    later.push(started(sandbox).await?);
                }
                later.sort_unstable();
                Ok((first, later[STARTS / 2]))
            })
            .await?;
        let (first, later) = (
            Figure::new(NAME, "ready, first start", first.as_secs_f64(), "s"),
            Figure::new(NAME, "ready, later starts", later.as_secs_f64(), "s"),
        );
        let embedded = !self.site.is_servers();
        self.tell(if embedded { first.at_most(1.0) } else { first });
        self.tell(if embedded { later.at_most(1.0) } else { later });
        Ok(())
    }
}

async fn started(sandbox: &Sandbox) -> anyhow::Result<Duration> {
    let mut platform = Platform::new(sandbox)?;
    let took = platform.start(&[RUN]).await?;
    platform.stop().await?;
    Ok(took)
}
