//! The report.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::chart::Line;
use crate::format::ratio_text;
use crate::goals::GOALS;
use crate::rounds::Ratio;

/// The result of a goal.
pub enum Outcome {
    Measured {
        ours: String,
        reference: String,
        ratio: Ratio,
    },
    /// Not measured, with the reason.
    Skipped(String),
}

/// All results.
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

    /// Adds a table and prints it.
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

    /// Formats the most important results for readers.
    pub fn summary(&self) -> String {
        let mut rows = Vec::new();
        for goal in GOALS {
            let Some([ours, reference]) = goal.summary else { continue };
            let Some(Outcome::Measured { ours: own, reference: other, .. }) =
                self.outcomes.get(goal.key)
            else {
                continue;
            };
            // The extremes are in the long table.
            let median = |figures: &str| figures.split(" (").next().unwrap_or(figures).to_owned();
            let unit = |figures: &str| {
                figures.rsplit_once(") ").map_or(String::new(), |(_, unit)| format!(" {unit}"))
            };
            let figure = |figures: &str| median(figures) + &unit(figures);
            rows.push(vec![ours.to_owned(), figure(own), reference.to_owned(), figure(other)]);
        }
        table(&["ours", "", "compared with", ""], &rows)
    }

    /// Formats the goals, with explanations from a text with sections `## row KEY`.
    pub fn goals(&self, notes: &str) -> String {
        let mut rows = Vec::new();
        let mut why = String::new();
        for goal in GOALS {
            let mut row = vec![goal.key.to_owned(), goal.what.to_owned()];
            let (verdict, ratio) = match self.outcomes.get(goal.key) {
                None => continue,
                Some(Outcome::Skipped(reason)) => {
                    row.extend(["–".to_owned(), "–".to_owned(), "–".to_owned()]);
                    (reason.as_str(), None)
                }
                Some(Outcome::Measured { ours, reference, ratio }) => {
                    row.extend([ours.clone(), reference.clone(), ratio_text(ratio)]);
                    let verdict = if goal.gate.holds(ratio.median) { "met" } else { "**missed**" };
                    (verdict, Some(ratio.median))
                }
            };
            let limit =
                goal.limit.as_ref().map_or("–".to_owned(), |it| it.text(goal.gate, ratio));
            row.extend([goal.gate.text(), limit, verdict.to_owned()]);
            rows.push(row);
            if let Some(note) = note(notes, goal.key) {
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
            "limit",
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

/// Returns the section `## row KEY` of the notes on one line.
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
