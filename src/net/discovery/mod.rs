//! Finding out which nodes there are: one trait, and the ways we know.
//!
//! A strategy only proposes names; `node::discovery` decides whom to call, when, and how often. Nothing here opens a
//! connection to a node.
//! Always true: what a strategy keeps of the outside world is limited by [`MAX_NAMES`].

mod dns;
mod epmd;
mod file;
mod gossip;
mod list;
#[cfg(feature = "srv")]
mod srv;

pub use dns::Dns;
pub use epmd::EpmdSweep;
pub use file::WatchedFile;
pub use gossip::Gossip;
pub use list::StaticList;
#[cfg(feature = "srv")]
pub use srv::Srv;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::error::Result;
use crate::net::epmd::EpmdConfig;
use crate::proto::name::NodeName;

/// Names that one strategy may propose at a time; meshes of BEAMs stay below a few hundred nodes.
pub const MAX_NAMES: usize = 1000;

/// What strategies know of the node that asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Its name, if it has one.
    pub name: Option<NodeName>,
    /// True if others can connect to it.
    pub listens: bool,
    /// Where epmd is.
    pub epmd: EpmdConfig,
}

/// What a strategy promises to give: all names it knows now.
pub type Found<'a> = Pin<Box<dyn Future<Output = Result<Vec<NodeName>>> + Send + 'a>>;

/// A way to find nodes. Implement it to add one.
pub trait Strategy: fmt::Debug + Send + 'static {
    /// Gives all names that there are now; may wait for news first. What it gave before and does not give again has gone.
    ///
    /// # Errors
    /// When nothing can be said now; then what was known stays.
    fn find<'a>(&'a mut self, asker: &'a Asker) -> Found<'a>;

    /// How long to wait between two questions; a fifth more or less is added by chance.
    fn pause(&self) -> Duration;
}
