//! What the codec promises, seen through the door.
