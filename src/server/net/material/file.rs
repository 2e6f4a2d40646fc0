//! Reading and writing the files of certificates and keys, with what to do when the system refuses.
//!
//! Owns who may read a file that is made here. Must never know what is in one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{MaterialError, Trouble};

/// For certificates.
pub(super) const PUBLIC: u32 = 0o644;
/// For keys.
pub(super) const SECRET: u32 = 0o600;

/// Largest file that is read; no chain of certificates is longer.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Reads a whole file. A pipe is none: it might never end, and each listener reads its files anew.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, MaterialError> {
    let metadata = fs::metadata(file).map_err(|error| unreadable(file, &error))?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        let what = match () {
            () if kind.is_dir() => "a folder",
            () if kind.is_fifo() => "a pipe",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        return Err(MaterialError::new(file, format!("is {what}, but must be a file")));
    }
    if metadata.len() > FILE_BYTES_MAX {
        let what = format!("has {} bytes, allowed are at most {FILE_BYTES_MAX}", metadata.len());
        return Err(MaterialError::new(file, what));
    }
    fs::read(file).map_err(|error| unreadable(file, &error))
}

/// The error of something that cannot be read.
pub(super) fn unreadable(file: &Path, error: &io::Error) -> MaterialError {
    refused(file, "cannot be read", error)
}

/// The error of something that the system refuses. Without the permission it says who lacks it and who has it, since
/// nothing is wrong with the file then.
pub(super) fn refused(file: &Path, what: &str, error: &io::Error) -> MaterialError {
    if error.kind() != ErrorKind::PermissionDenied {
        return MaterialError::new(file, format!("{what}: {error}"));
    }
    let owner =
        file.ancestors().find_map(|path| fs::metadata(path).ok().map(|metadata| (path, metadata.uid())));
    let owned = owner.map_or(String::new(), |(path, uid)| match path == file {
        true => format!(" and the file belongs to user {uid}"),
        false => format!(" and {} belongs to user {uid}", path.display()),
    });
    let own =
        fs::metadata("/proc/self").map_or(String::from("another user"), |own| format!("user {}", own.uid()));
    let what = format!(
        "{what}: {error}; this process is {own}{owned}: run it as the owner, or change owner or mode with chown or \
         chmod"
    );
    MaterialError { trouble: Trouble::Denied, ..MaterialError::new(file, what) }
}

/// Writes a file that must not exist, and waits until it is on the disk.
pub(super) fn write_new(file: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Waits until the names in a folder are on the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
