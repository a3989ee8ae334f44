//! Scenarios 1 to 3 with a node of ours in this process: names, connecting both ways, cookies, coming and going.

use erlnode::{Config, Error, MonitorNodes, Names, Node, NodeFilter};

use crate::support::ours::{mailbox, next_text, registered, start};
use crate::support::{Cluster, PATIENCE};

const ALEX: &str = "alex@localhost";

fn names(node: &Node, filter: NodeFilter) -> Vec<String> {
    let mut names: Vec<String> = node.nodes(filter).iter().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_node_without_a_name_is_not_alive() {
    let node = start(Config::new("").cookie("monster"));
    assert!(!node.is_alive());
    assert_eq!(node.name().as_str(), "nonode@nohost");
    assert_eq!(node.port(), None);
}

#[test]
fn we_dial_hidden_and_both_sides_list_it_so() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert_eq!(names(&ours, NodeFilter::Connected), [ALEX]);
    assert_eq!(
        alex.elixir("{Node.list(), Node.list(:hidden), Node.list(:connected)}"),
        "{[], [:ours@localhost], [:ours@localhost]}"
    );
}

#[test]
fn we_dial_visible_and_both_sides_list_it_so() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = start(cluster.config("ours").visible(true));
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert_eq!(names(&ours, NodeFilter::Visible), [ALEX]);
    assert_eq!(alex.elixir("{Node.list(), Node.list(:hidden)}"), "{[:ours@localhost], []}");
}

#[test]
fn they_dial_hidden_and_visible() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    for visible in [false, true] {
        let ours = start(cluster.config("ours").visible(visible));
        assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "true");
        let list = if visible { "Node.list()" } else { "Node.list(:hidden)" };
        assert_eq!(alex.elixir(list), "[:ours@localhost]");
        // Who dials is connected a moment earlier; an answer shows that the other is, too.
        assert_eq!(alex.elixir("Node.ping(:ours@localhost)"), ":pong");
        assert_eq!(names(&ours, NodeFilter::Connected), [ALEX]);
        alex.elixir("Node.monitor(:ours@localhost, true)");
        ours.stop();
        assert_eq!(alex.elixir("receive do message -> message end"), "{:nodedown, :ours@localhost}");
    }
}

#[test]
fn a_hidden_beam_is_listed_as_hidden() {
    let cluster = Cluster::new();
    let _alex = cluster.beam_with("alex", &["-hidden"]);
    let ours = start(cluster.config("ours").visible(true));
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert_eq!(names(&ours, NodeFilter::Hidden), [ALEX]);
    assert!(names(&ours, NodeFilter::Visible).is_empty());
}

#[test]
fn ping_works_both_ways_and_says_why_it_does_not() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
    assert_eq!(alex.elixir("Node.ping(:ours@localhost)"), ":pong");
    let error = ours.ping("nobody@localhost", Some(PATIENCE)).unwrap_err();
    assert!(matches!(error, Error::NameUnknown { .. }), "{error}");
}

#[test]
fn disconnecting_from_either_side_ends_the_connection_on_both() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    let watch = mailbox(&ours);
    watch.monitor_nodes(MonitorNodes::default());
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert_eq!(next_text(&watch), "{nodeup,alex@localhost}");
    alex.elixir("Node.monitor(:ours@localhost, true)");
    assert!(ours.disconnect(ALEX).unwrap());
    assert_eq!(next_text(&watch), "{nodedown,alex@localhost}");
    assert_eq!(alex.elixir("receive do message -> message end"), "{:nodedown, :ours@localhost}");
    assert!(!ours.disconnect(ALEX).unwrap(), "there is none any more");

    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "true");
    assert_eq!(next_text(&watch), "{nodeup,alex@localhost}");
    assert_eq!(alex.elixir("Node.disconnect(:ours@localhost)"), "true");
    assert_eq!(next_text(&watch), "{nodedown,alex@localhost}");
    assert_eq!(names(&ours, NodeFilter::Connected), Vec::<String>::new());
}

#[test]
fn a_wrong_cookie_is_refused_both_ways_and_an_equal_one_works_at_once() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = start(cluster.config("ours").cookie("another"));
    let refused = ours.connect(ALEX, Some(PATIENCE)).unwrap_err();
    assert!(matches!(refused, Error::CookieRejected { .. }), "{refused}");
    assert!(!refused.to_string().contains("another"), "{refused}");
    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "false");
    assert_eq!(alex.elixir("Node.list(:connected)"), "[]");
    assert!(names(&ours, NodeFilter::Connected).is_empty());

    ours.set_cookie(Some(ALEX), cluster.cookie()).unwrap();
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    ours.set_cookie(Some(ALEX), "different").unwrap();
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap(), "an existing connection stays");
}

