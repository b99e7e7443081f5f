//! Figures, their targets, and how they are shown.

use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// Everything that a run found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub started_at: String,
    pub machine: Machine,
    /// Such as `esteira 0.1.0, release build`.
    pub program: String,
    pub engines: Vec<String>,
    pub figures: Vec<Figure>,
    /// What the oracle found wrong after a load.
    pub differences: Vec<String>,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub scenario: String,
    pub name: String,
    pub value: f64,
    pub unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What `--gate` holds it to: a ratio, so that it says the same on any machine, with a margin for a busy one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Target>,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(value) => write!(f, "≥ {}", number(*value)),
            Self::AtMost(value) => write!(f, "≤ {}", number(*value)),
        }
    }
}

impl Figure {
    pub fn new(scenario: &str, name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            name: name.into(),
            value,
            unit: unit.to_owned(),
            target: None,
            gate: None,
        }
    }

    #[must_use]
    pub fn at_least(mut self, value: f64) -> Self {
        self.target = Some(Target::AtLeast(value));
        self
    }

    #[must_use]
    pub fn at_most(mut self, value: f64) -> Self {
        self.target = Some(Target::AtMost(value));
        self
    }

    #[must_use]
    pub fn gated(mut self, gate: Target) -> Self {
        self.gate = Some(gate);
        self
    }

    pub fn is_met(&self) -> Option<bool> {
        self.target.map(|target| target.holds(self.value))
    }
}

impl Report {
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        std::fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let json =
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_str(&json)
            .with_context(|| format!("{} is no report of esteira bench", path.display()))
    }

    /// The figures as a Markdown table, beside those of `before`.
    pub fn table(&self, before: Option<&Self>) -> String {
        let mut text =
            String::from("| scenario | figure | measured | target | |\n| --- | --- | ---: | ---: | --- |\n");
        for figure in &self.figures {
            let target = figure.target.map_or_else(String::new, |target| target.to_string());
            let mut remark = match figure.is_met() {
                Some(true) => "met".to_owned(),
                Some(false) => "**missed**".to_owned(),
                None => String::new(),
            };
            if let Some(old) = before.and_then(|before| before.same(figure)) {
                let _ =
                    write!(remark, " before {} ({:.2} times)", number(old.value), figure.value / old.value);
            }
            let Figure { scenario, name, value, unit, .. } = figure;
            let _ = writeln!(
                text,
                "| {scenario} | {name} | {} {unit} | {target} | {} |",
                number(*value),
                remark.trim()
            );
        }
        text
    }

    /// The figures that do not keep within their gate, in words.
    pub fn behind_the_gate(&self) -> Vec<String> {
        let outside = |figure: &&Figure| figure.gate.is_some_and(|gate| !gate.holds(figure.value));
        let said = |figure: &Figure| {
            let gate = figure.gate.map_or_else(String::new, |gate| gate.to_string());
            format!(
                "{}, {}: {} {}, must be {gate}",
                figure.scenario,
                figure.name,
                number(figure.value),
                figure.unit
            )
        };
        self.figures.iter().filter(outside).map(said).collect()
    }

    fn same(&self, figure: &Figure) -> Option<&Figure> {
        self.figures.iter().find(|other| {
            other.scenario == figure.scenario && other.name == figure.name && other.unit == figure.unit
        })
    }
}

/// Three digits that mean something, thousands apart.
fn number(value: f64) -> String {
    if value.abs() >= 100.0 { thousands(value) } else { format!("{value:.2}") }
}

#[expect(clippy::cast_possible_truncation, reason = "figures are far below 2^63")]
fn thousands(value: f64) -> String {
    let digits = (value.round() as i64).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(value: f64) -> Report {
        Report {
            started_at: "2026-01-01T00:00:00.000Z".into(),
            machine: Machine::default(),
            program: "esteira".into(),
            engines: vec![],
            figures: vec![Figure::new("commands", "orders", value, "/s").at_least(2_000.0)],
            differences: vec![],
        }
    }

    #[test]
    fn a_table_says_what_met_its_target_and_how_it_was_before() {
        let table = report(4_321.0).table(Some(&report(1_440.0)));
        assert!(
            table.contains("| commands | orders | 4,321 /s | ≥ 2,000 | met before 1,440 (3.00 times) |"),
            "{table}"
        );
        assert!(report(1.0).table(None).contains("**missed**"));
    }

    #[test]
    fn a_figure_outside_its_gate_is_named() {
        let mut report = report(0.5);
        report.figures = vec![Figure::new("growth", "claim", 3.4, "times").gated(Target::AtMost(3.0))];
        assert_eq!(report.behind_the_gate(), ["growth, claim: 3.40 times, must be ≤ 3.00"]);
        report.figures[0].value = 3.0;
        assert!(report.behind_the_gate().is_empty());
    }

    #[test]
    fn a_report_reads_back_as_it_was_written() {
        let json = serde_json::to_string(&report(1.5)).unwrap();
        let read: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(read.figures, report(1.5).figures);
    }
}
