//! One referring site: what it sends, what it usually sends, and the step that it stands on.

use super::GuardSettings;
use crate::catalog::Step;
use shaping::Tick;
use std::time::Duration;

/// What a request from another site is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Somebody comes in.
    Entry,
    /// A page there shows a file of ours.
    Media,
}

/// The usual is learnt with this part of each window in which nothing is wrong (as a power of two): five minutes at the
/// usual length of a window.
const LEARN: u32 = 5;
/// And with this part of a window that is over the limit: what stays for hours is the usual one day.
const LEARN_SURGE: u32 = 12;
/// Fraction bits of what is learnt.
const FRACTION: u32 = 16;
/// Bytes of one answer that are believed, so that sums do not overflow.
const ANSWER_BYTES_MAX: u64 = 1 << 40;

/// What a site sent in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) requests: u32,
    pub(super) entries: u32,
    /// Entries of clients who were not here lately.
    pub(super) new_visitors: u32,
    pub(super) media: u32,
    /// Of all answers.
    pub(super) bytes: u64,
    /// Of the answers with media, at most what was asked for: see [`Site::media_asked`].
    pub(super) media_bytes: u64,
}

/// A mean that follows slowly.
#[derive(Clone, Copy, Debug, Default)]
struct Learnt(u64);

impl Learnt {
    fn value(self) -> u64 {
        self.0 >> FRACTION
    }

    fn follow(&mut self, value: u64, slowness: u32) {
        let value = value.min(ANSWER_BYTES_MAX) << FRACTION;
        if value >= self.0 {
            self.0 += (value - self.0) >> slowness;
        } else {
            self.0 -= (self.0 - value) >> slowness;
        }
    }
}

/// Why a step was taken, or is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// New visitors, and how many are usual.
    Crowd { new_visitors: u32, entries: u32, usual: u64 },
    /// Bytes of media, how many are usual, and their part of all.
    Media { bytes: u64, usual: u64, share: u64 },
}

/// What a look at a site leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// One step up.
    Climb(Over),
    /// One step down.
    Calm,
    /// Down to the last step that may be taken.
    Ceiling,
    /// A surge begins, and no step may be taken.
    Seen(Over),
}

/// See the module.
pub(super) struct Site {
    pub(super) name: Box<str>,
    pub(super) step: Step,
    /// When it came to stand there.
    pub(super) since: Tick,
    /// When it last climbed.
    pub(super) climbed_at: Option<Tick>,
    /// Until then it takes no step, because somebody said so.
    pub(super) spared_until: Tick,
    /// Since when it has been calm.
    calm_since: Option<Tick>,
    is_surging: bool,
    /// Requests, halved with each window: whose place may be taken.
    pub(super) weight: u32,
    /// When it came, in the order of all that came.
    pub(super) order: u64,
    /// Of the window that goes on.
    pub(super) counts: Counts,
    /// Of the one before.
    pub(super) last: Counts,
    usual_new: Learnt,
    usual_media: Learnt,
    /// Bytes of one answer with media, as they are without a limit.
    media_answer: Learnt,
}

impl Site {
    pub(super) fn new(name: &str, order: u64) -> Self {
        Self {
            name: name.into(),
            step: Step::Observe,
            since: Tick::ZERO,
            climbed_at: None,
            spared_until: Tick::ZERO,
            calm_since: None,
            is_surging: false,
            weight: 0,
            order,
            counts: Counts::default(),
            last: Counts::default(),
            usual_new: Learnt::default(),
            usual_media: Learnt::default(),
            media_answer: Learnt::default(),
        }
    }

    /// Whether anybody came; nobody needs to be told of it else.
    pub(super) fn is_known(&self) -> bool {
        self.order > 0 || self.weight > 0 || self.step > Step::Observe
    }

    /// Whether another may have its place.
    pub(super) fn may_go(&self, now: Tick) -> bool {
        self.step == Step::Observe && self.spared_until <= now
    }

    pub(super) fn arrives(&mut self, role: Role, is_new: bool) {
        self.weight = self.weight.saturating_add(1);
        let counts = &mut self.counts;
        counts.requests = counts.requests.saturating_add(1);
        match role {
            Role::Entry => {
                counts.entries = counts.entries.saturating_add(1);
                counts.new_visitors = counts.new_visitors.saturating_add(u32::from(is_new));
            }
            Role::Media => counts.media = counts.media.saturating_add(1),
        }
    }

    /// An answer is over.
    pub(super) fn sent(&mut self, role: Role, bytes: u64) {
        let bytes = bytes.min(ANSWER_BYTES_MAX);
        self.counts.bytes = self.counts.bytes.saturating_add(bytes);
        if role == Role::Media {
            self.counts.media_bytes = self.counts.media_bytes.saturating_add(bytes);
        }
    }

