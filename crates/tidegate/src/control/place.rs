//! Where the control socket is, and how it is taken: a socket that nobody serves is replaced, one that is served is
//! not.

use crate::disk::Disk;
use crate::verdict::Mistake;
use anyhow::{Context, anyhow, bail};
use engine::Catalog;
use engine::catalog::ControlSocket;
use rustix::fs::Mode;
use rustix::process::{geteuid, umask};
use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Where services have their sockets.
const OF_THE_SYSTEM: &str = "/run/tidegate";

/// Where a process is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ControlPlace {
    /// Nowhere.
    Off,
    /// Where the command line or the catalog says.
    Said(PathBuf),
    /// In the first of these folders that can be used, under this name.
    Usual { folders: Vec<PathBuf>, name: String },
}

/// Where the process of a catalog is spoken to: as the command line says, or the catalog, or the usual place. A start
/// without a catalog has no usual place, since nobody could name it.
pub(crate) fn place_of(asked: Option<&Path>, catalog: Option<&Path>) -> ControlPlace {
    match (asked, catalog) {
        (Some(path), _) if path == Path::new("off") => ControlPlace::Off,
        (Some(path), _) => ControlPlace::Said(path.to_owned()),
        (None, None) => ControlPlace::Off,
        (None, Some(catalog)) => match Catalog::control_socket_of(catalog, &Disk) {
            ControlSocket::Off => ControlPlace::Off,
            ControlSocket::At(path) => ControlPlace::Said(path),
            ControlSocket::Usual => {
                let real = std::fs::canonicalize(catalog).unwrap_or_else(|_| catalog.to_owned());
                ControlPlace::Usual { folders: usual_folders(), name: usual_name(&real) }
            }
        },
    }
}

fn usual_folders() -> Vec<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = absolute("XDG_RUNTIME_DIR").map(|folder| folder.join("tidegate"));
    let home = absolute("HOME").map(|folder| folder.join(".local/state/tidegate"));
    let own = if geteuid().is_root() { None } else { own.or(home) };
    std::iter::once(PathBuf::from(OF_THE_SYSTEM)).chain(own).collect()
}

/// One name for each catalog, so that `-c` is enough to find its process.
fn usual_name(catalog: &Path) -> String {
    // FNV-1a, of 64 bits: it must be the same in every version, and nothing hangs on its quality.
    let hash = catalog.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}.sock")
}

impl ControlPlace {
    /// The sockets to try, in order.
    pub(crate) fn candidates(&self) -> Vec<PathBuf> {
        match self {
            Self::Off => Vec::new(),
            Self::Said(path) => vec![path.clone()],
            Self::Usual { folders, name } => folders.iter().map(|folder| folder.join(name)).collect(),
        }
    }

    /// Listens there. Where the usual place cannot be used, it is said, and nobody can speak to us.
    ///
    /// # Errors
    /// A place that was asked for cannot be used, or another process serves there.
    pub(crate) fn listen(&self) -> anyhow::Result<Option<Listening>> {
        let mut last = None;
        for path in self.candidates() {
            match listen(&path) {
                Ok(listening) => return Ok(Some(listening)),
                Err(error) if error.is::<Mistake>() || matches!(self, Self::Said(_)) => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last {
            tracing::warn!("nobody can reload this process but by signals: {error:#}");
        }
        Ok(None)
    }
}

/// A control socket that listens. Dropping it takes its file away, unless another process has it by now.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) path: PathBuf,
    pub(crate) socket: UnixListener,
    /// The file, by its device and number; `None` if it is not ours to remove.
    file: Option<(u64, u64)>,
}

impl Listening {
    /// A socket that came from the process before.
    pub(crate) fn inherited(path: PathBuf, socket: UnixListener) -> Self {
        let file = file_of(&path);
        Self { path, socket, file }
    }

