//! What offers call a device.

use orp_core::unit::Bytes;

/// Gigabytes of memory devices are sold with. A driver reports a few percent less: it keeps some for itself.
const SOLD_GB: &[u64] =
    &[2, 4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 94, 96, 120, 128, 141, 144, 180, 186, 192, 288];

/// Words of a device's name that say who made it and how it is plugged in, not what it is.
const DROPPED: &[&str] =
    &["nvidia", "tesla", "quadro", "geforce", "nvl", "graphics", "generation", "edition", "server"];
const DROPPED_PREFIXES: &[&str] = &["sxm", "pcie", "hbm", "pg"];

/// The model with its memory, lower case, from what the driver calls it: `NVIDIA A100-SXM4-80GB` is `a100-80gb`.
///
/// The memory comes from the size, not from the name: `NVIDIA GH200 480GB` names that of its processor. A partition is
/// named by its profile: `NVIDIA H100 80GB HBM3 MIG 1g.10gb` is `h100-mig-1g.10gb`.
pub(crate) fn model(name: &str, memory: Bytes) -> String {
    let name = name.to_lowercase();
    let (device, partition) = match name.split_once(" mig ") {
        Some((device, profile)) => (device, Some(profile)),
        None => (name.as_str(), None),
    };
    let mut words: Vec<String> = words(device).filter(|word| is_told(word)).map(Into::into).collect();
    if words.is_empty() {
        words.push("gpu".into());
    }
    match partition {
        Some(profile) => words.extend(["mig".into(), self::words(profile).collect::<Vec<_>>().join("-")]),
        None => words.push(format!("{}gb", sold_gb(memory))),
    }
    words.join("-")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).filter(|word| !word.is_empty())
}

fn is_told(word: &str) -> bool {
    let is_size = word.strip_suffix("gb").is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    !is_size && !DROPPED.contains(&word) && !DROPPED_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

/// The smallest size sold that has this much, in the units of the trade: a "GB" of device memory is 2³⁰ bytes.
fn sold_gb(memory: Bytes) -> u64 {
    let least = memory.get().div_ceil(1 << 30);
    SOLD_GB.iter().copied().find(|size| *size >= least).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_the_names_of_offers() {
        for (name, mebibytes, expected) in [
            ("NVIDIA H100 80GB HBM3", 81_079, "h100-80gb"),
            ("NVIDIA H100 PCIe", 81_079, "h100-80gb"),
            ("NVIDIA H100 NVL", 95_320, "h100-94gb"),
            ("NVIDIA H200", 143_156, "h200-141gb"),
            ("NVIDIA A100-SXM4-80GB", 81_154, "a100-80gb"),
            ("NVIDIA A100-PCIE-40GB", 40_444, "a100-40gb"),
            ("NVIDIA A10G", 22_515, "a10g-24gb"),
            ("NVIDIA L4", 22_491, "l4-24gb"),
            ("NVIDIA L40S", 45_447, "l40s-48gb"),
            ("Tesla T4", 14_913, "t4-16gb"),
            ("Tesla V100-SXM2-16GB", 16_151, "v100-16gb"),
            ("NVIDIA GH200 480GB", 96_768, "gh200-96gb"),
            ("NVIDIA B200", 182_642, "b200-180gb"),
            ("NVIDIA GeForce RTX 4090", 24_118, "rtx-4090-24gb"),
            ("NVIDIA RTX 6000 Ada Generation", 48_519, "rtx-6000-ada-48gb"),
            ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 9_856, "h100-mig-1g.10gb"),
            ("NVIDIA", 300 * 1024, "gpu-300gb"),
            ("", 1, "gpu-2gb"),
        ] {
            assert_eq!(model(name, Bytes::new(mebibytes << 20)), expected, "{name}");
        }
    }
}
