//! The simulator's runs.
