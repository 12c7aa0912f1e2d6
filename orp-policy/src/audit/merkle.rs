//! The Merkle tree over the records: one short root stands for the whole log, and short proofs stand for parts of it.
//!
//! Hashes, shapes and proofs are those of RFC 6962 §2.1 (RFC 9162 §2.1): a leaf is `SHA-256(0x00 ‖ data)`, a node
//! `SHA-256(0x01 ‖ left ‖ right)`, the root of nothing `SHA-256("")`; the left half of `n` leaves is the largest power of
//! two below `n`. Whoever has a verifier for Certificate Transparency has one for these.
//!
//! [`Tree`] keeps only the roots of the complete subtrees ([peaks](Tree::peaks), at most 64), so that appending costs one
//! node hash on average and a tree of any size can be stored in a checkpoint and taken up again. Proofs are computed from
//! the leaf hashes when they are asked for, which is seldom; keeping every node would double what a log needs on disk.
//!
//! ```
//! use orp_policy::audit::{Inclusion, Tree, leaf_hash};
//!
//! let leaves: Vec<_> = [b"a", b"b", b"c"].map(|data| leaf_hash(data)).into();
//! let tree: Tree = leaves.iter().copied().collect();
//! let proof = Inclusion::prove(&leaves, 1).unwrap();
//! assert!(proof.holds(leaves[1], &tree.head()));
//! assert!(!proof.holds(leaves[0], &tree.head()));
//! ```

use orp_core::noun::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What stands before the data of a leaf when it is hashed.
pub const LEAF_TAG: u8 = 0x00;
/// What stands before the two halves of a node when they are hashed.
pub const NODE_TAG: u8 = 0x01;

/// The hash of a leaf with this data.
pub fn leaf_hash(data: &[u8]) -> Digest {
    let hash = Sha256::new().chain_update([LEAF_TAG]).chain_update(data);
    Digest::from_bytes(hash.finalize().into())
}

/// The hash of the node over two subtrees.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut node = [NODE_TAG; 65];
    node[1..33].copy_from_slice(left.as_bytes());
    node[33..].copy_from_slice(right.as_bytes());
    Digest::from_bytes(Sha256::digest(node).into())
}

/// A log at one moment: how many records, and the root over them. Whoever keeps one outside can tell later whether the
/// log still begins with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many records.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records, root {}", self.size, self.root)
    }
}

/// A tree that grows by leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    peaks: Vec<Digest>,
}

impl Tree {
    /// A tree taken up where it stood; none when there is not one peak for each bit set in `size`.
    pub fn from_peaks(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, the largest first: one for each bit set in its size.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// One more leaf, by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Digest::of(b"") };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Its size and root.
    pub fn head(&self) -> Head {
        Head { size: self.size, root: self.root() }
    }
}

impl FromIterator<Digest> for Tree {
    fn from_iter<T: IntoIterator<Item = Digest>>(leaves: T) -> Self {
        let mut tree = Self::default();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }
}

/// The proof that a leaf is in a tree: the siblings on the way from the leaf to the root (RFC 9162 §2.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// Which leaf, from 0: the record with sequence `index + 1`.
    pub index: u64,
    /// The siblings, the lowest first.
    pub path: Vec<Digest>,
}

impl Inclusion {
    /// The proof for leaf `index` of the tree over `leaves`; none when there is no such leaf.
    pub fn prove(leaves: &[Digest], index: u64) -> Option<Self> {
        let (mut rest, mut at) = (leaves, usize::try_from(index).ok()?);
        leaves.get(at)?;
        let mut path = Vec::new();
        while rest.len() > 1 {
            let (left, right) = halves(rest);
            let (mine, sibling, skipped) = if at < left.len() { (left, right, 0) } else { (right, left, left.len()) };
            path.push(root_of(sibling));
            (rest, at) = (mine, at - skipped);
        }
        path.reverse();
        Some(Self { index, path })
    }

