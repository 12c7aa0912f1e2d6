//! Numbers that are the same for the same seed, whoever asks, in whatever order.

use orp_core::noun::Digest;

/// A number that depends on all the parts and on their order.
pub(super) fn key(parts: &[&str]) -> u64 {
    let mut text = Vec::new();
    for part in parts {
        // With their lengths, so that ("ab", "c") and ("a", "bc") differ.
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    let digest = Digest::of(&text);
    digest.as_bytes().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The `index`th number of the sequence that `key` names: SplitMix64 (Steele, Lea, Flood 2014).
pub(super) const fn number(key: u64, index: u64) -> u64 {
    let mut z = key.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The same number as a float above 0 and at most 1.
pub(super) fn share(key: u64, index: u64) -> f64 {
    ((number(key, index) >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// `length` bytes from `offset` of the endless content that `key` names.
pub(super) fn bytes(key: u64, offset: u64, length: usize) -> Vec<u8> {
    let word = |at: u64| number(key, at / 8).to_le_bytes();
    let byte = |at: u64| word(at).get((at % 8) as usize).copied().unwrap_or_default();
    (0..length as u64).map(|at| byte(offset.wrapping_add(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_the_same_whatever_pieces_it_is_read_in() {
        let key = key(&["corpus@v1"]);
        let whole = bytes(key, 0, 100);
        for cut in [1, 7, 8, 9, 50] {
            assert_eq!([bytes(key, 0, cut), bytes(key, cut as u64, 100 - cut)].concat(), whole);
        }
    }

    #[test]
    fn shares_are_spread_over_their_range() {
        let key = key(&["x", "y"]);
        let mean = (0..10_000).map(|index| share(key, index)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_ne!(key, super::key(&["xy"]));
    }
}
