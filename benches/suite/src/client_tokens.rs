//! Row 6: get-or-create of an existing token, for users with few and with many tokens.

use anyhow::{Result, ensure};

use crate::clock::mean;
use crate::context::Context;
use crate::format::{grouped, ratio_text, times};
use crate::handles::Store;
use crate::keys::Keys;
use crate::reference::scan::Scan;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, interleave};

/// Number of tokens of a user with few, and of one with many.
const FEW: usize = 10;
const MANY: usize = 1000;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let (few_users, many_users) = if context.quick { (200, 3) } else { (50_000, 500) };
    let ours = Store::in_memory()?;
    let (mut scan, mut keys) = (Scan::new(), Keys::default());
    for (kind, users, clients) in [("few", few_users, FEW), ("many", many_users, MANY)] {
        // In the order in which tokens are created in practice: not user by user.
        for client in 0..clients {
            let client = format!("client-{client}");
            for user in 0..users {
                let user = format!("{kind}-{user}");
                let (token, created) = ours.client_token(&user, &client, None)?;
                ensure!(created);
                scan.add(token.id(), &user, &client, token.value());
                keys.push(token.value());
            }
        }
    }
    let tokens = ours.count()?;

    let calls = context.calls(10_000);
    let contest = |kind: &'static str, users, clients, with_ours: bool, calls| {
        let ours = with_ours.then_some(&ours);
        contestant(context, (kind, users, clients), ours, &scan, calls)
    };
    let series = interleave(
        context.rounds,
        &mut [
            contest("few", few_users, FEW, true, calls),
            contest("many", many_users, MANY, true, calls),
            contest("few", few_users, FEW, false, calls),
            contest("many", many_users, MANY, false, calls / 20),
            logins(context, &ours, &keys, calls),
        ],
    );
    ensure!(ours.count()? == tokens, "an existing token was not found");

    let growth = Ratio::of(&series[1], &series[0]);
    report.measured("6a", times(&series[1]), times(&series[0]), growth);
    report.measured("6b", times(&series[1]), times(&series[4]), Ratio::of(&series[1], &series[4]));
    report.measured("6c", times(&series[1]), times(&series[3]), Ratio::of(&series[3], &series[1]));
    let row = |user: &str, ours: usize| {
        vec![
            user.to_owned(),
            times(&series[ours]),
            times(&series[ours + 2]),
            ratio_text(&Ratio::of(&series[ours + 2], &series[ours])),
        ]
    };
    report.table(
        "Get-or-create of an existing client token",
        &format!(
            "A store of {} tokens; random users and clients, mean of a round. What is scanned are the \
             tokens with all their fields, each allocated by itself, as they came to be. A login with \
             a random value takes {}.",
            grouped(tokens as f64),
            times(&series[4])
        ),
        &["the user's tokens", "ours", "scan of the user's tokens", "scan / ours"],
        &[row("10", 0), row("1,000", 1)],
    );
    Ok(())
}

/// Logs in with random values.
fn logins<'a>(context: &Context, ours: &'a Store, keys: &'a Keys, calls: usize) -> Contestant<'a> {
    let mut random = context.random();
    Box::new(move || {
        let values = keys.sample(&mut random, keys.len(), calls);
        mean(calls, |call| assert!(ours.log_in(values.get(call))))
    })
}

fn contestant<'a>(
    context: &Context,
    (kind, users, clients): (&'static str, usize, usize),
    ours: Option<&'a Store>,
    scan: &'a Scan,
    calls: usize,
) -> Contestant<'a> {
    let mut random = context.random();
    Box::new(move || {
        let names: Vec<_> = (0..calls)
            .map(|_| {
                let (user, client) = (random.usize(..users), random.usize(..clients));
                (format!("{kind}-{user}"), format!("client-{client}"))
            })
            .collect();
        mean(calls, |call| {
            let (user, client) = &names[call];
            let found = match ours {
                Some(store) => store.client_token(user, client, None).is_ok_and(|(_, new)| !new),
                None => scan.find(user, client),
            };
            assert!(found);
        })
    })
}
