//! Formats numbers for the report and the chart.

use crate::rounds::{Ratio, Series};

/// Formats a ratio with the extremes of its rounds.
pub fn ratio_text(ratio: &Ratio) -> String {
    format!("{} ({}–{})", short(ratio.median), short(ratio.min), short(ratio.max))
}

/// Formats a number with its significant digits.
pub fn short(number: f64) -> String {
    match number.abs() {
        0.0..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => grouped(number),
    }
}

/// Formats an integer with thousands separators.
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

/// Returns a suitable unit for nanoseconds, and the value in it.
fn unit(ns: f64) -> (&'static str, f64) {
    match ns.abs() {
        0.0..10_000.0 => ("ns", 1.0),
        10_000.0..10_000_000.0 => ("µs", 1e3),
        10_000_000.0..10_000_000_000.0 => ("ms", 1e6),
        _ => ("s", 1e9),
    }
}

/// Formats nanoseconds.
pub fn time(ns: f64) -> String {
    let (name, size) = unit(ns);
    format!("{} {name}", short(ns / size))
}

/// Formats the median and extremes of a series in nanoseconds.
pub fn times(series: &Series) -> String {
    let (name, size) = unit(series.median());
    let [median, min, max] =
        [series.median(), series.min(), series.max()].map(|ns| short(ns / size));
    format!("{median} {name} ({min}–{max})")
}

/// Formats the median and extremes of a series of operations per second, in millions.
pub fn rates(series: &Series) -> String {
    let [median, min, max] =
        [series.median(), series.min(), series.max()].map(|rate| short(rate / 1e6));
    format!("{median} ({min}–{max})")
}
