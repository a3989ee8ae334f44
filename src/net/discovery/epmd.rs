//! Every node that is registered at the epmds of some hosts.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::net::discovery::{Asker, Found, Strategy, MAX_NAMES};
use crate::net::epmd;
use crate::proto::name::NodeName;

/// How long one epmd may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two sweeps.
const PAUSE: Duration = Duration::from_secs(10);
/// Hosts of one sweep, which are all asked at once.
const MAX_HOSTS: usize = 64;

/// Asks the epmds of some hosts for their nodes.
#[derive(Debug, Clone)]
pub struct EpmdSweep {
    hosts: Vec<String>,
    pause: Duration,
}

impl EpmdSweep {
    /// These hosts, written as in the names of their nodes.
    ///
    /// # Errors
    /// `Limit` for more than 64.
    pub fn new<I: IntoIterator<Item: Into<String>>>(hosts: I) -> Result<EpmdSweep> {
        let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
        match hosts.len() > MAX_HOSTS {
            true => Err(Error::Limit("more than 64 hosts to ask for nodes".into())),
            false => Ok(EpmdSweep { hosts, pause: PAUSE }),
        }
    }

    /// How long to wait between two sweeps; 10 s unless set.
    pub fn every(mut self, pause: Duration) -> EpmdSweep {
        self.pause = pause;
        self
    }

    async fn sweep(&self, asker: &Asker) -> Result<Vec<NodeName>> {
        let mut questions = JoinSet::new();
        for host in self.hosts.clone() {
            let config = asker.epmd.clone();
            questions.spawn(async move {
                let answer = epmd::names(&config, &host, Instant::now() + PATIENCE).await;
                (host, answer)
            });
        }
        let (mut names, mut failure, mut answered) = (Vec::new(), None, self.hosts.is_empty());
        while let Some(answer) = questions.join_next().await {
            match answer {
                Ok((host, Ok(nodes))) => {
                    answered = true;
                    let full =
                        nodes.iter().filter_map(|(alive, _)| NodeName::new(&format!("{alive}@{host}")).ok());
                    names.extend(full.take(MAX_NAMES - names.len()));
                }
                Ok((_, Err(error))) => failure = Some(error),
                Err(_) => {}
            }
        }
        // A host that is down has no nodes; when none answers, we are the ones who are cut off.
        match failure {
            Some(error) if !answered => Err(error),
            _ => Ok(names),
        }
    }
}

impl Strategy for EpmdSweep {
    fn find<'a>(&'a mut self, asker: &'a Asker) -> Found<'a> {
        Box::pin(self.sweep(asker))
    }

    fn pause(&self) -> Duration {
        self.pause
    }
}
