//! The score: every case against every subject, and a table of what became of them. Ours has no red cell.
//!
//! Our own column is a test of every run; the table beside the others is written by `make score` into docs/score.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::cases::{self, epmd, greetings, Act};
use crate::run::{Bench, Outcome, Verdict};
use crate::subjects::{Kind, Subject};
use crate::support::Cluster;
use crate::talks::{self, Callee, FakeEpmd};

/// Where the table stands.
const TABLE: &str = "docs/score.md";
/// Set by `make score`.
const WRITE: &str = "ERLNODE_SCORE";

/// All cases on established connections that apply.
fn established(kind: Kind, every: bool) -> Vec<Outcome> {
    let mut bench = Bench::new(Subject::start(kind));
    let headers = matches!(kind, Kind::Ours | Kind::Beam(_));
    let scene = bench.scene();
    let mut outcomes = Vec::new();
    for case in cases::all(&scene, every) {
        // Those that know no headers are asked nothing about headers.
        let applies = match &case.act {
            Act::Packets(_) => headers,
            Act::Bytes(..) => headers || case.expect != cases::Expect::Echo,
            _ => true,
        };
        if applies {
            outcomes.push(bench.run(&case));
        }
    }
    outcomes
}

/// Handshakes in both roles, and epmd on both sides.
fn talks(kind: Kind) -> Vec<Outcome> {
    let mut bench = Bench::new(Subject::start(kind));
    let node = bench.subject.door.node.clone();
    let mut outcomes: Vec<Outcome> =
        greetings::calls(&node).iter().map(|case| talks::call(&mut bench, case)).collect();
    let mut callee = Callee::new(bench.subject.epmd_port());
    outcomes.extend(greetings::answers().iter().map(|case| talks::answer(&mut bench, &mut callee, case)));
    // libei and jinterface have no epmd; the column of this machine's BEAM is that of its epmd, which serves the others too.
    if matches!(kind, Kind::Ours | Kind::BEAM) {
        // The stock epmd runs here with an option that lets it be killed.
        let obeys = |name: &str| kind == Kind::BEAM && name.starts_with("request k");
        for case in epmd::requests().iter().filter(|case| !obeys(&case.name)) {
            outcomes.push(talks::ask_epmd(&mut bench, case));
        }
    }
    let fake = FakeEpmd::start();
    let mut bench = Bench::new(Subject::start_at(kind, Cluster::without_epmd(), fake.port, ""));
    outcomes.extend(epmd::replies().iter().map(|case| talks::answered_by_epmd(&mut bench, &fake, case)));
    outcomes
}

fn all_good(outcomes: &[Outcome], least: usize) {
    assert!(outcomes.len() >= least, "{} cases", outcomes.len());
    let bad: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::Good)
        .map(|outcome| format!("{}: {}: {:?}", outcome.group, outcome.name, outcome.verdict))
        .collect();
    let mut took: Vec<_> = outcomes.iter().map(|outcome| outcome.took).collect();
    took.sort_unstable();
    eprintln!("{} cases, median {:?}, slowest {:?}", took.len(), took[took.len() / 2], took[took.len() - 1]);
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), outcomes.len(), bad[..bad.len().min(60)].join("\n"));
}

#[test]
fn every_odd_message_meets_its_reaction_in_time_and_memory_and_harms_nobody() {
    all_good(&established(Kind::Ours, crate::long(false, true)), 1_500);
}

#[test]
fn every_odd_handshake_and_every_odd_word_of_epmd_ends_at_once_and_harms_nobody() {
    all_good(&talks(Kind::Ours), 700);
}

/// Groups in the order in which they were run, with the outcomes of each subject.
type Table = (Vec<&'static str>, BTreeMap<(&'static str, usize), Vec<Outcome>>);

fn run_all(kinds: &[Kind]) -> Table {
    let (mut groups, mut cells): Table = Default::default();
    for (column, kind) in kinds.iter().enumerate() {
        let began = std::time::Instant::now();
        for outcome in established(*kind, false).into_iter().chain(talks(*kind)) {
            if !groups.contains(&outcome.group) {
                groups.push(outcome.group);
            }
            cells.entry((outcome.group, column)).or_default().push(outcome);
        }
        eprintln!("{}: {:?}", kind.title(), began.elapsed());
    }
    (groups, cells)
}

