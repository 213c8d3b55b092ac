//! What was measured, as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::chart::Line;
use crate::goals::GOALS;
use crate::rounds::{Ratio, Series};

/// What came of a goal.
pub enum Outcome {
    Measured {
        ours: String,
        reference: String,
        ratio: Ratio,
    },
    /// Why it was not measured.
    Skipped(String),
}

/// All that was measured.
#[derive(Default)]
pub struct Report {
    pub outcomes: BTreeMap<&'static str, Outcome>,
    sections: String,
    pub lines: Vec<Line>,
}

impl Report {
    pub fn measured(
        &mut self,
        key: &'static str,
        ours: impl Into<String>,
        reference: impl Into<String>,
        ratio: Ratio,
    ) {
        let (ours, reference) = (ours.into(), reference.into());
        self.outcomes.insert(key, Outcome::Measured { ours, reference, ratio });
    }

    pub fn skipped(&mut self, key: &'static str, why: impl Into<String>) {
        self.outcomes.insert(key, Outcome::Skipped(why.into()));
    }

    /// Adds a table, and prints it.
    pub fn table(&mut self, title: &str, note: &str, header: &[&str], rows: &[Vec<String>]) {
        let mut text = format!("### {title}\n\n");
        if !note.is_empty() {
            let _ = writeln!(text, "{note}\n");
        }
        text += &table(header, rows);
        println!("\n{text}");
        self.sections += &text;
        self.sections.push('\n');
    }

    /// The goals that were asked for, with the explanations of a text of `## row KEY` sections.
    pub fn goals(&self, notes: &str) -> String {
        let mut rows = Vec::new();
        let mut why = String::new();
        for goal in GOALS {
            let mut row = vec![goal.key.to_owned(), goal.what.to_owned()];
            let note = note(notes, goal.key);
            let verdict = match self.outcomes.get(goal.key) {
                None => continue,
                Some(Outcome::Skipped(reason)) => {
                    row.extend(["–".to_owned(), "–".to_owned(), "–".to_owned()]);
                    reason.clone()
                }
                Some(Outcome::Measured { ours, reference, ratio }) => {
                    row.extend([ours.clone(), reference.clone(), ratio_text(ratio)]);
                    match (goal.gate.holds(ratio.median), goal.stretch.holds(ratio.median)) {
                        (_, true) => "stretch met".to_owned(),
                        (true, false) => "gate met".to_owned(),
                        (false, false) => "**missed**".to_owned(),
                    }
                }
            };
            row.extend([goal.gate.text(), goal.stretch.text(), verdict]);
            rows.push(row);
            if let Some(note) = note {
                let _ = writeln!(why, "- **{}**: {note}", goal.key);
            }
        }
        let header = [
            "row",
            "what",
            "ours",
            "reference",
            "ratio (min–max of a round)",
            "gate",
            "stretch",
            "result",
        ];
        let mut text = table(&header, &rows);
        if !why.is_empty() {
            let _ = write!(text, "\n{why}");
        }
        text
    }

    pub fn sections(&self) -> &str {
        &self.sections
    }
}

/// The text of a section `## row KEY` of the notes, on one line.
fn note(notes: &str, key: &str) -> Option<String> {
    let mut lines = notes.lines().skip_while(|line| *line != format!("## row {key}"));
    lines.next()?;
    let words = lines.take_while(|line| !line.starts_with("## ")).map(str::trim);
    let text = words.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), " --- |".repeat(header.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A ratio with the extremes of its rounds.
pub fn ratio_text(ratio: &Ratio) -> String {
    format!("{} ({}–{})", short(ratio.median), short(ratio.min), short(ratio.max))
}

/// A number with as many digits as say something.
pub fn short(number: f64) -> String {
    match number.abs() {
        0.0..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => grouped(number),
    }
}

/// A whole number with commas.
pub fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if number <= -0.5 { format!("-{text}") } else { text }
}

/// A unit for a number of nanoseconds, and how many of them it has.
fn unit(ns: f64) -> (&'static str, f64) {
    match ns.abs() {
        0.0..10_000.0 => ("ns", 1.0),
        10_000.0..10_000_000.0 => ("µs", 1e3),
        10_000_000.0..10_000_000_000.0 => ("ms", 1e6),
        _ => ("s", 1e9),
    }
}

/// A number of nanoseconds.
pub fn time(ns: f64) -> String {
    let (name, size) = unit(ns);
    format!("{} {name}", short(ns / size))
}

/// The median of a series of nanoseconds, with its extremes.
pub fn times(series: &Series) -> String {
    let (name, size) = unit(series.median());
    let [median, min, max] =
        [series.median(), series.min(), series.max()].map(|ns| short(ns / size));
    format!("{median} {name} ({min}–{max})")
}

/// The median of a series of operations per second, with its extremes, in millions.
pub fn rates(series: &Series) -> String {
    let [median, min, max] =
        [series.median(), series.min(), series.max()].map(|rate| short(rate / 1e6));
    format!("{median} ({min}–{max})")
}
