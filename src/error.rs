//! Errors of the control plane.

use orp_core::{
    document::DocumentError,
    error::{ProviderError, StoreError},
    id::{ProviderName, RunId},
    noun::{
        ApprovalError, ApprovalRequest, AssetRef, DataClass, Infeasibility, IntentError, LedgerError, PolicyDecision,
        RecipeError,
    },
};
use thiserror::Error;

/// What keeps the control plane from doing what it was asked.
///
/// "Nothing fits" and "forbidden" are answers ([`PlanAnswer`](crate::PlanAnswer), [`RunAnswer`](crate::RunAnswer)); they
/// become errors here only for callers who ask for that with `?`.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OrpError {
    /// A document does not say what it should.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The policy documents do not say what they should; nothing of them is in force.
    #[error(transparent)]
    Policy(#[from] orp_policy::LoadError),
    /// A file could not be read.
    #[error("cannot read `{path}`: {detail}")]
    File {
        /// Which file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// Nobody who is trusted signed the policy documents; nothing of them is in force.
    #[error("`{path}`: {detail}")]
    Signature {
        /// Where the signature stands, or would.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The intent has no meaning.
    #[error("the intent is wrong: {0}")]
    Intent(#[from] IntentError),
    /// A recipe is none, or does not fit the intent.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Policy said no.
    #[error("policy refused: {0}")]
    Refused(Box<PolicyDecision>),
    /// Policy wants somebody to approve it first.
    #[error("it must be approved first: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NeedsApproval(Vec<ApprovalRequest>),
    /// A vote does not count.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A budget has too little left.
    #[error(transparent)]
    Budget(#[from] LedgerError),
    /// No plan satisfies the intent.
    #[error("{0}")]
    Infeasible(Box<Infeasibility>),
    /// The plan does not hold what its intent asks.
    #[error("the plan is not valid: {}", .0.join("; "))]
    InvalidPlan(Vec<String>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log could not be opened, or does not hold what was written.
    #[error(transparent)]
    Audit(#[from] crate::audit::AuditError),
    /// A provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Two providers have one name.
    #[error("two providers are called `{0}`: names must differ")]
    DuplicateProvider(ProviderName),
    /// No such asset.
    #[error("no asset `{0}`")]
    UnknownAsset(AssetRef),
    /// A class is not lower than the one it is to replace.
    #[error("`{asset}` is {class}, and {to} is not lower")]
    NotLower {
        /// The asset.
        asset: AssetRef,
        /// Its class.
        class: DataClass,
        /// What it was to be.
        to: DataClass,
    },
    /// No such run.
    #[error("no run `{0}`")]
    UnknownRun(RunId),
    /// The control plane was shut down.
    #[error("this ORP was shut down")]
    ShutDown,
}
