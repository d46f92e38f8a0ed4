//! Bandwidth classes: how many bytes may go, divided fairly among the transfers of a class.

pub(crate) mod class;
pub(crate) mod fair;
pub(crate) mod flow;
pub(crate) mod fluid;
pub(crate) mod groups;
pub(crate) mod pace;
pub(crate) mod weight;

use crate::Tick;

/// A bandwidth class in one registry. It stays the same for the life of the registry, whatever happens to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BandwidthClassId(pub(crate) u32);

/// What [`Flow::grant`](crate::Flow::grant) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How many bytes may be sent now; 0 to all that was asked. They are spent, sent or not.
    pub bytes: u64,
    /// When it is worth asking again. Not later than the asked tick if all was granted, or all that was left of an unshaped head. Asking earlier does no harm and
    /// gives nothing; asking more than 50 ms later gives the turn to the others, if there are any.
    pub again_at: Tick,
}
