//! Pids, ports, references and exported functions.

use std::cell::RefCell;

use super::Reader;
use crate::term::tag;
use crate::term::wire::{self, PidParts, ReferenceParts, Text, Wrong};
use crate::term::{Atom, Export, Pid, Port, Reference};

impl<'a> Reader<'a> {
    /// A pid.
    #[inline(always)]
    pub fn pid(&mut self) -> Option<Pid> {
        self.pid_known(&[])
    }

    /// A pid; if its node has a long name and is one of these atoms, that atom is shared.
    #[inline(always)] // a pid that is returned through memory costs three times as much
    pub fn pid_known(&mut self, known: &[Atom]) -> Option<Pid> {
        if let [tag::NEW_PID, ref body @ ..] = *self.rest {
            if let Some((node, &[a, b, c, d, e, f, g, h, i, j, k, l], rest)) = wire::short_id(body) {
                self.rest = rest;
                return Some(Pid {
                    node: Atom::from_short(node),
                    id: u32::from_be_bytes([a, b, c, d]),
                    serial: u32::from_be_bytes([e, f, g, h]),
                    creation: u32::from_be_bytes([i, j, k, l]),
                });
            }
        }
        self.aside(|reader| reader.rare_pid(known))
    }

    #[inline(never)]
    fn rare_pid(&mut self, known: &[Atom]) -> Option<Pid> {
        match self.tag()? {
            tag::NEW_PID | tag::PID => match wire::pid(self.rest) {
                Ok((parts, rest)) => self.check(make_pid(parts, known, self.atoms), rest),
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// A port.
    pub fn port(&mut self) -> Option<Port> {
        match self.tag()? {
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => match wire::port(self.rest) {
                Ok(((node, id, creation), rest)) => {
                    let port = node.to_atom(self.atoms).map(|node| Port { node, id, creation });
                    self.check(port, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// A reference.
    #[inline]
    pub fn reference(&mut self) -> Option<Reference> {
        self.reference_known(&[])
    }

    /// A reference; shares its node's atom as [`pid_known`](Self::pid_known) does.
    #[inline]
    pub fn reference_known(&mut self, known: &[Atom]) -> Option<Reference> {
        // The classic: three words.
        if let [tag::NEWER_REFERENCE, 0, 3, ref body @ ..] = *self.rest {
            if let Some((node, &[i, j, k, l, a, b, c, d, e, f, g, h, m, n, o, p], rest)) =
                wire::short_id(body)
            {
                self.rest = rest;
                let words = [[a, b, c, d], [e, f, g, h], [m, n, o, p]].map(u32::from_be_bytes);
                return Some(Reference::of_three(
                    Atom::from_short(node),
                    u32::from_be_bytes([i, j, k, l]),
                    words,
                ));
            }
        }
        self.aside(|reader| reader.rare_reference(known))
    }

    #[inline(never)]
    fn rare_reference(&mut self, known: &[Atom]) -> Option<Reference> {
        match self.tag()? {
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => match wire::reference(self.rest) {
                Ok((parts, rest)) => {
                    let node = node_atom(parts.node, known, self.atoms);
                    let reference = node.and_then(|node| make_reference(&parts, node));
                    self.check(reference, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// `fun Module:Function/Arity`.
    pub fn export(&mut self) -> Option<Export> {
        match self.tag()? {
            tag::EXPORT => match wire::export(self.rest) {
                Ok(((module, function, arity), rest)) => {
                    let export = make_export(module, function, arity, self.atoms);
                    self.check(export, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }
}

#[inline]
fn make_pid(parts: PidParts<'_>, known: &[Atom], atoms: &[Atom]) -> Result<Pid, Wrong> {
    let PidParts { node, id, serial, creation } = parts;
    Ok(Pid { node: node_atom(node, known, atoms)?, id, serial, creation })
}

thread_local! {
    /// The last long node names seen by this thread. Ids that follow each other mostly share their node, whose name
    /// would otherwise be allocated for each.
    static RECENT: RefCell<[Option<Atom>; 4]> = const { RefCell::new([None, None, None, None]) };
}

/// The atom of a node, shared with a known or recent one where possible.
#[inline]
pub(crate) fn node_atom(node: Text<'_>, known: &[Atom], atoms: &[Atom]) -> Result<Atom, Wrong> {
    let Text::Utf8(bytes) = node else { return node.to_atom(atoms) };
    if let Some(atom) = known.iter().find(|atom| atom.as_bytes() == bytes) {
        return Ok(atom.clone());
    }
    if Atom::is_inline(bytes.len()) {
        return node.to_atom(atoms);
    }
    recent(node, bytes, atoms)
}

fn recent(node: Text<'_>, bytes: &[u8], atoms: &[Atom]) -> Result<Atom, Wrong> {
    let ends = bytes.first().unwrap_or(&0) ^ bytes.last().unwrap_or(&0);
    let place = (usize::from(ends) ^ bytes.len()) % 4;
    let found = RECENT.try_with(|recent| match recent.try_borrow() {
        Ok(recent) => recent.get(place).cloned().flatten().filter(|atom| atom.as_bytes() == bytes),
        Err(_) => None,
    });
    if let Ok(Some(atom)) = found {
        return Ok(atom);
    }
    let atom = node.to_atom(atoms)?;
    let _ = RECENT.try_with(|recent| {
        if let Some(place) = recent.try_borrow_mut().ok().as_mut().and_then(|recent| recent.get_mut(place)) {
            *place = Some(atom.clone());
        }
    });
    Ok(atom)
}

pub(crate) fn make_reference(parts: &ReferenceParts<'_>, node: Atom) -> Result<Reference, Wrong> {
    let (words, len) = parts.words();
    Reference::new(node, parts.creation, words.get(..len).unwrap_or_default())
        .map_err(|_| "reference (over 5 words)")
}

pub(crate) fn make_export(
    module: Text<'_>,
    function: Text<'_>,
    arity: u8,
    atoms: &[Atom],
) -> Result<Export, Wrong> {
    Ok(Export { module: module.to_atom(atoms)?, function: function.to_atom(atoms)?, arity })
}
