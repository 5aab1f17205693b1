//! Rewrites keep what a plan means.
