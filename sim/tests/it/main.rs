//! The simulation's fixed budget: seeds that must pass, and breakages that must be seen.

mod mutations;
mod seeds;
