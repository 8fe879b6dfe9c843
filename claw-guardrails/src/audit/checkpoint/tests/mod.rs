//! Notes and keys as other implementations have them, and what holds for every file.

use proptest::prelude::*;

use super::note::DASH;
use super::*;

mod sink;

/// The example of the package `golang.org/x/mod/sumdb/note`, which the specification was made from.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The key of RFC 8410, section 10.3.
const RFC_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
const RFC_PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

fn signer(byte: u8) -> Signer {
    Signer::of_seed(&[byte; 32], "claw-audit/0f")
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint {
        origin: "claw-audit/0f".to_owned(),
        size,
        root: TreeHash::leaf(&size.to_be_bytes()),
        time: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        next: Some(Cadence {
            records: NonZeroU64::new(1000).unwrap(),
            seconds: NonZeroU64::new(60).unwrap(),
        }),
    }
}

fn file_of(sizes: &[u64]) -> String {
    sizes
        .iter()
        .map(|size| format!("{}\n", checkpoint(*size).sign(&signer(1)).note))
        .collect()
}

fn read_all(bytes: &[u8]) -> (Vec<u64>, Option<NotesError>) {
    let mut notes = Notes::new(bytes);
    let mut sizes = Vec::new();
    loop {
        match notes.next() {
            Ok(Some((_, checkpoint, _))) => sizes.push(checkpoint.size),
            Ok(None) => return (sizes, None),
            Err(error) => return (sizes, Some(error)),
        }
    }
}

#[test]
fn notes_of_other_tools_verify_and_ours_are_like_theirs() {
    let key: VerifierKey = GO_KEY.parse().unwrap();
    assert_eq!((key.to_string().as_str(), key.name()), (GO_KEY, "PeterNeumann"));
    let note = SignedNote::parse(GO_NOTE).unwrap();
    assert_eq!(note.verify(std::slice::from_ref(&key)), Ok(&key));
    assert_eq!(note.to_string(), GO_NOTE);
    // Ed25519 has one signature for a text and a key: ours is theirs.
    let seed: [u8; 32] = BASE64.decode(GO_SEED).unwrap()[1..].try_into().unwrap();
    let signer = Signer::of_seed(&seed, "PeterNeumann");
    assert_eq!(signer.verifier(), &key);
    assert_eq!(
        SignedNote::sign(note.text().to_owned(), &signer).to_string(),
        GO_NOTE
    );
    // The key of Go's checksum database.
    let go = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    assert_eq!(go.parse::<VerifierKey>().unwrap().to_string(), go);
}

#[test]
fn a_checkpoint_has_the_lines_of_the_specification() {
    let signed = checkpoint(1024).sign(&signer(1));
    let lines: Vec<_> = signed.note.split('\n').collect();
    assert_eq!(lines[..2], ["claw-audit/0f", "1024"]);
    assert_eq!(lines[2], BASE64.encode(checkpoint(1024).root.as_bytes()));
    assert_eq!(lines[3..6], ["time 2026-03-01T10:00:00Z", "next 1000 60", ""]);
    assert!(lines[6].starts_with("\u{2014} claw-audit/0f "), "{}", lines[6]);
    assert_eq!(lines[7..], [""]);
    let note = SignedNote::parse(&signed.note).unwrap();
    assert_eq!(Checkpoint::read(&note), Ok(checkpoint(1024)));
    let keys = [signer(2).verifier().clone(), signer(1).verifier().clone()];
    assert_eq!(note.verify(&keys), Ok(&keys[1]));
    assert_eq!(note.verify(&keys[..1]), Err(NoteError::UnknownKey));
}

#[test]
fn only_canonical_sizes_and_whole_roots_are_read() {
    let root = BASE64.encode([7; 32]);
    let read = |text: String| Checkpoint::read(&SignedNote::sign(text, &signer(1)));
    assert!(read(format!("log\n0\n{root}\n")).is_ok());
    let bare = read(format!("log\n12\n{root}\nan extension\n")).unwrap();
    assert_eq!((bare.time, bare.next), (None, None));
    for bad in [
        format!("log\n012\n{root}\n"),
        format!("log\n+12\n{root}\n"),
        format!("log\n\n{root}\n"),
        format!("log\n99999999999999999999\n{root}\n"),
        format!("log\n12\n{}\n", BASE64.encode([7; 31])),
        format!("log\n12\n{}\n", &root[1..]),
        "log\n12\n".to_owned(),
        format!("log\n12\n{root}\ntime yesterday\n"),
        format!("log\n12\n{root}\nnext 0 60\n"),
        format!("log\n12\n{root}\nnext 1000\n"),
        format!("\n12\n{root}\n"),
    ] {
        assert_eq!(read(bad.clone()), Err(NoteError::NoCheckpoint), "{bad}");
    }
}