    /// Bytes of media that were asked for: what was sent, and where that is held back, what it would have been. Else a
    /// slowed site would look calm because it is slowed.
    fn media_asked(&self) -> u64 {
        let asked = u64::from(self.counts.media).saturating_mul(self.media_answer.value());
        if self.step >= Step::Slow { self.counts.media_bytes.max(asked) } else { self.counts.media_bytes }
    }

    /// The window is over.
    pub(super) fn look(&mut self, settings: &GuardSettings, may_climb: bool, now: Tick) -> Option<Move> {
        let (media, surge) = (self.media_asked(), u64::from(settings.surge));
        let (new, usual_new) = (u64::from(self.counts.new_visitors), self.usual_new.value());
        let usual_media = self.usual_media.value();
        let crowd_limit = u64::from(settings.crowd).max(usual_new.saturating_mul(surge));
        let media_limit = settings.media_bytes.max(usual_media.saturating_mul(surge));
        let held_back = media.saturating_sub(self.counts.media_bytes);
        let bytes = self.counts.bytes.saturating_add(held_back).max(1);
        let share = media.saturating_mul(100) / bytes;
        let over = if new > crowd_limit {
            let Counts { new_visitors, entries, .. } = self.counts;
            Some(Over::Crowd { new_visitors, entries, usual: usual_new })
        } else if media > media_limit && share >= u64::from(settings.media_share) {
            Some(Over::Media { bytes: media, usual: usual_media, share })
        } else {
            None
        };
        let is_calm = new <= crowd_limit / 2 && media <= media_limit / 2;
        self.learn(over.is_some(), (new, media));
        self.last = std::mem::take(&mut self.counts);
        self.weight /= 2;
        self.moves(settings, (over, is_calm), may_climb, now)
    }

    fn learn(&mut self, is_over: bool, (new, media): (u64, u64)) {
        if self.step < Step::Slow && self.counts.media > 0 && self.counts.media_bytes > 0 {
            let each = self.counts.media_bytes / u64::from(self.counts.media);
            // The first window is believed at once: it is all there is.
            let slowness = if self.media_answer.value() == 0 { 0 } else { 3 };
            self.media_answer.follow(each, slowness);
        }
        let slowness = if is_over || self.step > Step::Observe { LEARN_SURGE } else { LEARN };
        self.usual_new.follow(new, slowness);
        self.usual_media.follow(media, slowness);
    }

    fn moves(
        &mut self,
        settings: &GuardSettings,
        (over, is_calm): (Option<Over>, bool),
        may_climb: bool,
        now: Tick,
    ) -> Option<Move> {
        if self.step > settings.climb_to {
            self.stand_on(settings.climb_to, now);
            return Some(Move::Ceiling);
        }
        self.calm_since = if is_calm { Some(self.calm_since.unwrap_or(now)) } else { None };
        let began = over.is_some() && !self.is_surging;
        self.is_surging = over.is_some() || (self.is_surging && !is_calm);
        if let Some(over) = over {
            if self.step == settings.climb_to || self.spared_until > now {
                return (began && self.step == Step::Observe).then_some(Move::Seen(over));
            }
            let is_due = self.step == Step::Observe || now.since(self.since) >= settings.climb_after;
            if may_climb && is_due {
                self.stand_on(self.step.up(), now);
                self.climbed_at = Some(now);
                return Some(Move::Climb(over));
            }
            return None;
        }
        let calm_since = self.calm_since?.max(self.since);
        if self.step > Step::Observe && now.since(calm_since) >= settings.calm_after {
            self.stand_on(self.step.down(), now);
            return Some(Move::Calm);
        }
        None
    }

    pub(super) fn stand_on(&mut self, step: Step, now: Tick) {
        (self.step, self.since, self.climbed_at) = (step, now, None);
    }

    /// New visitors and bytes of media that are usual in a window.
    pub(super) fn usual(&self) -> (u64, u64) {
        (self.usual_new.value(), self.usual_media.value())
    }

    /// What was learnt, for [`Self::relearn`].
    pub(super) fn learnt(&self) -> [u64; 3] {
        [self.usual_new.0, self.usual_media.0, self.media_answer.0]
    }

    /// Goes on from what was learnt elsewhere.
    pub(super) fn relearn(&mut self, learnt: [u64; 3]) {
        [self.usual_new, self.usual_media, self.media_answer] =
            learnt.map(|learnt| Learnt(learnt.min(ANSWER_BYTES_MAX << FRACTION)));
    }

    /// The window has another length.
    pub(super) fn rescale(&mut self, from: Duration, to: Duration) {
        let scaled = |learnt: Learnt| {
            let scaled = u128::from(learnt.0) * to.as_millis() / from.as_millis().max(1);
            Learnt(u64::try_from(scaled).unwrap_or(u64::MAX).min(ANSWER_BYTES_MAX << FRACTION))
        };
        (self.usual_new, self.usual_media) = (scaled(self.usual_new), scaled(self.usual_media));
    }
}
