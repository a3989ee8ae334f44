//! Ping pong: registers `pong` and answers `{ping, Pid}` with `pong`; with `--ping NODE` it is the caller.
//!
//!     ping_pong --name NODE --cookie COOKIE [--visible] [--tls-optfile FILE] [--ping NODE]

use std::time::Duration;

use erlnode::term::Writer;
use erlnode::{Config, Error, Mailbox, Node, Result, Target, Tls};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

struct Options {
    name: String,
    cookie: Option<String>,
    visible: bool,
    tls_optfile: Option<String>,
    ping: Option<String>,
}

fn main() {
    let outcome = options().and_then(|options| run(&options));
    if let Err(error) = outcome {
        eprintln!("ping_pong: {error}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<()> {
    let mut config = Config::new(&options.name).visible(options.visible);
    if let Some(cookie) = &options.cookie {
        config = config.cookie(cookie);
    }
    if let Some(file) = &options.tls_optfile {
        config = config.tls(Tls::from_optfile(file)?);
    }
    let node = Node::start(config)?;
    let mailbox = node.mailbox(Default::default())?;
    match &options.ping {
        Some(peer) => call(&mailbox, peer),
        None => {
            mailbox.register("pong")?;
            stop_at_a_signal(&node)?;
            println!("ready {}", node.name());
            serve(&mailbox)
        }
    }
}

/// SIGTERM and Ctrl-C stop the node, and that ends the waiting in `serve`.
fn stop_at_a_signal(node: &Node) -> Result<()> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|error| Error::io("cannot watch for signals", &error))?;
    let node = node.clone();
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            node.stop();
        }
    });
    Ok(())
}

fn serve(mailbox: &Mailbox) -> Result<()> {
    loop {
        let message = match mailbox.recv(None) {
            Err(Error::Closed(_)) => return Ok(()),
            received => received?,
        };
        let mut reader = message.reader();
        if reader.tuple_of(2) && reader.atom_is("ping") {
            if let Some(pid) = reader.pid() {
                let mut pong = Writer::new();
                pong.atom("pong");
                let pong = pong.finish()?;
                if let Err(error) = mailbox.send(&Target::Pid(pid), &pong, Some(Duration::from_secs(5))) {
                    eprintln!("ping_pong: no answer sent: {error}");
                }
            }
        }
    }
}

fn call(mailbox: &Mailbox, peer: &str) -> Result<()> {
    let mut ping = Writer::new();
    ping.tuple(2).atom("ping").pid(&mailbox.pid());
    let ping = ping.finish()?;
    mailbox.send(&Target::name_node("pong", peer)?, &ping, Some(Duration::from_secs(10)))?;
    let answer = mailbox.recv(Some(Duration::from_secs(10)))?;
    println!("{}", answer.term()?);
    Ok(())
}

fn options() -> Result<Options> {
    let mut options =
        Options { name: String::new(), cookie: None, visible: false, tls_optfile: None, ping: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| Error::argument(format!("{word} needs a value")));
        match word.as_str() {
            "--name" => options.name = value()?,
            "--cookie" => options.cookie = Some(value()?),
            "--visible" => options.visible = true,
            "--tls-optfile" => options.tls_optfile = Some(value()?),
            "--ping" => options.ping = Some(value()?),
            _ => return Err(Error::argument(format!("unknown option {word}"))),
        }
    }
    match options.name.is_empty() {
        true => Err(Error::argument(
            "usage: ping_pong --name NODE --cookie COOKIE [--visible] [--tls-optfile FILE] [--ping NODE]",
        )),
        false => Ok(options),
    }
}
