//! Calling BEAMs: many at once, with deadlines, and what goes wrong over there as values.

use std::time::Duration;

use erlnode::service::call::Outcome;
use erlnode::term::Term;
use erlnode::{Error, Target};

use crate::comparisons::SERVERS;
use crate::support::ours::{encoded, mailbox};
use crate::support::{Cluster, PATIENCE};

const SOON: Option<Duration> = Some(Duration::from_millis(200));
const WAIT: Option<Duration> = Some(PATIENCE);

#[test]
fn many_beams_are_called_at_once_and_what_goes_wrong_is_a_value() {
    let cluster = Cluster::new();
    let (mut alex, mut kate, ours) = (cluster.beam("alex"), cluster.beam("kate"), cluster.node("ours"));
    for beam in [&mut alex, &mut kate] {
        beam.elixir(SERVERS);
    }
    let me = mailbox(&ours);
    let nodes = ["alex@localhost", "nobody@localhost", "kate@localhost"];
    let answers = me.multicall(&nodes, "erlang", "node", &encoded("[]"), WAIT);
    let returned = |place: usize| match Outcome::of(answers[place].as_ref().unwrap()) {
        Some(Outcome::Return(value)) => Term::decode(&value).unwrap().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!((returned(0), returned(2)), ("alex@localhost".into(), "kate@localhost".into()));
    assert!(matches!(answers[1], Err(Error::NoConnection { .. })), "{:?}", answers[1]);

    let failed = me.multicall(&nodes[..1], "cmp", "fault", &encoded("[error,{my,reason}]"), WAIT);
    let Some(Outcome::Error(reason, stack)) = Outcome::of(failed[0].as_ref().unwrap()) else {
        panic!("{failed:?}")
    };
    assert_eq!(Term::decode(&reason).unwrap().to_string(), "{my,reason}");
    assert!(Term::decode(&stack).unwrap().to_string().starts_with("[{cmp,fault,2,["));
    let killed = me.erpc("kate@localhost", "cmp", "die", &encoded("[]"), WAIT);
    assert!(matches!(&killed, Err(Error::Ended { why, .. }) if why == "killed"), "{killed:?}");

    let replies = me.multi_call(&nodes, "srv", &encoded("{echo,7}"), WAIT);
    for place in [0, 2] {
        assert_eq!(replies[place].as_ref().unwrap().payload()[..], encoded("7")[..]);
    }
    assert!(matches!(replies[1], Err(Error::NoConnection { .. })), "{:?}", replies[1]);
    let gone = me.multi_call(&nodes[..1], "nosrv", &encoded("x"), WAIT);
    assert!(matches!(gone[0], Err(Error::NoProcess(_))), "{gone:?}");
    let ended = me.multi_call(&nodes[..1], "once1", &encoded("{stop,{my,reason}}"), WAIT);
    let Err(Error::Ended { reason, .. }) = &ended[0] else { panic!("{ended:?}") };
    assert_eq!(reason[..], encoded("{my,reason}")[..]);
    assert!(me.is_empty());
}

/// As many outstanding as a busy program has; the answers come in the order in which the server gives them.
#[test]
fn deadlines_and_cancelled_calls_leave_nothing_here_and_no_monitor_there() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    alex.elixir(SERVERS);
    let me = mailbox(&ours);
    let srv = Target::name_node("srv", "alex@localhost").unwrap();
    let late = me.call(&srv, &encoded("hang"), SOON);
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    let late = me.erpc("alex@localhost", "cmp", "hang", &encoded("[]"), SOON);
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    let given_up = me.send_request(&srv, &encoded("hang"), WAIT).unwrap();
    me.abandon(given_up);
    let asked: Vec<_> =
        (0..64).map(|n| me.send_request(&srv, &encoded(&format!("{{echo,{n}}}")), WAIT).unwrap()).collect();
    for (n, call) in asked.into_iter().enumerate() {
        assert_eq!(me.receive_response(call, WAIT).unwrap().payload()[..], encoded(&n.to_string())[..]);
    }
    // What was answered after the monitors had ended has come after their end.
    // The end of the last one may still be on its way.
    let watched = "Stream.repeatedly(fn ->
                     for pid <- Process.list(), {:monitored_by, by} <- [Process.info(pid, :monitored_by)],
                       who <- by, node(who) == :ours@localhost, do: pid
                   end) |> Enum.find(& &1 == [])";
    assert_eq!(alex.elixir(watched), "[]");
    assert!(me.is_empty());
}
