//! Revocation lists: who is refused for being in one, for being in none, and what becomes of lists that are old, wrong or new.

use std::time::{Duration, Instant};

use erlnode::{CrlCheck, Error, Node, Tls, TlsVersion};

use crate::certificates::{Authority, Folder, Identity};
use crate::support::{Cluster, PATIENCE};
use crate::{start, tls};

/// What connecting says when `called` and `caller` have these options: to the caller, and in the log of the one called.
fn outcome(called: Tls, caller: Tls) -> Result<(), String> {
    let cluster = Cluster::new();
    let called = start(cluster.config("called").tls(called));
    let caller = start(cluster.config("caller").tls(caller));
    match caller.connect(called.name().as_str(), PATIENCE) {
        Ok(()) => Ok(()),
        Err(error @ Error::Tls { .. }) => Err(error.to_string()),
        Err(other) => panic!("no TLS error but {other:?}"),
    }
}

fn refusal(called: Tls, caller: Tls) -> String {
    outcome(called, caller).expect_err("it connected")
}

fn with(identity: &Identity, authority: &Authority, lists: &str, check: CrlCheck) -> Tls {
    tls(identity, authority).crl_pem(lists.as_bytes(), check)
}

#[test]
fn a_revoked_certificate_is_refused_in_both_directions() {
    let authority = Authority::new("cluster");
    let (good, bad) = (authority.issue(), authority.issue());
    let lists = authority.revoke(&[bad.serial], 2090);
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for check in [CrlCheck::Chain, CrlCheck::Peer, CrlCheck::BestEffort] {
            let checks = || with(&good, &authority, &lists, check).versions(&[version]);
            let said = refusal(tls(&bad, &authority), checks());
            assert!(said.contains("its certificate was revoked"), "{said}");
            let said = refusal(checks(), tls(&bad, &authority));
            assert!(said.contains("our certificate was revoked"), "{said}");
            outcome(checks(), checks()).unwrap();
        }
    }
}

#[test]
fn a_certificate_that_no_list_covers_is_refused_unless_best_effort_will_do() {
    let (authority, other) = (Authority::new("cluster"), Authority::new("other"));
    let lists = other.revoke(&[], 2090);
    let side = |check| with(&authority.issue(), &authority, &lists, check);
    for check in [CrlCheck::Chain, CrlCheck::Peer] {
        let said = refusal(tls(&authority.issue(), &authority), side(check));
        assert!(said.contains("none of our revocation lists"), "{said}");
        refusal(side(check), tls(&authority.issue(), &authority));
    }
    outcome(side(CrlCheck::BestEffort), side(CrlCheck::BestEffort)).unwrap();
}

#[test]
fn the_chain_is_checked_unless_the_peer_alone_is_asked_for() {
    let root = Authority::new("root");
    let between = root.below("between");
    let all_of_root = root.revoke(&[], 2090);
    let of_between = between.revoke(&[], 2090);
    let both = format!("{all_of_root}{of_between}");
    let revoked = format!("{}{of_between}", root.revoke(&[between.serial()], 2090));
    let peer = || tls(&between.issue(), &root);
    let side = |lists: &str, check| with(&between.issue(), &root, lists, check);
    outcome(peer(), side(&both, CrlCheck::Chain)).unwrap();
    let said = refusal(peer(), side(&revoked, CrlCheck::Chain));
    assert!(said.contains("was revoked"), "{said}");
    let said = refusal(peer(), side(&of_between, CrlCheck::Chain));
    assert!(said.contains("none of our revocation lists"), "{said}");
    outcome(peer(), side(&revoked, CrlCheck::Peer)).unwrap();
    outcome(peer(), side(&of_between, CrlCheck::Peer)).unwrap();
}

#[test]
fn a_list_that_is_no_longer_in_force_clears_nobody_and_still_revokes() {
    let authority = Authority::new("cluster");
    let (good, bad) = (authority.issue(), authority.issue());
    let lists = authority.revoke(&[bad.serial], 2022);
    let side = |check| with(&good, &authority, &lists, check);
    let said = refusal(tls(&authority.issue(), &authority), side(CrlCheck::Chain));
    assert!(said.contains("in force until 2022-12-31"), "{said}");
    outcome(tls(&authority.issue(), &authority), side(CrlCheck::BestEffort)).unwrap();
    let said = refusal(tls(&bad, &authority), side(CrlCheck::BestEffort));
    assert!(said.contains("was revoked"), "{said}");
}

#[test]
fn a_list_that_somebody_else_signed_is_not_believed() {
    let authority = Authority::new("cluster");
    // The same name, another key.
    let forger = Authority::new("cluster");
    let identity = authority.issue();
    for lists in [forger.revoke(&[], 2090), forger.revoke(&[identity.serial], 2090)] {
        let said = refusal(
            tls(&identity, &authority),
            with(&authority.issue(), &authority, &lists, CrlCheck::Chain),
        );
        assert!(said.contains("cannot be checked"), "{said}");
    }
}

