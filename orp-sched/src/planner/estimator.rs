//! How long work takes on a machine: measured where it was measured, a roofline elsewhere.
//!
//! Training runs at `tokens/s = accelerators × rate × efficiency`, where the rate of one accelerator is
//!
//! 1. **measured** when a run of full training on the same kind of accelerator is in the tables and its model is at most
//!    twice as large or small: scaled by arithmetic, `6 · P(measured) / (flops · P)`, at the same utilisation. Where runs
//!    on fewer and on more accelerators were measured, the rate lies between theirs on a logarithmic scale;
//! 2. else a **roofline**: `peak · utilisation / (flops · P)` (Williams, Waterman, Patterson 2009, with the recipe's
//!    utilisation in place of memory bandwidth, as training large models is bound by arithmetic).
//!
//! Each doubling of the machines beyond those measured (beyond one, for a roofline) loses [`LOSS_PER_DOUBLING`], and the
//! network bounds the whole: every machine takes in the sharded weights and gives out gradients once a step,
//! [`STEP_BYTES_PER_PARAMETER`], for [`STEP_TOKENS_PER_ACCELERATOR`] (Rajbhandari et al. 2020, fully sharded).
//!
//! The interval is 10 % each way around a measured rate and 30 % around a roofline.

use super::tables::{Anchor, ThroughputTables};
use orp_core::{
    contract::{Estimator, TimeEstimate},
    noun::{Accelerator, Machine, Rate, Training, Work},
    unit::{Bytes, Span, Tokens},
};

/// The share of speed lost with each doubling of the machines that train together: assumed, and pessimistic against the
/// runs in the tables, which lose less on good networks.
pub const LOSS_PER_DOUBLING: f64 = 0.1;
/// Bytes a machine exchanges in a training step for each parameter: weights for forward and backward, gradients, 2 each.
pub const STEP_BYTES_PER_PARAMETER: f64 = 6.0;
/// Tokens each accelerator works on in a step: assumed; eight sequences of 2,048.
pub const STEP_TOKENS_PER_ACCELERATOR: f64 = 16_384.0;
/// The share of the accelerators' memory that training may fill; the rest goes to the runtime and fragmentation.
pub const USABLE_MEMORY: f64 = 0.9;

/// An estimator from tables of measured throughput.
#[derive(Debug, Clone)]
pub struct ThroughputEstimator {
    tables: ThroughputTables,
}

impl ThroughputEstimator {
    /// An estimator from these tables.
    pub const fn new(tables: ThroughputTables) -> Self {
        Self { tables }
    }

    fn train(
        &self,
        tokens: Tokens,
        parameters: u64,
        training: &Training,
        gang: &Gang<'_>,
    ) -> Result<TimeEstimate, String> {
        gang.holds(parameters, training)?;
        let speed = self.speed(parameters as f64, training, gang)?;
        let network = gang.network_tokens_per_second(parameters as f64, self.usual_gbps(gang));
        let per_second = speed.tokens_per_second.min(network);
        if per_second <= 0.0 || !per_second.is_finite() {
            return Err("training would not get on: its speed is 0 tokens/s".into());
        }
        let rate = Rate { per_second, unit: "tokens".into(), source: speed.source };
        Ok(spread(tokens.get() as f64 / per_second, speed.margin, Some(rate)))
    }

    /// The speed of the whole gang by arithmetic.
    fn speed(&self, parameters: f64, training: &Training, gang: &Gang<'_>) -> Result<Speed, String> {
        let flops_per_token = (training.flops_per_parameter_token * parameters).max(f64::MIN_POSITIVE);
        if let Some(measured) = self.measured(parameters, gang) {
            let per_gpu = measured.rate * 6.0 * measured.parameters / flops_per_token;
            let efficiency = efficiency(gang.gpus / measured.gpus.max(gang.per_unit));
            let source = measured.source;
            return Ok(Speed { tokens_per_second: per_gpu * gang.gpus * efficiency, margin: 0.1, source });
        }
        let model = &gang.accelerator.model;
        let figures = self.tables.accelerators.iter().find(|figures| figures.model == *model).ok_or_else(|| {
            let known: Vec<&str> = self.tables.accelerators.iter().map(|figures| figures.model.as_str()).collect();
            format!("the speed of accelerator `{model}` is not known, expected one of {}", known.join(", "))
        })?;
        let per_gpu = figures.peak_flops * training.utilisation / flops_per_token;
        Ok(Speed {
            tokens_per_second: per_gpu * gang.gpus * efficiency(f64::from(gang.units)),
            margin: 0.3,
            source: format!("roofline {model} at {:.0} % utilisation", training.utilisation * 100.0),
        })
    }

