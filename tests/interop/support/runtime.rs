//! Which Erlang the tests run against: the machine's own, or the one in the directory tree `ERLNODE_OTP_ROOT`.

use std::process::Command;
use std::sync::OnceLock;

/// The root of another system's tree that holds the Erlang to test against.
pub fn root() -> Option<String> {
    std::env::var("ERLNODE_OTP_ROOT").ok().filter(|root| !root.is_empty())
}

/// The root of the tree of another release, which ERLNODE_OTP_27 and the like name; the chosen Erlang where there is none.
pub fn root_of(release: &str) -> Option<String> {
    let named = std::env::var(format!("ERLNODE_OTP_{release}")).ok().filter(|named| !named.is_empty());
    named.or_else(root)
}

/// A command of the chosen Erlang (`erl`, `iex`, `epmd` ...), in a bare environment of its own.
pub fn command(program: &str) -> Command {
    command_in(root(), program)
}

/// The same in a tree.
pub fn command_in(root: Option<String>, program: &str) -> Command {
    let mut command = match root {
        // The tree is another system: it has its own libraries, so the program runs inside it.
        Some(root) => {
            let mut command = Command::new("chroot");
            command.arg(root).arg(program);
            command
        }
        None => Command::new(program),
    };
    // Its own HOME keeps the tests away from the user's cookie file; /tmp is there inside a chroot, too.
    command.env("HOME", "/tmp").env("LC_ALL", "C.UTF-8").env("TERM", "dumb");
    command.env_remove("ERL_FLAGS").env_remove("ERL_AFLAGS").env_remove("ERL_ZFLAGS");
    command
}

/// The directory of Elixir's applications, as `ERL_LIBS` wants it; asked once.
pub fn elixir_libs() -> &'static str {
    static LIBS: OnceLock<String> = OnceLock::new();
    LIBS.get_or_init(|| {
        let asked = command("elixir").args(["-e", "IO.puts(Path.dirname(:code.lib_dir(:elixir)))"]).output();
        let output = asked.unwrap_or_else(|error| panic!("cannot start elixir: {error}"));
        assert!(output.status.success(), "elixir fails: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}
