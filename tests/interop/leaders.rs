//! Group leaders (scenarios 4 and 6): who prints where, on whose input is read, and what each request is answered with.

use erlnode::node::spawn::SpawnOptions;
use erlnode::term::{Reader, Writer};
use erlnode::{Mailbox, MessageKind, Target};

use crate::support::ours::{encoded, mailbox, next, next_text, registered};
use crate::support::{Cluster, Signal, PATIENCE};

const ALEX: &str = "alex@localhost";

/// Takes the next I/O request and answers it with `reply`; the request's text is returned.
fn serve(leader: &Mailbox, reply: &str) -> String {
    loop {
        let message = next(leader);
        let mut reader = message.reader();
        if message.kind() != MessageKind::Message || !reader.tuple_of(4) || !reader.atom_is("io_request") {
            continue;
        }
        let (from, reply_as) = (reader.pid().unwrap(), reader.term_bytes().unwrap());
        let request = reader.term().unwrap().to_string();
        let mut answer = Writer::new();
        answer.tuple(3).atom("io_reply").raw(reply_as).raw(&encoded(reply));
        leader.send(&Target::from(from), &answer.finish().unwrap(), Some(PATIENCE)).unwrap();
        return request;
    }
}

/// What a process spawned by us asks of the mailbox that is its leader, form by form.
#[test]
fn a_process_we_spawn_prints_into_the_mailbox_that_leads_it() {
    let cluster = Cluster::new();
    let (_alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let (leader, me) = (mailbox(&ours), mailbox(&ours));
    let run = |module: &str, function: &str, args: &str, reply: &str| {
        let options = SpawnOptions { monitor: true, leader: Some(leader.pid()), ..SpawnOptions::default() };
        me.spawn(ALEX, module, function, &encoded(args), options, Some(PATIENCE)).unwrap();
        let request = serve(&leader, reply);
        assert_eq!(next(&me).kind(), MessageKind::Down);
        request
    };
    // Releases differ in whether they make a binary of a list.
    let hello = run("io", "put_chars", "[\"hello\"]", "ok");
    assert!(hello.starts_with("{put_chars,unicode,") && hello.contains("\"hello\""), "{hello}");
    assert!(run("io", "nl", "[]", "ok").starts_with("{put_chars,unicode,"));
    assert_eq!(
        run("io", "format", "[\"~p and ~s~n\",[{a,1},\"x\"]]", "ok"),
        "{put_chars,unicode,io_lib,format,[\"~p and ~s~n\",[{a,1},\"x\"]]}"
    );
    assert!(run("Elixir.IO", "puts", "[<<\"hi\">>]", "ok").starts_with("{put_chars,unicode,"));
    assert_eq!(run("Elixir.IO", "binwrite", "[<<0,255>>]", "ok"), "{put_chars,latin1,<<0,255>>}");
    assert_eq!(
        run("Elixir.IO", "gets", "[<<\"name? \">>]", "<<\"kate\\n\">>"),
        "{get_line,unicode,<<\"name? \">>}"
    );
    assert_eq!(run("io", "get_chars", "[\"\",3]", "\"abc\""), "{get_chars,unicode,[],3}");
    assert_eq!(run("io", "columns", "[]", "80"), "{get_geometry,columns}");
    assert_eq!(run("io", "getopts", "[]", "[]"), "getopts");
    assert_eq!(run("io", "setopts", "[[binary]]", "ok"), "{setopts,[binary]}");
}

/// `group_leader(Leader, Pid)` from our side: a process that runs already prints into our mailbox from then on.
#[test]
fn we_give_a_process_of_a_beam_another_leader() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let (leader, me) = (mailbox(&ours), registered(&ours, "me"));
    alex.elixir(
        "pid = spawn(fn -> receive do :print -> IO.puts(\"by another leader\") end end)
         send({:me, :ours@localhost}, pid)",
    );
    let pid = next(&me).reader().pid().unwrap();
    me.set_group_leader_of(&pid, &leader.pid()).unwrap();
    me.send(&Target::Pid(pid), &encoded("print"), Some(PATIENCE)).unwrap();
    let request = serve(&leader, "ok");
    assert!(request.contains("by another leader"), "{request}");
    // And of a mailbox of ours by another.
    let other = mailbox(&ours);
    me.set_group_leader_of(&other.pid(), &leader.pid()).unwrap();
    assert_eq!(other.group_leader(), Some(leader.pid()));
}

