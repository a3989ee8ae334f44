//! Links and exit signals between our mailboxes and processes of a BEAM, in both directions.

use erlnode::term::{Pid, Writer};
use erlnode::{Error, Mailbox, MailboxOptions, MessageKind, Node, Target};

use crate::support::ours::{encoded, mailbox, next, next_text, registered};
use crate::support::{Beam, Cluster, PATIENCE};

const ALEX: &str = "alex@localhost";

/// On the BEAM: a process that does what it is told and tells what happens to it.
///
/// `{link, P}`, `{unlink, P}`, `{exit, P, Reason}`, `{die, Reason}`, `{links, P}` (answered with the links to P's node),
/// anything else goes to the process named `alex` as `{heard, Message}`.
pub const PUPPET: &str = "
    Puppet = fun Loop() ->
        receive
            {link, P} -> link(P), Loop();
            {unlink, P} -> unlink(P), Loop();
            {exit, P, R} -> exit(P, R), Loop();
            {die, R} -> exit(R);
            {echo, P, M} -> P ! M, Loop();
            {trap, B} -> process_flag(trap_exit, B), Loop();
            {links, P} ->
                {links, All} = process_info(self(), links),
                P ! {links, lists:sort([L || L <- All, is_pid(L), node(L) =:= node(P)])}, Loop();
            M -> catch (alex ! {heard, M}), Loop()
        end
    end,
    Pid = spawn(Puppet),
    {door, ours@localhost} ! {puppet, Pid}";

/// A mailbox that traps exits.
pub fn trapping(node: &Node) -> Mailbox {
    node.mailbox(MailboxOptions { trap_exit: true, ..MailboxOptions::default() }).unwrap()
}

/// Starts a puppet on the BEAM and returns its pid. The node of ours is called `ours`.
pub fn puppet(alex: &mut Beam, door: &Mailbox) -> Pid {
    alex.erlang(PUPPET);
    let message = next(door);
    let mut reader = message.reader();
    assert!(reader.tuple_of(2) && reader.atom_is("puppet"));
    reader.pid().unwrap()
}

