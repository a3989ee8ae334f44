//! Lines of the log that come in crowds: when many nodes come or go at once, a few are written and the rest is one line.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::log::{self, Level};
use crate::node::Inner;

/// Lines of one kind that are written as they come.
const FIRST_LINES: usize = 5;
/// The time that they are counted in, and for which further ones are held back.
const WINDOW: Duration = Duration::from_secs(1);

/// What lines are about. Each kind is counted for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Connections that come up.
    Up,
    /// Connections that end.
    Down,
    /// The name server.
    Global,
}

/// The crowds of one node.
#[derive(Default)]
pub(crate) struct Crowds {
    kinds: Mutex<[Crowd; 3]>,
}

/// One kind in the current window.
#[derive(Default)]
struct Crowd {
    lines: usize,
    /// How many are held back, the gravest level and the last line of that.
    held: Option<(usize, Level, String)>,
}

/// What is to be done with a line.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Written,
    /// The first of a window: the window is to be ended in time.
    WrittenFirst,
    Held,
}

impl Crowd {
    fn note(&mut self, level: Level, line: &str) -> Fate {
        self.lines += 1;
        match self.lines {
            1 => Fate::WrittenFirst,
            2..=FIRST_LINES => Fate::Written,
            _ => {
                let (count, gravest, text) = self.held.take().unwrap_or((0, level, String::new()));
                let text = if level <= gravest { line.to_owned() } else { text };
                self.held = Some((count + 1, gravest.min(level), text));
                Fate::Held
            }
        }
    }

    /// Ends the window: what was held back, as one line. Another window begins at once if there was any.
    fn end(&mut self) -> Option<(Level, String)> {
        let held = self.held.take();
        self.lines = if held.is_some() { FIRST_LINES } else { 0 };
        let (count, level, last) = held?;
        Some((
            level,
            if count == 1 {
                last
            } else {
                format!("{count} more lines like this within a second; the last: {last}")
            },
        ))
    }
}

impl Inner {
    /// Logs a line that may be one of many.
    pub(crate) fn log_crowd(self: &Arc<Self>, about: About, level: Level, line: &str) {
        if !log::wanted(level) {
            return;
        }
        let fate = self.crowds.kinds.lock()[about as usize].note(level, line);
        if fate != Fate::Held {
            log::log(level, format_args!("{line}"));
        }
        if fate == Fate::WrittenFirst {
            let node = Arc::downgrade(self);
            self.runtime.spawn(async move {
                loop {
                    tokio::time::sleep(WINDOW).await;
                    let Some(node) = node.upgrade() else { return };
                    let held = node.crowds.kinds.lock()[about as usize].end();
                    let Some((level, line)) = held else { return };
                    log::log(level, format_args!("{line}"));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_a_few_are_written_and_the_rest_is_one() {
        let mut crowd = Crowd::default();
        let fates: Vec<Fate> = (0..50).map(|n| crowd.note(Level::Info, &format!("n{n} ended"))).collect();
        assert_eq!(fates[0], Fate::WrittenFirst);
        assert!(fates[1..FIRST_LINES].iter().all(|fate| *fate == Fate::Written));
        assert!(fates[FIRST_LINES..].iter().all(|fate| *fate == Fate::Held));
        let summary = "45 more lines like this within a second; the last: n49 ended";
        assert_eq!(crowd.end(), Some((Level::Info, summary.to_owned())));
        // The next second has room for none: whoever goes on and on gets a line a second.
        assert_eq!(crowd.note(Level::Warn, "grave"), Fate::Held);
        assert_eq!(crowd.note(Level::Info, "usual"), Fate::Held);
        let summary = "2 more lines like this within a second; the last: grave";
        assert_eq!(crowd.end(), Some((Level::Warn, summary.to_owned())));
        assert_eq!(crowd.note(Level::Info, "alone"), Fate::Held);
        assert_eq!(crowd.end(), Some((Level::Info, "alone".to_owned())));
        // After a quiet second all is as at first.
        assert_eq!(crowd.end(), None);
        assert_eq!(crowd.note(Level::Info, "again"), Fate::WrittenFirst);
    }
}
