//! What a fault did, as a line and as a row of a table.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinError;

use crate::faults::Fault;

/// What was measured of one fault.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// What was done, in words.
    pub done: String,
    /// Orders a second that were acknowledged while the fault was there.
    pub held: Option<f64>,
    /// From healing until everything agreed.
    pub recovery: Option<Duration>,
    pub lost: usize,
    pub doubled: usize,
    pub notes: Vec<String>,
}

/// An outcome, or why there is none.
pub type Verdict = Result<Outcome, String>;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    title: String,
    at: String,
    verdict: Verdict,
}

/// The rows by number, kept in a file so that long faults can be run on their own.
#[derive(Debug, Default)]
pub struct Results {
    rows: BTreeMap<u8, Row>,
    ran: Vec<u8>,
    file: Option<PathBuf>,
}

impl Results {
    pub fn open(file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let rows: BTreeMap<u8, Row> =
            text.map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default();
        Self { rows, ran: Vec::new(), file }
    }

    pub fn add(&mut self, fault: &Fault, verdict: Verdict) {
        let at = chrono::Utc::now().format("%Y-%m-%d %H:%M").to_string();
        let row = Row { title: fault.title.to_owned(), at, verdict };
        println!("{}", line(fault.number, &row));
        self.rows.insert(fault.number, row);
        self.ran.push(fault.number);
        if let Some(file) = &self.file {
            std::fs::write(file, serde_json::to_string_pretty(&self.rows).unwrap()).unwrap();
        }
    }

    /// How many of what this run did passed, and failed; of all that is known, when it did nothing.
    fn passed_and_failed(&self) -> (usize, usize) {
        let asked = |number: &u8| self.ran.is_empty() || self.ran.contains(number);
        let asked = self.rows.iter().filter(|(number, _)| asked(number));
        let (passed, failed): (Vec<_>, Vec<_>) = asked.partition(|(_, row)| passed(&row.verdict));
        (passed.len(), failed.len())
    }

    pub fn all_passed(&self) -> bool {
        self.passed_and_failed().1 == 0
    }

    /// For whoever sums up tests.
    pub fn counts(&self) -> String {
        let (passed, failed) = self.passed_and_failed();
        format!("faults: {passed} passed; {failed} failed")
    }

    /// The table, in Markdown.
    pub fn table(&self) -> String {
        let mut table = String::from(
            "| # | fault | what was done | load held | recovery | lost | doubled |\n| -: | --- | --- | -: | -: | -: | -: |\n",
        );
        for (number, row) in &self.rows {
            let cells = cells(row);
            let _ = writeln!(table, "| {number} | {} | {} |", row.title, cells.join(" | "));
        }
        table
    }
}

fn passed(verdict: &Verdict) -> bool {
    verdict.as_ref().is_ok_and(|outcome| outcome.lost == 0 && outcome.doubled == 0)
}

fn cells(row: &Row) -> [String; 5] {
    match &row.verdict {
        Ok(outcome) => {
            let mut done = vec![outcome.done.clone()];
            done.extend(outcome.notes.iter().cloned());
            let held = outcome.held.map_or("–".to_owned(), |held| format!("{held:.0}/s"));
            let recovery =
                outcome.recovery.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
            [done.join("; "), held, recovery, outcome.lost.to_string(), outcome.doubled.to_string()]
        }
        Err(reason) => {
            let reason = format!("FAILED: {}", reason.replace('|', "/").replace('\n', " "));
            [reason, "–".to_owned(), "–".to_owned(), "?".to_owned(), "?".to_owned()]
        }
    }
}

fn line(number: u8, row: &Row) -> String {
    let [done, held, recovery, lost, doubled] = cells(row);
    let verdict = if passed(&row.verdict) { "ok  " } else { "FAIL" };
    format!(
        "{verdict} {number:>2} {}: {done} · held {held} · recovery {recovery} · lost {lost} · doubled {doubled}",
        row.title
    )
}

/// What a task that panicked said.
pub fn panic_text(error: JoinError) -> String {
    let payload: Box<dyn Any + Send> = error.into_panic();
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panicked".to_owned())
}
