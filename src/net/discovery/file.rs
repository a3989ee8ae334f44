//! Names in a file that somebody else writes: one per line, `#` begins a comment.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::log;
use crate::net::discovery::{Asker, Found, Strategy, MAX_NAMES};
use crate::proto::name::NodeName;

/// How often the file is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Read at most; a thousand names are far less.
const MAX_BYTES: u64 = 1 << 20;

/// Reads names from a file whenever they are asked for. No file, no names.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    pause: Duration,
    /// The line that was complained about last, so that it is done once.
    complained: Option<String>,
}

impl WatchedFile {
    /// This file. Write it beside and rename it, so that nobody reads half of it.
    pub fn new(path: impl Into<PathBuf>) -> WatchedFile {
        WatchedFile { path: path.into(), pause: PAUSE, complained: None }
    }

    /// How often to look; every second unless set.
    pub fn every(mut self, pause: Duration) -> WatchedFile {
        self.pause = pause;
        self
    }

    async fn read(&mut self) -> Result<Vec<NodeName>> {
        let path = self.path.clone();
        let text = tokio::task::spawn_blocking(move || text_of(&path)).await;
        let text = text.map_err(|_| Error::Closed("node"))??;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut names = Vec::new();
        for line in lines.filter(|line| !line.is_empty()).take(MAX_NAMES) {
            match NodeName::new(line) {
                Ok(name) => names.push(name),
                Err(error) if self.complained.as_deref() != Some(line) => {
                    self.complained = Some(line.to_owned());
                    log::warn(format_args!("{}: {error}; the line is left out", self.path.display()));
                }
                Err(_) => {}
            }
        }
        Ok(names)
    }
}

fn text_of(path: &Path) -> Result<String> {
    let failed = |error| Error::io(format!("cannot read the nodes in {}", path.display()), &error);
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened.map_err(failed)?,
    };
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).map_err(failed)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl Strategy for WatchedFile {
    fn find<'a>(&'a mut self, _asker: &'a Asker) -> Found<'a> {
        Box::pin(self.read())
    }

    fn pause(&self) -> Duration {
        self.pause
    }
}
