//! `esteira erase`: a person's data, from tables, log and views.

use clap::{Args, Subcommand};
use esteira_config::Settings;
use esteira_erasure::{Entry, Erased, Refused};

use super::print::{Output, Unwritable, complain, print_json, say};
use super::progress::Bar;
use super::values;
use crate::admin::{Client, ErasureWish};
use crate::exit::Exit;

/// Whose data to erase.
#[derive(Clone, Debug, Subcommand)]
pub enum Erase {
    /// Erase name and email of users from every store, for good
    #[command(
        after_help = "Examples:\n  esteira erase user 12 --dry-run\n  esteira erase user 12 13 --yes --reason 'ticket 4711'"
    )]
    User {
        /// The users' ids
        #[arg(required = true, value_parser = values::id)]
        users: Vec<i64>,
        #[command(flatten)]
        how: How,
    },
    /// Erase everybody again who was ever erased: after a backup was restored
    #[command(after_help = "Examples:\n  esteira erase again --yes\n  esteira erase again 14 15 --yes")]
    Again {
        /// Users that were erased after that backup
        #[arg(value_parser = values::id)]
        users: Vec<i64>,
        #[command(flatten)]
        how: How,
    },
    /// List who was erased, when and why
    #[command(after_help = "Examples:\n  esteira erase list --json > erased.json")]
    List(Output),
}

/// How to erase.
#[derive(Args, Clone, Debug)]
pub struct How {
    /// Kept with the user's id; must not name anybody
    #[arg(long, default_value = "")]
    reason: String,
    /// It cannot be taken back: this says that it is meant
    #[arg(long, required_unless_present = "dry_run", conflicts_with = "dry_run")]
    yes: bool,
    /// Change nothing, and count what there is
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

pub async fn erase(settings: &Settings, command: Erase) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let result = match command {
        Erase::User { users, how } => run(&client, users, false, how).await,
        Erase::Again { users, how } => run(&client, users, true, how).await,
        Erase::List(output) => list(&client, output).await,
    };
    client.close().await;
    result
}

async fn run(client: &Client, users: Vec<i64>, again: bool, how: How) -> anyhow::Result<Exit> {
    let wish = ErasureWish { users, reason: how.reason, again, dry_run: how.dry_run };
    let bar = Bar::new("records");
    let told = |erased: Erased| bar.at(erased.read, erased.total);
    let erased: anyhow::Result<Erased> = client.follow("/admin/erasures", &wish, told).await;
    bar.end();
    let erased = erased?;
    if how.output.json {
        print_json(&erased)?;
    } else {
        print(&erased, wish.dry_run)?;
    }
    Ok(Exit::found_if(!erased.refused.is_empty()))
}

fn print(erased: &Erased, dry_run: bool) -> Result<(), Unwritable> {
    for Refused { user_id, reason } in &erased.refused {
        complain(format_args!("user {user_id} is not erased: {reason}"));
    }
    if erased.users.is_empty() {
        return Ok(());
    }
    let Erased { users, events, answers, parked, decisions, records, documents, .. } = erased;
    let ids: Vec<String> = users.iter().map(i64::to_string).collect();
    // Where the platform runs, the projector takes them out of most views as it reads of the erasure.
    let (what, left) = if dry_run { ("would be erased", "") } else { ("erased", " that still had them") };
    say!(
        "user {} {what}: {events} events, {records} records of the log, {documents} documents of the views{left},",
        ids.join(", ")
    )?;
    say!("{parked} parked records, {answers} kept answers, {decisions} reasons")?;
    if dry_run {
        say!("{} partitions would be published again", erased.partitions)?;
    } else {
        say!("{} partitions published again: {} records", erased.partitions, erased.published_again)?;
    }
    for group in &erased.behind {
        say!(
            "group {group} stands still before what was deleted: unless it is stopped, run it again once it goes on"
        )?;
    }
    Ok(())
}

async fn list(client: &Client, output: Output) -> anyhow::Result<Exit> {
    let entries: Vec<Entry> = client.get("/admin/erasures").await?;
    if output.json {
        return print_json(&entries);
    }
    for Entry { user_id, reason, requested_at, erased_at } in &entries {
        let erased = erased_at.map_or_else(|| "broken off".to_owned(), |at| at.to_string());
        say!("{user_id}\t{requested_at}\t{erased}\t{reason}")?;
    }
    Ok(Exit::Done)
}
