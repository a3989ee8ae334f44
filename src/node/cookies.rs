//! Cookies: where the default comes from, and one per peer where it differs (`Node.set_cookie/1,2`).
//!
//! A cookie file must be ours and private: owner = effective user, mode 0400 or 0600, no symbolic link. A missing one is
//! made with 32 random characters. Errors tell path and mode, never the content.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use foldhash::HashMap;
use parking_lot::RwLock;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::node::config::CookieSource;
use crate::proto::digest::Cookie;
use crate::term::Atom;

/// Longest cookie file read; OTP takes 255 characters.
const MAX_FILE: u64 = 1024;
/// Characters of a cookie that we make.
const NEW_LENGTH: usize = 32;

/// The cookies of a node.
pub(crate) struct Cookies {
    default: RwLock<Cookie>,
    peers: RwLock<HashMap<Atom, Cookie>>,
}

impl Cookies {
    pub(crate) fn load(source: &CookieSource) -> Result<Cookies> {
        let cookie = match source {
            CookieSource::Given(text) => Cookie::new(text, "the cookie option")?,
            CookieSource::File(path) => from_file(path)?,
            CookieSource::Home => from_file(&home_file()?)?,
        };
        Ok(Cookies { default: RwLock::new(cookie), peers: RwLock::default() })
    }

    pub(crate) fn for_peer(&self, node: &Atom) -> Cookie {
        let own = self.peers.read().get(node).cloned();
        own.unwrap_or_else(|| self.default.read().clone())
    }

    pub(crate) fn default_cookie(&self) -> Cookie {
        self.default.read().clone()
    }

    pub(crate) fn set(&self, node: Option<Atom>, text: &str) -> Result<()> {
        match node {
            None => *self.default.write() = Cookie::new(text, "set_cookie")?,
            Some(node) => {
                let cookie = Cookie::new(text, &format!("set_cookie for {node}"))?;
                self.peers.write().insert(node, cookie);
            }
        }
        Ok(())
    }
}

fn home_file() -> Result<PathBuf> {
    match std::env::var_os("HOME") {
        Some(home) if !home.is_empty() => Ok(Path::new(&home).join(".erlang.cookie")),
        _ => Err(Error::CookieFile {
            path: "$HOME/.erlang.cookie".into(),
            why: "HOME is not set: set it, or give the cookie as an option".into(),
        }),
    }
}

fn from_file(path: &Path) -> Result<Cookie> {
    let complain = |why: String| Error::CookieFile { path: path.display().to_string(), why };
    for _ in 0..2 {
        match open(path) {
            Ok(file) => return read(file, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match create(path)? {
                Some(cookie) => return Ok(cookie),
                // Somebody made it in the same moment: read theirs.
                None => continue,
            },
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(complain("it is a symbolic link: name the file itself".into()));
            }
            Err(error) => return Err(complain(format!("cannot be opened: {error}"))),
        }
    }
    Err(complain("it appears and vanishes".into()))
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
}

fn read(file: File, path: &Path) -> Result<Cookie> {
    let complain = |why: String| Error::CookieFile { path: path.display().to_string(), why };
    let meta = file.metadata().map_err(|error| complain(error.to_string()))?;
    let mode = meta.mode() & 0o7777;
    if !meta.is_file() {
        return Err(complain("it is not a regular file".into()));
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return Err(complain(format!("it belongs to user {}, and we run as user {user}", meta.uid())));
    }
    if mode & 0o077 != 0 {
        return Err(complain(format!(
            "its mode is {mode:04o}, open to others: it must be 0400 (chmod 400 {})",
            path.display()
        )));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize + 1));
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| complain(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(complain("it is longer than 1024 bytes".into()));
    }
    let text = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(complain("it is empty: delete it, and a new one is made".into()));
    }
    Cookie::from_latin1(text, &path.display().to_string())
}

/// Makes the file; `None` if it is there by now.
fn create(path: &Path) -> Result<Option<Cookie>> {
    let complain = |why: String| Error::CookieFile { path: path.display().to_string(), why };
    let text = random_text().map_err(&complain)?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path);
    let mut file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(complain(format!("is missing and cannot be made: {error}"))),
    };
    file.write_all(&text).map_err(|error| complain(format!("cannot be written: {error}")))?;
    Cookie::from_latin1(&text, &path.display().to_string()).map(Some)
}

fn random_text() -> Result<Zeroizing<Vec<u8>>, String> {
    let mut random = Zeroizing::new([0; NEW_LENGTH]);
    getrandom::fill(random.as_mut()).map_err(|error| error.to_string())?;
    // 26 letters out of 256 values: the slight preference of the first ones costs less than a bit of 150.
    Ok(Zeroizing::new(random.iter().map(|byte| b'A' + byte % 26).collect()))
}