    /// What was measured nearest to this gang: the model nearest in size, and of its runs those next below and above in
    /// accelerators.
    fn measured(&self, parameters: f64, gang: &Gang<'_>) -> Option<Measured> {
        let ratio = |anchor: &Anchor| (anchor.parameters / parameters.max(1.0)).ln().abs();
        let alike = || self.tables.anchors.iter().filter(|anchor| anchor.gpu == gang.accelerator.model);
        let near = alike()
            .filter(|anchor| ratio(anchor) <= std::f64::consts::LN_2)
            .min_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
        let runs = || alike().filter(|anchor| anchor.model == near.model);
        let below = runs().filter(|run| run.gpus <= gang.gpus).max_by(|a, b| a.gpus.total_cmp(&b.gpus));
        let above = runs().filter(|run| run.gpus >= gang.gpus).min_by(|a, b| a.gpus.total_cmp(&b.gpus));
        let (low, high) = (below.or(above)?, above.or(below)?);
        let way = (high.gpus / low.gpus).ln();
        let share = if way > 0.0 { (gang.gpus / low.gpus).ln() / way } else { 0.0 };
        Some(Measured {
            rate: low.tokens_per_second_per_gpu * (1.0 - share) + high.tokens_per_second_per_gpu * share,
            parameters: low.parameters * (1.0 - share) + high.parameters * share,
            // Within what was measured, the measured rate already has the losses in it.
            gpus: if above.is_some() { gang.gpus } else { low.gpus },
            source: format!("{} {} on {}", low.source, low.model, low.gpu),
        })
    }

    fn usual_gbps(&self, gang: &Gang<'_>) -> f64 {
        let figures = self.tables.accelerators.iter().find(|figures| figures.model == gang.accelerator.model);
        figures.map_or(10.0, |figures| figures.inter_node_gbps) * gang.per_unit
    }
}

impl Default for ThroughputEstimator {
    /// From the tables shipped with the crate.
    fn default() -> Self {
        Self::new(ThroughputTables::builtin())
    }
}

impl Estimator for ThroughputEstimator {
    /// Staging and calls of a tool take no time of their own here: the planner knows the ways and the tool's rate.
    fn time(&self, work: &Work, machine: Option<&Machine>, units: u32) -> Result<TimeEstimate, String> {
        match *work {
            Work::Fixed(span) => Ok(exact(span)),
            Work::Stage | Work::Calls(_) => Ok(exact(Span::ZERO)),
            // People are early and late: assumed, a quarter early and a half late.
            Work::People(span) => {
                let seconds = span.as_secs_f64();
                let bound = |share: f64| Span::from_secs_f64(seconds * share);
                Ok(TimeEstimate { mean: span, low: bound(0.75).min(span), high: bound(1.5).max(span), rate: None })
            }
            Work::Scan { bytes, per_core_second } => scan(bytes, per_core_second, machine, units),
            Work::Train { tokens, parameters, training } => {
                self.train(tokens, parameters, &training, &Gang::of(machine, units)?)
            }
            _ => Err("this kind of work is not known to the estimator".into()),
        }
    }
}

/// Equal machines with accelerators that train together.
struct Gang<'a> {
    machine: &'a Machine,
    accelerator: &'a Accelerator,
    units: u32,
    per_unit: f64,
    gpus: f64,
}

impl<'a> Gang<'a> {
    fn of(machine: Option<&'a Machine>, units: u32) -> Result<Self, String> {
        let machine = machine.ok_or("training needs a machine")?;
        let accelerator = machine.accelerator.as_ref().filter(|_| !machine.capacity.gpu.is_zero());
        let accelerator = accelerator.ok_or("training needs an accelerator")?;
        let per_unit = machine.capacity.gpu.as_f64();
        Ok(Self { machine, accelerator, units, per_unit, gpus: per_unit * f64::from(units) })
    }

