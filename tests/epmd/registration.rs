//! Staying registered: epmd restarts, hosts of the embedded epmd come and go.

use crate::support::*;
use erlnode::net::epmd::{self, Registration, RegistrationState};
use erlnode::proto::epmd::NodeInfo;
use erlnode::Error;
use std::time::Instant;

async fn start(port: u16, embedded: bool, name: &str) -> Registration {
    Registration::start(config(port, embedded), NodeInfo::new(name, 9)).await.unwrap()
}

/// Waits until the state is as wished.
async fn reaches(registration: &Registration, what: &str, wish: impl FnMut(&RegistrationState) -> bool) {
    let mut watch = registration.watch();
    soon(what, watch.wait_for(wish)).await.unwrap();
}

#[tokio::test]
async fn with_nobody_there_the_first_node_serves_epmd_and_the_second_uses_it() {
    let port = free_port();
    let first = start(port, true, "first").await;
    let second = start(port, true, "second").await;
    assert!(first.hosts_epmd() && !second.hosts_epmd());
    let names = epmd::names(&config(port, true), "localhost", deadline()).await.unwrap();
    assert_eq!(names.len(), 2);
}

#[tokio::test]
async fn a_name_in_use_is_refused_with_that_reason() {
    let port = free_port();
    let _first = start(port, true, "same").await;
    let second = Registration::start(config(port, true), NodeInfo::new("same", 9)).await.unwrap_err();
    assert!(
        matches!(&second, Error::NameInUse { name, port: at } if name == "same" && *at == port),
        "{second:?}"
    );
}

#[tokio::test]
async fn a_stopped_node_gives_its_name_and_its_port_back() {
    let port = free_port();
    for _ in 0..5 {
        let registration = start(port, true, "same").await;
        assert!(registration.hosts_epmd());
        registration.stop().await;
    }
}

#[tokio::test]
async fn many_nodes_that_start_at_once_agree_on_one_epmd() {
    let port = free_port();
    let starts: Vec<_> = (0..8)
        .map(|number| tokio::spawn(async move { start(port, true, &format!("n{number}")).await }))
        .collect();
    let mut nodes = Vec::new();
    for start in starts {
        nodes.push(soon("started", start).await.unwrap());
    }
    assert_eq!(nodes.iter().filter(|node| node.hosts_epmd()).count(), 1);
    let names = epmd::names(&config(port, true), "localhost", deadline()).await.unwrap();
    assert_eq!(names.len(), 8);
}

#[tokio::test]
async fn when_the_host_of_epmd_stops_another_node_takes_over_and_all_are_back_within_3_s() {
    let port = free_port();
    let first = start(port, true, "first").await;
    let others = [start(port, true, "second").await, start(port, true, "third").await];
    let creations = others.each_ref().map(Registration::creation);
    first.stop().await;
    let stopped = Instant::now();
    for other in &others {
        reaches(other, "registered again", |state| state.registered && state.times_registered == 2).await;
    }
    let lasted = stopped.elapsed();
    assert!(lasted < AGAIN, "{lasted:?}");
    assert_eq!(others.iter().filter(|node| node.hosts_epmd()).count(), 1);
    assert!(knows(port, "second").await && knows(port, "third").await && !knows(port, "first").await);
    assert_eq!(others.each_ref().map(Registration::creation), creations, "a node keeps its creation");
}

#[tokio::test]
async fn when_the_process_that_hosts_epmd_is_killed_another_process_takes_over_within_3_s() {
    let port = free_port();
    for round in 0..2 {
        let mut child = Helper::ours("register", port, "child");
        child.wait_for("child: registered, hosts_epmd true").await;
        let mut bystander = Helper::ours("register", port, "bystander");
        bystander.wait_for("child: registered, hosts_epmd false").await;
        let ours = start(port, true, "ours").await;
        assert!(!ours.hosts_epmd());
        child.kill();
        let killed = Instant::now();
        reaches(&ours, "registered again", |state| state.registered && state.times_registered == 2).await;
        until("the other process is back, too", AGAIN, || knows(port, "bystander")).await;
        let lasted = killed.elapsed();
        assert!(lasted < AGAIN, "round {round}: {lasted:?}");
        assert!(knows(port, "ours").await && !knows(port, "child").await);
        bystander.kill();
        ours.stop().await;
    }
}

#[tokio::test]
async fn a_restarted_stock_epmd_gets_everybody_back_within_3_s() {
    if !have("epmd", "-help") {
        return;
    }
    for embedded in [false, true] {
        let port = free_port();
        let stock = Helper::stock_epmd(port).await;
        let node = start(port, embedded, "node").await;
        assert!(!node.hosts_epmd() && knows(port, "node").await);
        stock.kill();
        reaches(&node, "the loss is noticed", |state| !state.registered).await;
        let stock = Helper::stock_epmd(port).await;
        let returned = Instant::now();
        reaches(&node, "registered again", |state| state.registered).await;
        let lasted = returned.elapsed();
        assert!(lasted < AGAIN, "embedded {embedded}: {lasted:?}");
        assert!(!node.hosts_epmd(), "a stock epmd that comes back at once is preferred");
        drop(stock);
    }
}

#[tokio::test]
async fn a_name_taken_meanwhile_is_told_and_taken_back_when_it_is_free() {
    let port = free_port();
    let mut server = Helper::ours("serve", port, "-");
    server.wait_for("child: serving").await;
    let node = start(port, false, "node").await;
    server.kill();
    reaches(&node, "the loss is noticed", |state| !state.registered).await;
    // The other one is there before the node can be.
    let config = config(port, true);
    let server = erlnode::net::epmd_server::EpmdServer::start(&config).unwrap();
    let (thief, reply) = register(port, "node").await;
    if reply[1] == 0 {
        reaches(&node, "the theft is told", |state| state.name_taken).await;
        assert!(!node.state().registered);
    }
    drop(thief);
    reaches(&node, "registered again", |state| state.registered && !state.name_taken).await;
    server.stop().await;
}
