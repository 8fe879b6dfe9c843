//! The vectors that implementations of RFC 6962 are held to, and what holds for every tree.

use proptest::prelude::*;

use super::*;

/// The leaves of the vectors of certificate-transparency.
const LEAVES: [&[u8]; 8] = [
    b"",
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[
        0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
    ],
];

/// The roots of the trees of 0 to 8 of them.
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

const NODES: [&str; 6] = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
];

fn vectors() -> Vec<TreeHash> {
    LEAVES.iter().map(|data| TreeHash::leaf(data)).collect()
}

/// A tree of that many leaves, all different.
fn leaves(count: u64) -> Vec<TreeHash> {
    (0..count).map(|at| TreeHash::leaf(&at.to_be_bytes())).collect()
}

/// RFC 6962, section 2.1, word for word.
fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::empty(),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            TreeHash::node(&root(&leaves[..half]), &root(&leaves[half..]))
        }
    }
}

fn grown(leaves: &[TreeHash]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier
}

fn included(leaves: &[TreeHash], index: u64, gone: usize) -> InclusionProof {
    let mut prover = InclusionProver::new(index, leaves.len() as u64, &grown(&leaves[..gone])).unwrap();
    leaves[gone..].iter().for_each(|leaf| prover.push(*leaf));
    prover.finish().unwrap()
}

fn consistent(leaves: &[TreeHash], old: u64, gone: usize) -> ConsistencyProof {
    let mut prover = ConsistencyProver::new(old, leaves.len() as u64, &grown(&leaves[..gone])).unwrap();
    leaves[gone..].iter().for_each(|leaf| prover.push(*leaf));
    prover.finish().unwrap()
}

