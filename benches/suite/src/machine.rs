//! Describes the machine.

use std::process::Command;

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// Returns the value in the first line of a file that starts with a name.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// Returns the bytes of memory that programs can still use.
pub fn available_memory() -> f64 {
    let kib = field("/proc/meminfo", "MemAvailable");
    let kib = kib.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    1024.0 * kib.unwrap_or(0.0)
}

/// Returns a description of the machine and its programs, one line each.
pub fn describe(library: &std::path::Path) -> Vec<(&'static str, String)> {
    let unknown = || "unknown".to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let gib = field("/proc/meminfo", "MemTotal")
        .and_then(|total| total.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(unknown, |kib| format!("{:.0} GiB", kib / 1024.0 / 1024.0));
    let huge = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let huge = huge.map_or_else(|_| unknown(), |text| text.trim().to_owned());
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| text.split(' ').next().map(String::from));
    let bytes = std::fs::metadata(library).map_or(0, |file| file.len());
    vec![
        ("date", first_line("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_else(unknown)),
        ("load when it began, on average of a minute", load.unwrap_or_else(unknown)),
        ("processor", format!("{cpu}, {cores} cores")),
        ("memory", gib),
        ("transparent huge pages", huge),
        ("kernel", first_line("uname", &["-srm"]).unwrap_or_else(unknown)),
        ("compilers", compilers()),
        (
            "library",
            format!(
                "rbtoken {}, release profile, shared object of {:.1} MB",
                crate::library::version(),
                bytes as f64 / 1e6
            ),
        ),
    ]
}

fn compilers() -> String {
    let all = [("rustc", &["--version"][..]), ("g++", &["--version"])];
    let found = all.into_iter().filter_map(|(program, arguments)| first_line(program, arguments));
    found.collect::<Vec<_>>().join("; ")
}
