//! What happened on the ladder, for people and programs.

use super::GuardSettings;
use super::site::{Move, Over};
use super::watch::{Change, SPARED_FOR, Why};
use crate::catalog::{Step, length_text};
use crate::limits;
use crate::log_text::log_text;
use crate::time::WallTime;

/// A step of a site, or that one would have been taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardEvent {
    /// When.
    pub at: WallTime,
    /// The referring site, or the page (a path) on which a crowd without referers lands; control bytes are escaped.
    pub site: String,
    /// The step before.
    pub from: Step,
    /// The step from now on.
    pub to: Step,
    /// Why, and what is done from now on, in one line.
    pub reason: String,
}

impl GuardEvent {
    pub(super) fn of(change: &Change, settings: &GuardSettings, at: WallTime) -> Self {
        let Change { site, from, to, why } = change;
        let site = shown(site);
        let why = match why {
            Why::Moved(Move::Climb(over)) => sent(*over, settings),
            Why::Moved(Move::Seen(over)) => format!("{}; climb_to allows no step", sent(*over, settings)),
            Why::Moved(Move::Calm) => format!("calm for {}", length_text(settings.calm_after)),
            Why::Moved(Move::Ceiling) => "climb_to allows no more".to_owned(),
            Why::Hurt(hurt) => {
                format!(
                    "{hurt}: the step is taken back, the next is {} away",
                    length_text(settings.calm_after)
                )
            }
            Why::Undone => format!("undone by hand; left alone for {}", length_text(SPARED_FOR)),
        };
        let reason = if from == to { why } else { format!("{why}; from now on {}", what(*to, settings)) };
        Self { at, site, from: *from, to: *to, reason }
    }
}

/// A site's name as it may stand in a log: the end of a path can hold anything.
pub(super) fn shown(site: &str) -> String {
    log_text(site.as_bytes(), limits::GUARD_SITE_BYTES_MAX)
}

fn sent(over: Over, settings: &GuardSettings) -> String {
    let window = length_text(settings.window);
    match over {
        Over::Crowd { new_visitors, entries, usual } => {
            format!("{new_visitors} new visitors ({entries} entries) in {window}, usual {usual}")
        }
        Over::Media { bytes, usual, share } => {
            let (bytes, usual) = (bytes.div_ceil(1024), usual.div_ceil(1024));
            format!("{bytes} KiB of media in {window} ({share} % of all it takes), usual {usual} KiB")
        }
    }
}

/// What is done on a step.
fn what(step: Step, settings: &GuardSettings) -> String {
    let queue = settings.queue.as_deref().unwrap_or_default();
    let slow = settings.slow.as_deref().unwrap_or_default();
    match step {
        Step::Observe => "nothing is held back".to_owned(),
        Step::Shadow => "what a queue would do is counted".to_owned(),
        Step::Queue => format!("entries queue in `{queue}`"),
        Step::Slow => format!("entries queue in `{queue}`, embedded media come in `{slow}`"),
        Step::Notice => format!("entries get a notice to come later, embedded media come in `{slow}`"),
        Step::Refuse => "entries get a notice to come later, embedded media are refused".to_owned(),
    }
}