fn hashes(texts: &[&str]) -> Vec<TreeHash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn roots_are_those_of_the_vectors() {
    let leaves = vectors();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(grown(&leaves[..size]).root().to_string(), *expected, "{size}");
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_vectors() {
    let leaves = vectors();
    let [a, b, c, d, e, _] = NODES;
    for (size, index, expected) in [
        (1, 0, &[][..]),
        (8, 0, &[a, b, c]),
        (8, 5, &[d, e, ROOTS[4]]),
        (3, 2, &[ROOTS[2]]),
        (5, 1, &[ROOTS[1], b, d]),
    ] {
        let proof = included(&leaves[..size], index, 0);
        assert_eq!(proof.hashes, hashes(expected), "{index} of {size}");
        let root: TreeHash = ROOTS[size].parse().unwrap();
        assert_eq!(proof.verify(&leaves[index as usize], &root), Ok(()));
    }
}

#[test]
fn consistency_proofs_are_those_of_the_vectors() {
    let leaves = vectors();
    let [a, b, c, d, e, f] = NODES;
    for (old, new, expected) in [
        (1, 1, &[][..]),
        (1, 8, &[a, b, c]),
        (6, 8, &[f, e, ROOTS[4]]),
        (2, 5, &[b, d]),
    ] {
        let proof = consistent(&leaves[..new], old, 0);
        assert_eq!(proof.hashes, hashes(expected), "{old} to {new}");
        let (old_root, new_root) = (ROOTS[old as usize].parse().unwrap(), ROOTS[new].parse().unwrap());
        assert_eq!(proof.verify(&old_root, &new_root), Ok(()));
    }
}

#[test]
fn every_proof_of_small_trees_verifies_whatever_is_gone() {
    for size in 1..=20_u64 {
        let leaves = leaves(size);
        let whole = root(&leaves);
        for gone in 0..=size as usize {
            for index in gone as u64..size {
                let proof = included(&leaves, index, gone);
                assert_eq!(
                    proof.verify(&leaves[index as usize], &whole),
                    Ok(()),
                    "{gone} {index} {size}"
                );
            }
            for old in gone as u64..=size {
                let proof = consistent(&leaves, old, gone);
                let before = root(&leaves[..old as usize]);
                assert_eq!(proof.verify(&before, &whole), Ok(()), "{gone} {old} {size}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_proof_is_told() {
    let leaves = leaves(7);
    let proof = included(&leaves, 2, 0);
    let whole = root(&leaves);
    assert_eq!(proof.verify(&leaves[3], &whole), Err(ProofError::Root));
    assert_eq!(
        proof.verify(&leaves[2], &root(&leaves[..6])),
        Err(ProofError::Root)
    );
    let mut short = proof.clone();
    short.hashes.pop();
    assert_eq!(short.verify(&leaves[2], &whole), Err(ProofError::Shape));
}

#[test]
fn a_tree_is_the_same_whether_it_grows_by_leaves_or_by_subtrees() {
    for level in 0..4_u32 {
        let width = 1 << level;
        let leaves = leaves(5 * width);
        let mut frontier = Frontier::new();
        for (at, subtree) in leaves.chunks(width as usize).enumerate() {
            frontier.push_subtree(level, root(subtree));
            let count = (at + 1) * width as usize;
            assert_eq!(frontier, grown(&leaves[..count]), "{level} {at}");
        }
    }
}

#[test]
fn what_cannot_be_proved_is_an_error() {
    let start = grown(&leaves(4));
    assert_eq!(
        InclusionProver::new(9, 9, &start).unwrap_err(),
        Unprovable::Outside { index: 9, size: 9 }
    );
    assert_eq!(
        InclusionProver::new(3, 9, &start).unwrap_err(),
        Unprovable::Gone { first: 4 }
    );
    assert_eq!(
        ConsistencyProver::new(3, 9, &start).unwrap_err(),
        Unprovable::Gone { first: 4 }
    );
    assert_eq!(
        ConsistencyProver::new(9, 5, &start).unwrap_err(),
        Unprovable::Shrunk { old: 9, new: 5 }
    );
    let short = InclusionProver::new(5, 9, &start).unwrap();
    assert_eq!(
        short.finish().unwrap_err(),
        Unprovable::Short { found: 4, wanted: 9 }
    );
}

#[test]
fn texts_that_are_no_hashes_are_refused() {
    let text = "0f".repeat(32);
    assert_eq!(text.parse::<TreeHash>().unwrap().to_string(), text);
    for bad in [
        "",
        "0f",
        &text.to_uppercase(),
        &format!("{text}0"),
        &format!("{text}00"),
        &"0g".repeat(32),
    ] {
        assert!(bad.parse::<TreeHash>().is_err(), "{bad}");
    }
    assert!(Frontier::from_peaks(3, vec![TreeHash::empty()]).is_none());
}

/// How a proof is altered.
#[derive(Clone, Debug)]
enum Change {
    Bit(usize, u8),
    Drop(usize),
    Double(usize),
    Add,
    Place(u64),
    Size(u64),
}

fn change() -> impl Strategy<Value = Change> {
    let any_at = 0..64_usize;
    prop_oneof![
        4 => (any_at.clone(), any::<u8>()).prop_map(|(at, bit)| Change::Bit(at, bit)),
        1 => any_at.clone().prop_map(Change::Drop),
        1 => any_at.prop_map(Change::Double),
        1 => Just(Change::Add),
        1 => any::<u64>().prop_map(Change::Place),
        1 => (1..400_u64).prop_map(Change::Place),
        1 => (0..400_u64).prop_map(Change::Size),
    ]
}

fn flip(hash: TreeHash, bit: u8) -> TreeHash {
    let mut bytes = *hash.as_bytes();
    bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
    TreeHash::new(bytes)
}

fn altered(change: &Change, hashes: &mut Vec<TreeHash>, place: &mut u64, size: &mut u64) {
    let at = |at: usize, hashes: &Vec<TreeHash>| at % hashes.len().max(1);
    match *change {
        Change::Bit(i, bit) if !hashes.is_empty() => {
            let i = at(i, hashes);
            hashes[i] = flip(hashes[i], bit);
        }
        Change::Drop(i) if !hashes.is_empty() => drop(hashes.remove(at(i, hashes))),
        Change::Double(i) if !hashes.is_empty() => hashes.insert(at(i, hashes), hashes[at(i, hashes)]),
        Change::Place(to) => *place = to,
        Change::Size(to) => *size = to,
        _ => hashes.push(TreeHash::empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_frontier_has_the_root_of_the_definition(size in 0..300_u64, cut in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let whole = grown(&leaves);
        prop_assert_eq!(whole.root(), root(&leaves));
        prop_assert_eq!(whole.peaks().len(), size.count_ones() as usize);
        // Taken up from its peaks it goes on the same.
        let cut = cut.index(leaves.len() + 1);
        let part = grown(&leaves[..cut]);
        let mut again = Frontier::from_peaks(part.size(), part.peaks().to_vec()).unwrap();
        leaves[cut..].iter().for_each(|leaf| again.push(*leaf));
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn an_altered_inclusion_proof_proves_nothing(
        size in 1..300_u64, index in any::<prop::sample::Index>(), change in change(), bit in any::<u8>(),
    ) {
        let leaves = leaves(size);
        let index = index.index(leaves.len());
        let (leaf, whole) = (leaves[index], root(&leaves));
        let proof = included(&leaves, index as u64, 0);
        prop_assert_eq!(proof.verify(&leaf, &whole), Ok(()));
        prop_assert!(proof.verify(&flip(leaf, bit), &whole).is_err());
        prop_assert!(proof.verify(&leaf, &flip(whole, bit)).is_err());
        let mut bad = proof.clone();
        altered(&change, &mut bad.hashes, &mut bad.index, &mut bad.size);
        // A size that leaves the way to the root as it is cannot be told: the checkpoint that signs the root signs it too.
        if bad != proof && bad.size == proof.size {
            prop_assert!(bad.verify(&leaf, &whole).is_err(), "{:?}", change);
        }
    }

    #[test]
    fn an_inclusion_proof_is_for_one_size_and_its_root(size in 1..300_u64, other in 1..300_u64, index in any::<prop::sample::Index>()) {
        prop_assume!(size != other);
        let index = index.index(size as usize);
        let proof = included(&leaves(size), index as u64, 0);
        let leaf = leaves(size)[index];
        // The size and the root of another checkpoint of the same log.
        let elsewhere = InclusionProof { size: other, ..proof };
        prop_assert!(elsewhere.verify(&leaf, &root(&leaves(other))).is_err());
    }

    #[test]
    fn an_altered_consistency_proof_proves_nothing(
        new in 1..300_u64, old in any::<prop::sample::Index>(), change in change(), bit in any::<u8>(),
    ) {
        let leaves = leaves(new);
        let old = old.index(leaves.len()) as u64 + 1;
        let (before, after) = (root(&leaves[..old as usize]), root(&leaves));
        let proof = consistent(&leaves, old, 0);
        prop_assert_eq!(proof.verify(&before, &after), Ok(()));
        prop_assert!(proof.verify(&flip(before, bit), &after).is_err());
        prop_assert!(proof.verify(&before, &flip(after, bit)).is_err());
        let mut bad = proof.clone();
        altered(&change, &mut bad.hashes, &mut bad.old, &mut bad.new);
        if bad != proof && (bad.old, bad.new) == (proof.old, proof.new) {
            prop_assert!(bad.verify(&before, &after).is_err(), "{:?}", change);
        }
    }

    #[test]
    fn no_proof_makes_the_check_panic(
        index in any::<u64>(), size in any::<u64>(), count in 0..70_usize,
    ) {
        let hashes = leaves(count as u64);
        let (a, b) = (TreeHash::empty(), TreeHash::leaf(b""));
        let included = InclusionProof { index, size, hashes: hashes.clone() };
        prop_assert!(included.verify(&a, &b).is_err());
        let consistent = ConsistencyProof { old: index, new: size, hashes };
        prop_assert!(consistent.verify(&a, &b).is_err());
    }
}
