//! The folder that brokers and loads of one run of the suite work in, gone however that run ends.
//!
//! Owns the folder and the keeper: a shell in a process group of its own, where Ctrl-C does not reach it, that waits for the end of
//! a pipe whose other end only the suite holds. Must never know what lies in the folder.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits for the end of the pipe, then removes the folder; again, if what ends together with the suite still wrote into it.
const KEEPER: &str = "cat; for attempt in 1 2 3 4 5; do rm -rf -- \"$0\" && exit; sleep 1; done";

/// A folder for as long as this process runs, or less.
pub(crate) struct Workplace {
    folder: PathBuf,
    keeper: Child,
}

impl Workplace {
    /// A folder of this process among the temporary ones.
    ///
    /// # Errors
    /// It cannot be made, or nobody can be started who removes it.
    pub(crate) fn new() -> Result<Workplace, String> {
        let folder = std::env::temp_dir().join(format!("ringmq-suite-{}", std::process::id()));
        Workplace::at(folder)
    }

    fn at(folder: PathBuf) -> Result<Workplace, String> {
        let tell = |error: io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(tell)?;
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER]).arg(&folder).process_group(0);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        match keeper.spawn() {
            Ok(keeper) => Ok(Workplace { folder, keeper }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(format!("sh: {error}"))
            }
        }
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The keeper removes the folder, as it would if there were nobody left to ask it.
impl Drop for Workplace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_there_while_the_suite_is_and_no_longer() {
        let place = std::env::temp_dir().join(format!("ringmq-workplace-{}", std::process::id()));
        let workplace = Workplace::at(place.clone()).expect("there is a shell");
        fs::create_dir(place.join("broker")).expect("the folder is there");
        fs::write(workplace.folder().join("broker/log"), "text").expect("it can be written to");
        drop(workplace);
        assert!(!place.exists());
    }
}