/// Sends `{verb, pid}`.
pub fn order(from: &Mailbox, puppet: &Pid, verb: &str, about: &Pid) {
    let mut writer = Writer::new();
    writer.tuple(2).atom(verb).pid(about);
    from.send(&Target::from(puppet), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
}

fn tell(from: &Mailbox, puppet: &Pid, text: &str) {
    from.send(&Target::from(puppet), &encoded(text), Some(PATIENCE)).unwrap();
}

/// Returns when the puppet has done everything that `from` told it before.
pub fn settle(from: &Mailbox, puppet: &Pid) {
    let mut writer = Writer::new();
    writer.tuple(3).atom("echo").pid(&from.pid()).atom("settled");
    from.send(&Target::from(puppet), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    assert_eq!(next_text(from), "settled");
}

struct Scene {
    _cluster: Cluster,
    alex: Beam,
    ours: Node,
    door: Mailbox,
}

fn scene() -> Scene {
    let cluster = Cluster::new();
    let (alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    Scene { alex, ours, door, _cluster: cluster }
}

#[test]
fn a_link_of_ours_brings_the_reason_of_their_end() {
    let mut scene = scene();
    for reason in ["normal", "kill", "{shutdown,[1,2]}", "\"text\""] {
        let puppet = puppet(&mut scene.alex, &scene.door);
        let me = trapping(&scene.ours);
        me.link(&puppet).unwrap();
        settle(&me, &puppet);
        tell(&me, &puppet, &format!("{{die,{reason}}}"));
        let exit = next(&me);
        assert_eq!((exit.kind(), exit.from()), (MessageKind::Exit, Some(&puppet)));
        let text = exit.term().unwrap().to_string();
        assert!(text.starts_with("{'EXIT',#Pid<") && text.ends_with(&format!(">,{reason}}}")), "{text}");
    }
}

#[test]
fn a_link_of_theirs_brings_the_reason_of_our_end() {
    let mut scene = scene();
    scene.alex.erlang("register(alex, self()), process_flag(trap_exit, true)");
    let before = mailbox(&scene.ours);
    for reason in ["normal", "{bad,day}"] {
        let me = registered(&scene.ours, "me");
        scene.alex.elixir("send({:me, :ours@localhost}, self())");
        let theirs = next(&me).reader().pid().unwrap();
        me.send(&Target::from(&theirs), &encoded("go"), Some(PATIENCE)).unwrap();
        scene.alex.elixir("receive do :go -> :ok end");
        let mut writer = Writer::new();
        writer.pid(&me.pid());
        me.send(&Target::from(&theirs), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        scene.alex.elixir("pid = receive do pid when is_pid(pid) -> pid end; Process.link(pid)");
        scene.alex.elixir("send(pid, :linked)");
        assert_eq!(next_text(&me), "linked");
        me.close(&encoded(reason)).unwrap();
        let heard = scene.alex.erlang("receive {'EXIT', P, R} when is_pid(P) -> {node(P), R} end");
        assert_eq!(heard, format!("{{ours@localhost,{reason}}}"));
    }
    drop(before);
}

#[test]
fn a_link_to_a_dead_process_answers_noproc_on_both_sides() {
    let mut scene = scene();
    let puppet = puppet(&mut scene.alex, &scene.door);
    let me = trapping(&scene.ours);
    me.monitor(&Target::from(&puppet)).unwrap();
    tell(&me, &puppet, "{die,normal}");
    assert_eq!(next(&me).kind(), MessageKind::Down);
    me.link(&puppet).unwrap();
    assert!(next_text(&me).ends_with(",noproc}"));
    // And a mailbox of ours that is closed.
    let dead = mailbox(&scene.ours).pid();
    let mut writer = Writer::new();
    writer.tuple(2).atom("dead").pid(&dead);
    scene.alex.erlang("register(alex, self()), process_flag(trap_exit, true)");
    me.send(&Target::name_node("alex", ALEX).unwrap(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    let reason = scene.alex.erlang("receive {dead, P} -> link(P), receive {'EXIT', P, R} -> R end end");
    assert_eq!(reason, "noproc");
}

#[test]
fn an_untrapped_exit_ends_our_mailbox_with_its_reason_and_normal_does_not() {
    let mut scene = scene();
    let puppet = puppet(&mut scene.alex, &scene.door);
    let me = mailbox(&scene.ours);
    order(&me, &puppet, "link", &me.pid());
    settle(&me, &puppet);
    let second = self::puppet(&mut scene.alex, &scene.door);
    let other = mailbox(&scene.ours);
    order(&other, &second, "link", &other.pid());
    settle(&other, &second);
    let watch = mailbox(&scene.ours);
    watch.monitor(&Target::from(&second)).unwrap();
    tell(&other, &second, "{die,normal}");
    assert_eq!(next(&watch).kind(), MessageKind::Down);
    assert!(other.is_alive(), "a normal end of a linked process is no reason to end");
    tell(&me, &puppet, "{die,crash}");
    assert!(matches!(me.recv(Some(PATIENCE)), Err(Error::Closed(_))));
    assert_eq!(me.exit_reason().as_deref(), Some(&encoded("crash")[..]));
}

/// `Process.exit/2` with every kind of reason, at mailboxes that trap and that do not.
#[test]
fn process_exit_of_elixir_acts_on_us_as_on_any_process() {
    let mut scene = scene();
    let exit = |alex: &mut Beam, mailbox: &Mailbox, reason: &str| {
        let mut writer = Writer::new();
        writer.pid(&mailbox.pid());
        let alex_door = Target::name_node("alex", ALEX).unwrap();
        mailbox.send(&alex_door, &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        alex.elixir(&format!(
            "receive do pid when is_pid(pid) -> Process.exit(pid, {reason}); send(pid, :still_here) end"
        ));
    };
    scene.alex.elixir("Process.register(self(), :alex)");
    let plain = mailbox(&scene.ours);
    exit(&mut scene.alex, &plain, ":normal");
    assert_eq!(next_text(&plain), "still_here", "normal does not end another process");
    exit(&mut scene.alex, &plain, "{:shutdown, 1}");
    assert!(matches!(plain.recv(Some(PATIENCE)), Err(Error::Closed(_))));
    assert_eq!(plain.exit_reason().as_deref(), Some(&encoded("{shutdown,1}")[..]));
    let trap = trapping(&scene.ours);
    exit(&mut scene.alex, &trap, ":normal");
    assert!(next_text(&trap).ends_with(",normal}"), "who traps hears of normal, too");
    assert_eq!(next_text(&trap), "still_here");
    exit(&mut scene.alex, &trap, ":kill");
    assert!(matches!(trap.recv(Some(PATIENCE)), Err(Error::Closed(_))));
    assert_eq!(trap.exit_reason().as_deref(), Some(&encoded("killed")[..]));
}

#[test]
fn an_exit_of_ours_acts_on_a_beam_process_as_any_other() {
    let mut scene = scene();
    let puppet = puppet(&mut scene.alex, &scene.door);
    let me = mailbox(&scene.ours);
    me.monitor(&Target::from(&puppet)).unwrap();
    me.exit(&puppet, &encoded("normal")).unwrap();
    settle(&me, &puppet);
    tell(&me, &puppet, "{trap,true}");
    settle(&me, &puppet);
    me.exit(&puppet, &encoded("{please,go}")).unwrap();
    settle(&me, &puppet);
    me.exit(&puppet, &encoded("kill")).unwrap();
    assert!(next_text(&me).ends_with(",killed}"));
}

#[test]
fn a_lost_connection_breaks_links_with_noconnection_on_both_sides() {
    let mut scene = scene();
    scene.alex.erlang("register(alex, self()), process_flag(trap_exit, true)");
    let me = trapping(&scene.ours);
    let puppet = puppet(&mut scene.alex, &scene.door);
    me.link(&puppet).unwrap();
    let mut writer = Writer::new();
    writer.pid(&me.pid());
    let alex_door = Target::name_node("alex", ALEX).unwrap();
    me.send(&alex_door, &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    scene.alex.elixir("me = receive do pid when is_pid(pid) -> pid end; Process.link(me); send(me, :linked)");
    assert_eq!(next_text(&me), "linked");
    assert!(scene.ours.disconnect(ALEX).unwrap());
    let mut seen = vec![next_text(&me), next_text(&me)];
    seen.retain(|exit| exit.starts_with("{'EXIT',") && exit.ends_with(",noconnection}"));
    assert_eq!(seen.len(), 2, "both links break: {seen:?}");
    assert_eq!(scene.alex.erlang("receive {'EXIT', _, R} -> R end"), "noconnection");
    // The connection that comes next knows nothing of the old links.
    assert!(scene.ours.ping(ALEX, Some(PATIENCE)).unwrap());
    me.close(&encoded("later")).unwrap();
    assert_eq!(scene.alex.erlang("receive {'EXIT', _, R} -> R after 200 -> nothing end"), "nothing");
}

/// Pids of a BEAM that is gone must not end the connection to the one that came after it.
#[test]
fn links_to_an_earlier_life_of_a_node_answer_noproc_and_harm_nobody() {
    let cluster = Cluster::new();
    let ours = cluster.node("ours");
    let door = registered(&ours, "door");
    let mut alex = cluster.beam("alex");
    let old = puppet(&mut alex, &door);
    let watch = mailbox(&ours);
    watch.monitor(&Target::from(&old)).unwrap();
    alex.end(crate::support::Signal::Kill);
    assert!(next_text(&watch).ends_with(",noconnection}"));
    let mut alex = cluster.beam("alex");
    let new = puppet(&mut alex, &door);
    assert_ne!(old.creation, new.creation);
    let me = trapping(&ours);
    settle(&me, &new);
    me.link(&old).unwrap();
    assert!(next_text(&me).ends_with(",noproc}"));
    me.monitor(&Target::from(&old)).unwrap();
    assert!(next_text(&me).ends_with(",noproc}"));
    me.unlink(&old).unwrap();
    me.exit(&old, &encoded("kill")).unwrap();
    me.send(&Target::from(&old), &encoded("hello"), Some(PATIENCE)).unwrap();
    settle(&me, &new);
    me.close(&encoded("boom")).unwrap();
    settle(&door, &new);
}

/// A storm of links and unlinks from both ends of the same pairs; in the end both sides must agree on each link.
#[test]
fn after_a_storm_of_links_and_unlinks_both_sides_agree() {
    let long = std::env::var_os("ERLNODE_LONG").is_some();
    let seed = std::env::var("ERLNODE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() as u64
    });
    eprintln!("ERLNODE_SEED={seed}");
    let mut scene = scene();
    let puppets: Vec<Pid> = (0..4).map(|_| puppet(&mut scene.alex, &scene.door)).collect();
    let rounds = if long { 40 } else { 8 };
    for round in 0..rounds {
        let mailboxes: Vec<Mailbox> = (0..6).map(|_| trapping(&scene.ours)).collect();
        std::thread::scope(|scope| {
            for thread in 0..3u64 {
                let (mailboxes, puppets, door) = (&mailboxes, &puppets, &scene.door);
                scope.spawn(move || {
                    let mut random = Random(seed ^ (round << 8) ^ (thread + 1).wrapping_mul(0x9e37_79b9));
                    for _ in 0..400 {
                        let mailbox = &mailboxes[random.below(mailboxes.len())];
                        let puppet = &puppets[random.below(puppets.len())];
                        match random.below(4) {
                            0 => mailbox.link(puppet).unwrap(),
                            1 => mailbox.unlink(puppet).unwrap(),
                            2 => order(door, puppet, "link", &mailbox.pid()),
                            _ => order(door, puppet, "unlink", &mailbox.pid()),
                        }
                    }
                });
            }
        });
        // Orders are carried out, and what they caused has arrived, when both ways were gone twice.
        for _ in 0..2 {
            for puppet in &puppets {
                for mailbox in &mailboxes {
                    settle(mailbox, puppet);
                }
            }
        }
        // What each puppet says it is linked to must be what our mailboxes say: they tell when they end.
        let mut theirs = Vec::new();
        for puppet in &puppets {
            order(&scene.door, puppet, "links", &scene.door.pid());
            let message = next(&scene.door);
            let mut reader = message.reader();
            assert!(reader.tuple_of(2) && reader.atom_is("links"));
            for _ in 0..reader.list().unwrap() {
                theirs.push((puppet.clone(), reader.pid().unwrap()));
            }
            tell(&scene.door, puppet, "{trap,true}");
        }
        scene.alex.erlang("catch register(alex, self())");
        settle(&scene.door, &puppets[0]);
        for mailbox in mailboxes {
            let pid = mailbox.pid();
            let expected = theirs.iter().filter(|(_, ours)| *ours == pid).count();
            mailbox.close(&encoded("bye")).unwrap();
            for puppet in &puppets {
                settle(&scene.door, puppet);
            }
            let heard = scene.alex.erlang(
                "F = fun F(N) -> receive {heard, {'EXIT', _, bye}} -> F(N + 1) after 0 -> N end end, F(0)",
            );
            assert_eq!(heard, expected.to_string(), "round {round}: {pid:?} linked on one side only");
        }
        for puppet in &puppets {
            tell(&scene.door, puppet, "{trap,false}");
        }
    }
}

/// SplitMix64: small, and the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
