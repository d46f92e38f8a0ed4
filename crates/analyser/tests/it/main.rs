//! The analyser's stories.
