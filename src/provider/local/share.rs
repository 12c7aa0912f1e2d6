//! Shares of the machine: what a request asks for, which accelerators it gets, and what it costs.

use orp_core::error::{ErrorKind, ProviderError};
use orp_core::noun::{AcquireRequest, Capacity, Offer, Resource};
use orp_core::unit::GpuAmount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// One whole accelerator, in thousandths.
const WHOLE: u64 = 1000;

/// A part of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    pub(super) capacity: Capacity,
    /// How much of which accelerator, by number; sums to the capacity's.
    pub(super) devices: BTreeMap<u32, GpuAmount>,
}

impl Share {
    /// What the request asks for, if it fits beside what is occupied.
    pub(super) fn of<'a>(
        request: &AcquireRequest,
        offer: &Offer,
        devices: u32,
        occupied: impl Iterator<Item = &'a Self>,
    ) -> Result<Self, ProviderError> {
        let all = offer.machine().map_or(Capacity::ZERO, |machine| machine.capacity);
        let wanted = wanted(request, all)?;
        let mut free = all;
        let mut free_devices: BTreeMap<u32, u64> = (0..devices).map(|device| (device, WHOLE)).collect();
        for share in occupied {
            // Leases may be older than a capacity that was set lower since: then nothing is free.
            free = free.checked_sub(&share.capacity).unwrap_or(Capacity::ZERO);
            for (device, amount) in &share.devices {
                if let Some(left) = free_devices.get_mut(device) {
                    *left = left.saturating_sub(amount.milli());
                }
            }
        }
        let exhausted = |message| ProviderError::new(ErrorKind::Exhausted, "acquire", message);
        if !wanted.fits_in(&free) {
            return Err(exhausted(format!("{wanted} was asked, of {all} this machine has {free} left")));
        }
        let devices = assign(wanted.gpu.milli(), &mut free_devices).ok_or_else(|| {
            let message = "accelerators were asked, and what is left of them lies on several".to_owned();
            exhausted(format!("{} {message}", wanted.gpu))
        })?;
        Ok(Self { capacity: wanted, devices })
    }

    /// The offer as it is granted with this share: its part of the capacity and of the price.
    pub(super) fn offer(&self, whole: &Offer) -> Result<Offer, ProviderError> {
        let mut offer = whole.clone();
        let Resource::Compute(machine) = &mut offer.resource else { return Ok(offer) };
        let (part, all) = dominant(&self.capacity, &machine.capacity);
        machine.capacity = self.capacity;
        offer.price.amount = whole.price.amount.checked_ratio(part.into(), all.into()).map_err(|error| {
            ProviderError::new(ErrorKind::Invalid, "acquire", "the price of the share is out of range")
                .with_source(error)
        })?;
        Ok(offer)
    }

    /// Tells a process which accelerators are its own, unless its environment says so already.
    pub(super) fn show(&self, devices: u32, env: &mut BTreeMap<String, String>) {
        if devices == 0 || env.contains_key("CUDA_VISIBLE_DEVICES") {
            return;
        }
        let own: Vec<String> = self.devices.keys().map(u32::to_string).collect();
        env.insert("CUDA_VISIBLE_DEVICES".to_owned(), own.join(","));
        // The numbers are those that the system's tools show, not the driver's order by speed.
        env.insert("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned());
    }
}

/// What the options ask for; everything when they name nothing.
fn wanted(request: &AcquireRequest, all: Capacity) -> Result<Capacity, ProviderError> {
    let (cpu, memory) = (option(request, "cpu")?, option(request, "memory")?);
    let (disk, gpu) = (option(request, "disk")?, option(request, "gpu")?);
    if (cpu, memory, disk, gpu) == (None, None, None, None) {
        return Ok(all);
    }
    Ok(Capacity {
        cpu: cpu.unwrap_or_default(),
        memory: memory.unwrap_or_default(),
        disk: disk.unwrap_or_default(),
        gpu: gpu.unwrap_or_default(),
    })
}

fn option<T: FromStr<Err: Display>>(request: &AcquireRequest, name: &str) -> Result<Option<T>, ProviderError> {
    let Some(text) = request.options.get(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|error| {
        ProviderError::new(ErrorKind::Invalid, "acquire", format!("the option `{name}` is wrong: {error}"))
    })
}

/// Whole accelerators that nobody has a part of, and for the rest the one with the least that suffices.
fn assign(milli: u64, free: &mut BTreeMap<u32, u64>) -> Option<BTreeMap<u32, GpuAmount>> {
    let (wholes, rest) = (usize::try_from(milli / WHOLE).ok()?, milli % WHOLE);
    let unused: Vec<u32> = free.iter().filter(|(_, left)| **left == WHOLE).map(|(device, _)| *device).collect();
    let taken = unused.get(..wholes)?;
    let mut own: BTreeMap<u32, GpuAmount> = taken.iter().map(|device| (*device, GpuAmount::whole(1))).collect();
    if rest > 0 {
        let fitting = free.iter().filter(|(device, left)| **left >= rest && !own.contains_key(device));
        let (device, _) = fitting.min_by_key(|(device, left)| (**left, **device))?;
        own.insert(*device, GpuAmount::from_milli(rest));
    }
    Some(own)
}

