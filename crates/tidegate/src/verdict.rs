//! How the process ends.

use std::process::ExitCode;

/// Exit codes, as the manual lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 0.
    Good,
    /// 1: something failed while running (an address in use, a file that cannot be written).
    Failed,
    /// 2: the command line or the configuration is wrong.
    Mistaken,
    /// 3: `check --strict` found warnings only.
    Doubtful,
    /// 130: ended by Ctrl-C before it was through.
    Interrupted,
}

/// A mistake of the command line that only shows when it is carried out.
#[derive(Debug)]
pub(crate) struct Mistake(pub(crate) String);

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mistake {}

impl Verdict {
    /// Says what failed and gives 1, or 2 for a [`Mistake`].
    #[expect(clippy::print_stderr, reason = "the one place where a command's failure is told")]
    pub(crate) fn failed(error: &anyhow::Error) -> Self {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::BrokenPipe
        {
            // Whoever read our output has read enough.
            return Self::Good;
        }
        eprintln!("tidegate: {error:#}");
        if error.is::<Mistake>() { Self::Mistaken } else { Self::Failed }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Failed => Self::from(1),
            Verdict::Mistaken => Self::from(2),
            Verdict::Doubtful => Self::from(3),
            Verdict::Interrupted => Self::from(130),
        }
    }
}
