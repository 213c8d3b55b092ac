//! Tables that fit the terminal, printed while rows arrive.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Spaces between columns.
const GAP: usize = 2;
/// Minimum width of a column that is cut to fit.
const MIN_WIDTH: usize = 6;
/// Number of rows from which the widths of the columns are taken.
const SAMPLE: usize = 200;

/// A column of a table.
pub struct Column {
    pub title: &'static str,
    pub is_number: bool,
    /// Whether cells are cut to fit the terminal.
    can_be_cut: bool,
}

/// Returns a column of texts.
pub const fn text(title: &'static str) -> Column {
    Column { title, is_number: false, can_be_cut: true }
}

/// Returns a column of texts that are useless when cut, such as times.
pub const fn fixed(title: &'static str) -> Column {
    Column { title, is_number: false, can_be_cut: false }
}

/// Returns a column of numbers, which are aligned to the right.
pub const fn number(title: &'static str) -> Column {
    Column { title, is_number: true, can_be_cut: false }
}

/// A table. The first rows are kept until the widths of the columns are known.
pub struct Table {
    columns: &'static [Column],
    /// `None` if lines can have any length.
    width: Option<usize>,
    /// The first rows; `None` after they were printed.
    sample: Option<Vec<Vec<String>>>,
    /// The columns that are printed.
    shown: Vec<Shown>,
}

/// A column that is printed, by its index.
struct Shown {
    index: usize,
    width: usize,
}

impl Table {
    pub fn new(columns: &'static [Column], width: Option<usize>) -> Self {
        Self { columns, width, sample: Some(Vec::new()), shown: Vec::new() }
    }

    /// Adds a row, and returns the lines that can be printed.
    pub fn add(&mut self, cells: Vec<String>) -> String {
        let cells = cells.iter().map(|cell| printable(cell).into_owned()).collect();
        match &mut self.sample {
            Some(sample) => {
                sample.push(cells);
                if sample.len() < SAMPLE { String::new() } else { self.finish() }
            }
            None => self.line(&cells),
        }
    }

    /// Returns the rest of the lines.
    pub fn finish(&mut self) -> String {
        let Some(sample) = self.sample.take() else { return String::new() };
        if sample.is_empty() {
            return String::new();
        }
        let titles: Vec<_> = self.columns.iter().map(|it| it.title.to_owned()).collect();
        self.shown = (0..titles.len())
            .map(|index| {
                let cells = sample.iter().chain([&titles]).map(|row| row[index].width());
                Shown { index, width: cells.max().unwrap_or(0) }
            })
            .collect();
        if let Some(width) = self.width {
            self.fit(width, &sample);
        }
        [&titles].into_iter().chain(&sample).map(|row| self.line(row)).collect()
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for Shown { index, width } in &self.shown {
            let (column, cell) = (&self.columns[*index], &cells[*index]);
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            let cell =
                if self.width.is_some() { cut(cell, *width) } else { Cow::Borrowed(&**cell) };
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            // A `String` accepts everything.
            let _ = match column.is_number {
                true => write!(line, "{padding}{cell}"),
                false => write!(line, "{cell}{padding}"),
            };
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    /// Makes lines fit: drops empty columns, then those at the end that have no room even if others
    /// are cut, and then cuts the widest ones.
    fn fit(&mut self, width: usize, sample: &[Vec<String>]) {
        let columns = self.columns;
        let can_be_cut = |it: &Shown| columns[it.index].can_be_cut && it.width > MIN_WIDTH;
        let min = |it: &Shown| if can_be_cut(it) { MIN_WIDTH } else { it.width };
        let total = |shown: &[Shown], width_of: &dyn Fn(&Shown) -> usize| {
            shown.iter().map(width_of).sum::<usize>() + GAP * shown.len().saturating_sub(1)
        };
        let full: &dyn Fn(&Shown) -> usize = &|it| it.width;
        if total(&self.shown, full) > width {
            self.shown.retain(|it| sample.iter().any(|row| !row[it.index].is_empty()));
        }
        while self.shown.len() > 1 && total(&self.shown, &min) > width {
            self.shown.pop();
        }
        while total(&self.shown, full) > width {
            let candidates = self.shown.iter_mut().filter(|it| can_be_cut(it));
            let Some(widest) = candidates.max_by_key(|it| it.width) else { break };
            widest.width -= 1;
        }
    }
}

/// Cuts a text to a width, and marks the cut.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    Cow::Owned(kept)
}

/// Returns a text that a terminal shows and does not obey: control characters are escaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_unsafe = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for character in text.chars() {
        match is_unsafe(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [number("ID"), text("USER"), text("NOTE")];

    fn table(width: Option<usize>, rows: &[[&str; 3]]) -> String {
        let mut table = Table::new(&COLUMNS, width);
        let mut lines = String::new();
        for row in rows {
            lines += &table.add(row.map(str::to_owned).to_vec());
        }
        lines + &table.finish()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["1", "alice", ""], ["100", "日本語", "a\x1b[31m\nb"]];
        let expected = " ID  USER    NOTE\n  1  alice\n100  日本語  a\\u{1b}[31m\\nb\n";
        assert_eq!(table(None, &rows), expected);
        assert_eq!(table(None, &[]), "");
    }

    #[test]
    fn narrow_table_cuts_cells_and_drops_columns() {
        let rows =
            [["1", "a-very-long-name", "a note that is long"], ["20000", "日本語日本語", "x"]];
        for width in [40, 30, 24, 14, 8] {
            let table = table(Some(width), &rows);
            assert!(table.lines().all(|line| line.width() <= width), "{width}: {table}");
            assert_eq!(table.lines().count(), 3);
        }
        assert_eq!(table(Some(14), &rows), "   ID  USER\n    1  a-very…\n20000  日本語…\n");
        assert_eq!(table(Some(5), &rows), "   ID\n    1\n20000\n");
    }

    #[test]
    fn narrow_table_drops_empty_columns_and_keeps_times() {
        static TOKENS: [Column; 4] = [number("ID"), text("USER"), text("SITE"), fixed("EXPIRES")];
        let mut table = Table::new(&TOKENS, Some(26));
        let row = ["1", "a-very-long-name", "", "2026-06-28"];
        table.add(row.map(str::to_owned).to_vec());
        let expected = "ID  USER        EXPIRES\n 1  a-very-lo…  2026-06-28\n";
        assert_eq!(table.finish(), expected);
    }

    #[test]
    fn rows_after_the_sample_are_printed_at_once() {
        let mut table = Table::new(&COLUMNS, Some(40));
        let row = || vec!["1".to_owned(), "alice".to_owned(), "note".to_owned()];
        for _ in 1..SAMPLE {
            assert_eq!(table.add(row()), "");
        }
        assert_eq!(table.add(row()).lines().count(), SAMPLE + 1);
        assert_eq!(table.add(row()), " 1  alice  note\n");
        assert_eq!(table.finish(), "");
    }
}