    /// Whether it proves that the leaf with this hash is at its place in the tree of `head`.
    #[must_use]
    pub fn holds(&self, leaf: Digest, head: &Head) -> bool {
        if self.index >= head.size {
            return false;
        }
        let (mut node, mut last, mut root) = (self.index, head.size - 1, leaf);
        for sibling in &self.path {
            if last == 0 {
                return false;
            }
            if node & 1 == 1 || node == last {
                root = node_hash(sibling, &root);
                skip_lonely(&mut node, &mut last);
            } else {
                root = node_hash(&root, sibling);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        last == 0 && root == head.root
    }
}

/// The proof that a tree is the beginning of a later one: nothing before was changed, only appended (RFC 9162 §2.1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency {
    /// The hashes of subtrees, the lowest first.
    pub path: Vec<Digest>,
}

impl Consistency {
    /// The proof that the tree over the first `first` of `leaves` is the beginning of the tree over all; none when there
    /// are fewer leaves.
    pub fn prove(leaves: &[Digest], first: u64) -> Option<Self> {
        let mut old = usize::try_from(first).ok().filter(|first| *first <= leaves.len())?;
        let mut path = Vec::new();
        let (mut rest, mut known) = (leaves, true);
        while old > 0 && old < rest.len() {
            let (left, right) = halves(rest);
            if old <= left.len() {
                path.push(root_of(right));
                rest = left;
            } else {
                path.push(root_of(left));
                (rest, old, known) = (right, old - left.len(), false);
            }
        }
        // The old root itself is known to the verifier when it is a subtree; and nothing is proven of an empty tree.
        if !known {
            path.push(root_of(rest));
        }
        path.reverse();
        Some(Self { path })
    }