#[test]
fn a_key_is_made_once_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl.key");
    let made = Signer::read_or_make(&path, "a").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(RFC_KEY.lines().next().unwrap()), "{text}");
    let again = Signer::read_or_make(&path, "a").unwrap();
    assert_eq!(made.verifier(), again.verifier());
    let other = Signer::read_or_make(&folder.path().join("other"), "a").unwrap();
    assert_ne!(made.verifier(), other.verifier());
    assert!(!format!("{made:?}").contains(text.lines().nth(1).unwrap()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        for (exposed, refused) in [
            (0o640, false),
            (0o440, false),
            (0o644, true),
            (0o660, true),
            (0o604, true),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(exposed)).unwrap();
            let read = Signer::read(&path, "a");
            assert_eq!(
                matches!(read, Err(KeyError::Exposed { .. })),
                refused,
                "{exposed:o}"
            );
        }
    }
}

#[test]
fn keys_of_other_tools_are_read() {
    use std::os::unix::fs::OpenOptionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let write = |bytes: &[u8]| {
        let mut options = std::fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        std::io::Write::write_all(&mut options.open(&path).unwrap(), bytes).unwrap();
    };
    let der = BASE64.decode(RFC_KEY.lines().nth(1).unwrap()).unwrap();
    for form in [RFC_KEY.as_bytes(), &der] {
        write(form);
        let signer = Signer::read(&path, "a").unwrap();
        let mut public = vec![1];
        public.extend(BASE64.decode(RFC_PUBLIC).unwrap());
        assert!(signer.verifier().to_string().ends_with(&BASE64.encode(public)));
    }
    for bad in [
        &b""[..],
        b"what",
        &der[1..],
        b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n",
    ] {
        write(bad);
        assert!(matches!(Signer::read(&path, "a"), Err(KeyError::Format { .. })));
    }
    write(RFC_KEY.as_bytes());
    for name in ["", "a b", "a+b", "a\n"] {
        assert!(
            matches!(Signer::read(&path, name), Err(KeyError::Name { .. })),
            "{name}"
        );
    }
    // What cannot be looked for is not made.
    let inside = Signer::read_or_make(&path.join("inside"), "a").unwrap_err();
    assert!(inside.to_string().contains("cannot be read"), "{inside}");
    CheckpointFile::last(&path.join("inside")).unwrap_err();
    let missing = Signer::read(&folder.path().join("none"), "a").unwrap_err();
    assert!(missing.to_string().contains("check its permissions"), "{missing}");
}

#[test]
fn a_file_that_does_not_end_in_checkpoints_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    // All that is read of it, which is its end, might be the beginning of a checkpoint.
    let origin = Checkpoint::origin("");
    let end = format!("{origin}{}", "0".repeat(64 * 1024 - origin.len()));
    let text = format!("somebody's\n{end}");
    std::fs::write(&path, &text).unwrap();
    CheckpointFile::last(&path).unwrap_err();
    CheckpointFile::open(&path).unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_line_that_is_too_long_is_not_one_that_is_being_written() {
    let read = |text: String| Notes::new(text.as_bytes()).next();
    let line = |length: usize| read("x".repeat(length)).unwrap_err();
    assert!(matches!(line(4095), NotesError::Incomplete(1)));
    let text = format!("{}\n\n\n", "x".repeat(4096 * 64));
    assert!(matches!(read(text), Err(NotesError::Note(1, NoteError::Form))));
}

#[test]
fn a_slip_in_a_public_key_is_found() {
    let key = signer(1).verifier().to_string();
    for at in 0..key.len() {
        let mut bytes = key.clone().into_bytes();
        bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.parse::<VerifierKey>().is_err(), "{text}");
    }
}

