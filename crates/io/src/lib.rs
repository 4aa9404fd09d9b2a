//! The disk seam: a real disk, and a simulated one that loses what was not synced.
