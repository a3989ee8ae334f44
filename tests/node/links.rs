use erlnode::{Error, MailboxOptions};

use crate::support::{next, settle, term, text, Cluster};

fn trapping() -> MailboxOptions {
    MailboxOptions { trap_exit: true, ..MailboxOptions::default() }
}

#[test]
fn an_exit_travels_along_a_link_between_nodes_with_its_reason() {
    let cluster = Cluster::new();
    let (_a, in_a, b, _in_b) = cluster.pair();
    in_a.set_trap_exit(true);
    let other = b.mailbox(trapping()).unwrap();
    in_a.link(&other.pid()).unwrap();
    settle(&in_a, &other);
    let pid = other.pid();
    other.close(&term("{shutdown, why}")).unwrap();
    let exit = next(&in_a);
    assert_eq!(exit.from(), Some(&pid));
    assert!(exit.term().unwrap().to_string().ends_with(",{shutdown,why}}"));
}

#[test]
fn an_untrapped_exit_ends_the_mailbox_and_normal_does_not() {
    let cluster = Cluster::new();
    let (a, in_a, _b, in_b) = cluster.pair();
    let second = a.mailbox(Default::default()).unwrap();
    in_b.link(&second.pid()).unwrap();
    settle(&in_b, &second);
    second.close(&term("normal")).unwrap();
    settle(&in_a, &in_b);
    assert!(in_b.is_alive());
    in_b.link(&in_a.pid()).unwrap();
    settle(&in_a, &in_b);
    in_a.close(&term("boom")).unwrap();
    assert!(matches!(in_b.recv(crate::support::PATIENCE), Err(Error::Closed(_))));
    assert_eq!(in_b.exit_reason().as_deref(), Some(&term("boom")[..]));
}

#[test]
fn a_link_to_nobody_gives_noproc_and_a_lost_connection_noconnection() {
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    in_a.set_trap_exit(true);
    let dead = {
        let short = b.mailbox(Default::default()).unwrap();
        short.pid()
    };
    in_a.link(&dead).unwrap();
    assert!(text(&in_a).ends_with(",noproc}"));
    in_a.link(&in_b.pid()).unwrap();
    settle(&in_a, &in_b);
    assert!(a.disconnect(b.name().as_str()).unwrap());
    assert!(text(&in_a).ends_with(",noconnection}"));
    assert!(matches!(in_b.recv(crate::support::PATIENCE), Err(Error::Closed(_))), "in_b does not trap exits");
}

#[test]
fn an_unlinked_process_hears_nothing() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    in_a.set_trap_exit(true);
    let other = b.mailbox(trapping()).unwrap();
    in_a.link(&other.pid()).unwrap();
    in_a.unlink(&other.pid()).unwrap();
    settle(&in_a, &other);
    other.close(&term("boom")).unwrap();
    settle(&in_a, &in_b);
    assert!(in_a.is_empty());
}

#[test]
fn kill_cannot_be_trapped_and_arrives_as_killed() {
    let cluster = Cluster::new();
    let (_a, in_a, b, _in_b) = cluster.pair();
    in_a.set_trap_exit(true);
    let victim = b.mailbox(trapping()).unwrap();
    in_a.link(&victim.pid()).unwrap();
    settle(&in_a, &victim);
    in_a.exit(&victim.pid(), &term("kill")).unwrap();
    assert!(text(&in_a).ends_with(",killed}"));
    assert!(!victim.is_alive());
}