#[test]
fn every_bit_of_a_note_counts() {
    let note = checkpoint(7).sign(&signer(1)).note;
    let keys = [signer(1).verifier().clone()];
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let verified = String::from_utf8(bytes)
                .ok()
                .and_then(|text| SignedNote::parse(&text).ok())
                .is_some_and(|note| note.verify(&keys).is_ok());
            assert!(!verified, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_note_has_text_without_control_characters_and_a_bounded_number_of_signatures() {
    let note = checkpoint(7).sign(&signer(1)).note;
    let signature = note.lines().last().unwrap();
    let with = |count: usize| format!("{note}{}", format!("{signature}\n").repeat(count - 1));
    for (count, fits) in [(1, true), (99, true), (100, true), (101, false), (102, false)] {
        assert_eq!(SignedNote::parse(&with(count)).is_ok(), fits, "{count}");
    }
    for odd in ['\u{7}', '\r', '\u{9b}'] {
        let text = format!("{odd}{note}");
        assert_eq!(SignedNote::parse(&text), Err(NoteError::Form), "{odd:?}");
    }
    let text_of = |text: &str| format!("{text}\n\n{signature}\n");
    assert!(SignedNote::parse(&text_of("a")).is_ok());
    assert_eq!(SignedNote::parse(&text_of("")), Err(NoteError::Form));
    for (name, bytes) in [("", 8), ("a+b", 8), ("a", 4), ("a", 0)] {
        let line = format!("{DASH}{name} {}", BASE64.encode(vec![1; bytes]));
        assert_eq!(
            SignedNote::parse(&format!("a\n\n{line}\n")),
            Err(NoteError::Form),
            "{line}"
        );
    }
    assert!(SignedNote::parse(&format!("a\n\n{DASH}a {}\n", BASE64.encode([1; 5]))).is_ok());
}

#[test]
fn a_torn_file_is_taken_up_at_its_last_whole_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    let (two, three) = (file_of(&[1, 2]), file_of(&[1, 2, 3]).into_bytes());
    for cut in two.len()..three.len() {
        std::fs::write(&path, &three[..cut]).unwrap();
        let (mut file, last) = CheckpointFile::open(&path).unwrap();
        assert_eq!(last.unwrap().0, checkpoint(2), "{cut}");
        file.append(&checkpoint(9).sign(&signer(1))).unwrap();
        let (sizes, error) = read_all(&std::fs::read(&path).unwrap());
        assert_eq!((sizes, error.is_none()), (vec![1, 2, 9], true), "{cut}");
    }
    for cut in 0..file_of(&[1]).len() {
        std::fs::write(&path, &three[..cut]).unwrap();
        assert!(CheckpointFile::open(&path).unwrap().1.is_none());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
    std::fs::write(&path, "somebody's notes\n").unwrap();
    assert!(CheckpointFile::open(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody's notes\n");
}

#[test]
fn a_long_file_is_read_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints");
    let sizes: Vec<u64> = (0..1000).collect();
    std::fs::write(&path, file_of(&sizes)).unwrap();
    assert_eq!(CheckpointFile::open(&path).unwrap().1.unwrap().0, checkpoint(999));
    assert_eq!(read_all(&std::fs::read(&path).unwrap()).0, sizes);
}

#[test]
fn a_note_that_was_kept_as_it_was_given_is_read() {
    let signed = |size: u64| checkpoint(size).sign(&signer(1)).note;
    let sizes = |text: &str| {
        let mut notes = Notes::kept(text.as_bytes());
        let mut found = Vec::new();
        loop {
            match notes.next() {
                Ok(Some((line, checkpoint, note))) => {
                    note.verify(&[signer(1).verifier().clone()]).unwrap();
                    found.push((line, checkpoint.size));
                }
                Ok(None) => return Ok(found),
                Err(error) => return Err(error),
            }
        }
    };
    assert_eq!(sizes(&signed(3)).unwrap(), [(1, 3)]);
    assert_eq!(
        sizes(&format!("{}{}", signed(3), signed(4))).unwrap(),
        [(1, 3), (8, 4)]
    );
    assert_eq!(
        sizes(&format!("{}\n{}", signed(3), signed(4))).unwrap(),
        [(1, 3), (9, 4)]
    );
    assert_eq!(
        sizes(&format!("\n{}\n\n{}\n", signed(3), signed(4))).unwrap(),
        [(2, 3), (11, 4)]
    );
    let whole = signed(3);
    assert_eq!(sizes(whole.trim_end()).unwrap(), [(1, 3)]);
    // One that is cut off is no note, and no file of ours ends in one.
    let cut = |bytes: usize| sizes(&whole[..whole.len() - bytes]);
    assert!(matches!(cut(10), Err(NotesError::Note(1, NoteError::Form))));
    assert!(matches!(cut(150), Err(NotesError::Incomplete(1))));
    assert!(matches!(
        read_all(whole.as_bytes()).1,
        Some(NotesError::Incomplete(1))
    ));
}

#[test]
fn a_key_that_a_crash_left_half_made_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl.key");
    std::fs::write(folder.path().join("audit.jsonl.key.0011223344556677"), "").unwrap();
    // Both that make one at the same time have the same.
    let keys: Vec<_> = std::thread::scope(|scope| {
        let made: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Signer::read_or_make(&path, "a").unwrap().verifier().clone()))
            .collect();
        made.into_iter().map(|made| made.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "the key, and what the crash left");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_file_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[\u{2014}a =\n]{0,60}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            prop_assert!(read_all(bytes).0.is_empty());
            let text = String::from_utf8_lossy(bytes);
            let _ = text.parse::<VerifierKey>();
            if let Ok(note) = SignedNote::parse(&text) {
                prop_assert_eq!(note.to_string().parse::<String>().unwrap().len(), text.len());
                prop_assert!(note.verify(&[signer(1).verifier().clone()]).is_err());
            }
        }
    }

    #[test]
    fn any_change_of_a_file_of_notes_is_seen(at in any::<prop::sample::Index>(), by in 1..=255_u8) {
        let text = file_of(&[1, 2, 3]);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        let keys = [signer(1).verifier().clone()];
        let mut notes = Notes::new(bytes.as_slice());
        let mut good = 0;
        while let Ok(Some((_, checkpoint, note))) = notes.next() {
            if note.verify(&keys).is_ok() && checkpoint.size == good + 1 {
                good += 1;
            }
        }
        prop_assert!(good < 3, "byte {}", at);
    }
}