/// Our console answers every request of the protocol, so that no writer over there waits for ever.
#[test]
fn our_user_answers_every_request_of_the_protocol() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let mut writer = Writer::new();
    writer.pid(&ours.whereis("user").unwrap());
    alex.elixir("Process.register(self(), :alex)");
    mailbox(&ours)
        .send(&Target::name_node("alex", ALEX).unwrap(), &writer.finish().unwrap(), Some(PATIENCE))
        .unwrap();
    alex.elixir("user = receive do pid -> pid end");
    for (call, answer) in [
        ("IO.puts(user, \"an Elixir line: größe\")", ":ok"),
        ("IO.write(user, [\"char\", ?d, [\"ata\\n\"]])", ":ok"),
        ("IO.inspect(user, {:a, 1}, []) |> elem(0)", ":a"),
        ("IO.binwrite(user, <<\"latin\\n\">>)", ":ok"),
        (":io.format(user, ~c\"~p ~w ~ts ~5b|~-5w|~c~n\", [{:a, \"b\"}, [1], \"text\", 42, :x, ?c])", ":ok"),
        (":io.write(user, {:term, [1, 2.5]})", ":ok"),
        (":io.nl(user)", ":ok"),
        (":io.setopts(user, [:binary, encoding: :unicode])", ":ok"),
        (":io.getopts(user) |> List.keyfind(:encoding, 0)", "{:encoding, :unicode}"),
        (":io.columns(user) in [{:error, :enotsup}] or is_tuple(:io.columns(user))", "true"),
        (
            ":io.request(user, {:requests, [{:put_chars, :unicode, \"one\\n\"}, :getopts]}) |> is_list()",
            "true",
        ),
        (":io.request(user, {:put_chars, :unicode, :erlang, :halt, []})", "{:error, :halt}"),
        (":io.request(user, {:put_chars, :unicode, :io_lib, :format, [~c\"~p\", []]})", "{:error, :format}"),
        (
            ":io.request(user, {:put_chars, :unicode, [:no_text]})",
            "{:error, {:put_chars, :unicode, [:no_text]}}",
        ),
        (":io.request(user, {:put_chars, :no_text})", "{:error, {:put_chars, :latin1, :no_text}}"),
        (":io.setopts(user, [:nonsense])", "{:error, :enotsup}"),
        (":io.request(user, {:get_geometry, :depth})", "{:error, :request}"),
        (":io.setopts(user, encoding: :latin1)", ":ok"),
        ("IO.puts(user, \"größe \\u20ac\")", ":ok"),
        (":io.getopts(user) |> List.keyfind(:encoding, 0)", "{:encoding, :latin1}"),
        (":io.setopts(user, encoding: :unicode)", ":ok"),
        (":io.request(user, {:get_until, :unicode, ~c\"\", :erl_scan, :tokens, [1]})", "{:error, :request}"),
        (":io.request(user, {:get_password, :unicode})", "{:error, :enotsup}"),
        (":io.request(user, :nonsense)", "{:error, :request}"),
    ] {
        assert_eq!(alex.elixir(call), answer, "{call}");
    }
    // By name, with references of the writer's own.
    assert_eq!(
        alex.elixir(
            "send({:user, :ours@localhost}, {:io_request, self(), {:my, 1}, {:put_chars, :unicode, \"by name\\n\"}})
             receive do {:io_reply, {:my, 1}, answer} -> answer end"
        ),
        ":ok"
    );
}

#[test]
fn we_print_on_the_terminal_of_a_beam() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let me = registered(&ours, "me");
    let user = Target::name_node("user", ALEX).unwrap();
    me.put_chars(&user, "printed by name\n", Some(PATIENCE)).unwrap();
    alex.process().wait_line("printed by name");
    alex.elixir("send({:me, :ours@localhost}, Process.group_leader())");
    let leader = next(&me).reader().pid().unwrap();
    me.put_chars(&Target::from(leader), "printed by pid\n", Some(PATIENCE)).unwrap();
    alex.process().wait_line("printed by pid");
    let nobody = me.put_chars(&Target::name_node("no_leader", ALEX).unwrap(), "lost", Some(PATIENCE));
    assert!(nobody.is_err());
    assert!(me.is_empty(), "nothing is left of a request");
}

