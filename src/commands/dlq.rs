//! `esteira dlq`: dead letters.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use esteira_bus::LetterId;
use esteira_config::Settings;
use esteira_dead_letters::{Cause, Filters, Letter, Progress, Redriven, Shown, State};
use serde::Serialize;
use serde_json::{Value, json};

use super::print::{Output, print_json, say};
use super::progress::Bar;
use super::values;
use crate::admin::{Client, RedriveWish};
use crate::exit::Exit;

const LIST: &str = "\
Examples:
  esteira dlq list --causes
  esteira dlq list --state open --aggregate order --id 12
  esteira dlq list --since 2026-11-23T00:00:00Z --json";

const SHOW: &str = "\
Examples:
  esteira dlq show order.paid.dlq/0/12";

const REDRIVE: &str = "\
Examples:
  esteira dlq redrive order.paid.dlq/0/12 --dry-run
  esteira dlq redrive --all --topic order.paid --rate 100";

const DISCARD: &str = "\
Examples:
  esteira dlq discard order.paid.dlq/0/12 --reason 'paid twice by hand, ticket 4711'";

/// What to do with dead letters.
#[derive(Clone, Debug, Subcommand)]
pub enum Dlq {
    /// List dead letters, oldest first
    #[command(after_help = LIST)]
    List {
        #[command(flatten)]
        which: Which,
        /// Group them by cause instead
        #[arg(long)]
        causes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Show one dead letter: its record, its error, and what a redrive would do
    #[command(after_help = SHOW)]
    Show {
        /// `<topic>.dlq/<partition>/<offset>`
        letter: LetterId,
        #[command(flatten)]
        output: Output,
    },
    /// Hand dead letters back to the consumer groups that gave them up
    #[command(after_help = REDRIVE)]
    Redrive {
        /// `<topic>.dlq/<partition>/<offset>`
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        letters: Vec<LetterId>,
        /// Every open one that the filters below mean
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        which: Which,
        /// With --all: stop before this letter
        #[arg(long, requires = "all")]
        until_letter: Option<LetterId>,
        /// With --all: letters a second
        #[arg(long, requires = "all")]
        rate: Option<NonZeroU32>,
        /// Change nothing, and show what would change
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Give dead letters up for good, so that what waits behind them goes on
    #[command(after_help = DISCARD)]
    Discard {
        /// `<topic>.dlq/<partition>/<offset>`
        #[arg(required = true)]
        letters: Vec<LetterId>,
        /// Kept beside the letter
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        output: Output,
    },
}

/// Filters; all that is given must hold.
#[derive(Args, Clone, Debug)]
pub struct Which {
    /// The topic that the record came from
    #[arg(long)]
    topic: Option<String>,
    /// The consumer group that gave it up
    #[arg(long)]
    group: Option<String>,
    /// user, product, order or reservation
    #[arg(long)]
    aggregate: Option<String>,
    /// The aggregate's id
    #[arg(long, value_parser = values::id)]
    id: Option<i64>,
    /// Text that is part of the error
    #[arg(long)]
    error: Option<String>,
    /// open, redriving, applied or discarded
    #[arg(long, value_parser = parse_state)]
    state: Option<State>,
    /// Given up at this time or later (RFC 3339)
    #[arg(long, value_parser = values::time)]
    since: Option<DateTime<Utc>>,
    /// Given up at this time or earlier (RFC 3339)
    #[arg(long, value_parser = values::time)]
    until: Option<DateTime<Utc>>,
}

impl From<Which> for Filters {
    fn from(which: Which) -> Self {
        let Which { topic, group, aggregate, id, error, state, since, until } = which;
        Self { topic, group, aggregate, aggregate_id: id, error, state, since, until }
    }
}

fn parse_state(text: &str) -> Result<State, String> {
    serde_json::from_value(json!(text))
        .map_err(|_| "expected open, redriving, applied or discarded".to_owned())
}

pub async fn dlq(settings: &Settings, command: Dlq) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let result = match command {
        Dlq::List { which, causes: true, output } => causes(&client, which.into(), output).await,
        Dlq::List { which, causes: false, output } => list(&client, which.into(), output).await,
        Dlq::Show { letter, output } => show(&client, &letter, output).await,
        Dlq::Redrive { letters, all: false, dry_run: true, output, .. } => {
            preview(&client, &letters, output).await
        }
        Dlq::Redrive { letters, all: false, output, .. } => redrive(&client, &letters, output).await,
        Dlq::Redrive { which, dry_run: true, output, .. } => preview_all(&client, which.into(), output).await,
        Dlq::Redrive { which, until_letter, rate, output, .. } => {
            let until = until_letter.map(|letter| letter.to_string());
            let wish = RedriveWish { filters: which.into(), until, per_second: rate };
            redrive_all(&client, &wish, output).await
        }
        Dlq::Discard { letters, reason, output } => discard(&client, &letters, &reason, output).await,
    };
    client.close().await;
    result
}

async fn list(client: &Client, filters: Filters, output: Output) -> anyhow::Result<Exit> {
    let letters: Vec<Letter> = client.get(&with_query("/admin/dead-letters", &filters)?).await?;
    if output.json {
        return print_json(&letters);
    }
    for letter in &letters {
        let Letter { letter: id, aggregate, aggregate_id, state, error, .. } = letter;
        let aggregate = aggregate.as_deref().unwrap_or("?");
        let of = aggregate_id.map_or_else(String::new, |id| format!(" {id}"));
        say!("{id}\t{}\t{aggregate}{of}\t{error}", name(*state))?;
    }
    Ok(Exit::Done)
}

async fn causes(client: &Client, filters: Filters, output: Output) -> anyhow::Result<Exit> {
    let causes: Vec<Cause> = client.get(&with_query("/admin/dead-letters/causes", &filters)?).await?;
    if output.json {
        return print_json(&causes);
    }
    if !causes.is_empty() {
        say!("LETTERS\tOPEN\tTOPIC\tGROUP\tERROR")?;
    }
    for Cause { original_topic, group, error, count, open, .. } in &causes {
        say!("{count}\t{open}\t{original_topic}\t{}\t{error}", group.as_deref().unwrap_or("-"))?;
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, letter: &LetterId, output: Output) -> anyhow::Result<Exit> {
    let shown: Shown = client.get(&format!("/admin/dead-letters/{letter}")).await?;
    if output.json {
        return print_json(&shown);
    }
    let Letter { state, group, error, attempts, dead_at, reason, .. } = &shown.letter;
    say!("{letter}: {}", name(*state))?;
    say!("  from      {}", shown.letter.original_topic)?;
    say!("  group     {}", group.as_deref().unwrap_or("not told"))?;
    say!("  error     {error}")?;
    say!("  attempts  {}", attempts.map_or_else(|| "not told".to_owned(), |attempts| attempts.to_string()))?;
    say!("  dead at   {}", dead_at.map_or_else(|| "not told".to_owned(), |at| at.to_rfc3339()))?;
    if let Some(reason) = reason {
        say!("  reason    {reason}")?;
    }
    say!("  key       {}", shown.key.as_deref().unwrap_or("none"))?;
    for (header, value) in &shown.headers {
        say!("  header    {header}: {}", value.as_deref().unwrap_or("null"))?;
    }
    say!("{}", serde_json::to_string_pretty(&shown.value)?)?;
    say!("{}", effects(&shown).trim_start_matches('\n'))?;
    Ok(Exit::Done)
}

async fn redrive(client: &Client, letters: &[LetterId], output: Output) -> anyhow::Result<Exit> {
    for letter in letters {
        let done: Redriven =
            client.post(&format!("/admin/dead-letters/{letter}/redrive"), &Value::Null).await?;
        let said = if done.handed_in { "handed in" } else { "not open, left alone" };
        output.line(&done, || format!("{letter}: {said}"))?;
    }
    Ok(Exit::Done)
}

async fn preview(client: &Client, letters: &[LetterId], output: Output) -> anyhow::Result<Exit> {
    for letter in letters {
        let shown: Shown = client.get(&format!("/admin/dead-letters/{letter}")).await?;
        output.line(&shown, || format!("{letter}: {}{}", name(shown.letter.state), effects(&shown)))?;
    }
    Ok(Exit::Done)
}

async fn preview_all(client: &Client, filters: Filters, output: Output) -> anyhow::Result<Exit> {
    let filters = Filters { state: Some(State::Open), ..filters };
    let letters: Vec<Letter> = client.get(&with_query("/admin/dead-letters", &filters)?).await?;
    let letters: Vec<LetterId> = letters.iter().filter_map(|letter| letter.letter.parse().ok()).collect();
    preview(client, &letters, output).await
}

async fn redrive_all(client: &Client, wish: &RedriveWish, output: Output) -> anyhow::Result<Exit> {
    let bar = Bar::new("letters");
    let told =
        |progress: Progress| bar.at((progress.handed_in + progress.refused) as u64, progress.total as u64);
    let done = client.follow("/admin/dead-letters/redrive", wish, told).await;
    bar.end();
    let done = done?;
    if output.json {
        print_json(&done)?;
    } else {
        let Progress { total, handed_in, refused, last_refusal } = &done;
        say!("{handed_in} of {total} handed in, {refused} refused")?;
        if let Some(reason) = last_refusal {
            say!("the last refusal: {reason}")?;
        }
    }
    Ok(Exit::found_if(done.refused > 0))
}

async fn discard(
    client: &Client,
    letters: &[LetterId],
    reason: &str,
    output: Output,
) -> anyhow::Result<Exit> {
    for letter in letters {
        let path = format!("/admin/dead-letters/{letter}/discard");
        let discarded: Letter = client.post(&path, &json!({ "reason": reason })).await?;
        output.line(&discarded, || format!("{letter}: {}", name(discarded.state)))?;
    }
    Ok(Exit::Done)
}

/// A line a consumer group, and one a field that would change.
fn effects(shown: &Shown) -> String {
    let mut text = String::new();
    for would in &shown.would {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  {}: {}", would.group, would.effect);
        for line in difference(would.before.as_ref(), would.after.as_ref()) {
            let _ = write!(text, "\n    {line}");
        }
    }
    text
}

/// The top-level fields that differ.
fn difference(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let field =
        |of: Option<&Value>, name: &str| of.and_then(|of| of.get(name)).cloned().unwrap_or(Value::Null);
    let objects = [before, after].into_iter().flatten().filter_map(Value::as_object);
    let names: std::collections::BTreeSet<&String> = objects.flat_map(serde_json::Map::keys).collect();
    let mut lines = Vec::new();
    for name in names {
        let (old, new) = (field(before, name), field(after, name));
        if old != new {
            lines.push(format!("{name}: {old} → {new}"));
        }
    }
    lines
}

fn name(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Redriving => "redriving",
        State::Applied => "applied",
        State::Discarded => "discarded",
    }
}

fn with_query(path: &str, query: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{path}?{}", serde_urlencoded::to_string(query)?))
}
