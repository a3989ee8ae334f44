//! Distribution over TLS with real BEAMs (protocol section 15): both roles, both versions, who believes whom.

use std::path::{Path, PathBuf};

use erlnode::{Config, CrlCheck, Error, Node, Tls, TlsVersion};

use crate::certificates::{Authority, Flaw, Folder, Identity};
use crate::support::ours::{encoded, mailbox, next_text, registered, start};
use crate::support::{tree, Beam, Cluster, Example, PATIENCE};

const ALEX: &str = "alex@localhost";

/// A cluster with an authority, and files that BEAMs can read.
struct Secured {
    cluster: Cluster,
    authority: Authority,
    folder: Folder,
    /// What BEAMs see as `/`.
    root: PathBuf,
}

impl Secured {
    fn new() -> Secured {
        let root = PathBuf::from(tree().unwrap_or_else(|| "/".to_owned()));
        let folder = Folder::new(&root.join("tmp"));
        Secured { cluster: Cluster::new(), authority: Authority::new("cluster"), folder, root }
    }

    /// The path as a BEAM names it.
    fn seen(&self, path: &Path) -> String {
        format!("/{}", path.strip_prefix(&self.root).unwrap().display())
    }

    /// An option file for a BEAM with this identity; `more` goes to both sides.
    fn optfile(&self, identity: &Identity, more: &str) -> String {
        let node = self.folder.put("beam.pem", &format!("{}{}", identity.certificate, identity.key));
        let ca = self.folder.put("ca.pem", &self.authority.pem());
        let side = format!(
            "[{{certfile, {:?}}}, {{cacertfile, {:?}}}, {{verify, verify_peer}}{more}]",
            self.seen(&node),
            self.seen(&ca)
        );
        let server = side.replacen('[', "[{fail_if_no_peer_cert, true}, ", 1);
        let text = format!("[{{server, {server}}}, {{client, {side}}}].\n");
        self.seen(&self.folder.put("beam.conf", &text))
    }

    fn beam_with(&self, identity: &Identity, more: &str) -> Beam {
        let file = self.optfile(identity, more);
        self.cluster.beam_with("alex", &["-proto_dist", "inet_tls", "-ssl_dist_optfile", &file])
    }

    fn beam(&self, more: &str) -> Beam {
        self.beam_with(&self.authority.issue(), more)
    }

    fn tls_of(&self, identity: &Identity) -> Tls {
        let (certificate, key) = (identity.certificate.as_bytes(), identity.key.as_bytes());
        Tls::from_pem(certificate, key, self.authority.pem().as_bytes()).unwrap()
    }

    fn config(&self) -> Config {
        self.cluster.config("ours").tls(self.tls_of(&self.authority.issue()))
    }

    fn node(&self) -> Node {
        start(self.config())
    }
}

fn says(beam: &mut Beam, code: &str, expected: &str) {
    assert_eq!(beam.erlang(code), expected, "{code}");
}

#[test]
fn both_sides_dial_over_tls_with_each_version() {
    for version in ["tlsv1.2", "tlsv1.3"] {
        let secured = Secured::new();
        let mut alex = secured.beam(&format!(", {{versions, ['{version}']}}"));
        let ours = secured.node();
        ours.connect(ALEX, Some(PATIENCE)).unwrap();
        let echo = registered(&ours, "echo");
        says(&mut alex, "{echo, ours@localhost} ! {self(), hello}, ok", "ok");
        assert!(next_text(&echo).contains("hello"), "{version}");
        assert!(ours.disconnect(ALEX).unwrap());
        says(&mut alex, "net_kernel:connect_node(ours@localhost)", "true");
        assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
    }
}

#[test]
fn the_same_option_file_serves_a_beam_and_us() {
    let secured = Secured::new();
    let mut alex = secured.beam("");
    let file = secured.optfile(&secured.authority.issue(), "");
    // The paths in it are those that the BEAM sees.
    if tree().is_some() {
        return;
    }
    let ours = start(secured.cluster.config("ours").tls(Tls::from_optfile(file).unwrap()));
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    ours.disconnect(ALEX).unwrap();
    says(&mut alex, "net_kernel:connect_node(ours@localhost)", "true");
}

