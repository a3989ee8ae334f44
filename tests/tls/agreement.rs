//! TLS at one end only, options that cannot work, certificates that change.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use erlnode::{Error, Tls};

use crate::certificates::{Authority, Folder};
use crate::support::{Cluster, PATIENCE};
use crate::{start, tls};

/// Somebody who uses the wrong option is told so before he looks elsewhere.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_node_without_tls_is_told_that_the_other_has_it_and_the_other_way_round() {
    let authority = Authority::new("cluster");
    let cluster = Cluster::new();
    let secured = start(cluster.config("secured").tls(tls(&authority.issue(), &authority)));
    let plain = cluster.node("plain");
    for (from, to, words) in [(&plain, &secured, "it speaks TLS"), (&secured, &plain, "inet_tls")] {
        let began = Instant::now();
        let error = from.connect(to.name().as_str(), PATIENCE).unwrap_err();
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        assert!(matches!(&error, Error::Tls { .. }) && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn options_that_cannot_work_are_refused_at_the_start() {
    let authority = Authority::new("cluster");
    let (one, other) = (authority.issue(), authority.issue());
    let cluster = Cluster::new();
    let refused = |tls: Tls| match erlnode::Node::start(cluster.config("a").tls(tls)) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it started"),
    };
    let ca = authority.pem();
    let pem = |certificate: &str, key: &str, ca: &str| {
        Tls::from_pem(certificate.as_bytes(), key.as_bytes(), ca.as_bytes()).unwrap()
    };
    for (options, words) in [
        (pem(&one.certificate, &other.key, &ca), "not the one of this certificate"),
        (pem(&one.certificate, &one.certificate, &ca), "no private key"),
        (pem(&one.key, &one.key, &ca), "no certificate"),
        (pem(&one.certificate, &one.key, ""), "no certificate"),
        (Tls::from_files("/nowhere/a.pem", "/nowhere/b.pem", "/nowhere/c.pem").unwrap(), "/nowhere/"),
    ] {
        let said = refused(options);
        assert!(said.contains(words), "{said}");
    }
    let folder = Folder::new(&std::env::temp_dir());
    let path = folder.put("node.pem", &format!("{}{}", one.certificate, one.key));
    let file = folder.put("tls.conf", &format!("[{{server, [{{certfile, {path:?}}}]}}, {{client, []}}]."));
    let said = refused(Tls::from_optfile(file).unwrap());
    assert!(said.contains("cacertfile"), "{said}");
}

#[test]
fn turning_verification_off_is_logged() {
    use std::sync::{Arc, Mutex};
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    erlnode::log::set_hook(
        Some(Arc::new(move |_, line: &str| seen.lock().unwrap().push(line.to_owned()))),
        erlnode::log::Level::Warn,
    );
    let authority = Authority::new("cluster");
    let cluster = Cluster::new();
    let _node = start(cluster.config("a").tls(tls(&authority.issue(), &authority).danger_no_verify()));
    erlnode::log::set_hook(None, erlnode::log::Level::Warn);
    let lines = lines.lock().unwrap();
    assert!(lines.iter().any(|line| line.contains("that we call are NOT verified")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("that call us are NOT verified")), "{lines:?}");
}

#[test]
fn changed_files_count_for_the_next_connection() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let folder = Folder::new(&std::env::temp_dir());
    let identity = before.issue();
    let cert = folder.put("cert.pem", &identity.certificate);
    let key = folder.put("key.pem", &identity.key);
    let ca = folder.put("ca.pem", &before.pem());
    let cluster = Cluster::new();
    let node = start(cluster.config("a").tls(Tls::from_files(&cert, &key, &ca).unwrap()));
    let old = start(cluster.config("old").tls(tls(&before.issue(), &before)));
    let new = start(cluster.config("new").tls(tls(&after.issue(), &after)));
    let name = node.name();
    old.connect(name.as_str(), PATIENCE).unwrap();

    // Half a change is an error, and changes nothing.
    folder.put("cert.pem", &after.issue().certificate);
    assert!(node.reload_tls().unwrap_err().to_string().contains("private key"));
    old.disconnect(name.as_str()).unwrap();
    old.connect(name.as_str(), PATIENCE).unwrap();

    let identity = after.issue();
    folder.put("cert.pem", &identity.certificate);
    folder.put("key.pem", &identity.key);
    folder.put("ca.pem", &after.pem());
    node.reload_tls().unwrap();
    new.connect(name.as_str(), PATIENCE).unwrap();
    // What is connected stays so, and cannot come back.
    assert!(old.ping(name.as_str(), PATIENCE).unwrap());
    old.disconnect(name.as_str()).unwrap();
    assert!(matches!(old.connect(name.as_str(), PATIENCE), Err(Error::Tls { .. })));
}

