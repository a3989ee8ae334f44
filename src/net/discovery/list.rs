//! A list that never changes.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::net::discovery::{Asker, Found, Strategy, MAX_NAMES};
use crate::proto::name::NodeName;

/// Nothing will change; this only keeps the loop from spinning.
const PAUSE: Duration = Duration::from_secs(3600);

/// Nodes that are known beforehand.
#[derive(Debug, Clone)]
pub struct StaticList {
    names: Vec<NodeName>,
}

impl StaticList {
    /// These nodes, each `alive@host`.
    ///
    /// # Errors
    /// `BadName`; `Limit` for more than 1000.
    pub fn new<I: IntoIterator<Item: AsRef<str>>>(names: I) -> Result<StaticList> {
        let names = names.into_iter().map(|name| NodeName::new(name.as_ref())).collect::<Result<Vec<_>>>()?;
        match names.len() > MAX_NAMES {
            true => Err(Error::Limit("more than 1000 nodes in a list".into())),
            false => Ok(StaticList { names }),
        }
    }
}

impl Strategy for StaticList {
    fn find<'a>(&'a mut self, _asker: &'a Asker) -> Found<'a> {
        Box::pin(async { Ok(self.names.clone()) })
    }

    fn pause(&self) -> Duration {
        PAUSE
    }
}
