//! Aliases: references of ours that messages can be sent to (protocol section 5.3).
//!
//! Always true: an alias in the table belongs to a living process, and no message passes an alias that has ended.

use std::sync::Arc;

use crate::node::message::Message;
use crate::node::process::{Alias, AliasMode, Delivery, Process};
use crate::node::Inner;
use crate::term::Reference;

impl Inner {
    /// `alias/1`: a fresh reference that delivers to `process`.
    pub(crate) fn alias(&self, process: &Arc<Process>, priority: bool) -> Reference {
        let reference = self.make_ref();
        self.insert_alias(process, &reference, Alias { mode: AliasMode::Explicit, priority });
        reference
    }

    /// An alias that comes with a monitor or a spawn request.
    pub(crate) fn add_alias(&self, process: &Arc<Process>, reference: &Reference, mode: AliasMode) {
        self.insert_alias(process, reference, Alias { mode, priority: false });
    }

    fn insert_alias(&self, process: &Arc<Process>, reference: &Reference, alias: Alias) {
        let Some(number) = self.number_of(reference) else { return };
        // The table first: an end in between then finds the alias among the relations, or we find the end.
        self.aliases.write().insert(number, process.clone());
        if process.relate(|relations| relations.aliases.insert(number, alias)).is_none() {
            self.aliases.write().remove(&number);
        }
    }

    /// `unalias/1`; false if it was none of ours.
    pub(crate) fn unalias(&self, process: &Arc<Process>, reference: &Reference) -> bool {
        let Some(number) = self.number_of(reference) else { return false };
        let had = process.relations(|relations| relations.aliases.remove(&number).is_some());
        if had {
            self.aliases.write().remove(&number);
        }
        had
    }

    /// The monitor of this reference ended; an alias that was tied to it ends too.
    pub(crate) fn end_monitor_alias(&self, process: &Arc<Process>, reference: &Reference) {
        let Some(number) = self.number_of(reference) else { return };
        let ended =
            process.relations(|relations| match relations.aliases.get(&number).map(|alias| alias.mode) {
                None | Some(AliasMode::Explicit) => false,
                Some(AliasMode::Demonitor | AliasMode::ReplyDemonitor) => {
                    relations.aliases.remove(&number).is_some()
                }
            });
        if ended {
            self.aliases.write().remove(&number);
        }
    }

    /// Who has this alias, if anybody does at this moment.
    pub(crate) fn alias_owner(&self, reference: &Reference) -> Option<Arc<Process>> {
        let number = self.number_of(reference)?;
        self.aliases.read().get(&number).cloned()
    }

    /// Queues a message that came by its alias, if that still stands; a one-shot alias ends by it, with its monitor. Only an alias
    /// that was made for it lets priority through.
    pub(crate) fn deliver_by_alias(self: &Arc<Self>, process: &Arc<Process>, message: Message) -> Delivery {
        let Some(reference) = message.alias.as_deref().cloned() else { return Delivery::Dead };
        let Some(number) = self.number_of(&reference) else { return Delivery::Dead };
        let (mut ended, mut watched) = (false, None);
        let delivery = process.deliver_if(message, |relations, message| {
            let Some(alias) = relations.aliases.get(&number).copied() else { return false };
            message.priority &= alias.priority;
            // Only one message passes, however many threads bring one.
            if alias.mode == AliasMode::ReplyDemonitor {
                ended = relations.aliases.remove(&number).is_some();
                relations.urgent.remove(&number);
                watched = relations.watching.remove(&number);
            }
            true
        });
        if ended {
            self.aliases.write().remove(&number);
        }
        if let Some(watched) = watched {
            self.stop_watching(&self.pid_of(process), &watched, &reference);
        }
        delivery
    }

    /// Whom a signal to this alias reaches, and whether one with priority has it there; a one-shot alias ends by it.
    pub(crate) fn resolve_alias(self: &Arc<Self>, reference: &Reference) -> Option<(Arc<Process>, bool)> {
        let number = self.number_of(reference)?;
        let process = self.aliases.read().get(&number).cloned()?;
        let alias = process.relations(|relations| match relations.aliases.get(&number)? {
            // Only one message passes, however many threads bring one.
            Alias { mode: AliasMode::ReplyDemonitor, .. } => relations.aliases.remove(&number),
            other => Some(*other),
        })?;
        if alias.mode == AliasMode::ReplyDemonitor {
            self.aliases.write().remove(&number);
            self.demonitor(&process, reference, false);
        }
        Some((process, alias.priority))
    }

    pub(crate) fn forget_aliases<'a>(&self, numbers: impl Iterator<Item = &'a u64>) {
        let mut numbers = numbers.peekable();
        if numbers.peek().is_some() {
            let mut aliases = self.aliases.write();
            for number in numbers {
                aliases.remove(number);
            }
        }
    }
}