#[test]
fn changed_files_are_noticed_without_being_told() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let folder = Folder::new(&std::env::temp_dir());
    let identity = before.issue();
    let cert = folder.put("cert.pem", &identity.certificate);
    let key = folder.put("key.pem", &identity.key);
    let ca = folder.put("ca.pem", &before.pem());
    let cluster = Cluster::new();
    let node = start(cluster.config("a").tls(Tls::from_files(&cert, &key, &ca).unwrap()));
    let new = start(cluster.config("new").tls(tls(&after.issue(), &after)));
    let identity = after.issue();
    folder.put("cert.pem", &identity.certificate);
    folder.put("key.pem", &identity.key);
    folder.put("ca.pem", &after.pem());
    let began = Instant::now();
    let nothing = new.mailbox(Default::default()).unwrap();
    while let Err(error) = new.connect(node.name().as_str(), PATIENCE) {
        assert!(began.elapsed() < Duration::from_secs(20), "{error}");
        assert!(nothing.recv(Some(Duration::from_millis(100))).is_err());
    }
}

#[test]
fn a_node_without_tls_has_nothing_to_reload() {
    let node = Cluster::new().node("plain");
    assert!(matches!(node.reload_tls(), Err(Error::Argument(_))));
}

#[test]
fn an_endless_hello_is_cut_and_the_node_goes_on() {
    let cluster = Cluster::new();
    let (a, b) = crate::pair(&cluster);
    let mut record = vec![0x16, 3, 3, 0x40, 0];
    record.resize(5 + 0x4000, 0);
    let mut stranger = TcpStream::connect(("127.0.0.1", a.port().unwrap())).unwrap();
    stranger.set_read_timeout(PATIENCE).unwrap();
    // A hello that says it has 16 MiB.
    let mut hello = record.clone();
    hello[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    let mut sent = 0;
    for part in std::iter::once(&hello).chain(std::iter::repeat(&record)) {
        if stranger.write_all(part).is_err() {
            break;
        }
        sent += part.len();
        // The kernel at either end takes some megabytes that nobody reads.
        assert!(sent < 15 << 20, "it is still listened to");
    }
    // The end, with an alert before it or not.
    let mut rest = Vec::new();
    let _ = stranger.read_to_end(&mut rest);
    assert!(rest.len() < 64, "{rest:?}");
    assert!(b.ping(a.name().as_str(), PATIENCE).unwrap());
}

#[test]
fn noise_on_the_port_ends_that_connection_and_nothing_else() {
    let cluster = Cluster::new();
    let (a, b) = crate::pair(&cluster);
    let noises: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x16, 3, 3, 0, 4, 1, 0, 0, 0],
        &[0x16, 3, 3, 0, 5, 2, 0, 0, 1, 0],
        &[0x17, 3, 3, 0, 1, 0],
        &[0x15, 3, 3, 0, 2, 2, 40],
        &[0x14, 3, 3, 0, 1, 1],
        &[0xff; 64],
    ];
    for noise in noises {
        let mut stranger = TcpStream::connect(("127.0.0.1", a.port().unwrap())).unwrap();
        stranger.set_read_timeout(PATIENCE).unwrap();
        stranger.write_all(noise).unwrap();
        let mut rest = Vec::new();
        let began = Instant::now();
        let _ = stranger.read_to_end(&mut rest);
        assert!(began.elapsed() < AT_ONCE, "{noise:?}: {:?}", began.elapsed());
    }
    assert!(b.ping(a.name().as_str(), PATIENCE).unwrap());
}