    /// The file is another process's from now on.
    pub(crate) fn leave(&mut self) {
        self.file = None;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.file.is_some() && self.file == file_of(&self.path) {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

fn file_of(path: &Path) -> Option<(u64, u64)> {
    path.symlink_metadata().ok().map(|facts| (facts.dev(), facts.ino()))
}

fn listen(path: &Path) -> anyhow::Result<Listening> {
    let shown = path.display();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("control socket: cannot make {}", folder.display()))?;
    }
    // Two that start at once must not both find the same dead socket and remove each other's new one.
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
    let lock = lock.with_context(|| format!("control socket: cannot lock {shown}"))?;
    lock.lock().with_context(|| format!("control socket: cannot lock {shown}"))?;
    remove_dead(path)?;
    // Nobody else may connect, from the first moment on.
    let before = umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    let socket = bound.with_context(|| format!("cannot listen on the control socket {shown}"))?;
    Ok(Listening { path: path.to_owned(), socket, file: file_of(path) })
}

/// Takes a socket away that nobody serves any more.
fn remove_dead(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let facts = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        facts => facts.with_context(|| format!("control socket: cannot look at {shown}"))?,
    };
    if !facts.file_type().is_socket() {
        bail!(Mistake(format!(
            "{shown} is to be the control socket and is something else; it is left alone"
        )));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            tracing::info!("the control socket {shown} was left by a process that is gone; it is replaced");
            std::fs::remove_file(path).with_context(|| format!("cannot replace the control socket {shown}"))
        }
        Err(error) => {
            Err(anyhow!(error).context(format!("cannot tell who serves the control socket {shown}")))
        }
        Ok(_served) => bail!(Mistake(format!(
            "another tidegate serves the control socket {shown}; stop it, or give this one another --control"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_replaced_a_live_one_and_other_files_are_not() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("run/control.sock");
        let first = listen(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let refused = listen(&path).unwrap_err();
        assert!(
            refused.is::<Mistake>() && refused.to_string().contains("another tidegate serves"),
            "{refused}"
        );
        // Its process dies: the file stays.
        let mut dead = first;
        dead.leave();
        drop(dead);
        assert!(path.exists());
        let second = listen(&path).unwrap();
        drop(second);
        assert!(!path.exists(), "who goes takes his file away");
        std::fs::write(&path, "precious").unwrap();
        assert!(listen(&path).unwrap_err().to_string().contains("is something else"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_file_that_another_process_put_there_stays() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("control.sock");
        let first = listen(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = listen(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }

    #[test]
    fn each_catalog_has_one_usual_name() {
        assert_eq!(
            usual_name(Path::new("/etc/tidegate/tidegate.toml")),
            usual_name(Path::new("/etc/tidegate/tidegate.toml"))
        );
        assert_ne!(usual_name(Path::new("/a.toml")), usual_name(Path::new("/b.toml")));
        assert_eq!(usual_name(Path::new("")), "cbf29ce484222325.sock", "the published basis of FNV-1a");
    }

    #[test]
    fn the_command_line_goes_before_the_catalog_even_one_that_is_broken() {
        let here = tempfile::tempdir().unwrap();
        let catalog = here.path().join("t.toml");
        std::fs::write(&catalog, "[settings]\ncontrol_socket = \"c.sock\"\n[virtual_servers\n").unwrap();
        assert_eq!(place_of(None, Some(&catalog)), ControlPlace::Said(here.path().join("c.sock")));
        assert_eq!(place_of(Some(Path::new("x")), Some(&catalog)), ControlPlace::Said("x".into()));
        assert_eq!(place_of(Some(Path::new("off")), Some(&catalog)), ControlPlace::Off);
        assert_eq!(place_of(None, None), ControlPlace::Off);
        std::fs::write(&catalog, "[settings]\ncontrol_socket = \"off\"\n").unwrap();
        assert_eq!(place_of(None, Some(&catalog)), ControlPlace::Off);
        std::fs::write(&catalog, "").unwrap();
        assert!(matches!(place_of(None, Some(&catalog)), ControlPlace::Usual { .. }));
    }
}
