//! What the real program printed, as it was recorded, and what the driver makes of it.
