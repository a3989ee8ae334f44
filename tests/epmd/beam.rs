//! Stock tools and BEAMs with our embedded epmd, and our client with theirs.

use crate::support::*;
use erlnode::net::epmd::{self, Registration};
use erlnode::net::epmd_server::EpmdServer;
use erlnode::proto::epmd::NodeInfo;
use std::process::Command;

/// A BEAM that evaluates `code` once it is up. It ends when its standard input does, or when `code` says so.
fn erl(port: u16, name: &str, flags: &[&str], code: &str) -> Helper {
    let mut command = Command::new("erl");
    command.args(["-noinput", "-sname", &format!("{name}@localhost"), "-setcookie", "net"]);
    command.args(flags).args(["-eval", code]);
    // A BEAM that fails says why; its dump would only lie around.
    command.env("ERL_EPMD_PORT", port.to_string()).env("ERL_CRASH_DUMP_SECONDS", "0");
    Helper::start(&mut command)
}

/// What the `epmd` tool says.
async fn epmd_tool(port: u16, arguments: &[&str]) -> String {
    let mut command = Command::new("epmd");
    command.args(arguments).env("ERL_EPMD_PORT", port.to_string());
    Helper::start(&mut command).output().await
}

const UP: &str = r#"io:format("up ~p~n", [erlang:system_info(creation)])"#;

#[tokio::test]
async fn beams_register_at_ours_and_find_each_other_and_us() {
    if !have("erl", "-version") || !have("epmd", "-help") {
        return;
    }
    let port = free_port();
    let ours = Registration::start(config(port, true), NodeInfo::new("net_ours", 4711)).await.unwrap();
    assert!(ours.hosts_epmd());
    // One is told not to start an epmd; the other tries and has to give up in favour of ours.
    let mut first = erl(port, "net_first", &["-start_epmd", "false"], UP);
    let line = first.wait_for("up ").await;
    let creation: u32 = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(creation >= 4, "{line}");
    assert!(knows(port, "net_first").await);

    let ask = r#"
        pong = net_adm:ping('net_first@localhost'),
        {ok, Names} = erl_epmd:names(), {ok, Names} = net_adm:names(localhost),
        io:format("names ~p~n", [lists:sort([N || {N, _} <- Names])]),
        {port, 4711, 6} = erl_epmd:port_please("net_ours", {127,0,0,1}),
        noport = erl_epmd:port_please("nobody", {127,0,0,1}),
        io:format("asked everything~n"), halt()."#;
    let mut second = erl(port, "net_second", &[], ask);
    assert_eq!(second.wait_for("names ").await, r#"names ["net_first","net_ours","net_second"]"#);
    second.wait_for("asked everything").await;
    until("the second is forgotten", SOON, || async { !knows(port, "net_second").await }).await;

    let text = epmd_tool(port, &["-names"]).await;
    assert!(text.contains(&format!("up and running on port {port} with data")), "{text}");
    assert!(
        text.contains("name net_ours at port 4711") && text.contains("name net_first at port "),
        "{text}"
    );

    // A BEAM asks again every 2 s, of whoever serves then.
    let heir = Registration::start(config(port, true), NodeInfo::new("net_heir", 4712)).await.unwrap();
    ours.stop().await;
    until("the BEAM is back after a take-over", SOON, || knows(port, "net_first")).await;
    soon("the heir serves", heir.watch().wait_for(|state| state.registered && state.hosts_epmd))
        .await
        .unwrap();
    let found = epmd::lookup(&config(port, true), "localhost", "net_first", deadline()).await.unwrap();
    assert_eq!((found.info.node_type, found.info.highest, found.info.lowest), (77, 6, 5));
}

#[tokio::test]
async fn the_tool_and_the_stock_epmd_give_way_to_ours() {
    if !have("epmd", "-help") {
        return;
    }
    let port = free_port();
    let server = EpmdServer::start(&config(port, true)).unwrap();
    assert!(epmd_tool(port, &["-names"]).await.contains(&format!("up and running on port {port} with data")));
    epmd_tool(port, &["-daemon", "-address", "127.0.0.1"]).await;
    let (_held, _) = register(port, "a").await;
    epmd_tool(port, &["-kill"]).await;
    epmd_tool(port, &["-stop", "a"]).await;
    assert!(knows(port, "a").await, "nobody may end an epmd that lives in a program");
    assert_eq!(server.registered(), 1);
}

#[tokio::test]
async fn our_client_works_with_the_stock_epmd() {
    if !have("epmd", "-help") {
        return;
    }
    let port = free_port();
    let _stock = Helper::stock_epmd(port).await;
    let config = config(port, true);
    let info = NodeInfo { extra: b"extra".to_vec(), ..NodeInfo::new("wörker", 4711).hidden(true) };
    let registration = Registration::start(config.clone(), info.clone()).await.unwrap();
    assert!(!registration.hosts_epmd());
    let found = epmd::lookup(&config, "localhost", "wörker", deadline()).await.unwrap();
    assert_eq!(found.info, info);
    let names = epmd::names(&config, "localhost", deadline()).await.unwrap();
    assert_eq!(names, [("wörker".to_string(), 4711)]);
    let again = Registration::start(config.clone(), info).await.unwrap_err();
    assert!(matches!(again, erlnode::Error::NameInUse { .. }), "{again:?}");
    registration.stop().await;
    until("forgotten", SOON, || async { !knows(port, "wörker").await }).await;
}