#[test]
fn lists_that_cannot_be_used_are_told_at_the_start() {
    let authority = Authority::new("cluster");
    let cluster = Cluster::new();
    let folder = Folder::new(&std::env::temp_dir());
    let nothing = folder.put("nothing.pem", "nothing");
    folder.put("crls/README", "no list");
    let broken = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    let start = |change: &dyn Fn(Tls) -> Tls| {
        let options = change(tls(&authority.issue(), &authority));
        Node::start(cluster.config("a").tls(options)).map(|_| ()).map_err(|error| error.to_string())
    };
    let crls = nothing.with_file_name("crls");
    let refused = |change: &dyn Fn(Tls) -> Tls, words: &str| {
        let said = start(change).unwrap_err();
        assert!(said.contains(words), "{said}");
    };
    refused(&|tls| tls.crl_file("/nowhere/crl.pem", CrlCheck::Chain), "/nowhere/crl.pem");
    refused(&|tls| tls.crl_file(&nothing, CrlCheck::Chain), "no revocation list");
    refused(&|tls| tls.crl_file(&crls, CrlCheck::Peer), "no revocation list");
    refused(&|tls| tls.crl_pem(authority.pem().as_bytes(), CrlCheck::BestEffort), "no revocation list");
    refused(&|tls| tls.crl_pem(broken.as_bytes(), CrlCheck::Chain), "CRL");
    start(&|tls| tls.crl_file(&crls, CrlCheck::BestEffort)).unwrap();
}

#[test]
fn an_option_file_names_the_directory_of_lists_as_for_a_beam() {
    let authority = Authority::new("cluster");
    let (good, bad) = (authority.issue(), authority.issue());
    let folder = Folder::new(&std::env::temp_dir());
    let node = folder.put("node.pem", &format!("{}{}", good.certificate, good.key));
    let ca = folder.put("ca.pem", &authority.pem());
    let list = folder.put("crls/4a6481c9.r0", &authority.revoke(&[bad.serial], 2090));
    let crls = list.parent().unwrap();
    let side =
        |more: &str| format!("[{{certfile, {node:?}}}, {{cacertfile, {ca:?}}}, {{crl_check, true}}{more}]");
    let options = |more: &str| {
        let text = format!("[{{server, {0}}}, {{client, {0}}}].", side(more));
        Tls::from_optfile(folder.put("tls.conf", &text)).unwrap()
    };
    let checks =
        || options(&format!(", {{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {crls:?}}}]}}}}}}"));
    outcome(checks(), checks()).unwrap();
    assert!(refusal(tls(&bad, &authority), checks()).contains("was revoked"));
    assert!(refusal(checks(), tls(&bad, &authority)).contains("was revoked"));
    // What a BEAM would take from its memory has to come from somewhere.
    let error = Node::start(Cluster::new().config("a").tls(options(""))).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("ssl_crl_hash_dir"), "{error}");
}

#[test]
fn a_new_list_counts_for_the_next_connection_without_being_told() {
    let authority = Authority::new("cluster");
    let (good, bad) = (authority.issue(), authority.issue());
    let folder = Folder::new(&std::env::temp_dir());
    let list = folder.put("crls/4a6481c9.r0", &authority.revoke(&[], 2090));
    let cluster = Cluster::new();
    let checks = tls(&good, &authority).crl_file(list.parent().unwrap(), CrlCheck::Chain);
    let node = start(cluster.config("a").tls(checks));
    let caller = start(cluster.config("caller").tls(tls(&bad, &authority)));
    caller.connect(node.name().as_str(), PATIENCE).unwrap();
    folder.put("crls/4a6481c9.r1", &authority.revoke(&[bad.serial], 2091));
    folder.put("crls/4a6481c9.r0", "");
    // A file that is no list changes nothing, and says so.
    assert!(node.reload_tls().unwrap_err().to_string().contains("4a6481c9.r0"));
    std::fs::remove_file(&list).unwrap();
    let began = Instant::now();
    let nothing = caller.mailbox(Default::default()).unwrap();
    loop {
        assert!(began.elapsed() < Duration::from_secs(20), "it is still let in");
        // What is connected stays so.
        assert!(caller.ping(node.name().as_str(), PATIENCE).unwrap());
        caller.disconnect(node.name().as_str()).unwrap();
        match caller.connect(node.name().as_str(), PATIENCE) {
            Ok(()) => assert!(nothing.recv(Some(Duration::from_millis(100))).is_err()),
            Err(error) => break assert!(error.to_string().contains("was revoked"), "{error}"),
        }
    }
}