    /// Whether the memory of all accelerators together holds the training state.
    fn holds(&self, parameters: u64, training: &Training) -> Result<(), String> {
        let need = training.bytes_per_parameter * parameters as f64;
        let have = self.accelerator.memory.get() as f64 * self.gpus;
        if need <= have * USABLE_MEMORY {
            return Ok(());
        }
        let (gpus, model) = (self.gpus, &self.accelerator.model);
        let usable =
            if need <= have { format!(", {:.0} % of it usable", USABLE_MEMORY * 100.0) } else { String::new() };
        let (need, have) = (round_size(need), round_size(have));
        Err(format!("{} needs {need}, {gpus}× {model} have {have}{usable}", short_count(parameters)))
    }

    /// What the network between the machines lets through; no bound for one machine.
    fn network_tokens_per_second(&self, parameters: f64, usual_gbps: f64) -> f64 {
        if self.units <= 1 {
            return f64::INFINITY;
        }
        let card = self.machine.network_gbps;
        let gbps = if card > 0.0 { card } else { usual_gbps };
        let step_seconds = STEP_BYTES_PER_PARAMETER * parameters * 8.0 / (gbps * 1e9);
        self.gpus * STEP_TOKENS_PER_ACCELERATOR / step_seconds.max(f64::MIN_POSITIVE)
    }
}

struct Speed {
    tokens_per_second: f64,
    margin: f64,
    source: String,
}

struct Measured {
    rate: f64,
    parameters: f64,
    /// Up to how many accelerators the rate has the losses in it.
    gpus: f64,
    source: String,
}

/// What is left of the speed of each when `times` as many work together.
fn efficiency(times: f64) -> f64 {
    (1.0 - LOSS_PER_DOUBLING).powf(times.max(1.0).log2())
}

fn scan(bytes: Bytes, per_core_second: Bytes, machine: Option<&Machine>, units: u32) -> Result<TimeEstimate, String> {
    let cores = machine.ok_or("a pass over data needs a machine")?.capacity.cpu.as_f64() * f64::from(units);
    let per_second = cores * per_core_second.get() as f64;
    if per_second <= 0.0 {
        return Err("a pass over data needs processor cores".into());
    }
    let rate = Rate { per_second, unit: "bytes".into(), source: "recipe".into() };
    Ok(spread(bytes.get() as f64 / per_second, 0.2, Some(rate)))
}

fn exact(span: Span) -> TimeEstimate {
    TimeEstimate { mean: span, low: span, high: span, rate: None }
}

/// An estimate whose speed may be `margin` lower or higher.
fn spread(seconds: f64, margin: f64, rate: Option<Rate>) -> TimeEstimate {
    TimeEstimate {
        mean: Span::from_secs_f64(seconds),
        low: Span::from_secs_f64(seconds / (1.0 + margin)),
        high: Span::from_secs_f64(seconds / (1.0 - margin)),
        rate,
    }
}

/// A size to three digits, for people.
fn round_size(bytes: f64) -> Bytes {
    let digits = (bytes.max(1.0).log10().floor() - 2.0).max(0.0);
    let step = 10_f64.powf(digits);
    Bytes::new(((bytes / step).round() * step) as u64)
}