    /// Whether it proves that the tree of `first` is the beginning of the tree of `second`.
    #[must_use]
    pub fn holds(&self, first: &Head, second: &Head) -> bool {
        if first.size == 0 {
            return self.path.is_empty() && first.root == Digest::of(b"");
        }
        if first.size >= second.size {
            return self.path.is_empty() && first == second;
        }
        let (mut node, mut last) = (first.size - 1, second.size - 1);
        while node & 1 == 1 {
            (node, last) = (node >> 1, last >> 1);
        }
        let whole = first.size.is_power_of_two().then_some(&first.root);
        let mut path = whole.into_iter().chain(&self.path);
        let Some(start) = path.next() else { return false };
        let (mut old, mut new) = (*start, *start);
        for sibling in path {
            if last == 0 {
                return false;
            }
            if node & 1 == 1 || node == last {
                (old, new) = (node_hash(sibling, &old), node_hash(sibling, &new));
                skip_lonely(&mut node, &mut last);
            } else {
                new = node_hash(&new, sibling);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        last == 0 && old == first.root && new == second.root
    }
}

/// Passes the levels on which the last node has no sibling.
fn skip_lonely(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        (*node, *last) = (*node >> 1, *last >> 1);
    }
}

/// Splits at the largest power of two below the count, which is at least two.
fn halves(leaves: &[Digest]) -> (&[Digest], &[Digest]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}

fn root_of(leaves: &[Digest]) -> Digest {
    leaves.iter().copied().collect::<Tree>().root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves and the roots of their prefixes that tests of Certificate Transparency have used since RFC 6962.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn digest(hex: &str) -> Digest {
        format!("sha256:{hex}").parse().unwrap()
    }

    fn known_leaves() -> Vec<Digest> {
        LEAVES.iter().map(|data| leaf_hash(data)).collect()
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        let mut tree = Tree::default();
        assert_eq!(tree.root(), digest(ROOTS[0]));
        for (leaf, root) in known_leaves().into_iter().zip(&ROOTS[1..]) {
            tree.push(leaf);
            assert_eq!(tree.root(), digest(root), "size {}", tree.size());
        }
    }

    #[test]
    fn inclusion_proofs_are_those_of_rfc_6962() {
        for (index, size, path) in [
            (0, 1, vec![]),
            (
                0,
                8,
                vec![
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                5,
                8,
                vec![
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (2, 3, vec!["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        ] {
            let proof = Inclusion::prove(&known_leaves()[..size], index).unwrap();
            assert_eq!(proof.path, path.into_iter().map(digest).collect::<Vec<_>>(), "leaf {index} of {size}");
        }
    }

    #[test]
    fn consistency_proofs_are_those_of_rfc_6962() {
        for (first, size, path) in [
            (1, 1, vec![]),
            (
                1,
                8,
                vec![
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                6,
                8,
                vec![
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                5,
                vec![
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ] {
            let proof = Consistency::prove(&known_leaves()[..size], first).unwrap();
            assert_eq!(proof.path, path.into_iter().map(digest).collect::<Vec<_>>(), "{first} of {size}");
        }
    }

    #[test]
    fn every_proof_of_every_small_tree_holds_and_no_other() {
        let leaves: Vec<Digest> = (0..33u8).map(|at| leaf_hash(&[at])).collect();
        let heads: Vec<Head> = (0..=33).map(|n| leaves[..n].iter().copied().collect::<Tree>().head()).collect();
        for size in 1..=33 {
            for index in 0..size {
                let proof = Inclusion::prove(&leaves[..size], index as u64).unwrap();
                for (other, leaf) in leaves.iter().enumerate().take(size) {
                    assert_eq!(proof.holds(*leaf, &heads[size]), other == index);
                }
                assert!(!proof.holds(leaves[index], &Head { root: heads[size - 1].root, ..heads[size] }));
            }
            for first in 0..=size {
                let proof = Consistency::prove(&leaves[..size], first as u64).unwrap();
                assert!(proof.holds(&heads[first], &heads[size]), "{first} of {size}");
                let wrong = Head { root: leaf_hash(b"other"), ..heads[first] };
                assert!(!proof.holds(&wrong, &heads[size]));
                if first > 0 {
                    let wrong = Head { root: leaf_hash(b"other"), ..heads[size] };
                    assert!(!proof.holds(&heads[first], &wrong));
                }
            }
        }
        assert_eq!(Inclusion::prove(&leaves, 33), None);
        assert_eq!(Consistency::prove(&leaves, 34), None);
    }

    /// Each of these would hold if only hashes were compared.
    #[test]
    fn inner_nodes_are_no_leaves_and_places_count() {
        let leaves = known_leaves();
        let head = leaves.iter().copied().collect::<Tree>().head();
        let short = |index| Inclusion { index, path: Vec::new() };
        assert!(!short(0).holds(head.root, &head), "the root is no leaf");
        let one = leaves[..1].iter().copied().collect::<Tree>().head();
        assert!(short(0).holds(leaves[0], &one) && !short(1).holds(leaves[0], &one), "there is no second leaf");
        let grown = Head { size: 2, ..one };
        assert!(
            !Consistency { path: Vec::new() }.holds(&one, &grown),
            "a tree does not grow without changing its root"
        );
    }

    proptest! {
        /// Whatever a proof says, checking it ends and never panics; and a proof with one hash changed never holds.
        #[test]
        fn a_changed_proof_never_holds(size in 2u64..200, index: u64, first: u64, at: usize, length in 0usize..70) {
            let leaves: Vec<Digest> = (0..size).map(|at| leaf_hash(&at.to_be_bytes())).collect();
            let head = leaves.iter().copied().collect::<Tree>().head();
            let (index, first) = (index % size, 1 + first % (size - 1));
            let old = leaves[..first as usize].iter().copied().collect::<Tree>().head();
            let mut inclusion = Inclusion::prove(&leaves, index).unwrap();
            let mut consistency = Consistency::prove(&leaves, first).unwrap();
            prop_assert!(inclusion.holds(leaves[index as usize], &head) && consistency.holds(&old, &head));
            for path in [&mut inclusion.path, &mut consistency.path] {
                let at = at % path.len();
                path[at] = leaf_hash(b"another");
            }
            prop_assert!(!inclusion.holds(leaves[index as usize], &head) && !consistency.holds(&old, &head));
            inclusion.path.resize(length, head.root);
            consistency.path.resize(length, head.root);
            prop_assert!(!inclusion.holds(leaves[index as usize], &head) && !consistency.holds(&old, &head));
        }

        /// A tree taken up from its peaks goes on as if it had never been put down.
        #[test]
        fn a_tree_goes_on_from_its_peaks(before in 0u64..100, after in 0u64..100) {
            let leaf = |at: u64| leaf_hash(&at.to_be_bytes());
            let mut whole: Tree = (0..before).map(leaf).collect();
            let mut resumed = Tree::from_peaks(before, whole.peaks().to_vec()).unwrap();
            prop_assert_eq!(Tree::from_peaks(before + 1, vec![]), None);
            for at in before..before + after {
                whole.push(leaf(at));
                resumed.push(leaf(at));
            }
            prop_assert_eq!(resumed, whole);
        }
    }
}
