//! Proofs that a record is in a log.

use super::super::checkpoint::{Checkpoint, NoteError, SignedNote, Signer};
use super::super::merkle::ProofError;
use super::*;

#[tokio::test]
async fn every_record_can_be_proved_without_the_log() {
    let place = place();
    let key = written_with(&place, 20, small()).await;
    let records = verify_file(&place.path).unwrap().records;
    let keys = [key];
    for sequence in 0..records {
        for newest in [false, true] {
            let text = serde_json::to_string(&prove(&place.path, sequence, None, newest).unwrap()).unwrap();
            let proof = RecordProof::parse(&text).unwrap();
            let checked = proof.check(&keys).unwrap();
            assert_eq!((checked.record.sequence, checked.trusted), (sequence, true));
            assert!(checked.size > sequence && (!newest || checked.size == records));
            assert!(!proof.check(&[]).unwrap().trusted);
            let is_event = matches!(checked.record.entry, Entry::Event(_));
            assert_eq!(checked.event().is_some(), is_event);
        }
    }
    let error = prove(&place.path, records, None, false).unwrap_err();
    assert!(matches!(error, ProveError::Uncovered { .. }), "{error}");
}

#[tokio::test]
async fn an_altered_proof_proves_nothing() {
    let (place, other) = (place(), super::place());
    let key = written_with(&place, 20, small()).await;
    let keys = [key];
    let other_key = written_with(&other, 20, small()).await;
    let proof = prove(&place.path, 7, None, true).unwrap();
    let elsewhere = prove(&other.path, 7, None, true).unwrap();
    let another = prove(&place.path, 8, None, true).unwrap();
    let check = |change: &dyn Fn(&mut RecordProof)| {
        let mut bad = proof.clone();
        change(&mut bad);
        assert_ne!(bad, proof);
        bad.check(&keys).unwrap_err()
    };
    assert!(matches!(
        check(&|bad| bad.record = bad.record.replace("tool_", "tool-")),
        ProveError::Record
    ));
    assert!(matches!(
        check(&|bad| bad.record.clone_from(&another.record)),
        ProveError::Record
    ));
    assert!(matches!(
        check(&|bad| {
            bad.record.clone_from(&another.record);
            bad.proof.index = 8;
        }),
        ProveError::Proof(ProofError::Root)
    ));
    assert!(matches!(
        check(&|bad| bad.checkpoint.clone_from(&elsewhere.checkpoint)),
        ProveError::Note(NoteError::UnknownKey)
    ));
    assert!(matches!(
        check(&|bad| bad.proof.size += 1),
        ProveError::Proof(ProofError::Shape)
    ));
    assert!(matches!(
        check(&|bad| bad.proof.hashes.truncate(1)),
        ProveError::Proof(_)
    ));
    // A whole proof of another log, which names its own key.
    assert!(elsewhere.check(&[]).is_ok() && elsewhere.check(&[other_key]).is_ok());
    assert!(matches!(
        elsewhere.check(&keys),
        Err(ProveError::Note(NoteError::UnknownKey))
    ));
    assert!(RecordProof::parse("{}").is_err());
    let text = serde_json::to_string(&proof).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let holds = String::from_utf8(bytes)
            .ok()
            .and_then(|text| RecordProof::parse(&text).ok())
            .is_some_and(|bad| bad.check(&keys).is_ok());
        // The key that a proof names is not looked at when one is given.
        let key_at = text.find("\"key\":").unwrap();
        assert!(!holds || at > key_at, "byte {at}");
    }
}

#[tokio::test]
async fn a_proof_says_what_its_record_and_its_key_say() {
    let place = place();
    let key = written_with(&place, 4, AuditSettings::default()).await;
    let proof = prove(&place.path, 2, None, true).unwrap();
    let checked = |bad: &RecordProof| bad.check(std::slice::from_ref(&key)).unwrap_err();
    // The content is what was recorded, and the hash that stands beside it is not its own.
    let hash = proof.record.trim_end_matches("\"}").rsplit('"').next().unwrap();
    let misnamed = RecordProof {
        record: proof.record.replace(hash, &"0f".repeat(32)),
        ..proof.clone()
    };
    assert!(matches!(checked(&misnamed), ProveError::Record));
    // Signed with the key of the log, and said to be of another one.
    let signer = Signer::read(&checkpoint::key_path(&place.path), key.name()).unwrap();
    let signed = Checkpoint::read(&SignedNote::parse(&proof.checkpoint).unwrap()).unwrap();
    let other = Checkpoint {
        origin: Checkpoint::origin("other"),
        ..signed
    };
    let misdirected = RecordProof {
        checkpoint: other.sign(&signer).note,
        ..proof.clone()
    };
    let error = checked(&misdirected);
    assert!(matches!(error, ProveError::Proof(ProofError::Shape)), "{error}");
}

#[tokio::test]
async fn what_comes_after_the_checkpoint_has_no_part_in_a_proof() {
    let place = place();
    let settings = AuditSettings::default().with_checkpoint_every(number(3), number(60));
    written_with(&place, 10, settings).await;
    let proof = prove(&place.path, 0, None, false).unwrap();
    let text = std::fs::read_to_string(&place.path).unwrap();
    let after = format!("\"sequence\":{},", proof.proof.size);
    assert!(text.contains(&after));
    std::fs::write(&place.path, text.replace(&after, "\"sequence\":99,")).unwrap();
    assert_eq!(prove(&place.path, 0, None, false).unwrap(), proof);
    let error = prove(&place.path, 0, None, true).unwrap_err();
    assert!(matches!(error, ProveError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_log_gives_no_proof() {
    let place = place();
    written_with(&place, 10, AuditSettings::default()).await;
    let text = std::fs::read_to_string(&place.path).unwrap();
    for (from, to) in [("tool_3", "tool_8"), ("\"sequence\":4", "\"sequence\":5")] {
        std::fs::write(&place.path, text.replace(from, to)).unwrap();
        assert!(prove(&place.path, 2, None, false).is_err());
    }
}
