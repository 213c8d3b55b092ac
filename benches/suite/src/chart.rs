//! The chart: cost of operations and memory by size of the store, on logarithmic scales.

use std::fmt::Write;

use crate::format::{grouped, time};

/// A line of the chart: nanoseconds, or bytes per token, by number of tokens.
pub struct Line {
    name: &'static str,
    points: Vec<(f64, f64)>,
    ours: bool,
    unit: Unit,
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Nanoseconds,
    Bytes,
}

impl Line {
    pub fn ours(name: &'static str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, ours: true, unit: Unit::Nanoseconds }
    }

    pub fn reference(name: &'static str, points: Vec<(f64, f64)>) -> Self {
        Self { ours: false, ..Self::ours(name, points) }
    }

    /// Makes it a line of bytes per token.
    pub fn of_bytes(self) -> Self {
        Self { unit: Unit::Bytes, ..self }
    }
}

/// The line in both panels.
pub const LOGIN: &str = "rbtoken login";
const PLOT: (f64, f64) = (310.0, 380.0);
const TOP: f64 = 64.0;
/// Minimum vertical distance of labels.
const LABEL: f64 = 15.0;
/// The palette of Okabe and Ito, which is distinguishable with every kind of color vision. The
/// first color is that of the library's login.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07d00", "#56b4e9", "#555555", "#000000"];

/// Draws the library's login with the references, the library's operations, and memory.
pub fn draw(lines: &[Line]) -> Option<String> {
    let (times, bytes): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.unit == Unit::Nanoseconds);
    let (login, others): (Vec<_>, Vec<_>) = times.into_iter().partition(|line| line.name == LOGIN);
    let (ours, references): (Vec<_>, Vec<_>) = others.into_iter().partition(|line| line.ours);
    let panels = [
        ("A login, ours and the references", [&login[..], &references].concat()),
        ("Our operations", [&login[..], &ours].concat()),
        ("Memory of a token", bytes),
    ];
    let decades = |lines: &[&Line], value: fn(&(f64, f64)) -> f64| {
        let points = || lines.iter().flat_map(|line| &line.points);
        let logs = || points().map(|point| value(point).log10());
        (logs().fold(f64::INFINITY, f64::min).floor(), logs().fold(0.0, f64::max).ceil())
    };
    let all: Vec<_> = lines.iter().collect();
    all.first()?;
    let x = decades(&all, |point| point.0);
    let times = [&panels[0].1[..], &panels[1].1].concat();

    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1830 500\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Cost per operation, and memory, against the size of the store</title>\n\
         <rect width=\"1830\" height=\"500\" fill=\"white\"/>\n",
    );
    for (index, (title, lines)) in panels.iter().enumerate() {
        if lines.is_empty() {
            continue;
        }
        let left = 70.0 + 580.0 * index as f64;
        // Panels with the same unit have the same scale.
        let of_unit = if lines[0].unit == Unit::Bytes { lines } else { &times };
        panel(&mut svg, left, title, lines, x, decades(of_unit, |point| point.1));
    }
    svg += "</svg>\n";
    Some(svg)
}

fn panel(
    svg: &mut String,
    left: f64,
    title: &str,
    lines: &[&Line],
    (x_first, x_last): (f64, f64),
    (y_first, y_last): (f64, f64),
) {
    let (width, height) = PLOT;
    let at_x = |tokens: f64| left + width * (tokens.log10() - x_first) / (x_last - x_first);
    let at_y = |value: f64| TOP + height * (y_last - value.log10()) / (y_last - y_first);
    let unit = lines[0].unit;
    let (right, bottom) = (left + width, TOP + height);
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"36\" font-size=\"16\" font-weight=\"bold\">{title}</text>"
    );
    for decade in y_first as i32..=y_last as i32 {
        let value = 10f64.powi(decade);
        let y = at_y(value);
        let label = match unit {
            Unit::Nanoseconds => round_time(value),
            Unit::Bytes => format!("{} B", grouped(value)),
        };
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{label}</text>",
            left - 8.0,
            y + 4.0
        );
    }
    for decade in x_first as i32..=x_last as i32 {
        let tokens = 10f64.powi(decade);
        let x = at_x(tokens);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#eee\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444\">{}</text>",
            bottom + 18.0,
            grouped(tokens)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444\">tokens in the store</text>",
        left + width / 2.0,
        bottom + 40.0
    );

    let mut labels: Vec<_> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| Some((at_y(line.points.last()?.1), index)))
        .collect();
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    spread(&mut labels, TOP, bottom);
    for (label_y, index) in labels {
        let line = lines[index];
        let colour = COLOURS[index % COLOURS.len()];
        let (weight, stroke) = if line.ours { ("bold", 3.0) } else { ("normal", 1.5) };
        let path: Vec<_> = line
            .points
            .iter()
            .map(|(tokens, ns)| format!("{:.1},{:.1}", at_x(*tokens), at_y(*ns)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{stroke}\"/>",
            path.join(" ")
        );
        for (tokens, ns) in &line.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{}\" fill=\"{colour}\"/>",
                at_x(*tokens),
                at_y(*ns),
                stroke + 1.0
            );
        }
        let Some((tokens, ns)) = line.points.last() else { continue };
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{label_y:.1}\" stroke=\"{colour}\" \
             stroke-width=\"0.7\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\" font-weight=\"{weight}\">{}, {}</text>",
            at_x(*tokens),
            at_y(*ns),
            right + 14.0,
            right + 17.0,
            label_y + 4.0,
            line.name,
            match unit {
                Unit::Nanoseconds => time(*ns),
                Unit::Bytes => format!("{} B", grouped(*ns)),
            }
        );
    }
}

/// Moves sorted labels apart and into the plot.
fn spread(labels: &mut [(f64, usize)], top: f64, bottom: f64) {
    let mut lowest = top;
    for (y, _) in labels.iter_mut() {
        *y = y.max(lowest);
        lowest = *y + LABEL;
    }
    let mut highest = bottom;
    for (y, _) in labels.iter_mut().rev() {
        *y = y.min(highest);
        highest = *y - LABEL;
    }
}

/// Formats a power of ten of nanoseconds.
fn round_time(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        1e3..1e6 => format!("{:.0} µs", ns / 1e3),
        1e6..1e9 => format!("{:.0} ms", ns / 1e6),
        _ => format!("{:.0} s", ns / 1e9),
    }
}
