//! The live view: a thread that owns the terminal and draws the picture anew with each row.
//!
//! Owns the alternate screen and leaves it on every path. The keyboard stays as it is, so that Ctrl-C does what it always
//! does. Must never know what is drawn.

use std::io::{self, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};

use crate::series::{Row, Watcher};

use super::Shown;
use super::screen::Screen;

/// Whether the alternate screen is shown.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// The watcher's end; the screen is left when it goes.
struct Live {
    rows: Option<Sender<Row>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.rows = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has left the screen to the next line.
            let _ = thread.join();
        }
        leave_screen();
    }
}

/// Enters the alternate screen and shows each row there.
///
/// # Errors
/// The terminal refuses, or the kernel allows no further thread.
pub(super) fn watcher(shown: Shown) -> io::Result<Watcher> {
    let terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
    IS_SHOWN.store(true, Ordering::Relaxed);
    execute!(io::stderr(), EnterAlternateScreen, Hide)?;
    let (rows, incoming) = channel();
    let draw = move || draw(terminal, &incoming, Screen::new(shown));
    let thread = thread::Builder::new().name("view".into()).spawn(draw)?;
    let live = Live { rows: Some(rows), thread: Some(thread) };
    Ok(Box::new(move |row| {
        if let Some(rows) = &live.rows {
            // A view that has given up is no reason to stop.
            let _ = rows.send(row.clone());
        }
    }))
}

/// Draws until there are no more rows, or the terminal is gone.
fn draw(mut terminal: Terminal<CrosstermBackend<Stderr>>, rows: &Receiver<Row>, mut screen: Screen) {
    while let Ok(row) = rows.recv() {
        screen.add(row);
        // A slow terminal is shown the latest picture only.
        rows.try_iter().for_each(|row| screen.add(row));
        if terminal.draw(|frame| screen.draw(frame)).is_err() {
            return;
        }
    }
}

/// Gives the terminal back, if it was taken. May be called at any time.
pub(crate) fn leave_screen() {
    if IS_SHOWN.swap(false, Ordering::Relaxed) {
        // If that fails there is no terminal any more.
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    }
}