/// `70B`, `1.3B`, `125M`.
fn short_count(count: u64) -> String {
    let count = count as f64;
    let (value, unit) = if count >= 1e9 { (count / 1e9, "B") } else { (count / 1e6, "M") };
    let digits = usize::from(value < 10.0 && (value - value.round()).abs() > 0.05);
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::{
        noun::Capacity,
        unit::{CpuAmount, GpuAmount},
    };

    const FULL: Training = Training {
        flops_per_parameter_token: 6.0,
        bytes_per_parameter: 18.0,
        utilisation: 0.4,
        checkpoint_bytes_per_parameter: 14.0,
    };

    fn machine(model: &str, gpus: u64, memory_gb: u64) -> Machine {
        Machine {
            sku: "m".into(),
            capacity: Capacity { cpu: CpuAmount::whole(96), gpu: GpuAmount::whole(gpus), ..Capacity::ZERO },
            accelerator: Some(Accelerator { model: model.into(), memory: Bytes::from_gb(memory_gb) }),
            network_gbps: 3200.0,
        }
    }

    fn tokens_per_gpu(parameters: u64, training: Training, machine: &Machine, units: u32) -> (f64, String) {
        let work = Work::Train { tokens: Tokens::new(1_000_000_000), parameters, training };
        let rate = ThroughputEstimator::default().time(&work, Some(machine), units).unwrap().rate.unwrap();
        (rate.per_second / (machine.capacity.gpu.as_f64() * f64::from(units)), rate.source)
    }

    #[test]
    fn measured_runs_come_out_as_measured() {
        let (rate, source) = tokens_per_gpu(64_862_437_376, FULL, &machine("h100-80gb", 8, 80), 8);
        assert!((rate - 1039.0).abs() < 1e-6, "{rate}");
        assert_eq!(source, "llm-foundry@8c8dd48 mpt-70b on h100-80gb");
        let (rate, _) = tokens_per_gpu(6_658_859_008, FULL, &machine("a100-80gb", 8, 80), 1);
        assert!((rate - 4641.0).abs() < 1e-6, "{rate}");
    }

    #[test]
    fn rates_scale_by_arithmetic_and_lose_with_size() {
        let node = machine("h100-80gb", 8, 80);
        let (full, _) = tokens_per_gpu(70_000_000_000, FULL, &node, 8);
        let lora = Training { flops_per_parameter_token: 4.0, bytes_per_parameter: 2.2, ..FULL };
        let (lora, _) = tokens_per_gpu(70_000_000_000, lora, &node, 8);
        assert!((lora / full - 1.5).abs() < 1e-9);
        let (wider, _) = tokens_per_gpu(64_862_437_376, FULL, &node, 128);
        assert!((wider / 1007.0 - 0.9).abs() < 1e-9, "twice the largest run measured: {wider}");
        let (roofline, source) = tokens_per_gpu(200_000_000, FULL, &machine("t4-16gb", 1, 16), 1);
        assert!((roofline - 65e12 * 0.4 / (6.0 * 2e8)).abs() < 1e-3, "{roofline}");
        assert_eq!(source, "roofline t4-16gb at 40 % utilisation");
    }

    #[test]
    fn a_slow_network_bounds_the_gang() {
        let mut node = machine("h100-80gb", 8, 80);
        let (fast, _) = tokens_per_gpu(70_000_000_000, FULL, &node, 4);
        node.network_gbps = 100.0;
        let (slow, _) = tokens_per_gpu(70_000_000_000, FULL, &node, 4);
        assert!(slow < fast);
        assert!((slow - 16_384.0 / (6.0 * 70e9 * 8.0 / 100e9)).abs() < 1e-6, "{slow}");
    }

    #[test]
    fn what_cannot_run_is_refused_with_a_reason() {
        let work = |parameters| Work::Train { tokens: Tokens::new(1), parameters, training: FULL };
        let estimator = ThroughputEstimator::default();
        let refused = |work: &Work, machine: Option<&Machine>, units| estimator.time(work, machine, units).unwrap_err();
        let node = machine("h100-80gb", 8, 80);
        assert_eq!(refused(&work(70_000_000_000), Some(&node), 1), "70B needs 1.26 TB, 8× h100-80gb have 640 GB");
        assert!(
            refused(&work(70_000_000_000), Some(&node), 2).contains("16× h100-80gb have 1.28 TB, 90 % of it usable")
        );
        assert!(estimator.time(&work(70_000_000_000), Some(&node), 3).is_ok());
        assert!(refused(&work(1_000), Some(&machine("abacus", 1, 1)), 1).contains("`abacus` is not known"));
        assert!(refused(&work(1_000), None, 1).contains("needs a machine"));
        let scan = Work::Scan { bytes: Bytes::from_gb(1), per_core_second: Bytes::new(10_000_000) };
        assert!(refused(&scan, None, 1).contains("needs a machine"));
        assert_eq!(estimator.time(&scan, Some(&node), 1).unwrap().mean, Span::from_secs_f64(100.0 / 96.0));
    }
}
