//! Devices as what offers of machines name.

use orp_core::contract::{Device, DeviceBackend};
use orp_core::noun::Accelerator;
use std::collections::BTreeMap;

/// The accelerators of a backend: each kind, and how many devices of it there are. None when the backend has no device or
/// cannot say ([`DeviceBackend::probe`] tells which): an offer without devices is poorer, not wrong.
///
/// A machine on offer has accelerators of one kind, so a host with several kinds makes an offer for each.
pub async fn local_accelerators(backend: &dyn DeviceBackend) -> Vec<(Accelerator, u32)> {
    backend.devices().await.map(|devices| accelerators(&devices)).unwrap_or_default()
}

/// The kinds of these devices, by model, with the number of each.
///
/// Devices of one model can differ by the memory their driver keeps; the kind has that of the smallest, so that what fits
/// the offer fits each of them. Devices of software are a kind of their own, `soft-…`: no claim for a real one finds them.
///
/// ```
/// use orp_core::prelude::*;
/// use orp_cuda::accelerators;
///
/// let device = |id: &str, memory: &str| {
///     Ok::<_, Box<dyn std::error::Error>>(Device::new(DeviceId::new(id)?, "A100", "a100-80gb", memory.parse()?))
/// };
/// let kinds = accelerators(&[device("GPU-1", "84.9 GB")?, device("GPU-2", "85.1 GB")?]);
/// assert_eq!(kinds, [(Accelerator { model: "a100-80gb".into(), memory: "84.9 GB".parse()? }, 2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn accelerators(devices: &[Device]) -> Vec<(Accelerator, u32)> {
    let mut kinds = BTreeMap::new();
    for device in devices {
        let model = if device.software { format!("soft-{}", device.model) } else { device.model.clone() };
        let (memory, count) = kinds.entry(model).or_insert((device.memory, 0_u32));
        *memory = device.memory.min(*memory);
        *count = count.saturating_add(1);
    }
    kinds.into_iter().map(|(model, (memory, count))| (Accelerator { model, memory }, count)).collect()
}
