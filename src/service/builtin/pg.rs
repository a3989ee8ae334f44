//! What `pg` tells about groups: a call from another node sees the table that this one has.

use crate::service::builtin::Call;
use crate::service::pg;
use crate::term::{Atom, Pid, Term};

/// OTP's own scope.
const DEFAULT: &str = "pg";

fn scope(call: &mut Call<'_>, given: bool) -> Option<Atom> {
    match given {
        true => call.args.atom_term(),
        false => Some(Atom::from_static(DEFAULT)),
    }
}

/// `get_members/1,2` and `get_local_members/1,2`: nobody, also in a scope that there is not.
pub(super) fn members(call: &mut Call<'_>, given: bool, local: bool) -> Option<()> {
    let scope = scope(call, given)?;
    let group = call.args.term()?;
    let members = pg::table(call.node, &scope, |groups| match local {
        true => groups.local_members(&group),
        false => groups.members(&group),
    });
    put_pids(call, &members.unwrap_or_default())
}

/// `which_groups/0,1` and `which_local_groups/0,1`: `badarg` in a scope that there is not.
pub(super) fn groups(call: &mut Call<'_>, given: bool, local: bool) -> Option<()> {
    let scope = scope(call, given)?;
    let names = pg::table(call.node, &scope, |groups| match local {
        true => groups.local_names(),
        false => groups.names(),
    })?;
    let names = Term::list(names.iter().map(|name| Term::clone(name)));
    call.put(|answer| answer.term(&names))
}

fn put_pids(call: &mut Call<'_>, pids: &[Pid]) -> Option<()> {
    let pids = Term::list(pids.iter().map(|pid| Term::Pid(Box::new(pid.clone()))));
    call.put(|answer| answer.term(&pids))
}