#[test]
fn big_messages_come_back_whole() {
    let secured = Secured::new();
    let mut alex = secured.beam("");
    let ours = secured.node();
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    says(&mut alex, "register(mirror, spawn(fun F() -> receive {P, X} -> P ! X, F() end end)), ok", "ok");
    let mailbox = mailbox(&ours);
    for size in [1, 16_384, 100_000, 10_000_000_usize] {
        let mut writer = erlnode::term::Writer::new();
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        writer.tuple(2).pid(&mailbox.pid()).binary(&bytes);
        let target = erlnode::Target::name_node("mirror", ALEX).unwrap();
        mailbox.send(&target, &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        let back = mailbox.recv(Some(PATIENCE)).unwrap().term().unwrap();
        assert!(back.as_bytes() == Some(&bytes[..]), "{size} bytes");
    }
}

#[test]
fn new_keys_in_the_middle_of_a_stream_lose_nothing() {
    let secured = Secured::new();
    // After so many bytes the BEAM changes its keys and asks us to do the same.
    let mut alex = secured.beam(", {versions, ['tlsv1.3']}, {key_update_at, 100000}");
    let ours = secured.node();
    let inbox = registered(&ours, "inbox");
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    says(
        &mut alex,
        "[{inbox, ours@localhost} ! {N, binary:copy(<<N:32>>, 5000)} || N <- lists:seq(1, 200)], ok",
        "ok",
    );
    for number in 1..=200 {
        let term = inbox.recv(Some(PATIENCE)).unwrap().term().unwrap();
        assert_eq!(term.as_tuple().unwrap()[0].as_i64(), Some(number));
    }
    // Ours go out under the new ones.
    says(&mut alex, "register(drain, self()), ok", "ok");
    let target = erlnode::Target::name_node("drain", ALEX).unwrap();
    for number in 0..200 {
        inbox.send(&target, &encoded(&format!("{{n, {number}}}")), Some(PATIENCE)).unwrap();
    }
    says(&mut alex, "[receive {n, N} -> ok end || N <- lists:seq(0, 199)], drained", "drained");
}

#[test]
fn a_beam_with_a_flawed_certificate_is_not_believed() {
    for (flaw, words) in [
        (Flaw::Expired, "expired on 2021-01-01"),
        (Flaw::OtherHost, "not for the host localhost"),
        (Flaw::SelfSigned, "none of our authorities"),
    ] {
        let secured = Secured::new();
        let mut alex = secured.beam_with(&secured.authority.issue_with(flaw), "");
        let ours = secured.node();
        let error = ours.connect(ALEX, Some(PATIENCE)).unwrap_err();
        assert!(matches!(error, Error::Tls { .. }) && error.to_string().contains(words), "{flaw:?}: {error}");
        if flaw != Flaw::OtherHost {
            says(&mut alex, "net_kernel:connect_node(ours@localhost)", "false");
        }
    }
}

#[test]
fn a_beam_does_not_believe_a_flawed_certificate_of_ours() {
    for flaw in [Flaw::Expired, Flaw::OtherHost, Flaw::SelfSigned] {
        let secured = Secured::new();
        let mut alex = secured.beam("");
        let ours =
            start(secured.cluster.config("ours").tls(secured.tls_of(&secured.authority.issue_with(flaw))));
        says(&mut alex, "net_kernel:connect_node(ours@localhost)", "false");
        if flaw != Flaw::OtherHost {
            let error = ours.connect(ALEX, Some(PATIENCE)).unwrap_err();
            assert!(matches!(error, Error::Tls { .. }), "{flaw:?}: {error}");
        }
    }
}

#[test]
fn a_beam_and_we_go_by_the_same_revocation_lists() {
    let secured = Secured::new();
    let (revoked, good) = (secured.authority.issue(), secured.authority.issue());
    let list = secured.folder.put("crls/list.pem", &secured.authority.revoke(&[revoked.serial], 2090));
    let crls = list.parent().unwrap();
    let cache =
        format!("{{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {:?}}}]}}}}}}", secured.seen(crls));
    let mut alex = secured.beam(&format!(", {{crl_check, true}}, {cache}"));
    // Both look for the lists of an authority under the hash of its name.
    let ca = secured.seen(&secured.folder.put("ca.pem", &secured.authority.pem()));
    let hash = alex.erlang(&format!(
        "{{ok, Pem}} = file:read_file({ca:?}), [{{_, Der, _}}] = public_key:pem_decode(Pem),
         {{'OTPCertificate', Body, _, _}} = public_key:pkix_decode_cert(Der, otp),
         public_key:short_name_hash(public_key:pkix_normalize_name(element(7, Body)))"
    ));
    let name = format!("crls/{}.r0", hash.trim_matches('"'));
    secured.folder.put(&name, &secured.authority.revoke(&[revoked.serial], 2090));
    let ours = |identity: &Identity| {
        start(secured.cluster.config("ours").tls(secured.tls_of(identity).crl_file(crls, CrlCheck::Chain)))
    };
    let node = ours(&revoked);
    says(&mut alex, "net_kernel:connect_node(ours@localhost)", "false");
    let error = node.connect(ALEX, Some(PATIENCE)).unwrap_err();
    assert!(matches!(error, Error::Tls { .. }) && error.to_string().contains("was revoked"), "{error}");
    node.stop();
    let node = ours(&good);
    node.connect(ALEX, Some(PATIENCE)).unwrap();
    node.disconnect(ALEX).unwrap();
    says(&mut alex, "net_kernel:connect_node(ours@localhost)", "true");
    drop(alex);
    // And the other way round.
    let mut alex = secured.beam_with(&revoked, "");
    let error = node.connect(ALEX, Some(PATIENCE)).unwrap_err();
    assert!(error.to_string().contains("its certificate was revoked"), "{error}");
    says(&mut alex, "net_kernel:connect_node(ours@localhost)", "false");
}

#[test]
fn a_beam_without_tls_and_we_with_it_are_told_at_once() {
    let secured = Secured::new();
    let mut alex = secured.cluster.beam("alex");
    let ours = secured.node();
    let began = std::time::Instant::now();
    let error = ours.connect(ALEX, Some(PATIENCE)).unwrap_err();
    assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
    assert!(matches!(error, Error::Tls { .. }) && error.to_string().contains("inet_tls"), "{error}");
    says(&mut alex, "net_kernel:connect_node(ours@localhost)", "false");
    // The probe that found it out left nothing behind.
    says(&mut alex, "nodes(connected)", "[]");
}

#[test]
fn a_beam_with_tls_and_we_without_it_are_told_at_once() {
    let secured = Secured::new();
    let mut alex = secured.beam("");
    let ours = secured.cluster.node("ours");
    let began = std::time::Instant::now();
    let error = ours.connect(ALEX, Some(PATIENCE)).unwrap_err();
    assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
    assert!(matches!(error, Error::Tls { .. }) && error.to_string().contains("it speaks TLS"), "{error}");
    says(&mut alex, "net_kernel:connect_node(ours@localhost)", "false");
}

#[test]
fn the_cookie_counts_over_tls_as_well() {
    let secured = Secured::new();
    let _alex = secured.beam("");
    let ours = start(secured.config().cookie("another"));
    assert!(matches!(ours.connect(ALEX, Some(PATIENCE)), Err(Error::CookieRejected { .. })));
}

#[test]
fn one_version_only_at_our_end_is_enough() {
    let secured = Secured::new();
    let _alex = secured.beam(", {versions, ['tlsv1.2', 'tlsv1.3']}");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let tls = secured.tls_of(&secured.authority.issue()).versions(&[version]);
        let ours = start(secured.cluster.config("ours").tls(tls));
        assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
        ours.stop();
    }
}

