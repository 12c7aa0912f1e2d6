//! Who gets what now?
//!
//! [`PreemptivePriority`] is a deterministic state machine behind [`orp_core::contract::Scheduler`]: events and a view of the
//! cluster go in, starts and preemptions come out, and every job that waits can say where and why. It reads no clock and
//! does no I/O; the same events and views give the same decisions, live or in a simulator.
//!
//! ```
//! use orp_core::prelude::*;
//! use orp_sched::scheduler::{PreemptivePriority, PriorityConfig};
//!
//! let cores = |count| Capacity { cpu: CpuAmount::whole(count), ..Capacity::ZERO };
//! let node = Node { name: NodeName::new("n1")?, capacity: cores(4), labels: Labels::new() };
//! let view = ClusterView::new(vec![node]);
//! let mut scheduler = PreemptivePriority::new(PriorityConfig::default());
//! let (now, tenant) = (Timestamp::EPOCH, Tenant::new("vision")?);
//!
//! // A job of three cores starts; a more important one of two does not fit beside it, and takes its place.
//! let batch = Job::new(JobKey::new("batch"), tenant.clone(), cores(3), now);
//! let mut urgent = Job::new(JobKey::new("urgent"), tenant, cores(2), now);
//! urgent.priority = 10;
//! let started = scheduler.decide(now, &[batch.into()], &view);
//! assert!(matches!(&started.list[..], [JobDecision::Start { job, .. }] if job.as_str() == "batch"));
//! let stopping = scheduler.decide(now, &[urgent.into()], &view);
//! let [JobDecision::Preempt { job, reason, .. }] = &stopping.list[..] else { panic!("{stopping:?}") };
//! assert_eq!(job.as_str(), "batch");
//! assert_eq!(reason, "its priority 0 is below 10 of `urgent`, which needs 1 × (2 cpu)");
//! assert_eq!(scheduler.waiting()[0].reason, "waits for 1 victim to stop");
//!
//! // The host stops the process and says so: the room is for whom it was vacated, and the victim waits again.
//! let stopped = scheduler.decide(now, &[JobEvent::Stopped(JobKey::new("batch"))], &view);
//! assert!(matches!(&stopped.list[..], [JobDecision::Start { job, .. }] if job.as_str() == "urgent"));
//! assert_eq!(scheduler.waiting()[0].reason, "needs 3 cpu; the freest node has 2 cpu");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does, exactly
//!
//! **Order.** Waiting jobs are looked at by priority, raised by [ageing](PriorityConfig::ageing), then by submission, then by
//! key. Whoever fits starts.
//!
//! **Queues.** A job that its tenant's quota does not hold waits in the *job* queue; one whose device another job holds in
//! the *device* queue; all others in the *ready* queue, for nodes. A quota counts what runs and what is being stopped, and
//! what is promised.
//!
//! **Placement.** Each member goes to the node that it leaves the least of: fewest accelerators, then cores, memory and disk;
//! ties go by the order of the view. A gang is placed whole or not at all.
//!
//! **Preemption.** A job that does not fit may have running preemptible jobs of strictly lower *declared* priority stopped,
//! if it then fits whole: quota, device and nodes. The lowest priority goes first, then the youngest start; of the set found
//! none can be spared, and what is being stopped already counts as gone. A job that started before another because it had
//! waited longer is not stopped for that one, or its turn would be worth nothing; later submissions may stop it.
//!
//! **Promises.** What victims hold stays theirs until they have stopped, and from the decision on is promised to the job
//! they are stopped for: no other takes it, of whatever priority. That job starts as soon as there is room, at the latest
//! when all that are being stopped on its nodes have stopped. The promise lapses when the job is withdrawn, or when a node
//! is lost or a limit lowered that it rests on.
//!
//! **Passing.** A job that does not fit is passed by later ones that do, until it has waited for its
//! [patience](PriorityConfig::patience). From then on nothing of lower order starts or stops others where it waits: behind
//! a job that waits for quota those of its tenant, for a device those that want it, for nodes all; except in room that was
//! promised before. A job that would not fit an idle cluster holds nobody back. So every job that fits starts, as long as jobs end
//! and no endless stream of more important ones comes.
//!
//! **Events.** What is unknown, late or repeated changes nothing: a key that is known is not submitted again, a stop that was
//! not asked for is ignored (it is of an earlier start). A key may be used again once its job has ended. When a node is lost,
//! all of a gang that had members there waits again, and what it held elsewhere is free: the host ends what is left of
//! it first. A node that merely leaves the view takes no more jobs, and what runs there runs on.
//!
//! # Why this shape
//!
//! Nodes, quotas, placement, the search for victims, and the pass that joins them are separate and know nothing of each
//! other's insides, so that another order, placement or admission can take one's place; there are no traits between them
//! until there is a second of a kind. Kept out on purpose: a global optimiser (decisions must come within a millisecond and be
//! explainable one by one), reservations in time (that needs trusted run times; patience bounds starvation without), and
//! taking a promise away for a yet more important job (a chain of such jobs would stop many and start none).
//!
//! Amounts are integers and compared exactly. Refusals are remembered within a pass, so that a thousand jobs of the
//! same shape cost one look at the nodes; `benches/scheduler.rs` measures it, `tests/scheduler_laws.rs` judges every
//! decision under random events.

mod config;
mod machine;
mod notes;
mod pass;
mod place;
mod preempt;
mod reason;
mod room;
mod state;

pub use config::PriorityConfig;
pub use machine::PreemptivePriority;
