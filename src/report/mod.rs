//! Reports of runs: on the terminal, and as one HTML file that needs nothing else.
//!
//! A [`Report`] is plain data, folded from the run's state (itself a fold over the journal) and the frontier its plan was
//! chosen from. It shows what was believed beside what happened: cost against budget and plan, speed against estimate,
//! quality against its prior. It reads no clock, so the same run gives the same bytes; a run that goes on is shown as of
//! the last fact known of it.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`facts`] | what a report says: data |
//! | `fold` | from a run's state to the facts |
//! | `text` | the form for terminals: [`Report::to_text`] |
//! | `html`, `chart` | the page and its drawings: [`Report::to_html`] |
//!
//! The drawings are made here rather than by a library: three charts that follow the page's colours, fit a phone and hold
//! no script are less code than the adapter to a plotting library would be.
//!
//! ```no_run
//! use orp_core::prelude::{Frontier, RunState};
//! use orp_sdk::report::Report;
//!
//! fn show(run: &RunState, frontier: &Frontier) -> std::io::Result<()> {
//!     let report = Report::new(run, Some(frontier), &["the market is simulated from recorded prices".into()]);
//!     println!("{report}");
//!     report.save_html("report.html")
//! }
//! ```

mod chart;
pub mod facts;
mod fold;
mod format;
mod html;
mod lines;
mod text;

use facts::{
    ArtefactFacts, ChargeFacts, CostFacts, FrontierFacts, Interruptions, LeaseFacts, PolicyFacts, QualityFacts,
    Replanning, StartFacts, TaskFacts, TimeFacts, WasteFacts,
};
use orp_core::prelude::*;
use serde::{Deserialize, Serialize};
use std::{fmt, io, path::Path};

/// What is to be said of a run. [`Display`](fmt::Display) is the form for terminals, without colours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Which run.
    pub run: RunId,
    /// What people call the intent.
    pub name: String,
    /// The intent in a line.
    pub intent: String,
    /// Who it was for.
    pub project: Tenant,
    /// Who asked.
    pub requester: Principal,
    /// The recipe, its version and variant.
    pub recipe: String,
    /// How many tokens the plan trains on; zero when the goal has none.
    pub tokens: Tokens,
    /// When the run started; all other times count from here.
    pub started: Timestamp,
    /// The time of the last fact known: as of when a run that goes on is shown.
    pub seen: Span,
    /// How it ended; none while it goes on.
    pub outcome: Option<Outcome>,
    /// Why it was asked to stop.
    pub cancelling: Option<String>,
    /// What a reader must know first: what was simulated, which model was really trained.
    pub notes: Vec<String>,
    /// Cost against budget.
    pub cost: CostFacts,
    /// Duration against deadline.
    pub time: TimeFacts,
    /// Reclaims, preemptions, failures.
    pub interruptions: Interruptions,
    /// Why the rest was planned again, in order.
    pub replans: Vec<Replanning>,
    /// What policy was asked and answered, in order.
    pub policy: Vec<PolicyFacts>,
    /// The quality believed and reached.
    pub quality: QualityFacts,
    /// The plans the first one was chosen from, when they are known.
    pub frontier: Option<FrontierFacts>,
    /// The tasks, in the order of the workflow.
    pub tasks: Vec<TaskFacts>,
    /// The leases, in the order they were granted.
    pub leases: Vec<LeaseFacts>,
    /// Charges beside the leases, in order.
    pub charges: Vec<ChargeFacts>,
    /// What the tasks left.
    pub artefacts: Vec<ArtefactFacts>,
    /// Whether every process was started once.
    pub starts: StartFacts,
    /// What was paid for and did not help.
    pub waste: WasteFacts,
}

impl Report {
    /// The report of a run, with the frontier its plan was chosen from, and notes that are printed where nobody misses them.
    pub fn new(run: &RunState, frontier: Option<&Frontier>, notes: &[String]) -> Self {
        fold::report(run, frontier, notes)
    }

    /// The form for terminals, at most a hundred columns wide; with `colour`, by ANSI escape sequences.
    pub fn to_text(&self, colour: bool) -> String {
        text::page(self, colour)
    }

    /// The page: one HTML file without scripts, for wide and narrow screens, light and dark, and for print.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Writes the page to a file, and the folders it lies in if they are not there.
    pub fn save_html(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, self.to_html())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(false))
    }
}