/// Log events of what we lead come to our `logger` and go no further.
#[test]
fn log_events_of_processes_that_we_lead_are_consumed() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let me = mailbox(&ours);
    let options = SpawnOptions { monitor: true, leader: ours.whereis("user"), ..SpawnOptions::default() };
    me.spawn(ALEX, "erlang", "error", &encoded("[crashed]"), options, Some(PATIENCE)).unwrap();
    assert!(next_text(&me).contains(",{crashed,"));
    assert_eq!(alex.elixir("Node.ping(:ours@localhost)"), ":pong");
}

#[test]
fn a_beam_may_give_our_process_another_leader() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let me = registered(&ours, "me");
    let mut writer = Writer::new();
    writer.pid(&me.pid());
    alex.elixir("Process.register(self(), :alex)");
    me.send(&Target::name_node("alex", ALEX).unwrap(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.elixir("me = receive do pid -> pid end; Process.group_leader(me, self()); send(me, self())");
    let alex_pid = next(&me).reader().pid().unwrap();
    assert_eq!(me.group_leader(), Some(alex_pid));
}

/// The console of an example: what Elixir prints there is its output, and what is typed there Elixir reads.
#[test]
fn elixir_reads_what_is_typed_on_the_standard_input_of_a_c_program() {
    reads_what_is_typed("c");
}

#[test]
fn elixir_reads_what_is_typed_on_the_standard_input_of_a_python_program() {
    reads_what_is_typed("python");
}

fn reads_what_is_typed(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let mut console = cluster.example(language, "console", &[]);
    alex.elixir("send({:console, :ours@localhost}, {:console, self()}); console = receive do pid -> pid end");
    alex.elixir("IO.puts(console, \"Hello\")");
    console.process().wait_line("Hello");
    alex.begin("elixir", "IO.gets(console, \"name? \")");
    // A second writer is not held up by the one who waits for the person.
    console.process().wait_output("the prompt", 0, |output| output.find("name? "));
    let mut other = cluster.beam("other");
    other
        .elixir("send({:console, :ours@localhost}, {:console, self()}); console = receive do pid -> pid end");
    assert_eq!(other.elixir("IO.puts(console, \"meanwhile\")"), ":ok");
    console.process().wait_output("the other's line", 0, |output| output.find("meanwhile"));
    console.type_line("kate");
    assert_eq!(alex.finish(), "\"kate\\n\"");
    alex.begin("elixir", ":io.get_chars(console, ~c\"\", 3)");
    console.type_line("abcdef");
    assert_eq!(alex.finish(), "\"abc\"");
    assert_eq!(alex.elixir(":io.get_line(console, ~c\"\")"), "\"def\\n\"");
    console.close_stdin();
    assert_eq!(alex.elixir("IO.gets(console, \"\")"), ":eof");
    let (status, _) = console.end(Signal::Term);
    assert!(status.success());
}

/// Kate prints on the terminal of whoever runs her.
#[test]
fn kate_in_c_says_her_name_on_the_terminal_of_whoever_asks() {
    says_her_name("c");
}

#[test]
fn kate_in_python_says_her_name_on_the_terminal_of_whoever_asks() {
    says_her_name("python");
}

fn says_her_name(language: &str) {
    let cluster = Cluster::new();
    let kate = cluster.example(language, "spawn_link", &[]);
    let mut alex = cluster.iex("alex");
    for call in [
        "Node.spawn_link(:ours@localhost, Kate, :say_name, [])",
        "Node.spawn_link(:ours@localhost, &Kate.say_name/0)",
    ] {
        let mark = alex.process().mark();
        alex.type_line(call);
        alex.process().wait_output("her name", mark, |output| output.find("Hi, my name is Kate"));
    }
    let (status, output) = kate.end(Signal::Term);
    assert!(status.success());
    assert!(!output.contains("Hi, my name"), "it is printed over there:\n{output}");
}

#[test]
fn a_leader_that_ends_is_terminated_to_who_writes_there() {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let leader = registered(&ours, "leader");
    alex.elixir("send({:leader, :ours@localhost}, self())");
    let alex_pid = next(&leader).reader().pid().unwrap();
    let mut writer = Writer::new();
    writer.pid(&leader.pid());
    leader.send(&Target::from(alex_pid), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.begin(
        "elixir",
        "leader = receive do pid -> pid end; :io.request(leader, {:put_chars, :unicode, \"lost\"})",
    );
    let request = next(&leader);
    assert!(Reader::new(request.payload()).tuple_of(4));
    drop(leader);
    assert_eq!(alex.finish(), "{:error, :terminated}");
}
