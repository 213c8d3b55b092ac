//! Row 10: logins, compared with services that a host would use instead.

use anyhow::Result;

use crate::chart::Line;
use crate::clock::mean;
use crate::context::{Context, World};
use crate::format::{grouped, ratio_text, time, times};
use crate::keys::Keys;
use crate::reference::Logins;
use crate::reference::databases::{Folder, Lookup, POSTGRES, Postgres, Redis, Sqlite};
use crate::reference::python::{ReviewBoard, VARIABLE};
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

const NAMES: [&str; 4] = ["SQLite", "Redis", "PostgreSQL", "Review Board"];
const KEYS: [&str; 4] = ["10a", "10b", "10c", "10d"];
/// Number of tokens in Review Board's own database: creating them is slow.
const REVIEW_BOARD_TOKENS: usize = 100;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    context.fill()?;
    let (mut rows, mut aside) = (Vec::new(), String::new());
    let mut lines = [(); 3].map(|()| Vec::new());
    for (position, world) in context.worlds.iter().enumerate() {
        let largest = position + 1 == context.worlds.len();
        let (ours, others) = measure(context, world, largest.then_some(&mut aside))?;
        let mut row = vec![grouped(world.size as f64), times(&ours)];
        for (index, other) in others.iter().enumerate() {
            let Some(series) = other else {
                row.push("–".to_owned());
                continue;
            };
            let ratio = Ratio::of(series, &ours);
            row.push(format!("{}; {} times ours", times(series), ratio_text(&ratio)));
            if let Some(line) = lines.get_mut(index) {
                line.push((world.size as f64, series.median()));
            }
            if largest {
                report.measured(KEYS[index], times(&ours), times(series), ratio);
            }
        }
        rows.push(row);
        if largest {
            for (key, why) in KEYS.into_iter().zip([
                String::new(),
                "skipped: there is no `redis-server`".to_owned(),
                format!("skipped: there is no PostgreSQL ({POSTGRES})"),
                format!("skipped: {VARIABLE} names no Python with Review Board"),
            ]) {
                if !report.outcomes.contains_key(key) {
                    report.skipped(key, why);
                }
            }
        }
    }
    for (name, points) in NAMES.into_iter().zip(lines) {
        if !points.is_empty() {
            report.lines.push(Line::reference(name, points));
        }
    }
    report.table(
        "Logins against databases and Review Board",
        &format!(
            "One client, random values, mean of a round. Ours is a whole login; the databases only read \
             a row: SQLite a prepared SELECT on a file in its cache, Redis HGETALL over a unix socket, \
             PostgreSQL a prepared SELECT. Review Board logs in through its own backend, on SQLite in \
             memory with {REVIEW_BOARD_TOKENS} tokens, without HTTP.{aside}"
        ),
        &["tokens", "ours, login", NAMES[0], NAMES[1], NAMES[2], NAMES[3]],
        &rows,
    );
    Ok(())
}

type Measured = (Series, [Option<Series>; 4]);

fn measure(context: &Context, world: &World, aside: Option<&mut String>) -> Result<Measured> {
    let folder = Folder::new()?;
    let sqlite = Some(Sqlite::filled(&folder.0, &world.keys)?);
    let redis = Redis::filled(&folder.0, &world.keys)?;
    let postgres = Postgres::filled(&world.keys)?;
    let mut python = match aside {
        Some(_) => ReviewBoard::start(REVIEW_BOARD_TOKENS)?,
        None => None,
    };

    let calls = context.calls(20_000);
    let mut random = context.random();
    let mut contestants: Vec<Contestant<'_>> = vec![Box::new(|| {
        let values = world.keys.sample(&mut random, world.size, calls);
        mean(calls, |call| assert!(Logins::log_in(&world.ours, values.get(call))))
    })];
    let mut present = [None; 4];
    let databases: [Option<Box<dyn Lookup>>; 3] = [
        sqlite.map(|database| Box::new(database) as Box<dyn Lookup>),
        redis.map(|database| Box::new(database) as Box<dyn Lookup>),
        postgres.map(|database| Box::new(database) as Box<dyn Lookup>),
    ];
    for (index, (database, calls)) in databases.into_iter().zip([3000, 1000, 400]).enumerate() {
        if let Some(database) = database {
            present[index] = Some(contestants.len());
            contestants.push(look_up(context, database, &world.keys, context.calls(calls)));
        }
    }
    if let Some(python) = &mut python {
        let calls = context.calls(100);
        present[3] = Some(contestants.len());
        contestants
            .push(Box::new(move || python.ask("login", calls).expect("Review Board logs in")));
    }
    let series = interleave(context.rounds, &mut contestants);
    drop(contestants);
    if let (Some(python), Some(aside)) = (&mut python, aside) {
        let [existing, new] = [("existing", 100), ("new", 20)]
            .map(|(question, calls)| python.ask(question, context.calls(calls)));
        *aside = format!(
            " Its get_or_create_client_token() takes {} for an existing token, {} for a new one.",
            time(existing?),
            time(new?)
        );
    }
    let others = present.map(|index| index.map(|index: usize| series[index].clone()));
    Ok((series[0].clone(), others))
}

fn look_up<'a>(
    context: &Context,
    mut database: Box<dyn Lookup>,
    keys: &'a Keys,
    calls: usize,
) -> Contestant<'a> {
    let mut random = context.random();
    Box::new(move || {
        let values = keys.sample(&mut random, keys.len(), calls);
        mean(calls, |call| {
            assert!(database.look_up(values.get(call)).expect("the database answers"));
        })
    })
}
