//! Who is believed: each kind of certificate at each end, with each version of TLS.

use erlnode::{Error, Tls, TlsVersion};

use crate::certificates::{Authority, Flaw};
use crate::support::{Cluster, PATIENCE};
use crate::{start, tls};

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

/// What the caller is told when `called` and `caller` have these options.
fn outcome(called: Tls, caller: Tls) -> Result<(), Error> {
    let cluster = Cluster::new();
    let called = start(cluster.config("called").tls(called));
    let caller = start(cluster.config("caller").tls(caller));
    caller.connect(called.name().as_str(), PATIENCE)
}

fn complaint(called: Tls, caller: Tls) -> String {
    match outcome(called, caller) {
        Err(error @ Error::Tls { .. }) => error.to_string(),
        other => panic!("no TLS error but {other:?}"),
    }
}

#[test]
fn certificates_of_the_same_authority_connect() {
    let authority = Authority::new("cluster");
    for version in VERSIONS {
        let side = || tls(&authority.issue(), &authority).versions(&[version]);
        outcome(side(), side()).unwrap();
    }
    let side = || tls(&authority.issue(), &authority);
    outcome(side().versions(&[TlsVersion::V1_2]), side()).unwrap();
    outcome(side(), side().versions(&[TlsVersion::V1_2])).unwrap();
}

#[test]
fn a_node_with_a_flawed_certificate_is_not_believed_when_it_is_called() {
    let authority = Authority::new("cluster");
    for (flaw, words) in [
        (Flaw::Expired, "expired on 2021-01-01: it needs a new one"),
        (Flaw::NotYetValid, "not valid before 2090-01-01"),
        (Flaw::OtherHost, "not for the host localhost but for elsewhere.example: issue one with localhost"),
        (Flaw::OnlyForClients, "lacks serverAuth"),
        (Flaw::SelfSigned, "none of our authorities"),
    ] {
        for version in VERSIONS {
            let called = tls(&authority.issue_with(flaw), &authority).versions(&[version]);
            let caller = tls(&authority.issue(), &authority);
            let said = complaint(called, caller);
            assert!(said.contains(words), "{flaw:?} {version:?}: {said}");
        }
    }
}

#[test]
fn a_node_with_a_flawed_certificate_is_not_let_in() {
    let authority = Authority::new("cluster");
    for (flaw, words) in [
        (Flaw::Expired, "CertificateExpired"),
        (Flaw::NotYetValid, "CertificateExpired"),
        (Flaw::OnlyForServers, "UnsupportedCertificate"),
        (Flaw::SelfSigned, "UnknownCA"),
    ] {
        for version in VERSIONS {
            let called = tls(&authority.issue(), &authority);
            let caller = tls(&authority.issue_with(flaw), &authority).versions(&[version]);
            let said = complaint(called, caller);
            assert!(said.contains(words), "{flaw:?} {version:?}: {said}");
        }
    }
}

#[test]
fn an_authority_that_is_not_ours_is_not_believed_at_either_end() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for version in VERSIONS {
        let one = || tls(&ours.issue(), &ours).versions(&[version]);
        let said = complaint(tls(&theirs.issue(), &ours), one());
        assert!(said.contains("none of our authorities"), "{said}");
        let said = complaint(one(), tls(&theirs.issue(), &ours));
        assert!(said.contains("UnknownCA"), "{said}");
    }
}

#[test]
fn a_caller_without_a_certificate_is_not_let_in_unless_that_is_asked_for() {
    let authority = Authority::new("cluster");
    let folder = crate::certificates::Folder::new(&std::env::temp_dir());
    let ca = folder.put("ca.pem", &authority.pem());
    let identity = authority.issue();
    let node = folder.put("node.pem", &format!("{}{}", identity.certificate, identity.key));
    let anonymous = |version: &str| {
        let text = format!(
            "[{{server, [{{certfile, {node:?}}}, {{cacertfile, {ca:?}}}]}},\n\
             {{client, [{{cacertfile, {ca:?}}}, {{versions, ['{version}']}}]}}]."
        );
        Tls::from_optfile(folder.put("client.conf", &text)).unwrap()
    };
    for version in ["tlsv1.2", "tlsv1.3"] {
        let said = complaint(tls(&authority.issue(), &authority), anonymous(version));
        assert!(said.contains("wants a certificate from callers"), "{version}: {said}");
        outcome(tls(&authority.issue(), &authority).danger_anonymous_callers(), anonymous(version)).unwrap();
    }
}

#[test]
fn nodes_without_a_common_version_say_so() {
    let authority = Authority::new("cluster");
    let side = |version| tls(&authority.issue(), &authority).versions(&[version]);
    let said = complaint(side(TlsVersion::V1_2), side(TlsVersion::V1_3));
    assert!(said.contains("version"), "{said}");
    let said = complaint(side(TlsVersion::V1_3), side(TlsVersion::V1_2));
    assert!(said.contains("version"), "{said}");
}

#[test]
fn without_verification_anything_connects() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let called = tls(&one.issue_with(Flaw::Expired), &one).danger_no_verify();
    let caller = tls(&other.issue_with(Flaw::SelfSigned), &other).danger_no_verify();
    outcome(called, caller).unwrap();
}

#[test]
fn with_an_allow_list_a_callers_certificate_has_to_be_for_its_host() {
    let authority = Authority::new("cluster");
    let cluster = Cluster::new();
    let good = || tls(&authority.issue(), &authority);
    let other_host = || tls(&authority.issue_with(Flaw::OtherHost), &authority);
    let localhost = || vec![erlnode::term::Atom::new("localhost").unwrap()];
    let choosy = start(cluster.config("choosy").tls(good()).allow(localhost()));
    let open = start(cluster.config("open").tls(good()));
    let strict = start(cluster.config("strict").tls(good().check_callers(true)));
    let lax = start(cluster.config("lax").tls(good().check_callers(false)).allow(localhost()));
    let caller = start(cluster.config("caller").tls(other_host()));
    let right = start(cluster.config("right").tls(good()));
    for node in [&choosy, &strict] {
        let error = caller.connect(node.name().as_str(), PATIENCE).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        right.connect(node.name().as_str(), PATIENCE).unwrap();
    }
    for node in [&open, &lax] {
        caller.connect(node.name().as_str(), PATIENCE).unwrap();
    }
}
