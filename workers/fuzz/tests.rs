//! Every target with what it begins with and what lies near it. The fuzzer itself looks further: `.ci/fuzz`.

use super::*;

/// Another input made of one: bytes changed, left out, doubled, put in.
fn changed(seed: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    const PIECES: [&[u8]; 10] = [
        b"\0",
        b"\xff",
        b"\n",
        b"\"",
        b"{",
        b"]",
        b"\r\n",
        "\u{feff}".as_bytes(),
        "ß…".as_bytes(),
        b"-1",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..20)).min(bytes.len());
        match random.u8(..5) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            3 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, random.choice(PIECES).unwrap_or_default().to_vec())),
        }
    }
    bytes
}

#[test]
fn every_target_reads_its_seeds_and_what_lies_near_them() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for target in TARGETS {
        let seeds = (target.seeds)(&fixtures, None);
        assert!(!seeds.is_empty(), "{} has nothing to begin with", target.name);
        seeds.iter().for_each(|seed| (target.read)(seed));
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..300 {
            let seed = random.choice(&seeds).cloned().unwrap_or_default();
            let near = changed(&seed[..seed.len().min(4096)], &mut random);
            (target.read)(&near);
        }
    }
}
