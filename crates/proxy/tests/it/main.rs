//! Tests over in-memory streams on paused time, and over loopback.
