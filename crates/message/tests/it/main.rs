//! What a head promises, seen through the door.