#[test]
fn a_cookie_changed_for_all_peers_lets_a_beam_in() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = start(cluster.config("ours").cookie("another"));
    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "false");
    ours.set_cookie(None, cluster.cookie()).unwrap();
    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "true");
}

#[test]
fn a_name_in_use_is_refused_whoever_has_it() {
    let cluster = Cluster::new();
    let _alex = cluster.beam("alex");
    let clash = Node::start(cluster.config("alex")).unwrap_err();
    assert!(matches!(clash, Error::NameInUse { .. }), "{clash}");
    let _ours = cluster.node("ours");
    let clash = Node::start(cluster.config("ours")).unwrap_err();
    assert!(matches!(clash, Error::NameInUse { .. }), "{clash}");
}

#[test]
fn a_name_is_free_again_once_its_node_has_stopped() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let mut creations = Vec::new();
    for _ in 0..3 {
        let ours = cluster.node("ours");
        assert_eq!(alex.elixir("Node.ping(:ours@localhost)"), ":pong");
        creations.push(ours.creation());
        alex.elixir("Node.monitor(:ours@localhost, true)");
        ours.stop();
        assert_eq!(alex.elixir("receive do message -> message end"), "{:nodedown, :ours@localhost}");
    }
    creations.dedup();
    assert_eq!(creations.len(), 3, "each life has a creation of its own");
}

#[test]
fn short_and_long_names_do_not_connect_and_the_error_says_why() {
    let cluster = Cluster::new();
    let mut long = cluster.beam("alex@127.0.0.1");
    let ours = cluster.node("ours");
    let error = ours.connect("alex@127.0.0.1", Some(PATIENCE)).unwrap_err();
    assert!(matches!(error, Error::NameKind { .. }), "{error}");
    assert_eq!(long.elixir("Node.connect(:ours@localhost)"), "false");
    ours.stop();
    let ours = start(cluster.config("ours@127.0.0.1").names(Names::Long));
    ours.connect("alex@127.0.0.1", Some(PATIENCE)).unwrap();
}

#[test]
fn an_unknown_name_an_unknown_host_and_a_silent_epmd_are_told_apart() {
    let cluster = Cluster::new();
    let ours = cluster.node("ours");
    let error = ours.connect("nobody@localhost", Some(PATIENCE)).unwrap_err();
    assert!(matches!(error, Error::NameUnknown { .. }), "{error}");
    let error = ours.connect("a@no-such-host-here", Some(PATIENCE)).unwrap_err();
    assert!(matches!(error, Error::HostUnknown { .. }), "{error}");
}

#[test]
fn sending_to_a_node_that_is_not_connected_connects_first() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    let door = registered(&ours, "door");
    alex.elixir("send({:door, :ours@localhost}, {:hello, node()})");
    assert_eq!(next_text(&door), "{hello,alex@localhost}");
}

/// Scenario 2: connecting a hidden node to two others does not make those two one cluster.
#[test]
fn a_hidden_node_does_not_bring_others_together() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = (cluster.beam("alex"), cluster.beam("kate"));
    let ours = cluster.node("ours");
    for peer in [ALEX, "kate@localhost"] {
        assert!(ours.ping(peer, Some(PATIENCE)).unwrap());
    }
    // Both have answered, and `global` of each has had the chance to tell the other's name.
    for beam in [&mut alex, &mut kate] {
        assert_eq!(beam.elixir(":global.sync(); Node.list(:connected)"), "[:ours@localhost]");
    }
}

/// Scenario 3: the cookie file is made when it is missing, and one that others can read is refused with path and mode.
#[test]
fn a_cookie_file_is_made_for_us_alone_and_refused_when_it_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cookie-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(".erlang.cookie");
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = start(cluster.config("ours").cookie_file(&file));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o400);
    let cookie = std::fs::read_to_string(&file).unwrap();
    assert!(cookie.trim().len() >= 20, "a cookie that can be guessed");
    // A BEAM that is told the same cookie lets us in.
    alex.elixir(&format!("Node.set_cookie(:ours@localhost, String.to_atom({:?}))", cookie.trim()));
    ours.connect(ALEX, Some(PATIENCE)).unwrap();

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o440)).unwrap();
    let error = Node::start(cluster.config("other").cookie_file(&file)).unwrap_err().to_string();
    assert!(error.contains(&file.display().to_string()) && error.contains("440"), "{error}");
    assert!(!error.contains(cookie.trim()), "the cookie is printed");
    std::fs::remove_dir_all(&folder).unwrap();
}