fn cell(outcomes: Option<&Vec<Outcome>>) -> String {
    let Some(outcomes) = outcomes else { return "-".into() };
    let count = |wanted: fn(&Verdict) -> bool| outcomes.iter().filter(|o| wanted(&o.verdict)).count();
    let good = count(|verdict| *verdict == Verdict::Good);
    let other = count(|verdict| matches!(verdict, Verdict::Other(_)));
    let mut reds: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes {
        if let Verdict::Red(why) = &outcome.verdict {
            let why = if why.starts_with("it took") { "swollen or slow" } else { why };
            *reds.entry(why.to_owned()).or_default() += 1;
        }
    }
    let mut text = format!("{good} of {}", outcomes.len());
    if other > 0 {
        let _ = write!(text, ", {other} otherwise");
    }
    for (why, times) in reds {
        let _ = write!(text, ", **RED: {times} x {why}**");
    }
    text
}

fn write_table() -> String {
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.missing().is_none()).collect();
    let (groups, cells) = run_all(&kinds);
    let mut text = String::from(HEAD);
    let titles: Vec<String> = kinds.iter().map(|kind| kind.version()).collect();
    let _ = writeln!(text, "| | {} |", titles.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(kinds.len()));
    for group in &groups {
        let row: Vec<String> = (0..kinds.len()).map(|column| cell(cells.get(&(*group, column)))).collect();
        let _ = writeln!(text, "| {group} | {} |", row.join(" | "));
    }
    let _ = writeln!(text, "\n## The red ones\n\nAt most three of each kind and group.\n");
    for (column, kind) in kinds.iter().enumerate() {
        for group in &groups {
            let mut told: BTreeMap<&str, usize> = BTreeMap::new();
            for outcome in cells.get(&(*group, column)).into_iter().flatten() {
                let Verdict::Red(why) = &outcome.verdict else { continue };
                let times = told.entry(if why.starts_with("it took") { "took" } else { why }).or_default();
                *times += 1;
                if *times <= 3 {
                    let _ = writeln!(text, "- {}, {group}, {}: {why}", kind.title(), outcome.name);
                }
            }
        }
    }
    text
}

const HEAD: &str = "\
# Score

Written by `make score` (tests/abuse); the first column is also a test of every `make test`.

Each cell counts the cases that were met as the protocol demands. *Otherwise*: it lived and harmed nobody, but did something
else, for example took what a BEAM refuses. **RED**: it died, it hung (no reaction within 3 s), it took more memory than
the bytes that came can justify, or another connection of the same node suffered. Ours must also react within 50 ms (and
1.5 ms for each KB sent, of processor time where that is much) and say in its log why it closed; its memory is counted exactly (54 bytes for each byte sent and 320 KiB
for the connection), that of the others from outside (the same and 32 MiB). Cases that cannot concern a subject are not
run against it: libei and jinterface know neither fragments nor the atom cache and have no epmd; the epmd is that of the first BEAM.
More BEAMs are columns where `ERLNODE_OTP_27` and `ERLNODE_OTP_29` name their trees.

";

/// A program with our libei meets what one with OTP's meets, and lives.
#[test]
fn no_odd_message_or_handshake_ends_a_program_with_our_libei() {
    crate::subjects::build_our_libei();
    let outcomes = established(Kind::OurEi, false).into_iter().chain(talks(Kind::OurEi));
    let red: Vec<Outcome> = outcomes.filter(|outcome| matches!(outcome.verdict, Verdict::Red(_))).collect();
    assert!(red.is_empty(), "{}: {red:#?}", red.len());
}

/// The table in the repository has every group and no red cell of ours; `make score` writes it anew.
#[test]
fn the_score_table_is_complete_and_ours_is_without_red() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, write_table()).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let rows: Vec<&str> =
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).collect();
    for row in &rows {
        let ours = row.split('|').nth(2).unwrap();
        assert!(!ours.contains("RED") && !ours.contains("otherwise"), "{row}");
    }
    let scene = cases::Scene { me: "a@b".into(), creation: 1, node: "c@d".into(), node_creation: 1 };
    let groups = cases::all(&scene, false).into_iter().map(|case| case.group);
    let groups = groups.chain(epmd::requests().into_iter().chain(epmd::replies()).map(|case| case.group));
    let groups =
        groups.chain(greetings::calls("c@d").into_iter().chain(greetings::answers()).map(|c| c.group));
    for group in groups {
        assert!(
            rows.iter().any(|row| row.starts_with(&format!("| {group} |"))),
            "{TABLE} lacks {group}: make score"
        );
    }
}