#[test]
fn the_examples_speak_tls_in_each_language() {
    let secured = Secured::new();
    let mut alex = secured.beam("");
    // The examples run outside of the tree of the BEAM and see its files there.
    let identity = secured.authority.issue();
    let node = secured.folder.put("ours.pem", &format!("{}{}", identity.certificate, identity.key));
    let ca = secured.folder.put("ours-ca.pem", &secured.authority.pem());
    let side = format!("[{{certfile, {node:?}}}, {{cacertfile, {ca:?}}}]");
    let file = secured.folder.put("ours.conf", &format!("[{{server, {side}}}, {{client, {side}}}]."));
    let file = file.to_str().unwrap();
    for language in ["c", "cpp", "python", "rust"] {
        let ours = secured.cluster.example(language, "ping_pong", &["--tls-optfile", file]);
        says(&mut alex, "net_kernel:connect_node(ours@localhost)", "true");
        says(
            &mut alex,
            "{pong, ours@localhost} ! {ping, self()}, receive M -> M after 20000 -> nothing end",
            "pong",
        );
        let caller = secured.cluster.example_as(
            language,
            "ping_pong",
            "caller@localhost",
            &["--tls-optfile", file, "--ping", "ours@localhost"],
        );
        let (status, output) = caller.finish();
        assert!(status.success() && output.contains("pong"), "{language}: {output}");
        drop(ours);
        let plain = secured.cluster.example_as(
            language,
            "ping_pong",
            "caller@localhost",
            &["--ping", "alex@localhost"],
        );
        let (status, output) = plain.finish();
        assert!(!status.success() && output.contains("TLS"), "{language}: {output}");
    }
}

