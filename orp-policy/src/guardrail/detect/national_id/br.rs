//! Brazil: natural persons register (CPF).
//!
//! Nine digits and two check digits, each by weights modulo 11; not all alike (Receita Federal, Instrução Normativa RFB nº
//! 1548/2015 and its algorithm).

use super::super::checksum::weighted;
use super::Scheme;
use orp_core::contract::{Confidence, FindingKind};

pub(super) const SCHEME: Scheme = Scheme {
    kind: FindingKind::from_static("national_id.br"),
    forms: &[("###.###.###-##", Confidence::Certain), ("###########", Confidence::Certain)],
    is_valid,
};

fn is_valid(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let has_check = |length: usize| {
        let weights = WEIGHTS.get(10 - length..).unwrap_or_default();
        let sum = digits.get(..length).and_then(|digits| weighted(digits, weights));
        let check = sum.map(|sum| b'0' + (sum * 10 % 11 % 10) as u8);
        check.is_some() && check.as_ref() == digits.get(length)
    };
    has_check(9) && has_check(10) && digits.iter().any(|digit| Some(digit) != digits.first())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tells;

    #[test]
    fn both_check_digits_are_checked() {
        tells(
            "br",
            &["111.444.777-35", "11144477735", "529.982.247-25"],
            &["111.444.777-34", "111.444.777-45", "111.111.111-11", "111 444 777 35", "111.444.777.35"],
        );
    }
}
