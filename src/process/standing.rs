//! Where an attempt stands, by the records in its folder and what the system says of its processes.

use super::record::{self, Claim, ENDED, Ended, Launch, REFUSED, Refused, STARTED, Started};
use orp_core::noun::{Ending, Execution};
use std::io;
use std::path::Path;

/// Where an attempt stands.
#[derive(Debug)]
pub(super) enum Standing {
    /// Nobody has its folder.
    Unclaimed,
    /// Nothing was started there, and nothing ever will be.
    CalledOff,
    /// Its supervisor is about to start it.
    Starting,
    /// It could not be started, and never will.
    Refused(Launch, Refused),
    /// It runs; without its supervisor, if that was killed.
    Running { launch: Launch, started: Started, supervised: bool },
    /// It is over, and nothing of it runs.
    Ended { execution: Execution, ending: Ending },
    /// It is over, nobody knows how, and what it started may still run.
    Lost { launch: Launch, started: Option<Started>, why: &'static str },
}

impl Standing {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        // Whether the supervisor lives is asked before its records are read: once it is dead they are final.
        let (launch, supervised) = match Claim::read(folder)? {
            None => return Ok(Self::Unclaimed),
            Some((Claim::CalledOff { .. }, _)) => return Ok(Self::CalledOff),
            Some((Claim::Launch(launch), supervised)) => (launch, supervised),
        };
        if let Some(refused) = record::read::<Refused>(folder, REFUSED)? {
            return Ok(Self::Refused(launch, refused));
        }
        let Some(mut started) = record::read::<Started>(folder, STARTED)? else {
            let why = "its supervisor died while starting it";
            return Ok(if supervised { Self::Starting } else { Self::Lost { launch, started: None, why } });
        };
        started.execution.starts = record::starts(folder);
        if let Some(ended) = record::read::<Ended>(folder, ENDED)? {
            return Ok(Self::Ended { execution: started.execution, ending: ended.ending });
        }
        Ok(if supervised || started.process.is_alive() {
            Self::Running { launch, started, supervised }
        } else {
            let why = "its supervisor died before it could record the end";
            Self::Lost { launch, started: Some(started), why }
        })
    }
}
