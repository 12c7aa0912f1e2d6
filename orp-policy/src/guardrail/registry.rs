//! Which detectors there are.

use super::detect::{Card, Email, Iban, Ip, NationalId, Phone, Secret};
use super::spec::DetectorSpec;
use orp_core::contract::{Detector, FindingKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Detectors by name: the built-in ones, and the host's.
///
/// ```
/// use orp_core::{memory::MemoryDetector, prelude::*};
/// use orp_policy::guardrail::Detectors;
/// use std::sync::Arc;
///
/// let names = MemoryDetector::new(FindingKind::new("codename")?).with_word("Blue Heron")?;
/// let detectors = Detectors::builtin().with(Arc::new(names))?;
/// let known: Vec<&str> = detectors.names().collect();
/// assert_eq!(known, ["card", "codename", "email", "iban", "ip", "national_id", "phone", "secret"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Detectors(BTreeMap<String, Arc<dyn Detector>>);

impl Detectors {
    /// The built-in ones.
    pub fn builtin() -> Self {
        let all: [Arc<dyn Detector>; 7] = [
            Arc::new(Email),
            Arc::new(Iban),
            Arc::new(Card),
            Arc::new(Phone),
            Arc::new(NationalId::default()),
            Arc::new(Ip),
            Arc::new(Secret),
        ];
        Self(all.into_iter().map(|detector| (detector.name().to_owned(), detector)).collect())
    }

    /// One more, if its name is one, and not taken, and it says what kinds it finds.
    pub fn with(mut self, detector: Arc<dyn Detector>) -> Result<Self, String> {
        let name = detector.name().to_owned();
        if FindingKind::new(&*name).is_err() {
            return Err(format!(
                "a detector cannot be called `{name}`: expected a word like `email` or `acme.codename`"
            ));
        }
        if self.0.contains_key(&name) {
            return Err(format!("there is a detector `{name}` already: expected another name"));
        }
        if detector.kinds().is_empty() {
            return Err(format!("the detector `{name}` finds nothing: expected at least one kind"));
        }
        self.0.insert(name, detector);
        Ok(self)
    }

    /// What they are called, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The detector that a document asks for, or what was expected.
    pub(super) fn get(&self, spec: &DetectorSpec) -> Result<Arc<dyn Detector>, String> {
        let name = &spec.detector;
        match (self.0.get(name), &spec.countries) {
            (None, _) => {
                let known: Vec<&str> = self.names().collect();
                Err(format!("unknown detector `{name}`: expected one of {}", known.join(", ")))
            }
            (Some(detector), None) => Ok(Arc::clone(detector)),
            (Some(_), Some(countries)) if name == "national_id" => Ok(Arc::new(NationalId::of(countries)?)),
            (Some(_), Some(_)) => {
                Err(format!("`{name}` is of no country: expected `countries` beside `national_id` only"))
            }
        }
    }
}

impl Default for Detectors {
    /// The built-in ones.
    fn default() -> Self {
        Self::builtin()
    }
}