/// The largest of the parts a share is of what there is (Ghodsi et al. 2011 call it the dominant share), as a fraction.
fn dominant(part: &Capacity, all: &Capacity) -> (u64, u64) {
    let pairs = [
        (part.cpu.milli(), all.cpu.milli()),
        (part.memory.get(), all.memory.get()),
        (part.disk.get(), all.disk.get()),
        (part.gpu.milli(), all.gpu.milli()),
    ];
    let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
    let larger =
        |one: (u64, u64), two: (u64, u64)| if product(two.0, one.1) > product(one.0, two.1) { two } else { one };
    pairs.into_iter().filter(|(_, all)| *all > 0).fold((0, 1), larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orp_core::id::{IdempotencyKey, OfferId, ProviderName, Tenant};
    use orp_core::noun::{Machine, OfferKey, Place};
    use orp_core::unit::{Bytes, CpuAmount, Price};

    fn machine(gpus: u64) -> Offer {
        let capacity = Capacity {
            cpu: CpuAmount::whole(8),
            memory: Bytes::from_gb(64),
            disk: Bytes::from_gb(100),
            gpu: GpuAmount::whole(gpus),
        };
        let machine = Machine { sku: "x".into(), capacity, accelerator: None, network_gbps: 1.0 };
        let key = OfferKey { provider: ProviderName::new("local").unwrap(), offer: OfferId::new("machine").unwrap() };
        let price = Price::per_hour("8 USD".parse().unwrap());
        Offer::new(key, Resource::Compute(machine), Place::new("local", "here"), price)
    }

    fn ask(options: &[(&str, &str)], occupied: &[Share]) -> Result<Share, ProviderError> {
        let mut request =
            AcquireRequest::new(IdempotencyKey::new("a"), OfferId::new("machine").unwrap(), Tenant::new("t").unwrap());
        request.options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Share::of(&request, &machine(2), 2, occupied.iter())
    }

    #[test]
    fn a_share_is_what_is_named_and_the_price_goes_by_its_largest_part() {
        let all = ask(&[], &[]).unwrap();
        assert_eq!(all.offer(&machine(2)).unwrap(), machine(2));
        assert_eq!(all.devices.len(), 2);
        let share = ask(&[("cpu", "2"), ("memory", "32 GB"), ("speed", "0.5")], &[]).unwrap();
        assert_eq!(share.capacity.to_string(), "2 cpu, 32 GB");
        assert_eq!(
            share.offer(&machine(2)).unwrap().price.to_string(),
            Price::per_hour("4 USD".parse().unwrap()).to_string()
        );
        let error = ask(&[("cpu", "many")], &[]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.to_string().contains("the option `cpu` is wrong: `many` is not"), "{error}");
    }

    #[test]
    fn nothing_is_granted_twice() {
        let half = ask(&[("cpu", "4")], &[]).unwrap();
        assert!(ask(&[("cpu", "4")], std::slice::from_ref(&half)).is_ok());
        assert!(ask(&[("memory", "64 GB")], std::slice::from_ref(&half)).is_ok());
        for options in [&[("cpu", "4.001")][..], &[]] {
            assert_eq!(ask(options, std::slice::from_ref(&half)).unwrap_err().kind, ErrorKind::Exhausted);
        }
        assert_eq!(ask(&[("cpu", "9")], &[]).unwrap_err().kind, ErrorKind::Exhausted);
    }

    #[test]
    fn accelerators_are_whole_or_parts_of_one() {
        let numbers = |share: &Share| share.devices.keys().copied().collect::<Vec<_>>();
        let one = ask(&[("gpu", "1")], &[]).unwrap();
        assert_eq!(numbers(&one), [0]);
        let part = ask(&[("gpu", "0.5")], std::slice::from_ref(&one)).unwrap();
        assert_eq!(numbers(&part), [1]);
        // Half of each is left, and neither is a whole one.
        let other = Share { devices: [(0, GpuAmount::from_milli(500))].into(), ..part.clone() };
        let error = ask(&[("gpu", "1")], &[part.clone(), other.clone()]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Exhausted);
        assert!(error.to_string().contains("lies on several"), "{error}");
        // The fullest that suffices is filled up first.
        let small = Share {
            capacity: Capacity { gpu: GpuAmount::from_milli(200), ..Capacity::ZERO },
            devices: [(0, GpuAmount::from_milli(200))].into(),
        };
        assert_eq!(numbers(&ask(&[("gpu", "0.4")], &[part, small]).unwrap()), [1]);
        let mut env = BTreeMap::new();
        one.show(2, &mut env);
        assert_eq!(env["CUDA_VISIBLE_DEVICES"], "0");
        let mut env = BTreeMap::from([("CUDA_VISIBLE_DEVICES".to_owned(), "7".to_owned())]);
        one.show(2, &mut env);
        assert_eq!(env["CUDA_VISIBLE_DEVICES"], "7");
    }
}