/// Files and texts, and what is raised when somebody is not believed.
const PYTHON: &str = r#"
import sys
from erlnode import Node, Tls, TlsError

port, folder = int(sys.argv[1]), sys.argv[2]
cert, key, ca = (f"{folder}/{name}.pem" for name in ("cert", "key", "ca"))
texts = [open(path, "rb").read() for path in (cert, key, ca)]
common = {"cookie": "monster", "epmd_port": port, "epmd_address": "127.0.0.1"}
for tls in (Tls(cert, key, ca, check_callers=True), Tls(*texts, versions=("1.3", "1.3"))):
    with Node("py@localhost", tls=tls, **common) as node:
        node.connect("alex@localhost")
        node.reload_tls()
        print("connected")
stranger = [open(f"{folder}/other-{name}.pem", "rb").read() for name in ("cert", "key", "ca")]
with Node("py@localhost", tls=Tls(*stranger), **common) as node:
    try:
        node.connect("alex@localhost")
    except TlsError as error:
        print(isinstance(error, ConnectionError), error)
for crl in (f"{folder}/crl.pem", open(f"{folder}/crl.pem", "rb").read()):
    with Node("py@localhost", tls=Tls(cert, key, ca, crl=crl, crl_check="peer"), **common) as node:
        try:
            node.connect("alex@localhost")
        except TlsError as error:
            print(error)
with Node("py@localhost", tls=Tls(*stranger, danger_no_verify=True, danger_anonymous_callers=True), **common) as node:
    try:
        node.connect("alex@localhost")
    except TlsError as error:
        print(error)
"#;

#[test]
fn python_gives_files_or_texts_and_hears_why_it_is_not_believed() {
    let secured = Secured::new();
    let alex = secured.authority.issue();
    secured.folder.put("crl.pem", &secured.authority.revoke(&[alex.serial], 2090));
    let _alex = secured.beam_with(&alex, ", {versions, ['tlsv1.2', 'tlsv1.3']}");
    let other = Authority::new("other");
    for (prefix, authority) in [("", &secured.authority), ("other-", &other)] {
        let identity = authority.issue();
        secured.folder.put(&format!("{prefix}cert.pem"), &identity.certificate);
        secured.folder.put(&format!("{prefix}key.pem"), &identity.key);
        secured.folder.put(&format!("{prefix}ca.pem"), &authority.pem());
    }
    let folder = secured.folder.put("x", "").parent().unwrap().to_owned();
    let mut command = std::process::Command::new("python3");
    command.args(["-c", PYTHON, &secured.cluster.port().to_string(), folder.to_str().unwrap()]);
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    command.env("PYTHONPATH", home.join("bindings/python"));
    command.env("ERLNODE_LIBRARY", home.join("build/lib/liberlnode.so"));
    let (status, output) = Example::start("python", command, secured.cluster.port()).finish();
    assert!(status.success(), "{output}");
    let lines: Vec<&str> = output.lines().filter(|line| !line.starts_with("erlnode")).collect();
    assert_eq!(lines[..2], ["connected", "connected"], "{output}");
    assert!(
        lines[2].starts_with("True TLS with alex@localhost failed: its certificate was issued by none"),
        "{output}"
    );
    assert!(lines[3..5].iter().all(|line| line.contains("its certificate was revoked")), "{output}");
    assert!(
        lines[5].contains("none of its authorities (its cacertfile) has issued our certificate"),
        "{output}"
    );
}
