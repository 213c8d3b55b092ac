//! What a subcommand prints: for people, or as JSON for programs.

use std::io::{BufWriter, IsTerminal, StdoutLock, Write, stdout};

use rbtoken::json::Value;
use terminal_size::{Width, terminal_size_of};

use crate::failure::{Failure, Outcome};
use crate::table::{Column, Table, printable};
use crate::times::Zone;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    /// One document.
    Json,
    /// A document in each line.
    JsonLines,
}

/// The standard output, and the options for it.
pub struct Output {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    is_quiet: bool,
    /// Whether token values are printed.
    pub show_values: bool,
    pub zone: Zone,
    /// Columns of the terminal; `None` if lines can have any length.
    width: Option<usize>,
    has_color: bool,
}

impl Output {
    pub fn new(format: Format, is_quiet: bool, show_values: bool, zone: Zone) -> Self {
        let is_terminal = stdout().is_terminal();
        let columns = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
        let width = columns.filter(|columns| *columns > 0).or_else(|| {
            let size = terminal_size_of(stdout());
            size.map(|(Width(columns), _)| usize::from(columns)).filter(|_| is_terminal)
        });
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let out = BufWriter::new(stdout().lock());
        let has_color = is_terminal && !no_color;
        // A value that is cut is of no use.
        let width = width.filter(|_| !show_values);
        Self { out, format, is_quiet, show_values, zone, width, has_color }
    }

    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Prints what was done, as a sentence or as JSON. Nothing with `--quiet`.
    pub fn done(&mut self, sentence: &str, document: &Value) -> Outcome {
        match self.format {
            Format::Text if self.is_quiet => Ok(()),
            Format::Text => self.line(&printable(sentence)),
            _ => self.document(&document.to_string()),
        }
    }

    /// Prints fields and their values, or a JSON document. `short` is printed with `--quiet`.
    pub fn fields(&mut self, fields: &[(&str, String)], short: &str, document: &str) -> Outcome {
        match self.format {
            Format::Text if self.is_quiet => self.line(&printable(short)),
            Format::Text => {
                let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
                for (name, value) in fields {
                    let bold = if self.has_color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
                    let padding = " ".repeat(width - name.len());
                    let line = format!("{}{name}{}:{padding} {}", bold.0, bold.1, printable(value));
                    self.line(line.trim_end())?;
                }
                Ok(())
            }
            _ => self.document(document),
        }
    }

    /// Prints a JSON document.
    pub fn document(&mut self, text: &str) -> Outcome {
        self.line(text)
    }

    pub fn line(&mut self, line: &str) -> Outcome {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Starts a list, which is a table or an array.
    pub fn rows(&mut self, columns: &'static [Column]) -> Rows<'_> {
        let table = Table::new(columns, self.width);
        Rows { output: self, table, count: 0 }
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) -> Outcome {
        Ok(self.out.flush()?)
    }
}

/// A list that is printed while its rows arrive.
pub struct Rows<'a> {
    output: &'a mut Output,
    table: Table,
    count: u64,
}

impl Rows<'_> {
    /// Adds a row. With `--quiet`, only its first cell is printed.
    pub fn add<T: AsRef<str>>(
        &mut self,
        cells: impl FnOnce() -> Vec<String>,
        document: impl FnOnce() -> rbtoken::Result<T>,
    ) -> Outcome {
        self.count += 1;
        match self.output.format {
            Format::Text if self.output.is_quiet => {
                let cells = cells();
                self.output.line(&printable(cells.first().map_or("", |it| it)))
            }
            Format::Text => {
                let lines = self.table.add(cells());
                Ok(self.output.out.write_all(self.output.colored(lines).as_bytes())?)
            }
            Format::JsonLines => self.output.document(document()?.as_ref()),
            Format::Json => {
                let before = if self.count == 1 { "[\n  " } else { ",\n  " };
                self.output.out.write_all(before.as_bytes())?;
                Ok(self.output.out.write_all(document()?.as_ref().as_bytes())?)
            }
        }
    }

    /// Ends the list, and returns the number of rows.
    pub fn finish(mut self) -> Result<u64, Failure> {
        match self.output.format {
            Format::Text => {
                let lines = self.table.finish();
                self.output.out.write_all(self.output.colored(lines).as_bytes())?;
            }
            Format::Json if self.count == 0 => self.output.line("[]")?,
            Format::Json => self.output.line("\n]")?,
            Format::JsonLines => {}
        }
        Ok(self.count)
    }
}

impl Output {
    /// Makes the first of several lines bold: the titles of a table.
    fn colored(&self, lines: String) -> String {
        match lines.split_once('\n') {
            Some((titles, rest)) if self.has_color && !rest.is_empty() => {
                format!("\x1b[1m{titles}\x1b[0m\n{rest}")
            }
            _ => lines,
        }
    }
}
