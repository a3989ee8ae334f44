//! Our server when descriptors are few and names are many. It runs in a process of its own.

use crate::support::*;
use erlnode::proto::epmd::{parse_names, Request};
use std::process::Command;

#[tokio::test]
async fn running_out_of_descriptors_never_stops_accepting() {
    let port = free_port();
    let mut child = Helper::ours_limited("serve", port, "-", Some(40));
    child.wait_for("child: serving").await;
    let (_held, _) = register(port, "a").await;
    // More silent connections than descriptors: the oldest are given up, the others wait in the kernel.
    let mut silent = Vec::new();
    for _ in 0..120 {
        silent.push(sent(port, b"").await);
    }
    assert!(knows(port, "a").await);
    // Registrations take descriptors for good; when none is left, lookups fail, but only then.
    let mut held = Vec::new();
    for number in 0..20 {
        held.push(register(port, &number.to_string()).await.0);
    }
    drop(silent);
    assert!(knows(port, "a").await && knows(port, "19").await);
    held.clear();
    until("all are forgotten", SOON, || async { !knows(port, "0").await }).await;
    assert!(knows(port, "a").await);
}

#[tokio::test]
async fn ten_thousand_names_are_held() {
    const NAMES: usize = 10_000;
    let limit = Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap();
    let limit: usize = String::from_utf8_lossy(&limit.stdout).trim().parse().unwrap_or(1 << 20);
    let wanted = NAMES.min(limit.saturating_sub(200));
    if wanted < NAMES {
        eprintln!("REDUCED to {wanted} names: `ulimit -n` is {limit}");
    }
    let port = free_port();
    let mut child = Helper::ours("serve", port, "-");
    child.wait_for("child: serving").await;
    let mut held = Vec::new();
    for number in 0..wanted {
        let (socket, reply) = register(port, &format!("n{number}")).await;
        assert_eq!(reply[..2], [118, 0]);
        held.push(socket);
    }
    let names = parse_names(&talk(port, &Request::names()).await).unwrap();
    assert_eq!(names.len(), wanted);
    assert!(knows(port, "n0").await && knows(port, &format!("n{}", wanted - 1)).await);
    held.truncate(1);
    until("the others are forgotten", SOON, || async {
        parse_names(&talk(port, &Request::names()).await).unwrap().len() == 1
    })
    .await;
}
