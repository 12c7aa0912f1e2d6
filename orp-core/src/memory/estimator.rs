//! An estimator with fixed rates.

use crate::contract::{Estimator, TimeEstimate};
use crate::noun::{Machine, Rate, Training, Work};
use crate::unit::Span;

/// Fixed rates, believed without doubt: every estimate is exact. Staging takes no time of its own (the transfers it waits
/// for are the planner's to add).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryEstimator {
    /// The peak arithmetic rate of one accelerator of any kind, floating-point operations each second.
    pub flops: f64,
    /// Calls each second of any tool.
    pub calls_per_second: f64,
}

impl Default for MemoryEstimator {
    /// 10¹⁵ operations and one call each second.
    fn default() -> Self {
        Self { flops: 1e15, calls_per_second: 1.0 }
    }
}

impl Estimator for MemoryEstimator {
    fn time(&self, work: &Work, machine: Option<&Machine>, units: u32) -> Result<TimeEstimate, String> {
        let on = || machine.filter(|_| units > 0).ok_or("this work needs a machine");
        let (amount, per_second, unit) = match work {
            Work::Fixed(span) | Work::People(span) => return Ok(exact(*span, None)),
            Work::Stage => return Ok(exact(Span::ZERO, None)),
            Work::Calls(calls) => (*calls as f64, self.calls_per_second, "calls"),
            Work::Scan { bytes, per_core_second } => {
                let cores = on()?.capacity.cpu.as_f64() * f64::from(units);
                (bytes.get() as f64, per_core_second.get() as f64 * cores, "bytes")
            }
            Work::Train { tokens, parameters, training } => {
                match self.tokens_per_second(*parameters, training, on()?, units)? {
                    Some(rate) => (tokens.get() as f64, rate, "tokens"),
                    None => return Ok(exact(Span::ZERO, None)),
                }
            }
        };
        if amount > 0.0 && per_second <= 0.0 {
            return Err(format!("it does no {unit} at all"));
        }
        let span = if amount > 0.0 { Span::from_secs_f64(amount / per_second) } else { Span::ZERO };
        Ok(exact(span, Some(Rate { per_second, unit: unit.into(), source: "fixed rates".into() })))
    }
}

impl MemoryEstimator {
    /// None for a model without parameters: training it takes no time.
    fn tokens_per_second(
        &self,
        parameters: u64,
        training: &Training,
        machine: &Machine,
        units: u32,
    ) -> Result<Option<f64>, String> {
        let accelerator = machine.accelerator.as_ref().ok_or("training needs an accelerator")?;
        let count = machine.capacity.gpu.as_f64() * f64::from(units);
        let (need, have) = (parameters as f64 * training.bytes_per_parameter, accelerator.memory.get() as f64 * count);
        if need > have {
            return Err(format!("needs {:.0} GB on the accelerators, they have {:.0} GB", need / 1e9, have / 1e9));
        }
        let work = parameters as f64 * training.flops_per_parameter_token;
        Ok((work > 0.0).then(|| self.flops * count * training.utilisation / work))
    }
}

fn exact(span: Span, rate: Option<Rate>) -> TimeEstimate {
    TimeEstimate { mean: span, low: span, high: span, rate }
}
