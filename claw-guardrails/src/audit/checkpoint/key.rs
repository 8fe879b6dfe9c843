//! Keys: Ed25519, private ones in a PKCS#8 file, public ones as a line of text.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The number of Ed25519 in notes.
const ALGORITHM: u8 = 1;
/// What comes before the 32 bytes of the seed in a PKCS#8 file of version 1 (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// No key file is longer, in bytes.
const LONGEST: u64 = 4096;

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file {path} cannot be {attempt}; check its permissions")]
    File {
        /// Where it is.
        path: String,
        /// What was tried.
        attempt: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What is in it is no key.
    #[error(
        "{path} is not an Ed25519 key in a PKCS#8 file (PEM or DER); `openssl genpkey -algorithm ed25519` makes one, and one \
         is made if the file is not there"
    )]
    Format {
        /// Where it is.
        path: String,
    },
    /// Others may read it.
    #[error(
        "the key file {path} may be read by others, who could sign as the log; `chmod 600 {path}`, or make a new key"
    )]
    Exposed {
        /// Where it is.
        path: String,
    },
    /// A name that cannot stand in a note.
    #[error("`{name}` cannot be the name of a key: a name is not empty, and has no white space and no plus")]
    Name {
        /// The name.
        name: String,
    },
    /// The system has no randomness.
    #[error("the system gave no random bytes for a key")]
    Random,
}

/// A public key, with which checkpoints are checked. Written as `name+hash+key`, as the tools of transparency logs do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key of that name.
    pub(super) fn new(name: &str, public: [u8; 32]) -> Option<Self> {
        let fits =
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        fits.then(|| Self {
            name: name.to_owned(),
            public,
        })
    }

    /// Its name: the origin of the checkpoints that it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from other keys of the same name: the beginning of SHA-256(name ‖ `0a` ‖ `01` ‖ key).
    pub fn hash(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ALGORITHM])
            .chain_update(self.public)
            .finalize();
        let mut short = [0; 4];
        for (byte, from) in short.iter_mut().zip(hash) {
            *byte = from;
        }
        short
    }

    /// Whether `signature` is that of `text`.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(text, signature)
            .is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ALGORITHM];
        key.extend(self.public);
        let hash = claw_core::digest::hex(&self.hash());
        write!(f, "{}+{hash}+{}", self.name, BASE64.encode(key))
    }
}

/// A text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is `name+hash+base64` in one line, as `claw-agent audit verify` prints it")]
pub struct ParseKeyError;

impl FromStr for VerifierKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ParseKeyError);
        };
        let bytes = BASE64.decode(key).map_err(|_| ParseKeyError)?;
        let Some((&ALGORITHM, public)) = bytes.split_first() else {
            return Err(ParseKeyError);
        };
        let public = public.try_into().map_err(|_| ParseKeyError)?;
        // The hash is part of the text: a slip in any of the three is found.
        Self::new(name, public)
            .filter(|key| key.to_string() == text)
            .ok_or(ParseKeyError)
    }
}

/// Signs the checkpoints of one log.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer with the key in the file at `path`, as `name`. Blocks while it reads.
    ///
    /// The file is PKCS#8, in PEM or DER. On Unix it has to be its owner's alone.
    pub fn read(path: &Path, name: &str) -> Result<Self, KeyError> {
        let failed = |source| file_error(path, "read", source);
        let file = File::open(path).map_err(failed)?;
        if exposed(&file).map_err(failed)? {
            return Err(KeyError::Exposed {
                path: path.display().to_string(),
            });
        }
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
        let pair = der(&bytes).and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok());
        let pair = pair.ok_or_else(|| KeyError::Format {
            path: path.display().to_string(),
        })?;
        Self::new(pair, name)
    }

    /// Like [`read`](Self::read); makes the key where there is none yet, for its owner alone. What a crash leaves is no key or
    /// a whole one.
    pub fn read_or_make(path: &Path, name: &str) -> Result<Self, KeyError> {
        match Self::read(path, name) {
            Err(KeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            other => return other,
        }
        make(path)?;
        Self::read(path, name)
    }

    /// The public key.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    fn new(pair: Ed25519KeyPair, name: &str) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into().ok();
        let verifier = public.and_then(|public| VerifierKey::new(name, public));
        let verifier = verifier.ok_or_else(|| KeyError::Name {
            name: name.to_owned(),
        })?;
        Ok(Self { pair, verifier })
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }

    /// A signer with the key of this seed.
    #[cfg(test)]
    pub(in super::super) fn of_seed(seed: &[u8; 32], name: &str) -> Self {
        Self::new(Ed25519KeyPair::from_seed_unchecked(seed).unwrap(), name).unwrap()
    }
}

/// Makes a key. Of two that make one at the same time both have the same afterwards.
fn make(path: &Path) -> Result<(), KeyError> {
    let mut random = [0; 40];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| KeyError::Random)?;
    let (seed, tag) = random.split_at(32);
    let text = format!("{BEGIN}\n{}\n{END}\n", BASE64.encode([&PKCS8[..], seed].concat()));
    // Written under a name of its own, and given its name when it is whole and on disk.
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", claw_core::digest::hex(tag)));
    let aside = Path::new(&aside);
    let written = write(aside, &text).and_then(|()| match fs::hard_link(aside, path) {
        // Somebody else was quicker: theirs is the one.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not every file system has links.
        Err(error)
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied)
                && !path.exists() =>
        {
            fs::rename(aside, path)
        }
        linked => linked,
    });
    let removed = match fs::remove_file(aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    written
        .and(removed)
        .and_then(|()| super::super::files::sync_folder(path))
        .map_err(|source| file_error(path, "made", source))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    super::super::files::private(&mut options);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn file_error(path: &Path, attempt: &'static str, source: std::io::Error) -> KeyError {
    KeyError::File {
        path: path.display().to_string(),
        attempt,
        source,
    }
}

/// The bytes of a key file in DER; what a PEM file holds.
fn der(bytes: &[u8]) -> Option<Vec<u8>> {
    let Some(text) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.trim().strip_prefix(BEGIN))
    else {
        return Some(bytes.to_vec());
    };
    let body: String = text.strip_suffix(END)?.split_whitespace().collect();
    BASE64.decode(body).ok()
}

#[cfg(unix)]
fn exposed(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    // A Secret that is mounted belongs to root and is read by the pod's group: 0440 is as private as it gets there.
    Ok(file.metadata()?.permissions().mode() & 0o027 != 0)
}

#[cfg(not(unix))]
fn exposed(_file: &File) -> std::io::Result<bool> {
    Ok(false)
}
